"""Turn an exception from somebody's component into one line that says where, in the repository's own code, and what."""

from __future__ import annotations

import traceback
from pathlib import Path

import gitexp

_GITEXP = Path(gitexp.__file__).resolve().parent  # calls the components; in its own repository too, the line is theirs
_LIMIT = 500  # characters of an exception's own words


class Unusable(Exception):
    """What a component cannot do, in words for the user: the end of an error line."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def blame(error: BaseException, root: Path) -> str:
    """`recipes/x/components.py:12: ValueError: …`; without a place where none of the lines is the repository's own."""
    said = said_by(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(Path(error.filename), root)}:{error.lineno or 1}: {said}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if is_own(path, root) and not path.resolve().is_relative_to(_GITEXP):
            return f"{shown(path, root)}:{frame.lineno}: {said}"
    return said


def said_by(error: BaseException) -> str:
    """`ValueError: …` on one line, cut where it is long."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(text.split())
    if len(words) > _LIMIT:
        words = words[: _LIMIT - 1] + "…"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def is_own(path: Path, root: Path) -> bool:
    """Whether a file is the repository's own code: below the root, through no link, and not installed there.

    A virtual environment inside the repository holds other people's packages; .git holds gitexp itself during a run.
    """
    try:
        inside = path.resolve(strict=True).relative_to(root.resolve())
    except (OSError, ValueError):
        return False
    return not {"site-packages", "dist-packages", ".git"} & set(inside.parts)


def shown(path: Path, root: Path) -> str:
    """A path from the root where it lies below it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except (OSError, ValueError):
        return str(path)
