"""What a run costs that reads many files, what its record costs on the wire, and what it costs to compare two of them.

Looking at every file twice, before and after the program, is most of it: so `find -printf` is what it stands beside.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ratios import Row, pair, timed
from world import Bench, quiet

PYTHON = sys.executable
GITEXP = str(Path(PYTHON).parent / "gitexp")
SETTLED_S = 2.2  # from then on, times tell whether a file was changed
RUN = [GITEXP, "run", "many"]
DIFF = [GITEXP, "diff"]
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def data_run_rows(bench: Bench, folder: Path, files: str, *, rounds: int) -> Iterator[Row]:
    """`folder`: the dataset, in folders of a thousand. `files`: how many there are, for people."""
    lab = _lab(bench, folder)
    listing = timed("find", str(folder), "-printf", "%s %T@ %p\n")
    took, peak = _measured(RUN, lab, bench.env)
    print(f"{f'run, {files} files, cold':<36}{took * 1e3:>8,.1f} ms{'':>12}  peak {peak} MiB", flush=True)
    again = timed(*RUN, cwd=lab, env=bench.env)
    yield pair(f"run, nothing changed, {files} files", "find -printf", None, again, listing, rounds=rounds)
    _peak(bench, lab, RUN, f"run, nothing changed, {files} files")
    changed = _after_a_change(bench, lab, folder)
    yield pair(f"run, one of {files} changed", "find -printf", None, changed, listing, rounds=rounds)
    yield from _compared(bench, lab, f"one of {files} changed")
    print(f"{f'push, one of {files} changed':<36}{_pushed(lab, bench.env):>9,} B", flush=True)
    some = sorted(folder.glob("*/*[05]00.txt"))
    _change(some[:: len(some) // 200])
    _peak(bench, lab, RUN, f"run, 200 of {files} changed")
    yield from _compared(bench, lab, f"200 of {files} changed")
    _peak(bench, lab, DIFF, f"diff, 200 of {files} changed")


def _compared(bench: Bench, lab: Path, what: str) -> Iterator[Row]:
    """The design's budget holds for a change of one file; how long many take is for information."""
    ours, reference = timed(*DIFF, cwd=lab, env=bench.env), timed(PYTHON, "-c", "import click, rich.table")
    budget = 1.5 if what.startswith("one ") else None
    yield pair(f"diff, {what}", "import click, rich.table", budget, ours, reference, rounds=7)


def _lab(bench: Bench, folder: Path) -> Path:
    lab = bench.root / f"lab-of-{folder.name}"
    (lab / "recipes").mkdir(parents=True)
    (lab / "recipes" / "many.toml").write_text(f'[run]\ncommand = ["true"]\n[data]\nmany = "{folder}"\n')
    add, commit = ["git", "add", "-A"], ["git", "commit", "-qm", "code"]
    for argv in (["git", "init", "-q"], add, commit, [GITEXP, "init"], add, commit):
        quiet(argv, cwd=lab, env=bench.env)
    return lab


def _change(files: Iterable[Path]) -> None:
    for path in files:
        path.write_bytes(b"%d\n" % time.time_ns())


def _after_a_change(bench: Bench, lab: Path, folder: Path) -> Callable[[], float]:
    def go() -> float:
        _change([folder / "0007" / "0007500.txt"])
        return quiet(RUN, cwd=lab, env=bench.env)

    return go


def _pushed(lab: Path, env: dict[str, str]) -> int:
    """Bytes on the wire for the latest run, at somebody who has the run before it."""
    argv = ["git", "pack-objects", "--revs", "--stdout", "--thin", "-q"]
    wanted = b"experiments\n^experiments~1\n"
    return len(subprocess.run(argv, cwd=lab, env=env, input=wanted, capture_output=True, check=True).stdout)


def _peak(bench: Bench, lab: Path, argv: Sequence[str], what: str) -> None:
    print(f"{f'peak memory, {what}':<58}{_measured(argv, lab, bench.env)[1]} MiB", flush=True)


def _measured(argv: Sequence[str], lab: Path, env: dict[str, str]) -> tuple[float, int]:
    """Seconds and MiB that a command took, children included. Asked by a small process: its own size is a floor."""
    asking = [PYTHON, "-I", "-S", "-c", PEAK, *argv]
    began = time.perf_counter()
    done = subprocess.run(asking, cwd=lab, env=env, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout.splitlines()[-1]) // 1024
