"""The blocks of a large file to whoever hashes them, in order, at the speed of memory: several threads read ahead.

Copying out of the page cache takes three times as long as XXH3, so each of a few threads reads every n-th block and
they take turns to hash. Measured for 2 GiB on two cores: xxhsum 0.21 s; one thread into a bytearray 0.27, into memory
that begins on a page 0.14 (the kernel's copy is that much slower to an odd address); two threads 0.08.
"""

from __future__ import annotations

import _thread  # `threading` takes a millisecond to import
import mmap
import os
from collections.abc import Callable

BLOCK = 1 << 20
SHARED = 1 << 24  # smaller files are read before a second thread is there
MOST_THREADS = 4  # XXH3 is no faster than four copies

Update = Callable[[memoryview], object]
_kept: list[mmap.mmap] = []  # buffers that nobody uses now; list's pop and append are safe between threads


def feed(fd: int, size: int, *, update: Update, advance: Callable[[int], None] | None = None) -> int:
    """Pass all of an open file to `update`, in order; the bytes there were, to be compared with `size`.

    Raises OSError. `advance` is told the size of each block, from any thread.
    """
    threads = min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    if size < SHARED or threads < 2:
        return _alone(fd, update, advance)
    return _Turns(fd, update, advance, threads).run()


def _alone(fd: int, update: Update, advance: Callable[[int], None] | None) -> int:
    buffer, count = _take(), 0
    with memoryview(buffer) as view:
        while got := os.readv(fd, (buffer,)):
            update(view if got == BLOCK else view[:got])
            count += got
            if advance is not None:
                advance(got)
    _kept.append(buffer)
    return count


class _Turns:
    """Threads 0 to n-1; thread k reads the blocks k, k+n, k+2n, … and hashes each when it is its turn."""

    def __init__(self, fd: int, update: Update, advance: Callable[[int], None] | None, threads: int) -> None:
        self.fd, self.update, self.advance = fd, update, advance
        self.turn = [_thread.allocate_lock() for _ in range(threads)]  # free: it is that thread's turn
        self.ended = [_thread.allocate_lock() for _ in range(threads)]
        self.threads, self.count, self.stop = threads, 0, False
        self.error: BaseException | None = None
        for lock in (*self.turn, *self.ended):
            lock.acquire()

    def run(self) -> int:
        started = 1
        try:
            for number in range(1, self.threads):
                _thread.start_new_thread(self._helper, (number,))
                started += 1
        except RuntimeError:
            pass  # no more threads for this user: those that started share the work
        self.threads = started  # read by the others in their first turn, which comes after this
        self.turn[0].release()
        try:
            self._work(0)
        finally:
            # The caller closes the file: nobody may be reading it any more.
            for lock in self.ended[1:started]:
                lock.acquire()
        if self.error is not None:
            raise self.error
        return self.count

    def _helper(self, number: int) -> None:
        try:
            self._work(number)
        except BaseException as error:  # noqa: BLE001 -- raised again by the thread that asked
            self.error = error
        finally:
            self.ended[number].release()

    def _work(self, number: int) -> None:
        buffer, at, mine = _take(), number * BLOCK, False
        try:
            with memoryview(buffer) as view:
                while not self.stop:
                    got = self._read(buffer, view, at)
                    self.turn[number].acquire()
                    mine = True
                    if self.stop or not got:
                        break
                    self.update(view if got == BLOCK else view[:got])
                    self.count += got
                    if self.advance is not None:
                        self.advance(got)
                    at += BLOCK * self.threads
                    self.turn[(number + 1) % self.threads].release()
                    mine = False
                    if got < BLOCK:
                        break
        finally:
            # The turn goes round once more, and each that gets it stops.
            self.stop = True
            if not mine:
                self.turn[number].acquire()
            self.turn[(number + 1) % self.threads].release()
            _kept.append(buffer)

    def _read(self, buffer: mmap.mmap, view: memoryview, at: int) -> int:
        got = os.preadv(self.fd, (buffer,), at)
        while 0 < got < BLOCK:  # the end of the file, or a file system that gives less than was asked for
            more = os.preadv(self.fd, (view[got:],), at + got)
            if not more:
                break
            got += more
        return got


def _take() -> mmap.mmap:
    try:
        return _kept.pop()
    except IndexError:
        return mmap.mmap(-1, BLOCK)
