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
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
    from itertools import islice

    waiting = iter(every)
    with ThreadPoolExecutor(min(threads, len(every))) as pool:
        try:
            # Not all at once: a future takes a kilobyte or two.
            running = {pool.submit(work, item) for item in islice(waiting, 2 * threads)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(work, item) for item in islice(waiting, len(done))}
                for one in done:
                    yield one.result()
        except BaseException:  # also the caller's break
            pool.shutdown(wait=False, cancel_futures=True)
            raise
