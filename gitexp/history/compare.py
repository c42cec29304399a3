"""Compare two runs: what went in, what came out, and whether the comparison is a fair one. Plain data.

Inputs are identical when code tree, recipe, data and seed are. Same inputs with different metrics are `unexplained`
only where the environments are equal too and nothing was edited or went wrong while either ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.artifactchange import ArtifactChanges, artifact_changes
from gitexp.history.codechange import CodeChange, CodeComparison
from gitexp.history.inputs import NOT_RECORDED, Inputs, KeyChange, draws, seed_of
from gitexp.history.parameterchange import ParameterChange, parameter_changes
from gitexp.history.read import Run, manifest_parts
from gitexp.record.arguments import ArgumentChange
from gitexp.record.metricnames import is_clock, is_setting
from gitexp.record.metrics import goal_of
from gitexp.text.bounded import Unreadable

if TYPE_CHECKING:
    from gitexp.record.manifest import ManifestDifferences


OTHER_ROWS = "held-out rows differ"


class CountChange(NamedTuple):
    """How many rows a dataset has in all, of a kind, or in a split. None: not recorded."""

    name: str  # rows, label=3, split.train
    a: int | None
    b: int | None


class DataChange(NamedTuple):
    """A dataset. The paths are None where there is no manifest, and where the files are the same."""

    name: str
    # identical, added, removed, changed, other splits, not comparable (different keys, or a key and none), not recorded
    state: str
    a: str | None  # digest
    b: str | None
    added: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None
    changed: tuple[str, ...] | None = None
    counts: tuple[CountChange, ...] = ()


class MetricChange(NamedTuple):
    """A metric of one run and another: which way it moved. That is no verdict: nobody knows the noise of one run.

    `delta` and `percent` are None where they make no sense; `toward_goal` None: equal, or no goal is known.
    A `clock`, a time or a throughput without a goal, is compared with nothing: two equal runs differ in it.
    """

    name: str
    a: float | int | None
    b: float | int | None
    delta: float | int | None
    percent: float | None
    toward_goal: bool | None
    clock: bool = False


class DigestChange(NamedTuple):
    """The digest of weights, or of a step's fitted state. None: not recorded."""

    name: str
    a: str | None
    b: str | None


class Comparison(NamedTuple):
    """Everything that differs between two runs. `environment` None: of one of them it is not recorded."""

    code: CodeChange
    parameters: tuple[ParameterChange, ...]  # files of the code
    recipe: tuple[KeyChange, ...]
    arguments: tuple[ArgumentChange, ...]  # where the command lines differ, if that is told
    data: tuple[DataChange, ...]
    environment: Mapping[str, Any] | None
    metrics: tuple[MetricChange, ...]
    digests: tuple[DigestChange, ...]  # of weights and fitted state, of either run
    artifacts: ArtifactChanges
    identical_inputs: bool
    unexplained: bool
    unfair: tuple[str, ...]  # what to bear in mind before believing the numbers

    @property
    def same_metrics(self) -> bool:
        """Whether every metric but the clocks has the same value on both sides."""
        return all(same_number(metric.a, metric.b) for metric in self.metrics if not metric.clock)

    @property
    def same_digests(self) -> bool | None:
        """Whether the weights, and all else that has a digest, are the same. None: nothing can be compared."""
        both = [change for change in self.digests if change.a is not None and change.b is not None]
        return all(change.a == change.b for change in both) if both else None

    @property
    def same_results(self) -> bool:
        """Whether metrics and, where both have any, weights are the same."""
        return self.same_metrics and self.same_digests is not False

    @property
    def differs(self) -> bool:
        """Whether anything at all is known to."""
        return not (self.identical_inputs and self.same_results and self.artifacts.same and not self.environment)


def compare(repo: Repo, reader: ObjectReader, a: Run, *, b: Run, goals: Mapping[str, str]) -> Comparison:
    """Compare a with b; changes read from a to b. `goals` are gitexp.toml's, for metrics whose recipe has none."""
    comparing = CodeComparison(repo, a, b)  # git works on it while we parse
    inputs = Inputs(a, b)
    data = tuple(_data_change(reader, a, b, name, state) for name, state in inputs.data.items())
    metrics = run_metric_changes(inputs, goals=goals)
    code = comparing.finish()
    identical = inputs.same and code.identical is True
    undisturbed = not any(_disturbed(run) for run in (a, b))
    found = Comparison(
        code=code,
        parameters=parameter_changes(reader, a, b, code.files),
        recipe=inputs.recipe,
        arguments=inputs.arguments,
        data=data,
        environment=inputs.environment,
        metrics=metrics,
        identical_inputs=identical,
        unexplained=False,
        unfair=tuple(_unfair(inputs)),
        digests=digest_changes(a, b),
        artifacts=artifact_changes(a, b),
    )
    unexplained = identical and inputs.environment == {} and undisturbed and not found.same_results
    return found._replace(unexplained=unexplained)


