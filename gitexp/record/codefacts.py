"""What files at the root of the code say of it: submodules, files that git-lfs keeps, the licence. Texts to values."""

from __future__ import annotations

import re
from collections.abc import Iterator

LICENSES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING", "LICENCE")

# By the words that a text begins with, blanks and case aside; where these leave a choice (GPL: "or later"?), none.
_OPENINGS = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "apache license version 2.0": "Apache-2.0",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "isc license": "ISC",
    "mozilla public license version 2.0": "MPL-2.0",
    "cc0 1.0 universal": "CC0-1.0",
    "creative commons legal code cc0 1.0 universal": "CC0-1.0",
}
_STATED = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+)")


def submodule_paths(gitmodules: str) -> list[str]:
    """The paths in .gitmodules."""
    return re.findall(r"(?m)^[ \t]*path[ \t]*=[ \t]*(.*\S)", gitmodules)


def lfs_patterns(gitattributes: str) -> Iterator[str]:
    """The patterns of .gitattributes whose files git-lfs keeps."""
    for line in gitattributes.split("\n"):
        pattern, *attributes = line.split()[:50] or [""]
        if "filter=lfs" in attributes and not pattern.startswith("#"):
            yield pattern


def license_id(text: str) -> str | None:
    """The SPDX id of a licence's text; None where it is not one of those that are known by their first words."""
    stated = _STATED.search(text)
    if stated:
        return stated[1]
    words = " ".join(re.sub(r"[^a-z0-9.-]", " ", text[:500].lower()).split())
    return next((spdx for opening, spdx in _OPENINGS.items() if words.startswith(opening)), None)
