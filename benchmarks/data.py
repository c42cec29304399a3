"""Manifests beside the tools that do the least they could: xxhsum and sha256sum to hash, find to look at each file.

Everything is in the page cache when it is timed: "cold" means that nothing was known of the files, not that the disk
was. Each measured command is a process of its own, and its start-up counts against us.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from datarun import data_run_rows
from ratios import Row, pair, timed
from world import Bench, quiet

PYTHON = sys.executable
COLD = "import sys, pathlib; from gitexp.datasets.build import build_manifest as b; b(pathlib.Path(sys.argv[1]))"
STRONG = COLD.replace("argv[1])", "argv[1]), algorithms=('xxh128', 'sha256')")
CACHED = (
    "import sys, pathlib; from gitexp.datasets.build import build_manifest as b;"
    "from gitexp.datasets.statcache import StatCache as S;"
    "b(pathlib.Path(sys.argv[1]), cache=S(pathlib.Path(sys.argv[2])))"
)
PEAK = ";import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
SETTLED_S = 2.2  # from then on, times tell whether a file was changed


def manifest_rows(bench: Bench, *, full: bool) -> Iterator[Row]:
    """Hashing, and looking again. A million files, and what else takes minutes, only when `full`."""
    if shutil.which("xxhsum") is None:
        print("xxhsum is not installed (Debian's package xxhash): the manifest rows are left out", file=sys.stderr)
        return
    yield from _cold(bench)
    yield from _large(bench)
    yield from _warm(bench, 100_000, "100,000")
    if full:
        yield from _million(bench)


def _cold(bench: Bench) -> Iterator[Row]:
    folder, block = bench.root / "many", os.urandom(10_000)
    folder.mkdir()
    for number in range(20_000):
        (folder / f"{number:05d}").write_bytes(number.to_bytes(4, "big") + block)
    ours = timed(PYTHON, "-c", COLD, str(folder))
    yield pair("manifest, 20,000 × 10 KB", "xxhsum -H2", 1.5, ours, _over_all(folder, "xxhsum -H2"), rounds=7)
    ours, theirs = timed(PYTHON, "-c", STRONG, str(folder)), _over_all(folder, "sha256sum")
    yield pair("manifest, + sha256", "sha256sum", 1.5, ours, theirs, rounds=5)
    ours, theirs = timed(PYTHON, "-c", COLD, str(folder)), _git_add(bench, folder)
    yield pair("manifest, 20,000 × 10 KB", "git add", 1.0, ours, theirs, rounds=2)
    if shutil.which("dvc") is not None:
        yield from _dvc(bench, folder, ours)
    shutil.rmtree(folder)


def _large(bench: Bench) -> Iterator[Row]:
    large = bench.root / "large"
    with large.open("wb") as file:
        for _ in range(2048):
            file.write(os.urandom(1 << 20))
    ours = timed(PYTHON, "-c", COLD, str(large))
    yield pair("manifest, one file of 2 GiB", "xxhsum -H2", 1.1, ours, timed("xxhsum", "-H2", str(large)), rounds=7)
    ours = timed(PYTHON, "-c", STRONG, str(large))
    yield pair("manifest, 2 GiB, + sha256", "sha256sum", 1.1, ours, timed("sha256sum", str(large)), rounds=3)
    large.unlink()


def _warm(bench: Bench, files: int, shown: str) -> Iterator[Row]:
    folder, cache = _tree(bench, files), str(bench.root / "statcache")
    ours = timed(PYTHON, "-c", CACHED, str(folder), cache)
    listing = timed("find", str(folder), "-printf", "%s %T@ %p\n")
    yield pair(f"nothing changed, {shown} files", "find -printf", 2.0, ours, listing, rounds=7)
    yield pair(f"one of {shown} changed", "nothing changed", 1.2, _after_a_change(folder, ours), ours, rounds=7)
    yield from data_run_rows(bench, folder, shown, rounds=3)
    shutil.rmtree(folder)


def _million(bench: Bench) -> Iterator[Row]:
    folder, cache = _tree(bench, 1_000_000), str(bench.root / "statcache-million")
    cold, warm = timed(PYTHON, "-c", COLD, str(folder)), timed(PYTHON, "-c", CACHED, str(folder), cache)
    yield pair("manifest, 1,000,000 files", "xxhsum -H2", 1.5, cold, _over_all(folder, "xxhsum -H2"), rounds=3)
    listing = timed("find", str(folder), "-printf", "%s %T@ %p\n")
    yield pair("nothing changed, 1,000,000 files", "find -printf", 2.0, warm, listing, rounds=3)
    yield pair("one of 1,000,000 changed", "nothing changed", 1.2, _after_a_change(folder, warm), warm, rounds=3)
    for name, code, more in (("cold", COLD, []), ("nothing changed", CACHED, [cache])):
        argv = [PYTHON, "-c", code + PEAK, str(folder), *more]
        peak = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        print(f"{f'peak memory, 1,000,000 files, {name}':<47}{int(peak) / 1024:.0f} MiB", flush=True)
    yield from data_run_rows(bench, folder, "1,000,000", rounds=3)
    shutil.rmtree(folder)


def _tree(bench: Bench, files: int) -> Path:
    """Folders of 1,000 small files, old enough for their times to be trusted."""
    folder = bench.root / f"tree-{files}"
    for number in range(files):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.txt"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%d\n" % number)
    time.sleep(SETTLED_S)
    return folder


def _over_all(folder: Path, command: str) -> Callable[[], float]:
    """The reference gets its files in as few processes as there can be."""
    return timed("sh", "-c", f'find "{folder}" -type f -print0 | xargs -0 {command}')


def _git_add(bench: Bench, folder: Path) -> Callable[[], float]:
    def go() -> float:
        shutil.rmtree(folder / ".git", ignore_errors=True)
        subprocess.run(["git", "init", "-q"], cwd=folder, env=bench.env, check=True)
        took = quiet(["git", "add", "-A"], cwd=folder, env=bench.env)
        shutil.rmtree(folder / ".git")
        return took

    return go


def _dvc(bench: Bench, folder: Path, cold: Callable[[], float]) -> Iterator[Row]:
    """Beside DVC, which also stores what it adds. It gets a copy, for it may turn files into links."""
    repo = bench.root / "dvc"
    shutil.copytree(folder, repo / "many")
    quiet(["dvc", "init", "-q", "--no-scm"], cwd=repo, env=bench.env)

    def add() -> float:
        shutil.rmtree(repo / ".dvc" / "cache", ignore_errors=True)
        shutil.rmtree(repo / ".dvc" / "tmp", ignore_errors=True)
        (repo / "many.dvc").unlink(missing_ok=True)
        return quiet(["dvc", "add", "-q", "many"], cwd=repo, env=bench.env)

    yield pair("manifest, 20,000 × 10 KB", "dvc add", 1.0, cold, add, rounds=2)
    warm = timed(PYTHON, "-c", CACHED, str(folder), str(bench.root / "statcache"))
    status = timed("dvc", "status", "-q", cwd=repo, env=bench.env)
    yield pair("nothing changed, 20,000 files", "dvc status", 1.0, warm, status, rounds=2)


def _after_a_change(folder: Path, ours: Callable[[], float]) -> Callable[[], float]:
    def go() -> float:
        time.sleep(SETTLED_S)
        ours()  # what the change before this left young is old now
        (folder / "0000" / "0000500.txt").write_bytes(b"%d\n" % time.time_ns())
        return ours()

    return go
