"""The page of 1,000 runs of 1,000 points: seconds to write it, bytes, seconds until headless Chromium has drawn it."""

from __future__ import annotations

import random
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from world import Bench, quiet

RUNS, POINTS = 1_000, 1_000


def report_line(bench: Bench, gitexp: str) -> str:
    """Two metrics a run, 40 settings of a learning rate and 25 seeds."""
    lab = bench.lab(0)
    _curves(lab, bench.env)
    page = bench.root / "report.html"
    quiet([gitexp, "log", "-n", "1"], cwd=lab, env=bench.env)  # the index is there
    took = statistics.median(quiet([gitexp, "report", "-o", str(page)], cwd=lab, env=bench.env) for _ in range(3))
    words = (
        f"report of {RUNS:,} runs x {POINTS:,} points x 2: written in {took:.1f} s, {page.stat().st_size / 1e6:.1f} MB"
    )
    browser = shutil.which("chromium")
    if browser is None:
        return f"{words}; chromium is not installed, so it was not opened"
    opened = statistics.median(_opened(browser, page, bench.root) for _ in range(5))
    return f"{words}; drawn by Chromium after {opened:.2f} s (budget 2 s)"


def _opened(browser: str, page: Path, root: Path) -> float:
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={root / 'browser'}", "--dump-dom"]
    done = subprocess.run([browser, *options, f"file://{page}"], capture_output=True, text=True, check=True)
    found = re.search(r'data-ready="([0-9]+)"', done.stdout)
    assert found is not None, "the page's script did not come to its end"
    return int(found[1]) / 1000


def _curves(lab: Path, env: dict[str, str]) -> None:
    """Copies of the latest run with other settings, seeds and histories, by git's fast-import."""

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=lab, env=env, check=True, capture_output=True, text=True).stdout

    run_toml, message = git("show", "experiments:run.toml"), git("log", "-1", "--format=%B", "experiments")
    recipe = git("show", "experiments:recipe.toml")
    [run_id] = [line.split()[1] for line in message.splitlines() if line.startswith("Gitexp-Run:")]
    some, began, stream = random.Random(0), int(time.time()) - RUNS * 60, []
    for number in range(RUNS):
        new_id = "".join("klmnopqrstuvwxyz"[(number * 2654435761 >> shift) & 15] for shift in range(0, 64, 4))
        moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(began + number * 60))
        toml = re.sub(r"(?m)^finished = .*", f"finished = {moment}", run_toml.replace(run_id, new_id))
        toml = re.sub(r"(?m)^(rows|kept) = \d+$", rf"\1 = {POINTS}", f"seed = {number % 25}\n{toml}")
        lines, passed = ["step,time_s,acc,loss"], 0.0
        for step in range(POINTS):
            passed += some.uniform(0.008, 0.012)
            lines.append(f"{step},{passed:.4f},{some.gauss(0.9, 0.01)!r},{1 / (step + 1) + some.random() / 100!r}")
        files = {
            "run.toml": toml,
            "recipe.toml": re.sub(r"(?m)^lr = .*", f"lr = {(number // 25 + 1) / 1000}", recipe),
            "metrics.toml": f"acc = {some.gauss(0.9, 0.01)!r}\nloss = {some.random()!r}\n",
            "history.csv": "\n".join([*lines, ""]),
        }
        text = message.replace(run_id, new_id).encode()
        stream.append(
            b"commit refs/heads/experiments\ncommitter Bench <bench@example.org> %d +0000\n" % (began + number)
        )
        stream.append(b"data %d\n%s\n" % (len(text), text))
        if number == 0:
            stream.append(b"from refs/heads/experiments^0\n")
        for name, content in files.items():
            stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content.encode()))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=lab, env=env, input=b"".join(stream), check=True)
