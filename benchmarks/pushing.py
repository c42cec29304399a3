"""What is said of a run, and ten people who push at once, beside what git alone takes for as much."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from ratios import Row, pair, timed
from world import Bench, grow, quiet

PUSHERS, RUNS = 10, 30
# What somebody without gitexp types until it went through. The server's hook takes no other merges than these.
LOOP = """\
until git push -q origin experiments; do
    git fetch -q origin experiments
    merge=$(printf 'merge\\n\\nGitexp-Event: merge\\n' |
        git commit-tree 'FETCH_HEAD^{tree}' -p FETCH_HEAD -p experiments -F -)
    git update-ref refs/heads/experiments "$merge"
done 2>/dev/null
"""


def note_row(bench: Bench, gitexp: str, size: int) -> Iterator[Row]:
    """A note on the latest run, beside a note of git's own on its commit."""
    lab = bench.lab(size)
    ours = timed(gitexp, "note", "latest", "-m", "as expected", cwd=lab, env=bench.env)
    theirs = timed("git", "notes", "append", "-m", "as expected", "experiments", cwd=lab, env=bench.env)
    yield pair(f"note, {size:,} runs", "git notes append", None, ours, theirs)


def pushers_line(bench: Bench, gitexp: str, *, at_once: int) -> str:
    """Ten people push 30 runs each, `at_once` of them with each push, all at the same time."""
    ours = _storm(bench, gitexp, [gitexp, "push"], at_once)
    theirs = _storm(bench, gitexp, ["sh", "-c", LOOP], at_once)
    bare = _storm(bench, gitexp, ["sh", "-c", LOOP], at_once, guarded=False)
    pushes = PUSHERS * RUNS // at_once
    return (
        f"{PUSHERS} pushers x {RUNS} runs, {pushes} pushes: {ours:.1f} s; `git push || fetch and merge` {theirs:.1f} s"
        f" ({ours / theirs:.2f}x), on a server without the hook {bare:.1f} s"
    )


_storms = count()


def _storm(bench: Bench, gitexp: str, push: list[str], at_once: int, *, guarded: bool = True) -> float:
    """The seconds until the last has pushed all; everything has to be there then, once."""
    lab, hub = bench.lab(0), bench.root / f"hub-{next(_storms)}.git"
    subprocess.run(["git", "init", "-q", "--bare", str(hub)], check=True)
    if guarded:
        quiet([gitexp, "init", "--server", str(hub)], cwd=lab, env=bench.env)
    quiet(["git", "push", "-q", str(hub), "main", "experiments"], cwd=lab, env=bench.env)
    clones = [hub.with_name(f"{hub.stem}-{number}") for number in range(PUSHERS)]
    for clone in clones:
        quiet(["git", "clone", "-q", str(hub), str(clone)], env=bench.env)
        quiet(["git", "branch", "-q", "experiments", "origin/experiments"], cwd=clone, env=bench.env)

    def work(number: int, clone: Path) -> None:
        for turn in range(0, RUNS, at_once):
            grow(clone, at_once, bench.env, first=1_000_000 + number * RUNS + turn)
            subprocess.run(push, cwd=clone, env=bench.env, check=True, capture_output=True)

    before = _runs(hub)
    began = time.perf_counter()
    with ThreadPoolExecutor(PUSHERS) as pool:
        for done in [pool.submit(work, number, clone) for number, clone in enumerate(clones)]:
            done.result()
    took = time.perf_counter() - began
    after = _runs(hub)
    assert len(after) == len(set(after)) == len(before) + PUSHERS * RUNS
    return took


def _runs(hub: Path) -> list[str]:
    told = ["git", "log", "--format=%(trailers:key=Gitexp-Run,valueonly,separator=)", "experiments"]
    return subprocess.run(told, cwd=hub, check=True, capture_output=True, text=True).stdout.split()
