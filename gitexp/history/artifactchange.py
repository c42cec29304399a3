"""Say which of the files that two runs saved are the same, by digest: of the first twenty thousand of each run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gitexp.history.read import Artifacts, Run


class ArtifactChange(NamedTuple):
    """A file that one of the runs saved, or both. None: not saved."""

    path: str
    a: str | None  # digest
    b: str | None
    a_size_bytes: int | None = None  # None: not saved, or its record does not say
    b_size_bytes: int | None = None
    was: str | None = None  # its path in the first run, where that is another one: of a folder with a date, say

    @property
    def state(self) -> str:
        """same, moved (the same under another path), different, added or removed."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        return "different" if self.a != self.b else "same" if self.was is None else "moved"


class ArtifactChanges(NamedTuple):
    """All files that were compared: what differs first. `untold`: files of either run that are too many to be read."""

    files: tuple[ArtifactChange, ...] = ()
    untold: int = 0

    @property
    def same(self) -> bool:
        """Whether no difference is known."""
        return not self.files or self.files[0].state in ("same", "moved")

    @property
    def all_same(self) -> bool:
        """Whether all files are known to be the same."""
        return self.same and not self.untold

    def of(self, state: str) -> int:
        """How many there are of this state."""
        return sum(change.state == state for change in self.files)


def artifact_changes(a: Run, b: Run) -> ArtifactChanges:
    """Compare what two runs saved."""
    old, new = a.artifacts, b.artifacts
    # Behind the last path that was read of one, nothing is known of it.
    ends = [side.first[-1][0] for side in (old, new) if _is_cut(side)]
    before, after = _until(old.first, ends), _until(new.first, ends)
    was = _paired(before, after)
    gone = {*was.values()}
    found = []
    for path in sorted({*before, *after} - gone):
        one, other = before.get(was.get(path, path)), after.get(path)
        sizes = a.artifact_sizes.get(one or ""), b.artifact_sizes.get(other or "")
        found.append(ArtifactChange(path, one, other, *sizes, was.get(path)))
    order = ("different", "added", "removed", "moved", "same")
    found.sort(key=lambda change: order.index(change.state))
    return ArtifactChanges(tuple(found), old.total - len(before) + new.total - len(after))


def _paired(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Paths of the second run alone, with the path of the first alone that stands for each: by digest, else by name."""
    old = {path: digest for path, digest in before.items() if path not in after}
    new = {path: digest for path, digest in after.items() if path not in before}
    found: dict[str, str] = {}
    for key in (lambda item: item[1], lambda item: _dateless(item[0])):
        ours, theirs = _only(new, key), _only(old, key)
        for what in ours.keys() & theirs.keys():
            found[ours[what]] = theirs[what]
            del new[ours[what]], old[theirs[what]]
    return found


def _only(files: Mapping[str, str], key: Callable[[tuple[str, str]], str]) -> dict[str, str]:
    """The paths whose key no other has, by it."""
    names: dict[str, list[str]] = {}
    for item in files.items():
        names.setdefault(key(item), []).append(item[0])
    return {what: paths[0] for what, paths in names.items() if len(paths) == 1}


def _dateless(path: str) -> str:
    """A path without the numbers in its folders, which programs name after the time."""
    folder, slash, name = path.rpartition("/")
    return re.sub(r"\d+", "#", folder) + slash + name


def _is_cut(side: Artifacts) -> bool:
    return side.total > len(side.first) > 0


def _until(files: Sequence[tuple[str, str]], ends: Sequence[str]) -> dict[str, str]:
    """The files up to where both are known. A manifest is in the order of its paths' bytes."""
    last = min((end.encode() for end in ends), default=None)
    return {path: digest for path, digest in files if last is None or path.encode() <= last}
