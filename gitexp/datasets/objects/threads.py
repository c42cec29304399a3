"""Work on many items in several threads; what is left is dropped as soon as the caller, or the user, has had enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """The results, in the order in which they come. What `work` raises is raised here, and ends it."""
    every = list(items)
    if len(every) <= 1 or threads <= 1:
        yield from map(work, every)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(min(threads, len(every))) as pool:
        try:
            for done in as_completed([pool.submit(work, item) for item in every]):
                yield done.result()
        except BaseException:  # also the caller's break
            pool.shutdown(wait=False, cancel_futures=True)
            raise
