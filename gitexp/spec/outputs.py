"""The entries of `[run] outputs`: what the program writes and the record keeps, as a question about a path.

An entry is a file, a folder (with all that is below it) or a pattern (`*`, `?`, `[…]`, and `**` for any folders), below
the program's working folder. A pattern without a slash is looked for in every folder, as git does with its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from gitexp.text.schema import spell, texts

WILD = "*?["


def output_problem(entry: str) -> str | None:
    """Why this cannot be an entry, as the end of an error line, or None."""
    parts = entry.split("/")
    if not entry or "\0" in entry:
        return f"{spell(entry)} names no file"
    if entry.startswith("/") or ".." in parts:
        return f"{spell(entry)} lies outside of the working folder; what is written elsewhere is kept by {{output}}"
    if ".git" in parts:
        return f"{spell(entry)} would cover git's own files"
    if not any(part.strip("*./") for part in parts):
        return f"{spell(entry)} would cover the code itself; name a folder or an ending, such as out/ or *.pt"
    return None


def outputs(value: Any) -> str | None:
    """What is wrong with an array of entries, or None."""
    return texts(value) or next(filter(None, map(output_problem, value)), None)


def entry_of(path: str) -> str:
    """An entry that covers this path, whatever is in its name. `?` stands for what can be neither shown nor typed."""
    return "".join(f"[{c}]" if c in WILD else c if c.isprintable() else "?" for c in path)


def is_pattern(entry: str) -> bool:
    """Whether it names no one file or folder."""
    return any(character in entry for character in WILD)


def covers(entries: Sequence[str]) -> Callable[[str], bool]:
    """Whether a posix path, relative to the working folder, is an output, or lies in one."""
    if not entries:
        return lambda path: False
    match = re.compile("|".join(map(_expression, entries))).fullmatch
    return lambda path: match(path) is not None


def _expression(entry: str) -> str:
    parts = [part for part in entry.split("/") if part not in ("", ".")]
    text = "(?:.*/)?" if len(parts) == 1 and is_pattern(entry) else ""
    for part in parts[:-1]:
        text += "(?:.*/)?" if part == "**" else _of_one(part) + "/"
    return rf"(?s:{text}{'.*' if parts[-1] == '**' else _of_one(parts[-1])}(?:/.*)?)"


def _of_one(part: str) -> str:
    """Of one part of a path, which `*` and `?` do not leave. (fnmatch.translate lets them.)"""
    wild = {"*": "[^/]*", "?": "[^/]"}
    pieces = re.findall(r"\[!?\]?[^]]*\]|.", part, re.DOTALL)
    return "".join(
        wild.get(piece) or (f"[{'^' * (piece[1] == '!')}{_class(piece)}]" if len(piece) > 2 else re.escape(piece))
        for piece in pieces
    )


def _class(piece: str) -> str:
    """What stands in a pattern's brackets, for an expression's."""
    return re.sub(r"([\\^\[\]&~|])", r"\\\1", piece[1:-1].removeprefix("!"))
