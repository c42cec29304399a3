"""`gitexp verify --all` of many runs beside `git fsck` of the same; and how their objects are read the fastest."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ratios import HEADING, Row, pair, text_of, timed
from world import Bench, grow

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import find_repo

RUNS = 10_000


def own_history(number: int) -> dict[str, str]:
    """A history and an output of its own; the best value is that of the last row, as in the run that is copied."""
    rows = "".join(f"{step},{step / 1000 + number / 1e7!r},{step * number % 97 / 200!r}\n" for step in range(19))
    return {
        "history.csv": f"step,time_s,acc\n{rows}19,0.02,0.95\n",
        "metrics.toml": '"acc" = 0.95\n',
        "output.log": f"done {number}\n",
    }


def verify_row(root: Path, gitexp: str, python: str) -> Iterator[Row]:
    """A branch of its own: its records have to be sound."""
    bench = sound_bench(root, gitexp, python)
    lab = bench.lab(RUNS)
    subprocess.run(["git", "repack", "-adq"], cwd=lab, env=bench.env, check=True)
    ours = timed(gitexp, "verify", "--all", cwd=lab, env=bench.env)
    theirs = timed("git", "fsck", "--no-dangling", cwd=lab, env=bench.env)
    yield pair(f"verify --all, {RUNS:,} runs", "git fsck", None, ours, theirs, rounds=3)


def sound_bench(root: Path, gitexp: str, python: str) -> Bench:
    """Where each run has a history of its own that its metrics follow from."""
    root.mkdir()
    return Bench(root, gitexp=gitexp, python=python, grow=partial(grow, files=own_history))


def _by_git(repo: Path, oids: Iterable[str]) -> int:
    with ObjectReader(find_repo(repo)) as reader:
        return sum(len(found[1]) for found in reader.find_many(oids) if found and found[1])


def _by_libgit2(repo: Path, oids: Iterable[str]) -> int:
    import pygit2  # noqa: PLC0415 -- what it costs is part of the measure

    reader = pygit2.Repository(repo)
    return sum(len(reader[oid].read_raw()) for oid in oids)


def main() -> int:
    """Both ways to read every object of RUNS records but their code, in turn; the import of pygit2 counts."""
    parser = argparse.ArgumentParser(description="Weigh `git cat-file --batch` against libgit2.")
    parser.add_argument("way", nargs="?", choices=["git", "libgit2"])
    parser.add_argument("repo", nargs="?", type=Path)
    given = parser.parse_args()
    if given.way is not None:
        way: Callable[[Path, Iterable[str]], int] = {"git": _by_git, "libgit2": _by_libgit2}[given.way]
        listing = subprocess.run(
            ["git", "rev-list", "--objects", "--no-object-names", "experiments"],
            cwd=given.repo,
            capture_output=True,
            check=True,
        )
        began = time.perf_counter()
        way(given.repo, listing.stdout.decode().split())
        print(time.perf_counter() - began)
        return 0
    with tempfile.TemporaryDirectory(prefix="gitexp-bench-") as folder:
        python = sys.executable
        bench = sound_bench(Path(folder) / "sound", str(Path(python).parent / "gitexp"), python)
        lab = bench.lab(RUNS)

        def took(way: str) -> float:
            done = subprocess.run([python, __file__, way, str(lab)], capture_output=True, text=True, check=True)
            return float(done.stdout)

        print(HEADING)
        row = pair("every object, git cat-file", "pygit2", None, lambda: took("git"), lambda: took("libgit2"), rounds=7)
        print(text_of(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
