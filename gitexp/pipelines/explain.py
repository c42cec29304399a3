"""Two runs → the factors in which they differ → the runs of each mixture that there are, and those that are lacking.

A cell is a set of factors that are as in B; it is run as A with some of B, or as B with some of A, whichever takes
less. Runs that exist with identical inputs count, from any lab, where they came to their end on such hardware with such
packages. Nothing is started here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.errors import GitexpError, Refused, UsageError
from gitexp.git.append import recorded_here
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.cache import Condition
from gitexp.history.codechange import CodeComparison
from gitexp.history.compare import OTHER_ROWS, between_runs, goals_in_order
from gitexp.history.factors import ENVIRONMENT, REBUILT, SEED, Factor, factors, mixed_environment
from gitexp.history.inputs import Inputs, alike_key, seed_in
from gitexp.history.read import Run, read_run
from gitexp.history.said import NOT_RETRACTED
from gitexp.history.select import History, no_metric
from gitexp.pipelines.mixture import mixture
from gitexp.pipelines.rerundata import look_for, require_all
from gitexp.pipelines.rerunspec import Spec, sound_record, spec_of
from gitexp.record.metricnames import is_clock, is_setting, is_share
from gitexp.spec.recipe import flatten
from gitexp.stats.attribution import Attribution, Cell, attribute, cells_of, words_of
from gitexp.stats.pairing import Measured
from gitexp.text.schema import escaped

MOST_FACTORS = 40
MOST_ALIKE = 100  # runs of a cell that are looked at, the newest first
MOST_REPEATS = 1000


class CellPlan(NamedTuple):
    """One mixture. `seeds`: of the runs that are lacking; None: the program takes none."""

    cell: Cell
    words: str  # what it is
    alike: str = ""  # what its runs have as Row.alike
    runs: tuple[Run, ...] = ()
    seeds: tuple[int | None, ...] = ()
    problem: str = ""  # why it cannot be run, or has no number

    def result(self, metric: str) -> list[Measured]:
        """What its runs came to."""
        return [
            Measured(seed_in(run), run.metrics.get(metric, float("nan")))
            for run in self.runs
            if run.record and run.record.status == "completed"
        ]


class Explanation(NamedTuple):
    """A question, and what is there to answer it with."""

    a: Run
    b: Run
    metric: str
    factors: tuple[Factor, ...]
    cells: tuple[CellPlan, ...]
    remarks: tuple[str, ...]

    @property
    def lacking(self) -> int:
        """How many trainings it takes."""
        return sum(len(cell.seeds) for cell in self.cells)

    @property
    def seconds(self) -> float | None:
        """About how long they take, by A's and B's durations. None: not recorded."""
        times = [run.record.duration_s for run in (self.a, self.b) if run.record and run.record.duration_s is not None]
        return self.lacking * sum(times) / len(times) if times else None

    @property
    def share(self) -> bool:
        """Whether the metric is told in points."""
        return is_share(self.metric, (one.value for cell in self.cells for one in cell.result(self.metric)))

    def require_comparable(self, *, rebuild: bool) -> None:
        """Raises Refused where what is trained now would differ in something that cannot be swapped."""
        a, b = (sound_record(run).id for run in (self.a, self.b))
        if self.a.hardware != self.b.hardware:
            raise Refused(
                "A and B ran on different hardware, which cannot be swapped",
                details=[f"  {name}  {escaped(run.hardware)}" for name, run in (("A", self.a), ("B", self.b))],
                fix=f"do one of them once more where the other ran, and explain that:  gitexp rerun {a}",
            )
        if any(factor.kind == ENVIRONMENT for factor in self.factors) and not rebuild:
            raise Refused(
                "A and B ran with different interpreters, packages or variables",
                details=[f"  gitexp diff {a} {b}    says in what"],
                fix="--env    trains each mixture with those that belong to it (uv makes them)",
            )

    def answer(self) -> Attribution:
        """What the runs say. Raises GitexpError (scipy)."""
        results = {cell.cell: cell.result(self.metric) for cell in self.cells}
        return attribute([factor.name for factor in self.factors], results)


class Explaining:
    """Plans the mixtures of A and B, and makes the spec of each."""

    def __init__(self, a: Run, b: Run, *, history: History, reader: ObjectReader, clone: Clone) -> None:
        self.a, self.b = a, b
        self._history, self._reader, self._clone = history, reader, clone

    def plan(self, metric: str | None, *, repeat: int, by_package: bool = False) -> Explanation:
        """Raises GitexpError where A and B cannot be explained."""
        if not 0 <= repeat <= MOST_REPEATS:
            raise UsageError(f"--repeat takes 0 to {MOST_REPEATS}")
        for side, run in (("A", self.a), ("B", self.b)):
            if sound_record(run).status != "completed":
                raise GitexpError(f"{side} did not complete: it has no result to explain", fix="gitexp log")
        inputs = Inputs(self.a, self.b)
        changed = _changed_files(self._clone.repo, self.a, self.b)
        found = factors(inputs, changed=changed, by_package=by_package)
        swapped, remarks = self._swappable(found.factors, repeat), [*found.untold]
        remarks += [words for words in between_runs(inputs) if words.startswith(OTHER_ROWS)]
        if not swapped:
            a, b = (sound_record(run).id for run in (self.a, self.b))
            what = "differ in the seed alone: they are replicates" if found.factors else "have nothing to swap"
            if a == b:
                raise GitexpError(f"A and B are one run, {a}", fix=f"gitexp log    lists others to hold {a} against")
            raise GitexpError(
                f"{a} and {b} {what}", details=[f"  {one}" for one in remarks], fix=f"gitexp diff {a} {b}"
            )
        if len(swapped) > MOST_FACTORS:
            raise GitexpError(f"{len(swapped)} factors are too many to take apart ({MOST_FACTORS} are not)")
        self.factors = swapped
        cells = self._cells(repeat)
        return Explanation(self.a, self.b, _metric(self.a, self.b, metric, self._clone), swapped, cells, (*remarks,))

    def _swappable(self, found: Sequence[Factor], repeat: int) -> tuple[Factor, ...]:
        """With replicates, which are other seeds, the seed is their noise."""
        return tuple(factor for factor in found if not (repeat and factor.kind == SEED))

    def spec(self, cell: Cell, *, seed: int | None) -> Spec:
        """The run of a cell. `seed` None: that of the run which it is made of. Raises Refused."""
        of, swaps = self._made_of(cell)
        seed = None if seed == seed_in(of) else seed
        if not swaps and seed is None:
            return spec_of(of.commit, reader=self._reader, clone=self._clone)  # a rerun as any
        return mixture(of, swaps, seed=seed, reader=self._reader, clone=self._clone)

    def _made_of(self, cell: Cell) -> tuple[Run, list[tuple[Factor, Run]]]:
        """The run of which it has most, and what it has of the other."""
        of, other, taken = self.a, self.b, cell
        if 2 * len(cell) > len(self.factors):
            of, other, taken = self.b, self.a, frozenset(range(len(self.factors))) - cell
        return of, [(self.factors[i], other) for i in sorted(taken)]

    def require_data(self) -> None:
        """Raises Refused where some of A's or B's data is nowhere: it is said before anything is trained."""
        specs = [spec_of(run.commit, reader=self._reader, clone=self._clone) for run in (self.a, self.b)]
        wanted = {
            (one.digest, name): (spec.recipe.data[name], run, one)
            for spec in specs
            for name, (run, one) in spec.data.items()
            if name in spec.recipe.data
        }
        own = recorded_here(self._clone.repo, self._clone.config.branch, self.a.commit, self.b.commit)
        found = look_for(wanted.values(), reader=self._reader, clone=self._clone, own=own)
        lost = require_all(found, self._clone)
        if lost is not None:
            raise lost

    def whose_environment(self, cell: Cell) -> Run:
        """The run, of a record or made of two, whose environment belongs to a cell."""
        return mixed_environment(*self._made_of(cell))

    def _cells(self, repeat: int) -> tuple[CellPlan, ...]:
        """With the runs that there are. Every cell is wanted with the same seeds, first those that most have."""
        names, whole = [factor.name for factor in self.factors], frozenset(range(len(self.factors)))
        apart = any(factor.kind == SEED for factor in self.factors)
        found: list[CellPlan] = []
        for cell in cells_of(len(names)):
            one = CellPlan(cell, words_of(cell, names))
            own = self.a if not cell else self.b if cell == whole else None
            try:
                alike = self._alike(cell, own)
                runs = self._runs(cell, alike, own=own, only_seed=apart)
                found.append(one._replace(alike=alike, runs=(*([own] if own else []), *runs)))
            except Refused as error:
                found.append(one._replace(problem=in_a_line(error)))
        wanted = _seeds([seed_in(self.a), seed_in(self.b)], found, repeat)
        planned = []
        for one in found:
            known = [seed_in(run) for run in one.runs]
            seeds: tuple[int | None, ...] = ()
            if one.problem or (not repeat and one.cell in (frozenset(), whole)):
                pass
            elif not repeat:
                seeds = () if known else (None,)
            elif wanted == [None]:
                seeds = (None,) * (1 + repeat - len(known))
            else:
                seeds = tuple(seed for seed in wanted if seed not in known)
            planned.append(one._replace(seeds=seeds))
        return tuple(planned)

    def _alike(self, cell: Cell, own: Run | None) -> str:
        """What runs of this cell have as Row.alike. Raises Refused where there can be none."""
        if own is not None:
            return alike_of(own)
        spec = self.spec(cell, seed=None)
        data = {name: one for name, (_, one) in spec.data.items()}
        return alike_key(flatten(spec.recipe.values), code=spec.code, data=data, kind="rerun")

    def _runs(self, cell: Cell, alike: str, *, own: Run | None, only_seed: bool) -> Iterator[Run]:
        """Those besides A and B that have a cell's inputs, the oldest first."""
        if not alike:
            return
        at = next((i for i, factor in enumerate(self.factors) if factor.kind == SEED), None)
        seed = seed_in(self.b if at in cell else self.a)
        wanted = Condition("r.alike = ? AND r.status = 'completed'", (alike,)) & NOT_RETRACTED
        for row in reversed(self._history.runs.rows(wanted, limit=MOST_ALIKE)):
            if own is not None and own.record is not None and row.id == own.record.id:
                continue
            run = read_run(self._reader, row.commit)
            if not (only_seed and seed_in(run) != seed) and not unlike_environment(self.whose_environment(cell), run):
                yield run

    def unlike(self, one: CellPlan, run: Run) -> str:
        """Why a run that was started for a cell does not count as one of it; empty where it does."""
        record = sound_record(run)
        if record.status != "completed":
            return f"{record.id} did not complete ({record.status})"
        if one.alike and alike_of(run) != one.alike:
            return f"{record.id} did not take in what was planned"
        other = unlike_environment(self.whose_environment(one.cell), run)
        return f"{record.id} ran in another environment: {other}" if other else ""


