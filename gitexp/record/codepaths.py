"""Absolute paths in a command line that lead into the code: the same ones in another working tree.

`root` in run.toml tells which they are. A path ends where a shell's word would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_END = r"\s'\":;,"


def led_into(word: str, roots: Sequence[str], tree: str, *, stays: Callable[[str, str], bool]) -> tuple[str, list[str]]:
    """The word with `tree` in the place of each root, and the paths that were led there.

    `stays`: whether a path is left, which would be led to the other.
    """
    found: list[str] = []

    def led(match: re.Match[str]) -> str:
        if stays(match[0], tree + match[2]):
            return match[0]
        found.append(match[0])
        return tree + match[2]

    absolute = sorted({root for root in roots if re.match("/+[^/]", root)}, key=len, reverse=True)
    if absolute:
        # Before it a slash alone (sqlite:////place), or what no longer path would have there.
        root = "|".join(map(re.escape, absolute))
        word = re.sub(rf"(?<![\w.~-])({root})((?:/[^{_END}]*)?)(?![^{_END}])", led, word)
    return word, found


def root_before(ran: str, told: str, root: str | None) -> str | None:
    """Of a word that ran with paths below `root`, told with them below another: that one. None: they are not alike."""
    parts = ran.split(root) if root else [ran]
    if len(parts) == 1:
        return None
    size, left = divmod(len(told) - sum(map(len, parts)), len(parts) - 1)
    before = told[len(parts[0]) : len(parts[0]) + size]
    return before if size > 0 and not left and before.join(parts) == told else None
