"""Paths to the command that makes git ignore them, for people to paste; and what we wrote, ignored in this clone."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from gitexp.git.repo import Repo, start

MOST = 20  # paths in one command


def kept_out(paths: Sequence[str], known: Sequence[str] = (), *, root: Path) -> str:
    """The command that makes git ignore these paths, for good; and forget, without deleting, those that it knows."""
    some = paths[:MOST]
    patterns = " ".join(shlex.quote(ignore_pattern(path)) for path in some)
    forget = " ".join(shlex.quote(_glob(path)) for path in known if path in some)
    there = "" if Path.cwd() == root else f"cd {shlex.quote(str(root))} && "
    ignore = f"printf '\\n%s' {patterns} '' >>.gitignore && git add .gitignore"
    if not forget:
        return f'{there}{ignore} && git commit -m "ignore what must not be recorded" -- .gitignore'
    return f'{there}git rm -q --cached -- {forget} && {ignore} && git commit -m "take out what must not be recorded"'


def _glob(path: str) -> str:
    """The pattern of a path; `?`, which is a byte to git, stands for what can be neither shown nor in a line."""
    shown = (f"\\{c}" if c in "\\*?[" else c if c.isprintable() else "?" * len(os.fsencode(c)) for c in path)
    return "".join(shown)


def ignore_pattern(path: str) -> str:
    """The line of .gitignore that means exactly this path."""
    literal = _glob(path)
    return "/" + (f"{literal[:-1]}\\ " if literal.endswith(" ") else literal)


def ignore_here(repo: Repo, path: Path) -> bool:
    """Have git ignore a folder, or a file that is there, in this clone alone (`info/exclude`); whether that was needed.
    Touches no file of the working tree."""
    if not path.is_relative_to(repo.root) or path == repo.root:
        return False
    relative, slash = path.relative_to(repo.root).as_posix(), "" if path.is_file() else "/"
    asking = start(repo.root, "check-ignore", "-q", "--", f"{relative}{slash}")
    asking.communicate()
    if asking.returncode != 1 or "\n" in relative:  # it does so already, or cannot
        return False
    exclude = repo.common_dir / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    with exclude.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"\n{ignore_pattern(relative)}{slash}\n")
    return True
