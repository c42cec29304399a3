"""What it costs to find something among many runs of 10 metrics and 60 settings, beside `git log`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

from others import others_rows
from ratios import Row, pair, timed
from world import Bench, grow, quiet

PYTHON = sys.executable
GITEXP = str(Path(PYTHON).parent / "gitexp")
SEEDS = 5
FEW = 1_000  # runs, which other tools can be filled with in minutes
MANY = 100_000  # runs, from which on git's own start is not most of what it takes


def sweep(number: int) -> dict[str, str]:
    """Metrics and recipe of one of many runs: 10 settings that vary, five seeds of each, 50 that never do."""
    trial = Random(number // SEEDS)
    noise = Random(number)
    metrics = "".join(f'"val.metric{at}" = {noise.random()}\n' for at in range(9)) + f"acc = {noise.random()}\n"
    varied = "".join(
        f"setting{at} = {trial.choice((0.1, 0.01, 0.001)) if at else trial.random()}\n" for at in range(10)
    )
    fixed = "".join(f"\n[part{at}]\n" + "".join(f"setting{n} = {n}.5\n" for n in range(10)) for at in range(5))
    recipe = (
        f'seed = {number % SEEDS}\n[run]\ncommand = ["python", "program.py"]\n[metrics]\ngoal = {{ acc = "max" }}\n'
        f"[sweep]\n{varied}{fixed}"
    )
    return {"metrics.toml": metrics, "recipe.toml": recipe}


def findings_rows(bench: Bench, sizes: list[int]) -> Iterator[Row | str]:
    """Each question against `git log --format=%H` of the same branch; the index and one more run as lines."""
    for size in sizes:
        lab = _lab(bench, size)
        index = lab / ".git" / "gitexp" / "index"
        for file in index.iterdir():
            file.unlink()
        took = quiet([GITEXP, "log", "-n", "1"], cwd=lab, env=bench.env)
        held = sum(file.stat().st_size for file in index.iterdir())
        yield f"first index of {size:,} runs: {took:.1f} s, {size / took:,.0f} runs/s, {held / 1e6:.0f} MB"
        more = []
        for number in range(9):
            before = quiet([GITEXP, "log", "-n", "1"], cwd=lab, env=bench.env)
            grow(lab, 1, bench.env, files=sweep, first=size + number)
            more.append(quiet([GITEXP, "log", "-n", "1"], cwd=lab, env=bench.env) - before)
        yield f"log -n 1 after one more of {size:,} runs: {median(more) * 1000:+.0f} ms, median of 9"
        listing = timed("git", "log", "--format=%H", "experiments", "--", cwd=lab, env=bench.env)
        where = ("--where", "sweep.setting0 < 0.1 and val.metric3 > 0.5", "--sort", "acc")
        for name, words, budget in (
            ("log -n 20", ("-n", "20"), None),
            ("log --where --sort", where, 3.0 if size >= MANY else None),
            ("log --group", ("--group",), None),
        ):
            ours = timed(GITEXP, "log", *words, cwd=lab, env=bench.env)
            yield pair(f"{name}, {size:,} runs", "git log --format=%H", budget, ours, listing, rounds=5)
        if size <= FEW:
            yield from others_rows(bench, GITEXP, lab, size)


def _lab(bench: Bench, size: int) -> Path:
    lab = bench.tree(size // 1000)  # a few files; the runs are what is many
    subprocess.run([GITEXP, "run", "--", "true"], cwd=lab, env=bench.env, check=True, capture_output=True)
    grow(lab, size, bench.env, files=sweep)
    quiet([GITEXP, "log", "-n", "1"], cwd=lab, env=bench.env)
    return lab
