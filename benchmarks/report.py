"""The page of 1,000 runs of 1,000 points: seconds to write it, bytes, seconds until headless Chromium has drawn it."""

from __future__ import annotations

import random
import re
import shutil
import statistics
import subprocess
from functools import partial
from pathlib import Path

from world import Bench, grow, quiet

RUNS, POINTS = 1_000, 1_000


def report_line(bench: Bench, gitexp: str) -> str:
    """Two metrics a run, 40 settings of a learning rate and 25 seeds."""
    lab = bench.lab(0)
    recipe = subprocess.run(["git", "show", "experiments:recipe.toml"], cwd=lab, check=True, capture_output=True).stdout
    grow(lab, RUNS, bench.env, files=partial(_run, recipe.decode(), random.Random(0)))
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


def _run(recipe: str, some: random.Random, number: int) -> dict[str, str]:
    """Its settings, seed, metrics and curves."""
    lines, passed = ["step,time_s,acc,loss"], 0.0
    for step in range(POINTS):
        passed += some.uniform(0.008, 0.012)
        lines.append(f"{step},{passed:.4f},{some.gauss(0.9, 0.01)!r},{1 / (step + 1) + some.random() / 100!r}")
    return {
        "run.toml": f"seed = {number % 25}\n",
        "recipe.toml": re.sub(r"(?m)^lr = .*", f"lr = {(number // 25 + 1) / 1000}", recipe),
        "metrics.toml": f"acc = {some.gauss(0.9, 0.01)!r}\nloss = {some.random()!r}\n",
        "history.csv": "\n".join([*lines, ""]),
    }
