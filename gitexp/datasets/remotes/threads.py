"""Work on many items in several threads: how far it is, and an end to all of it once the caller, or the user, has had
enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from gitexp.datasets.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """All of the work is to end."""


class Work:
    """What the threads share. Once `stop` was called, or `each` left by an error, each ends at its next piece."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._stop = threading.Event()

    def each(self, work: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
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
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def stop(self) -> None:
        self._stop.set()

    def pause(self, for_s: float) -> None:
        """Wait. Raises Stopped."""
        if self._stop.wait(for_s):
            raise Stopped

    def expect(self, files: int, size_bytes: int) -> None:
        if self._progress:
            self._progress.expect(files=files, size_bytes=size_bytes)

    def told(self, size_bytes: int) -> None:
        """A piece has been moved. Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        if self._progress:
            self._progress.advance(files=0, size_bytes=size_bytes)

    def done(self, files: int) -> None:
        if self._progress and files:
            self._progress.advance(files=files, size_bytes=0)
