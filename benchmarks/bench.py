"""Measure the budgets of the design side by side with their references, and print them as a table of ratios.

    make bench                        what is measured in a few minutes
    python benchmarks/bench.py --full also 100,000 runs and a million files
    python benchmarks/bench.py run    only the rows whose name begins with "run"

Each row times two commands in turn (ours, reference, ours, reference, …) and divides the medians; the spread is that of
the paired ratios' quartiles. Machines are noisy: trust ratios, not milliseconds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from capture import capture_rows
from data import manifest_rows
from explaining import explain_line
from findings import findings_rows
from importing import import_row
from publishing import publishing_rows
from pushing import note_row, pushers_line
from ratios import HEADING, Row, pair, text_of, timed
from remotes import remote_rows
from report import report_line
from rerunning import rerun_rows
from training import start_line, training_rows
from verifying import verify_row
from world import Bench, grow, on_a_terminal, quiet

PYTHON = sys.executable
LARGE_TREE = 5_000  # tracked files, beyond which a run may cost two looks of git more
GITEXP = str(Path(PYTHON).parent / "gitexp")


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


def tree_rows(bench: Bench, sizes: list[int]) -> Iterator[Row]:
    """What `gitexp run -- CMD` adds in a tree of so many files; of a large one, against two `git status` more."""
    import_both = timed(PYTHON, "-c", "import click, pygit2")
    for size in sizes:
        lab = bench.tree(size)
        status = timed("git", "status", "--porcelain=v2", cwd=lab, env=bench.env)

        def ours(lab: Path = lab) -> float:
            alone = on_a_terminal(["true"], cwd=lab, env=bench.env)
            return on_a_terminal([GITEXP, "run", "--", "true"], cwd=lab, env=bench.env) - alone

        def reference(size: int = size, status: Callable[[], float] = status) -> float:
            return import_both() + (status() + status() if size > LARGE_TREE else 0)

        shown = "import click, pygit2" + (" + 2 git status" if size > LARGE_TREE else "")
        yield pair(f"run adds, {size:,} files", shown, 1.5, ours, reference)


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
    return f"{'push, a run on the wire':<36}{size:>9.0f} B{'':<31}≤ 1024 B  {'ok' if size <= 1024 else 'OVER'}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure gitexp's budgets.")
    parser.add_argument("rows", nargs="*", help="beginnings of the rows' groups")
    parser.add_argument("--full", action="store_true", help="also 100,000 runs and a million files")
    options = parser.parse_args()
    sizes = [0, 10_000, 100_000] if options.full else [0, 10_000]
    with tempfile.TemporaryDirectory(prefix="gitexp-bench-") as root:
        bench = Bench(Path(root), gitexp=GITEXP, python=PYTHON, grow=grow)
        groups: dict[str, Callable[[], Iterator[Row | str]]] = {
            "help": lambda: help_row(bench),
            "run": lambda: run_rows(bench, sizes),
            "tree": lambda: tree_rows(bench, [1_000, 50_000]),
            "view": lambda: view_rows(bench, sizes[1:]),
            "findings": lambda: findings_rows(bench, [1_000, *sizes[1:]]),
            "manifest": lambda: manifest_rows(bench, full=options.full),
            "capture": lambda: capture_rows(bench, full=options.full),
            "import": lambda: import_row(bench, GITEXP),
            "note": lambda: note_row(bench, GITEXP, sizes[1]),
            "rerun": lambda: rerun_rows(bench, GITEXP, PYTHON),
            "remote": lambda: remote_rows(bench),
            "secrets": lambda: publishing_rows(bench, GITEXP, PYTHON),
            "log": lambda: log_row(bench),
            "training": lambda: training_rows(bench, GITEXP),
            "verify": lambda: verify_row(bench.root / "sound", GITEXP, PYTHON),
        }
        lines = {
            "push": lambda: push_line(bench),
            "pushers": lambda: pushers_line(bench, GITEXP, at_once=1 if options.full else 10),
            "start": lambda: start_line(bench, GITEXP),
            "report": lambda: report_line(bench, GITEXP),
            "explain": lambda: explain_line(bench, GITEXP),
        }
        wanted = [n for n in [*groups, *lines] if not options.rows or any(n.startswith(r) for r in options.rows)]
        print(HEADING)
        over = 0
        for name in wanted:
            if name in lines:
                print(lines[name](), flush=True)
                continue
            for row in groups[name]():
                over += isinstance(row, Row) and not row.within
                print(text_of(row) if isinstance(row, Row) else row, flush=True)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
