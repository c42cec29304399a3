"""Before runs leave by a push or a bundle: what is new in them → free of restricted data → free of secrets."""

from __future__ import annotations

from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.progress import Watch
from gitexp.git.transport import There
from gitexp.pipelines.confine import check_restricted
from gitexp.pipelines.published import publication
from gitexp.pipelines.scan import check_secrets


class Cleared(NamedTuple):
    """What may leave: the runs, the newest first, and what is to be said of it."""

    runs: list[str]
    commits: int
    files: int
    words: list[str]


def clear(clone: Clone, tip: str, *, there: There, watch: Watch) -> Cleared:
    """What `tip` has and the other side lacks. Raises Refused where that holds restricted data or secrets."""
    new = publication(clone.repo, tip, there=there)
    words = [*check_restricted(clone, new), *check_secrets(clone, new, watch=watch)] if new.commits else []
    return Cleared(new.runs, len(new.commits), len(new.files), words)
