"""The versions of a dataset that runs have read: since when there is each, and which runs used it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitexp.history.datause import Use
from gitexp.history.row import Row


class Version(NamedTuple):
    """One content of a dataset. Sizes are None where no run recorded them."""

    digest: str
    since: float | None  # when the first run that used it finished, in epoch seconds; None: none has
    files: int | None
    size_bytes: int | None
    runs: tuple[Row, ...]  # newest first
    is_pinned: bool = False
    is_here: bool = False


def versions_of(uses: Iterable[Use]) -> list[Version]:
    """The versions in these uses, which are newest first; the version that came last is the first."""
    found: dict[str, list[Use]] = {}
    for use in uses:
        if use.record.digest is not None:
            found.setdefault(use.record.digest, []).append(use)
    versions = []
    for digest, members in found.items():
        newest, rows = members[0].record, {use.row.commit: use.row for use in members}
        since = members[-1].row.finished
        versions.append(Version(digest, since, newest.files, newest.size_bytes, tuple(rows.values())))
    return sorted(versions, key=lambda version: version.since or 0.0, reverse=True)