def digest_changes(a: Run, b: Run) -> tuple[DigestChange, ...]:
    """Each digest of either run, weights first."""
    old, new = (run.record.digests if run.record else {} for run in (a, b))
    names = sorted({*old, *new}, key=lambda name: (not name.startswith("weights"), name))
    return tuple(DigestChange(name, old.get(name), new.get(name)) for name in names)


def goals_in_order(general: Mapping[str, str], *runs: Run) -> dict[str, str]:
    """The goals that hold for runs, the last run's first, in its recipe's order, and gitexp.toml's at the end."""
    found: dict[str, str] = {}
    for stated in (*(run.goals for run in reversed(runs)), general):
        for name, goal in stated.items():
            found.setdefault(name, goal)
    return found


def same_number(a: float | int | None, b: float | int | None) -> bool:
    """Whether two values are the same; NaN is the same as NaN."""
    return a == b or (a is not None and b is not None and a != a and b != b)


def run_metric_changes(inputs: Inputs, *, goals: Mapping[str, str]) -> tuple[MetricChange, ...]:
    """The metrics of two runs. Those of rows that are not the same rows moved toward nothing."""
    a, b = inputs.a, inputs.b
    found = metric_changes(a.metrics, b.metrics, goals=goals_in_order(goals, a, b))
    return tuple(one._replace(toward_goal=None) for one in found) if inputs.other_held_out else found


def _counts(record: Any) -> dict[str, int]:
    return {**record.counts, **{name: rows for name, rows in draws(record, "rows").items() if rows is not None}}


def _data_change(reader: ObjectReader, a: Run, b: Run, name: str, state: str) -> DataChange:
    old, new = a.data.get(name), b.data.get(name)
    change = DataChange(name, state, old.digest if old else None, new.digest if new else None)
    if state not in ("changed", "other splits") or old is None or new is None:
        return change
    counts, others = _counts(old), _counts(new)
    change = change._replace(
        counts=tuple(
            CountChange(key, counts.get(key), others.get(key))
            for key in dict.fromkeys([*others, *counts])
            if counts.get(key) != others.get(key)
        )
    )
    if state != "changed":
        return change
    try:
        found = _file_differences(reader, a, b, name)
    except GitexpError as error:
        b.problems.append(f"data/{name}.xxh128: {error.what}")
        return change
    if found is None:
        return change
    return change._replace(added=found.added, removed=found.removed, changed=found.changed)


def _file_differences(reader: ObjectReader, a: Run, b: Run, name: str) -> ManifestDifferences | None:
    """The files of a dataset that differ; None where a manifest is not recorded. Raises Unreadable.

    Only parts that one of the two has are read: no path of a part that both have can be in another part of either.
    """
    from gitexp.record.manifest import part_differences

    old, new = manifest_parts(reader, a, name), manifest_parts(reader, b, name)
    if old is None or new is None:
        return None
    shared = {*old} & {*new}
    return part_differences(_read_others(reader, old, shared), _read_others(reader, new, shared))


def _read_others(reader: ObjectReader, parts: Sequence[str], shared: Set[str]) -> Iterator[bytes]:
    from gitexp.record.manifest import line_blocks

    for oid in parts:
        if oid not in shared:
            content = reader.read(oid)
            if content is None:
                raise Unreadable(f"the part {oid} is too large to be read, or missing from this clone")
            yield from line_blocks(content)


def metric_changes(
    a: Mapping[str, float | int], b: Mapping[str, float | int], *, goals: Mapping[str, str]
) -> tuple[MetricChange, ...]:
    """Every metric of either run, those with a goal first, learning rates and clocks last.

    A slice goes by its metric's goal.
    """
    stated = [name for name in goals if name in a or name in b]
    others = sorted(dict.fromkeys([*b, *a]), key=lambda name: (is_clock(name), is_setting(name)))
    names = dict.fromkeys([*stated, *others])
    return tuple(_metric_change(name, a.get(name), b.get(name), goal_of(name, goals)) for name in names)


