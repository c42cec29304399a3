"""Measure the budgets of the design side by side with their references, and print them as a table of ratios.

    make bench                        what is measured in a few minutes
    python benchmarks/bench.py --full also 100,000 runs and a file of 2 GiB
    python benchmarks/bench.py run    only the rows whose name begins with "run"

Each row times two commands in turn (ours, reference, ours, reference, …) and divides the medians; the spread is that of
the paired ratios' quartiles. Machines are noisy: trust ratios, not milliseconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from world import Bench, grow, on_a_terminal, quiet

PYTHON = sys.executable
GITEXP = str(Path(PYTHON).parent / "gitexp")


@dataclass(frozen=True)
class Row:
    """One measured budget. `budget` is the largest ratio that is within it (smallest, for a rate)."""

    name: str
    reference: str
    ours_s: float
    reference_s: float
    low: float
    high: float
    budget: float
    at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.ours_s / self.reference_s

    @property
    def within(self) -> bool:
        return self.ratio >= self.budget if self.at_least else self.ratio <= self.budget


def pair(
    name: str,
    reference: str,
    budget: float,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    rounds: int = 15,
) -> Row:
    """Time both in turn and compare. Each callable returns the seconds that it took."""
    ours(), theirs()
    times = [(ours(), theirs()) for _ in range(rounds)]
    mine, other = [a for a, _ in times], [b for _, b in times]
    quartiles = statistics.quantiles([a / b for a, b in times], n=4)
    return Row(name, reference, statistics.median(mine), statistics.median(other), quartiles[0], quartiles[2], budget)


def timed(*argv: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Callable[[], float]:
    """A callable that runs a command, its output thrown away, and returns the seconds it took."""

    def go() -> float:
        return quiet(argv, cwd=cwd, env=env)

    return go


def help_row(bench: Bench) -> Iterator[Row]:
    yield pair("--help", "import click", 1.5, timed(GITEXP, "--help"), timed(PYTHON, "-c", "import click"))


def run_rows(bench: Bench, sizes: list[int]) -> Iterator[Row]:
    """What `gitexp run` adds: hook, data, probe and terminal on; the program's own time is taken off."""
    for size in sizes:
        lab = bench.lab(size)
        program = [PYTHON, "program.py"]

        def ours(lab: Path = lab, program: list[str] = program) -> float:
            alone = on_a_terminal(program, cwd=lab, env=bench.env)
            return on_a_terminal([GITEXP, "run", "program"], cwd=lab, env=bench.env) - alone

        yield pair(
            f"run adds, {size:,} runs", "import click, pygit2", 1.5, ours, timed(PYTHON, "-c", "import click, pygit2")
        )


def view_rows(bench: Bench, sizes: list[int]) -> Iterator[Row]:
    reference = timed(PYTHON, "-c", "import click, rich.table")
    for size in sizes:
        lab = bench.lab(size)
        for words in (["show"], ["diff", "latest~1", "latest"], ["show", bench.some_id(lab)]):
            shown = "show ID" if len(words) == 2 else words[0]
            ours = timed(GITEXP, *words, cwd=lab, env=bench.env)
            yield pair(f"{shown}, {size:,} runs", "import click, rich.table", 1.5, ours, reference)
        listing = timed("git", "log", "--format=%H", "experiments", "--", cwd=lab, env=bench.env)
        ours = timed(GITEXP, "log", "--recipe", "program", "--sort", "acc", cwd=lab, env=bench.env)
        yield pair(f"log --sort, {size:,} runs", "git log --format=%H", 3.0, ours, listing, rounds=7)


def manifest_rows(bench: Bench, *, full: bool) -> Iterator[Row]:
    if shutil.which("xxhsum") is None:
        print("xxhsum is not installed (Debian's package xxhash): the manifest rows are left out", file=sys.stderr)
        return
    folder = bench.root / "many"
    folder.mkdir()
    block = os.urandom(10_000)
    for number in range(20_000):
        (folder / f"{number:05d}").write_bytes(number.to_bytes(4, "big") + block)
    files = [(folder, "manifest, 20,000 × 10 KB", 1.5)]
    if full:
        large = bench.root / "large"
        with large.open("wb") as file:
            for _ in range(2048):
                file.write(os.urandom(1 << 20))
        files.append((large, "manifest, one file of 2 GiB", 1.1))
    code = "import sys, pathlib; from gitexp.datasets.manifest import build_manifest as b; b(pathlib.Path(sys.argv[1]))"
    for path, name, budget in files:
        command = f'find "{path}" -type f -print0 | xargs -0 xxhsum -H2'
        # The reference gets its files in one go, as `xxhsum *` would; our start-up counts against us.
        yield pair(
            name, "xxhsum -H2", budget, timed(PYTHON, "-c", code, str(path)), timed("sh", "-c", command), rounds=5
        )


