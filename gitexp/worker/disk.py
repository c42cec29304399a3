"""The run folder as the worker writes to it: what the disk does not take waits in memory, then goes elsewhere.

Nothing here raises OSError: the program must not die of its record, nor wait for it. A disk that failed is tried again
after a while, and longer each time. What it still has not taken when the program has ended is written to a folder of
the machine's temporary files, from where whoever records the run takes it (see runfolder.bring_back).
"""

from __future__ import annotations

import os
import time

from gitexp import runfolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
LAST_TRIES_S = (0.05, 0.2, 0.5)
MOST_WAITING = 16 * 1024 * 1024  # bytes of one file that memory holds


class Disk:
    """One run folder. `trouble` is the first thing that went wrong, in words; None: nothing did."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.trouble: str | None = None
        self.began = time.monotonic()
        self._first_s = 0.0  # when that was, after `began`
        self._pause_s = FIRST_PAUSE_S
        self._not_before = 0.0
        self._growing: list[Growing] = []
        self._whole: dict[str, bytes] = {}  # files that could not be written yet
        self._elsewhere = False
        self.notes: list[str] = []  # what else the record should say
        self.last: Callable[[], bytes] | None = None  # what the last file is to say by now

    def failed(self, error: OSError) -> None:
        """Something could not be done; nothing is tried for a while."""
        now = time.monotonic()
        if self.trouble is None:
            self.trouble, self._first_s = str(error.strerror or error), now - self.began
        self._not_before = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def ready(self) -> bool:
        """Whether it is worth trying."""
        return time.monotonic() >= self._not_before

    def grow(self, name: str) -> Growing:
        """A new file, to be written bit by bit."""
        file = Growing(self, name)
        self._growing.append(file)
        return file

    def write(self, name: str, content: bytes) -> None:
        """A file whole, now or later."""
        self._whole[name] = content
        self.retry()

    def offer(self, name: str, content: bytes) -> None:
        """A file whole, now or not at all: it will be offered again, and nothing else is to wait for it."""
        try:
            if self.ready():
                runfolder.write_whole(self.folder, name, content)
        except OSError:
            pass

    def sign_of_life(self, lock: int) -> None:
        """Touch a file that is open. Nothing of it is worth keeping."""
        try:
            os.utime(lock)
        except OSError as error:
            self.failed(error)

    def retry(self) -> None:
        """Write what waits, if it is time to try."""
        if not self.ready():
            return
        for file in self._growing:
            file.flush()
        for name in list(self._whole):
            try:
                runfolder.write_whole(self.folder, name, self._whole[name])
            except OSError as error:
                return self.failed(error)
            del self._whole[name]
        self._growing = [file for file in self._growing if not file.done]
        if not any(file.waiting for file in self._growing):
            self._pause_s = FIRST_PAUSE_S

    def settle(self) -> None:
        """The program has ended: write what waits, here or elsewhere. `words` then tells what became of it."""
        for pause_s in (0.0, *LAST_TRIES_S):
            if not self._waits():
                return
            time.sleep(pause_s)
            self._not_before = 0.0
            self.retry()
        if runfolder.is_gone(self.folder):
            return  # somebody removed the run, and nobody would look for the rest of it
        for folder in runfolder.folders_elsewhere(os.path.basename(self.folder)):
            self._elsewhere = True  # as the words have it that are written there
            try:
                return self._put(folder)
            except OSError:
                self._elsewhere = False

    def finish(self, name: str, tell: Callable[[], bytes]) -> bytes:
        """Write the last file, whose presence says that all is there. Returns what it says, written or not."""
        self.settle()
        self.last = tell
        self._whole[name] = tell()
        self.settle()
        return tell()

    def words(self) -> list[str]:
        """What the record has to say of all this."""
        words = list(self.notes)
        words += [f"{file.name}: {file.lost} bytes were lost" for file in self._growing if file.lost]
        if self.trouble is not None:
            when = f"{self._first_s:.0f} s after the start"
            kept = "elsewhere until the run was recorded" if self._elsewhere else "in memory until it could be written"
            words.append(
                f"gitexp could not write to the run's folder ({self.trouble}, first {when}); what came was kept {kept}"
            )
        return words

    def _waits(self) -> bool:
        return bool(self._whole) or any(file.waiting for file in self._growing)

    def _put(self, folder: str) -> None:
        runfolder.make_elsewhere(folder)
        for file in self._growing:
            if file.waiting:
                runfolder.write_whole(folder, f"{file.name}{runfolder.FROM}{file.size}", bytes(file.waiting))
        for name, content in self._whole.items():  # the last file is the last of these
            now = self.last() if self.last is not None and name == runfolder.OUTCOME else content
            runfolder.write_whole(folder, name, now)


class Growing:
    """A file that is appended to. `size`: bytes that are in it; `waiting`: what comes next, and is not."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.name = name
        self.size = 0
        self.waiting = bytearray()
        self.lost = 0
        self.done = False
        self._disk = disk
        self._fd: int | None = None
        self._closing = False

    def write(self, data: bytes | memoryview) -> None:
        """Append, now or later."""
        if len(self.waiting) + len(data) > MOST_WAITING:
            self.lost += len(data)
            return
        self.waiting += data
        if self._disk.ready():
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the disk takes it."""
        try:
            if self._fd is None and self.waiting:
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | (0 if self.size else os.O_TRUNC)
                self._fd = os.open(os.path.join(self._disk.folder, self.name), flags, 0o666)
            while self.waiting and self._fd is not None:
                written = os.pwrite(self._fd, self.waiting, self.size)
                self.size += written
                del self.waiting[:written]
        except OSError as error:
            self._close()  # a server's ESTALE does not heal; another descriptor may
            self._disk.failed(error)
        if self._closing and not self.waiting:
            self._close()
            self.done = not self.lost

    def close(self) -> None:
        """Nothing follows."""
        self._closing = True
        self.flush()

    def drop(self) -> None:
        """It is not needed any more, nor what waits for it."""
        self.waiting.clear()
        self._close()
        self.done = True
        try:
            os.unlink(os.path.join(self._disk.folder, self.name))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._disk.failed(error)

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            os.close(fd)
        except OSError as error:  # a file server tells only now that it did not keep what it took
            self._disk.failed(error)
            self._disk.notes.append(f"{self.name}: some of it may be lost: {error.strerror}")
