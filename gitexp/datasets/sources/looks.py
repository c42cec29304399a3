"""Whether a path in a repository may stand for bytes elsewhere, told by a few small reads. Every run asks."""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.regularfile import read_regular

DVC = ".dvc"
LARGEST_POINTER = 1024
SMALLEST_POINTER = 100
BEGINNINGS = (b"version https://git-lfs.github.com/spec/v1\n", b"version https://hawser.github.com/spec/v1\n")
_ATTRIBUTE = b"filter=lfs"


def looks_pointed(path: Path, root: Path) -> bool:
    """Whether `open_pointed` is worth its time: a `.dvc` file, or one beside a path where nothing lies, a git-lfs
    pointer, or a folder around which git-lfs is in use. Raises nothing."""
    if os.path.isdir(path):  # unlike Path's, never raises
        places = [path, *(above for above in path.parents if above.is_relative_to(root))]
        attributes = [place / ".gitattributes" for place in places]
        attributes.append(root / ".git" / "info" / "attributes")
        return os.path.isdir(root / ".git" / "lfs") or any(map(_mentions_lfs, attributes))
    if path.suffix == DVC:
        return path.is_file()
    try:
        return pointer_text(path) is not None
    except FileNotFoundError:
        return path.with_name(path.name + DVC).is_file()
    except OSError:
        return False


def pointer_text(path: Path | bytes) -> bytes | None:
    """What a git-lfs pointer says; None for a file that is none. Raises OSError."""
    if not SMALLEST_POINTER <= os.stat(path).st_size < LARGEST_POINTER:
        return None
    text = read_regular(path, most=LARGEST_POINTER)
    return text if text.startswith(BEGINNINGS) else None


def _mentions_lfs(path: Path) -> bool:
    try:
        return _ATTRIBUTE in read_regular(path)
    except OSError:
        return False