def _metric_change(name: str, a: float | int | None, b: float | int | None, goal: str | None) -> MetricChange:
    clock = goal is None and is_clock(name)
    if clock or a is None or b is None:
        return MetricChange(name, a, b, None, None, None, clock)
    delta: float | int = b - a
    if delta != delta or delta in (float("inf"), float("-inf")):
        return MetricChange(name, a, b, None, None, None)
    if isinstance(delta, float):
        delta = float(f"{delta:.12g}")  # 0.3 - 0.1 is 0.2 to everybody but a float
    percent = delta / abs(a) * 100 if a else None
    toward_goal = (delta > 0) == (goal == "max") if goal and delta else None
    return MetricChange(name, a, b, delta, percent, toward_goal)


def _disturbed(run: Run) -> bool:
    record = run.record
    return record is None or record.status != "completed" or bool(record.defects) or bool(record.code.edited_count)


def _unfair(inputs: Inputs) -> Iterator[str]:
    yield from between_runs(inputs)
    if not inputs.same_seed and not inputs.untold_seed:
        seeds = ("none" if seed is None else str(seed) for seed in map(seed_of, (inputs.a, inputs.b)))
        yield f"different seeds: {' and '.join(seeds)}"
    for side, run in (("A", inputs.a), ("B", inputs.b)):
        yield from of_run(side, run)


def between_runs(inputs: Inputs) -> Iterator[str]:
    """What makes two runs hard to compare, but for their seeds."""
    a, b = inputs.a, inputs.b
    if inputs.other_held_out:
        yield f"{OTHER_ROWS}: not comparable ({', '.join(inputs.other_held_out)})"
    elif inputs.other_rows:
        yield f"other rows were trained on: {', '.join(inputs.other_rows)}"
    if inputs.untold_held_out:
        yield f"whether the held-out rows are the same is not recorded: {', '.join(inputs.untold_held_out)}"
    if a.record and b.record and a.record.recipe != b.record.recipe:
        yield f"different recipes: {a.record.recipe} and {b.record.recipe}"
    same = ("identical", "not comparable", "other splits", NOT_RECORDED)
    different = [name for name, state in inputs.data.items() if state not in same]
    if different:
        yield f"different data: {', '.join(different)}"
    untold = [name for name, state in inputs.data.items() if state == "not comparable"]
    if untold:
        words = "data that cannot be compared, as its digests are under different keys or none"
        yield f"{words}: {', '.join(untold)}"
    yield from _other_hardware(a, b)


def _other_hardware(a: Run, b: Run) -> Iterator[str]:
    if a.tree.get("environment.toml") == b.tree.get("environment.toml") or not a.environment or not b.environment:
        return
    from gitexp.record.environment import training_hardware

    if a.hardware != b.hardware:
        yield f"different hardware: {a.hardware} and {b.hardware}"
    for name, in_a, in_b in training_hardware(dict(a.environment), dict(b.environment)):
        if name != "accelerators" or a.hardware == b.hardware:  # else it was said above
            yield f"different {name}: {in_a} and {in_b}; the same arithmetic may give other results"


def of_run(side: str, run: Run) -> Iterator[str]:
    """What is to be known of a run before its numbers are believed."""
    record = run.record
    if record is None:
        yield f"{side} cannot be read"
        return
    if record.status != "completed":
        of_what = ": its metrics are of where it stopped" if run.metrics else ""
        yield f"{side} did not complete ({record.status}){of_what}"
    if record.kind == "smoke":
        yield f"{side} is a smoke run"
    if record.mixture:
        yield f"{side} is a mixture: {record.mixture}"
    if record.imported:
        yield f"{side} was imported from {record.imported.tool}: what that does not say is not recorded"
    if not record.code.clean:
        yield f"{side} ran code that was not committed; its record holds a snapshot of it"
    if record.code.edited_count:
        yield f"the working tree was edited while {side} ran: its code/ may not be what ran"
    if record.history and record.history.kept < record.history.rows:
        yield f"{side}'s history is a sample: {record.history.kept} of {record.history.rows} rows"
    for defect in record.defects:
        yield f"{side} has a defect: {defect}"
