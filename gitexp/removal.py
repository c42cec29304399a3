"""Remove a folder with all that is in it, as far as that goes, however deep it is.

Folders in folders, of which a stranger's code may have thousands, are moved up and emptied one by one: no stack, no
path and no table of open files is long enough for them. (`shutil.rmtree` has no stack for a thousand before Python
3.13, and `import shutil` costs 3 ms.)
"""

from __future__ import annotations

import errno
import os

_MOVED = ".moved-"  # before a number, in the folder that is being removed


def remove_tree(folder: str | bytes | os.PathLike[str], *, dir_fd: int | None = None) -> None:
    """Remove what can be removed of it; of a link nothing, and nothing behind one. `dir_fd`: where the folder lies."""
    try:
        top = _open_folder(folder, dir_fd)
    except OSError:
        return
    moved = _empty(top, top, 0)
    done = 0
    while done < moved:
        name = f"{_MOVED}{done}"
        try:
            below = _open_folder(name, top)
        except OSError:
            below = None
        if below is not None:
            moved = _empty(below, top, moved)
            os.close(below)
        _remove_empty(name, top)
        done += 1
    os.close(top)
    _remove_empty(folder, dir_fd)


def _open_folder(name: str | bytes | os.PathLike[str], parent: int | None) -> int:
    """A folder, behind no link, made ours: what a program made may be read-only, and then nothing goes out of it."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.fchmod(folder, 0o700)
    except OSError:
        pass
    return folder


def _empty(folder: int, top: int, moved: int) -> int:
    """Remove the files of a folder, move its folders to the top; how many have been moved there by now."""
    try:
        names = os.listdir(folder)
    except OSError:
        return moved
    for name in names:
        try:
            os.unlink(name, dir_fd=folder)
            continue
        except OSError:
            _remove_empty(name, folder)
        try:
            os.close(_open_folder(name, folder))
        except OSError:
            continue
        while True:
            try:
                os.rename(name, f"{_MOVED}{moved}", src_dir_fd=folder, dst_dir_fd=top)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):  # left by who was killed
                    break
                moved += 1
                continue
            moved += 1
            break
    return moved


def _remove_empty(name: str | bytes | os.PathLike[str], parent: int | None) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError:
        pass
