"""What a batch job that a scheduler has started again does with a recipe: go on with what it began, or start it.

The job's script is the same as the first time. A recipe that it completed then, with the same settings, code and data,
is not done once more; one that it did not complete goes on as the next attempt of its run. Runs that this clone has
not recorded are left alone: their job's name is whatever their author wrote, and clusters number their jobs alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gitexp.attempt import Checked
from gitexp.datasets.progress import Watch
from gitexp.git.append import recorded_here
from gitexp.git.objectreader import ObjectReader
from gitexp.git.trailers import commits_with
from gitexp.history.inputs import same_inputs
from gitexp.history.read import Run, read_run
from gitexp.history.row import Row
from gitexp.history.select import History
from gitexp.pipelines.rehearse import rehearse_with
from gitexp.pipelines.resume import going_on, newest_attempt
from gitexp.record.identity import JOB_TRAILER
from gitexp.record.runrecord import RunRecord
from gitexp.spec.recipe import flatten
from gitexp.text.bounded import load_tables


def take_up(checked: Checked, job: str, *, history: History, reader: ObjectReader, watch: Watch) -> Checked | RunRecord:
    """The checked run as the next attempt of the one that this job began; or the record of what it has completed.

    `checked` as it was, where the job began no such run: another recipe, other settings, code or data.
    """
    completed = None
    for run, record in _alike(checked, job, history, reader):
        if record.status != "completed":
            again = going_on(checked, run, record, reader=reader, watch=watch)
            return again._replace(said=(*again.said, f"going on with {record.id}, which this job began"))
        completed = completed or record
    return completed or checked


def _alike(checked: Checked, job: str, history: History, reader: ObjectReader) -> Iterator[tuple[Run, RunRecord]]:
    """What this job did before that is the same run, the newest first."""
    if not checked.surveyed.clean:
        return
    same = partial(same_inputs, code=checked.surveyed.head.tree, data=checked.described, kind=checked.kind)
    asked, expected = flatten(checked.recipe.values), None
    for row in _rows_of(job, history):
        run = read_run(reader, row.commit)
        if run.record is None or run.problems or row.recipe != checked.recipe.name:
            continue
        if not same(run, {**run.recipe_values, **asked}):  # as far as can be seen without the components' own defaults
            continue
        if not recorded_here(history.repo, history.branch, run.commit):
            continue
        if expected is None:  # torch takes its seconds: only now is it worth knowing what all the defaults are
            known = rehearse_with(checked.recipe, checked.datasets, clone=checked.clone, smoke=checked.smoke)
            expected = flatten(load_tables(known.recipe.text, where="recipe.toml"))
        if same(run, expected):
            yield run, run.record


def _rows_of(job: str, history: History) -> list[Row]:
    """The newest attempts of the job's runs, the newest first."""
    if history.runs.tip is None:
        return []
    found = commits_with(history.repo, JOB_TRAILER, history.runs.tip.commit, value=job)
    rows = [history.runs.at_commit(commit) for commit in found]
    newest = {row.id: newest_attempt(history, row.commit) for row in rows if row is not None and row.problem is None}
    return sorted(newest.values(), key=lambda row: row.order, reverse=True)
