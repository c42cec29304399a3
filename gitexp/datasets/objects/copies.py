"""A file to another of the same bytes, in the cheapest way that is safe: shared blocks, a second name, or a copy."""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.datasets.digest import BLOCK, digest_file
from gitexp.regularfile import open_regular

_FICLONE = 0x40049409  # share the blocks of another file, where the file system can (btrfs, XFS)


def copy(source: Path, target: Path | bytes, *, dir_fd: int | None = None) -> str:
    """Copy to a new file, perhaps in an open folder; the xxh128 of what arrived there. Raises OSError."""
    from xxhash import xxh3_128

    with open(open_regular(source)[0], "rb", buffering=0) as reader:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=dir_fd)
        try:
            if clone(reader.fileno(), fd):
                return digest_file(os.fsencode(target), dir_fd=dir_fd).digest
            state = xxh3_128()
            while block := reader.read(BLOCK):
                state.update(block)
                write_all(fd, block)
            return state.hexdigest()
        finally:
            os.close(fd)


def clone(source: int, target: int) -> bool:
    """Whether the open file `target` now shares the blocks of `source`; False: nothing was done."""
    try:
        from fcntl import ioctl

        ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def share(source: Path, target: Path) -> None:
    """A new read-only file with the bytes of `source`, which nobody writes to. Raises OSError."""
    if _cloned(source, target):
        return
    try:
        if os.geteuid() == 0:  # whose programs may write to read-only files, and so through a second name
            raise PermissionError
        os.link(source, target)
    except FileExistsError:
        raise
    # Another file system, one without links, too many links, or a colleague's file (fs.protected_hardlinks).
    except OSError:
        copy(source, target)
        target.chmod(0o444)


def _cloned(source: Path, target: Path) -> bool:
    if source.stat().st_dev != target.parent.stat().st_dev or not _may_clone(source):
        return False
    with open(open_regular(source)[0], "rb", buffering=0) as reader:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            done = clone(reader.fileno(), fd)
        finally:
            os.close(fd)
    if not done:
        target.unlink()
        _no_clones.add(source.stat().st_dev)
    return done


_no_clones: set[int] = set()  # devices that have said no: asking costs more than linking


def _may_clone(source: Path) -> bool:
    return source.stat().st_dev not in _no_clones


def write_all(fd: int, block: bytes | memoryview) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(fd, rest) :]


def nobody_writes(path: Path) -> bool:
    """Whether no process has the file open, or mapped, for writing. False also where the system cannot tell.

    The kernel grants a read lease exactly then (Linux, local file systems, the file's owner).
    """
    import signal

    try:
        import fcntl

        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (ImportError, OSError):
        return False
    try:
        # Who opens it for writing this very moment makes the kernel signal us: by one that is ignored, not SIGIO.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (AttributeError, OSError):
        return False
    finally:
        os.close(fd)
    return True