def alike_of(run: Run) -> str:
    """As its row has it."""
    return alike_key(run.recipe_values, code=run.code, data=run.data, kind=sound_record(run).kind)


def unlike_environment(wanted: Run, run: Run) -> str:
    """In what a run's environment is not the wanted one, in a few words; empty where it is, as far as is recorded."""
    inputs = Inputs(wanted, run)
    if inputs.environment is None:
        both = not wanted.packages_recorded and not run.packages_recorded
        return "" if both else "what was installed is not recorded"
    other = [group for group in REBUILT if group in inputs.environment]
    if other:
        return f"{' and '.join(other)} differ"
    return "" if wanted.hardware == run.hardware else "the hardware differs"


def in_a_line(error: GitexpError) -> str:
    """An error among others."""
    details = "; ".join(line.strip() for line in error.details)
    return f"{error.what}: {details}" if details else error.what


def _seeds(own: Sequence[int | None], found: Sequence[CellPlan], repeat: int) -> list[int | None]:
    """A's and B's, then those that most cells have, then new ones: one more than is repeated."""
    seeds: dict[int | None, int] = {seed: len(found) + 1 for seed in own}
    for one in found:
        for seed in {seed_in(run) for run in one.runs}:
            if seed is not None:
                seeds[seed] = seeds.get(seed, 0) + 1
    if None in seeds:
        return [None]
    ordered = sorted((seed for seed in seeds if seed is not None), key=lambda seed: (-seeds[seed], seed))
    new = max(ordered) + 1
    return [*ordered, *range(new, new + repeat + 1)][: max(1 + repeat, len(dict.fromkeys(own)))]


