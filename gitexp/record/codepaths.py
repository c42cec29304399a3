"""Paths in a command line of what lies in another place by now: the same ones there.

`root` in run.toml, and `path` in data.toml, tell which they are. A path ends where a shell's word would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_END = r"\s'\":;,"


def led(word: str, places: Mapping[str, str], *, stays: Callable[[str, str], bool]) -> tuple[str, dict[str, str]]:
    """The word with each of the places where the other is, and which paths were led where.

    An absolute place counts wherever it stands, another one at the beginning and behind a `=` alone. `stays`: whether
    a path is left, which would be led to the other.
    """
    found: dict[str, str] = {}

    def there(match: re.Match[str]) -> str:
        to = places[match[1]] + match[2]
        if stays(match[0], to):
            return match[0]
        if match[0] != to:
            found[match[0]] = to
        return to

    known = sorted((place for place in places if place.strip("/")), key=len, reverse=True)
    absolute = [re.escape(place) for place in known if place.startswith("/")]
    relative = [re.escape(place) for place in known if not place.startswith("/")]
    if absolute:
        # Before it a slash alone (sqlite:////place), or what no longer path would have there.
        word = re.sub(rf"(?<![\w.~-])({'|'.join(absolute)})((?:/[^{_END}]*)?)(?![^{_END}])", there, word)
    if relative and not found:
        word = re.sub(rf"(?:(?<==)|^)({'|'.join(relative)})((?:/.*)?)$", there, word, count=1, flags=re.DOTALL)
    return word, found


def root_before(ran: str, told: str, root: str | None) -> str | None:
    """Of a word that ran with paths below `root`, told with them below another: that one. None: they are not alike."""
    parts = ran.split(root) if root else [ran]
    if len(parts) == 1:
        return None
    size, left = divmod(len(told) - sum(map(len, parts)), len(parts) - 1)
    before = told[len(parts[0]) : len(parts[0]) + size]
    return before if size > 0 and not left and before.join(parts) == told else None