def log_row(bench: Bench) -> Iterator[Row]:
    """`gitexp.log()` against writing a JSON line to an open file: rates, so more is better."""
    common = "import json, os, time, gitexp; from gitexp.script import log\nn = 20000\nb = time.perf_counter()\n"
    ours = common + "for i in range(n): log(step=i, loss=i * 0.1, acc=0.5)\nprint(n / (time.perf_counter() - b))"
    theirs = common + (
        "f = open(os.environ['LINES'], 'a')\n"
        "for i in range(n): f.write(json.dumps({'step': i, 'loss': i * 0.1, 'acc': 0.5}) + '\\n')\n"
        "f.close()\nprint(n / (time.perf_counter() - b))"
    )
    env = {**bench.env, "GITEXP_METRICS": str(bench.root / "ours.jsonl"), "GITEXP_RUN_ID": "k" * 16}
    env |= {"GITEXP_STARTED": str(time.time()), "LINES": str(bench.root / "theirs.jsonl")}

    def rate(code: str) -> Callable[[], float]:
        def go() -> float:
            done = subprocess.run([PYTHON, "-c", code], env=env, capture_output=True, text=True, check=True)
            return float(done.stdout)

        return go

    row = pair("log(), calls a second", "write a JSON line", 0.5, rate(ours), rate(theirs), rounds=7)
    yield Row(row.name, row.reference, row.ours_s, row.reference_s, row.low, row.high, row.budget, at_least=True)


def push_line(bench: Bench) -> str:
    """Bytes on the wire for each of 100 runs that share code and data, without history and output."""
    lab = bench.lab(0)
    bare = bench.root / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    git = ["git", "-C", str(lab)]
    subprocess.run([*git, "push", "-q", str(bare), "experiments"], env=bench.env, check=True)
    before = subprocess.run([*git, "rev-parse", "experiments"], capture_output=True, text=True, check=True).stdout
    for number in range(100):
        quiet([GITEXP, "run", "program", "--seed", str(number)], cwd=lab, env=bench.env)
    pack = subprocess.run(
        [*git, "pack-objects", "--revs", "--stdout", "--thin", "-q"],
        input=f"experiments\n^{before}".encode(),
        capture_output=True,
        check=True,
        env=bench.env,
    ).stdout
    size = len(pack) / 100
    return f"{'push, a run on the wire':<32}{size:>9.0f} B{'':<31}≤ 1024 B  {'ok' if size <= 1024 else 'OVER'}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure gitexp's budgets.")
    parser.add_argument("rows", nargs="*", help="beginnings of row names: help run view manifest log push")
    parser.add_argument("--full", action="store_true", help="also 100,000 runs and a file of 2 GiB")
    options = parser.parse_args()
    sizes = [0, 10_000, 100_000] if options.full else [0, 10_000]
    with tempfile.TemporaryDirectory(prefix="gitexp-bench-") as root:
        bench = Bench(Path(root), gitexp=GITEXP, python=PYTHON, grow=grow)
        groups: dict[str, Callable[[], Iterator[Row]]] = {
            "help": lambda: help_row(bench),
            "run": lambda: run_rows(bench, sizes),
            "view": lambda: view_rows(bench, sizes[1:]),
            "manifest": lambda: manifest_rows(bench, full=options.full),
            "log": lambda: log_row(bench),
        }
        wanted = [n for n in [*groups, "push"] if not options.rows or any(n.startswith(r) for r in options.rows)]
        print(f"{'work':<32}{'ours':>11}{'reference':>12}  {'ratio':<7}{'quartiles':<14}{'budget':<10}")
        over = 0
        for name in wanted:
            if name == "push":
                print(push_line(bench), flush=True)
                continue
            for row in groups[name]():
                over += not row.within
                print(_text(row), flush=True)
    return 1 if over else 0


def _text(row: Row) -> str:
    ours, theirs = (
        (f"{row.ours_s:,.0f}/s", f"{row.reference_s:,.0f}/s")
        if row.at_least
        else (
            f"{row.ours_s * 1e3:.1f} ms",
            f"{row.reference_s * 1e3:.1f} ms",
        )
    )
    budget = f"{'≥' if row.at_least else '≤'} {row.budget}×"
    spread = f"{row.low:.2f}–{row.high:.2f}"
    verdict = "ok" if row.within else "OVER"
    return f"{row.name:<32}{ours:>11}{theirs:>12}  {row.ratio:<7.2f}{spread:<14}{budget:<10}{verdict:<6}{row.reference}"


if __name__ == "__main__":
    sys.exit(main())