def _changed_files(repo: Repo, a: Run, b: Run) -> list[str] | None:
    """The files in which the code differs. None: git cannot tell."""
    found = CodeComparison(repo, a, b).finish()
    if found.problem:
        return None
    return [path for one in found.files for path in (one.path, one.old) if path]


def _metric(a: Run, b: Run, asked: str | None, clone: Clone) -> str:
    """What is to be explained: what is asked for, else the first goal, else the only metric there is."""
    both = [name for name in a.metrics if name in b.metrics]
    if not both:
        logged = [(side, ", ".join([*run.metrics][:12]) or "none was logged") for side, run in (("A", a), ("B", b))]
        raise GitexpError("A and B have no metric in common", details=[f"  {side}  {names}" for side, names in logged])
    if asked is not None:
        if asked not in both:
            raise no_metric("Not each of A and B", asked, both)
        return asked
    plain = [name for name in both if not (is_clock(name) or is_setting(name))]
    goals = [name for name in goals_in_order(clone.config.goal, a, b) if name in both]
    if not goals and len(plain) != 1:
        details = [f"  {name}" for name in plain[:12]]
        raise UsageError("Which metric is to be explained? No goal is stated", details=details, fix="--metric NAME")
    return (goals or plain)[0]


def with_run(found: Explanation, cell: Cell, run: Run) -> Explanation:
    """With one of the runs that were lacking."""
    cells = (
        one._replace(runs=(*one.runs, run), seeds=one.seeds[1:]) if one.cell == cell else one for one in found.cells
    )
    return found._replace(cells=tuple(cells))


def with_problem(found: Explanation, cell: Cell, problem: str) -> Explanation:
    """Without a run that was lacking, and why."""
    cells = (one._replace(seeds=one.seeds[1:], problem=problem) if one.cell == cell else one for one in found.cells)
    return found._replace(cells=tuple(cells))
