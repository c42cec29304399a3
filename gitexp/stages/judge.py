"""Hold the record of a rerun, before it is a commit, against the run that was done once more: its verdict.

A mixture is held against the run of which it has the most: what was swapped, and where the two part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gitexp.attempt import Submission
from gitexp.clone import configured
from gitexp.datasets.objects.store import ObjectStore
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.historyfile import whole_from
from gitexp.history.judging import judge
from gitexp.history.read import Run, read_run
from gitexp.history.replicates import Replicates, replicates_of
from gitexp.record.verdict import Verdict


def why_no_verdict(repo: Repo, original: Mapping[str, Any]) -> str | None:
    """A sentence where the run that it is compared with cannot be read. None: it can be."""
    with ObjectReader(repo) as reader:
        try:
            run = read_run(reader, str(original.get("commit", "")))
        except GitexpError as error:
            why = error.what
        else:
            why = "; ".join(run.problems) if run.record is None else ""
    return f"there is no verdict, because the run that was done once more cannot be read: {why}" if why else None


def verdict_on(repo: Repo, tree: str, *, submission: Submission, store: ObjectStore) -> Verdict:
    """What the record in this tree says of the run that it repeats, or of which it has the most. Raises GitexpError."""
    with ObjectReader(repo) as reader:
        original, rerun = read_run(reader, str(submission.original["commit"])), read_run(reader, tree)
        return judge(
            reader,
            original,
            rerun,
            strange_imports=submission.strange_imports,
            whole=whole_from(store),
            replicates=None if submission.mixture else partial(_replicates, repo, reader),
        )


def _replicates(repo: Repo, reader: ObjectReader, original: Run, rerun: Run) -> Replicates:
    """As the branch has them by now. Raises GitexpError."""
    from gitexp.history.select import History

    return replicates_of(History(configured(repo), reader=reader).runs, reader, original, rerun)
