"""Say which of the files that two runs saved are the same, by digest: of the first twenty thousand of each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitexp.history.read import Artifacts, Run


class ArtifactChange(NamedTuple):
    """A file that one of the runs saved, or both. None: not saved."""

    path: str
    a: str | None  # digest
    b: str | None

    @property
    def state(self) -> str:
        """same, different, added or removed."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        return "same" if self.a == self.b else "different"


class ArtifactChanges(NamedTuple):
    """All files that were compared: what differs first. `untold`: files of either run that are too many to be read."""

    files: tuple[ArtifactChange, ...] = ()
    untold: int = 0

    @property
    def same(self) -> bool:
        """Whether no difference is known."""
        return not self.files or self.files[0].state == "same"

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
    found = [ArtifactChange(path, before.get(path), after.get(path)) for path in sorted({*before, *after})]
    order = ("different", "added", "removed", "same")
    found.sort(key=lambda change: order.index(change.state))
    return ArtifactChanges(tuple(found), old.total - len(before) + new.total - len(after))


def _is_cut(side: Artifacts) -> bool:
    return side.total > len(side.first) > 0


def _until(files: Sequence[tuple[str, str]], ends: Sequence[str]) -> dict[str, str]:
    """The files up to where both are known. A manifest is in the order of its paths' bytes."""
    last = min((end.encode() for end in ends), default=None)
    return {path: digest for path, digest in files if last is None or path.encode() <= last}
