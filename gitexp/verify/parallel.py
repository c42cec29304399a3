"""Many commits to what came of them, by as many processes as there are cores where that is worth it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.git.repo import Repo
from gitexp.verify.commits import Commit
from gitexp.verify.growth import Kept
from gitexp.verify.objects import Objects

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

AT_ONCE = 200  # commits whose objects are read together
WORTH = 5  # times as many for each process


class Part(NamedTuple):
    """What came of some commits: problems by commit, what is remembered of runs, and what could not be looked at."""

    problems: dict[str, list[str]]
    kept: list[Kept]
    unseen: Counter[str]


Look = Callable[[Sequence[Commit]], Part]


def in_parts(repo: Repo, commits: Sequence[Commit], begin: Callable[[Objects], Look], *, alone: bool) -> Iterator[Part]:
    """In their order. `begin` is asked for a look once by each process; `alone`: by this one for all."""
    parts = [commits[at : at + AT_ONCE] for at in range(0, len(commits), AT_ONCE)]
    processes = min(os.cpu_count() or 1, len(parts) // WORTH)
    pool = _pool(processes, repo, parts, begin) if processes > 1 and not alone else None
    if pool is None:
        with Objects(repo) as objects:
            yield from map(begin(objects), parts)
        return
    with pool:
        try:
            yield from pool.map(_look, range(len(parts)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _pool(
    processes: int, repo: Repo, parts: Sequence[Sequence[Commit]], begin: Callable[[Objects], Look]
) -> ProcessPoolExecutor | None:
    """None where a process is no copy of this one, or what they need to share is not to be had."""
    if sys.platform != "linux":
        return None
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    try:
        return ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin, initargs=(repo, parts, begin))
    except (ImportError, OSError, NotImplementedError):  # no /dev/shm
        return None


_looking: list[Callable[[int], Part]] = []  # of a process of ours


def _begin(repo: Repo, parts: Sequence[Sequence[Commit]], begin: Callable[[Objects], Look]) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asks
    look = begin(Objects(repo))
    _looking.append(lambda number: look(parts[number]))


def _look(number: int) -> Part:
    return _looking[0](number)
