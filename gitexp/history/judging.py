"""Judge a rerun against the run that it repeats: what was compared, what differs, and the grade that this carries.

From two records alone, so that whoever has both comes to the same verdict. Nothing compared is no pass, and what could
not be compared is said. Clocks without a goal, and what the recipe declares in `[metrics] not_compared`, are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gitexp.errors import GitexpError, and_more, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.history.artifactchange import artifact_changes
from gitexp.history.compare import digest_changes, same_number
from gitexp.history.historyfile import Whole
from gitexp.history.inputs import COMMAND, Inputs, seed_of
from gitexp.history.read import Run, read_output
from gitexp.history.replicates import Replicates, tests_of
from gitexp.history.stepwise import Steps, compare_histories
from gitexp.record.arguments import arguments
from gitexp.record.digests import Digest, Oid
from gitexp.record.environment import UNKNOWN, table_of
from gitexp.record.message import ending
from gitexp.record.tolerance import Rules
from gitexp.record.verdict import MOST, Counts, Ending, Equivalence, Final, InputDifference, Verdict, says_why

ITEMS = "items.csv"
EMPTY = Digest.xxh128("99aa06d3014798d86001c324468d497f")  # of no bytes
LONGEST = 200  # characters of a value that is shown


def judge(
    reader: ObjectReader,
    original: Run,
    rerun: Run,
    *,
    strange_imports: Sequence[str] = (),
    whole: Whole = lambda run: None,
    replicates: Callable[[Run, Run], Replicates] | None = lambda original, rerun: Replicates([original], [rerun]),
) -> Verdict:
    """`strange_imports`: sentences on modules of the code that came from elsewhere. `whole`: all that a run logged.

    `whole` is asked where a record holds a sample of it; `replicates`, where a value is beyond its tolerance (None: not
    to be tested, as of a mixture). Raises GitexpError where the original has no record.
    """
    record = original.record
    if record is None:
        raise GitexpError(f"The run that was to be reproduced cannot be read: {'; '.join(original.problems)}")
    rules = Rules.of(original.recipe, goals=original.goals)
    found = _Found(record.id, record.attempt, Oid.of(original.commit), rules)
    found.endings(reader, original, rerun)
    found.histories(compare_histories(reader, original, rerun, counts=rules.compares, whole=whole))
    found.summaries(original, rerun)
    found.digests(original, rerun)
    found.artifacts(original, rerun)
    found.damage(original, rerun)
    found.inputs(Inputs(original, rerun))
    if replicates and found.beyond and found.same_ending and record.status == "completed" and not strange_imports:
        found.test(partial(replicates, original, rerun))
    return found.verdict(strange_imports)


class _Found:
    """What comparing part after part came to."""

    def __init__(self, run: Any, attempt: int, commit: str, rules: Rules) -> None:
        self.rules = rules
        self.counts, self.different = Counts(), Counts()
        self.names: list[str] = []  # of digests and artifacts that differ
        self.missing: list[str] = []
        self.finals: list[Final] = []
        self.compared: list[str] = []  # metrics with a summary value
        self.to_test: list[str] = []
        self.tests: list[Equivalence] = []
        self.left_out: dict[str, None] = {}
        self.differing: list[InputDifference] = []
        self.ending = Ending("", "")
        self.complete = True  # whether nothing is known to be beyond what was compared
        self._of = Verdict(run, attempt, commit, "inconclusive")

    def count(self, part: str, compared: int, different: int) -> None:
        """More of what is compared."""
        self.counts = self.counts._replace(**{part: getattr(self.counts, part) + compared})
        self.different = self.different._replace(**{part: getattr(self.different, part) + different})

    def endings(self, reader: ObjectReader, original: Run, rerun: Run) -> None:
        """How the two ended; of a failure the last line of the traceback too."""
        self.ending = Ending(*(_ended(reader, run) for run in (original, rerun)))
        self.same_ending = _like(self.ending.original) == _like(self.ending.rerun)
        self.failed = original.record is not None and original.record.status == "failed"  # by itself
        self.same_failure = self.failed and says_why(self.ending.original)

    def histories(self, steps: Steps) -> None:
        """history.csv, value by value."""
        self.steps = steps
        self.count("values", steps.values, steps.different)
        self.left_out.update(dict.fromkeys(steps.left_out))
        self.missing += steps.missing
        self.complete = self.complete and steps.complete

    def summaries(self, original: Run, rerun: Run) -> None:
        """metrics.toml."""
        for name in dict.fromkeys([*original.metrics, *rerun.metrics]):
            if not self.rules.compares(name):
                self.left_out[name] = None
                continue
            a, b = original.metrics.get(name), rerun.metrics.get(name)
            same = same_number(a, b)
            self.compared.append(name)
            self.count("summary", 1, not same)
            if not same:
                allowed = None if a is None else self.rules.allowed(name, a)
                within = self.rules.within(name, a, b)
                self.finals.append(Final(name, a, b, allowed, self.rules.stated(name), within))

    def digests(self, original: Run, rerun: Run) -> None:
        """Weights, and what steps fitted."""
        for change in digest_changes(original, rerun):
            if change.a is None or change.b is None:
                self.missing.append(f"the digest of {change.name} is recorded of one side only")
                self.complete = False
                continue
            self.count("digests", 1, change.a != change.b)
            self.names += [change.name] if change.a != change.b else []

    def artifacts(self, original: Run, rerun: Run) -> None:
        """What the programs saved, by path and digest, and the values by example.

        A path whose numbers alone differ (a date) is the same. That both saved an empty file says nothing.
        """
        found = artifact_changes(original, rerun)
        differing = [change for change in found.files if change.state not in ("same", "moved")]
        empty = sum(change.a == change.b == EMPTY for change in found.files)
        self.count("artifacts", len(found.files) - empty, len(differing))
        self.names += [f"artifact {change.path}" for change in differing[:MOST]]
        items = [run.tree.get(ITEMS) for run in (original, rerun)]
        if any(items):
            self.count("artifacts", 1, items[0] != items[1])
            self.names += [ITEMS] if items[0] != items[1] else []
        if moved := found.of("moved"):
            self.missing.append(f"{counted(moved, 'artifact has', 'artifacts have')} the same bytes under another path")
        if found.untold:
            self.missing.append(f"{counted(found.untold, 'artifact')} too many to be compared")
            self.complete = False

    def damage(self, original: Run, rerun: Run) -> None:
        """What of the results could not be read."""
        for side, run in (("original", original), ("rerun", rerun)):
            self.missing += [f"of the {side}: {problem}" for problem in run.problems]
            self.complete = self.complete and not run.problems

    def inputs(self, inputs: Inputs) -> None:
        """What went in."""
        self.differing = list(_differing(inputs))
        unproven = list(_unproven(inputs.a, inputs.b))
        self.missing += [*_untold(inputs), *unproven]
        self.complete = self.complete and not unproven

    @property
    def beyond(self) -> list[str]:
        """The metrics whose final values are too far apart."""
        return [final.metric for final in self.finals if not final.within]

    def test(self, replicates: Callable[[], Replicates]) -> None:
        """Whether the two sides are equivalent, of the metrics with a goal or a tolerance, else of all."""
        self.to_test = [name for name in self.compared if self.rules.is_declared(name)] or self.compared
        try:
            self.tests, missing = tests_of(replicates(), self.to_test, self.rules)
            self.missing += missing
        except GitexpError as error:
            self.missing.append(f"whether they are equivalent: {error.what}" + (f" ({error.fix})" if error.fix else ""))

    def verdict(self, strange_imports: Sequence[str]) -> Verdict:
        """All of it, with its grade."""
        grade, reason = self._grade(strange_imports)
        return self._of._replace(
            grade=grade,
            reason=reason,
            ending=self.ending,
            compared=self.counts,
            different=self.different,
            rows=self.steps.rows,
            divergence=self.steps.divergence,
            inputs_count=len(self.differing),
            inputs=tuple(self.differing[:MOST]),
            tests=tuple(self.tests),
            finals=tuple(sorted(self.finals, key=lambda final: final.within)),
            names=tuple(self.names),
            declared=self.rules.not_compared,
            not_compared=tuple(self.left_out),
            missing=(*strange_imports, *self.missing),
        )

    def _grade(self, strange_imports: Sequence[str]) -> tuple[str, str]:
        if strange_imports:
            return "failed", f"code came from outside of what was recorded: {strange_imports[0]}"
        if not self.same_ending:
            return "failed", f"the original ended as {self.ending.original}, the rerun as {self.ending.rerun}"
        if not self.counts.total and not self.same_failure:
            nothing = "no metric, no digest of weights, no artifact" + ", no traceback" * self.failed
            return "inconclusive", f"there was nothing to compare: {nothing}"
        if not self.counts.total and self.complete:
            return "bitwise", "it failed in the same way, and there was nothing else to compare"
        if not self.different.total and self.complete:
            return "bitwise", "all that was compared is the same" + (", and the failure too" if self.failed else "")
        numbers = self.counts.values + self.counts.summary
        if not numbers and not self.different.total:
            return "inconclusive", "what could be compared is the same, but not all of it could be, and no metric"
        if not numbers:
            return "different", f"not the same bytes: {_listed(self.names)}; and there are no metrics"
        if not self.different.values + self.different.summary and self.complete:
            return "metrics", f"every logged value is the same; not the same bytes: {_listed(self.names)}"
        if endless := [name for name in self.steps.parted if name not in self.compared]:
            return "different", f"histories differ of metrics without a final value: {_listed(endless)}"
        if self.beyond:
            return self._by_tests()
        if not self.different.total:
            return "tolerance", "all that could be compared is the same; not all of it could be"
        wide = [final.metric for final in self.finals if _is_wide(final)]
        words = f"; it is wider than the value itself: {_listed(wide)}" if wide else ""
        return "tolerance", f"every final value is within its tolerance{words}"

    def _by_tests(self) -> tuple[str, str]:
        beyond = f"beyond the tolerance: {_listed(self.beyond)}"
        apart = [one.metric for one in self.tests if one.apart]
        if not self.tests or apart:
            return "different", f"{beyond}; and so are the means of {_listed(apart)}" if apart else beyond
        equivalent = {one.metric for one in self.tests if one.equivalent}
        unsure = [name for name in self.to_test if name not in equivalent]
        if unsure:
            return (
                "inconclusive",
                f"{beyond}; whether the means are within it, these runs cannot say: {_listed(unsure)}",
            )
        untested = [name for name in self.beyond if name not in equivalent]
        words = f"; beyond it, and not tested, as neither a goal nor a tolerance is stated: {_listed(untested)}"
        return "equivalent", f"the means are within the tolerance: {_listed(self.to_test)}" + words * bool(untested)


def _is_wide(final: Final) -> bool:
    """Whether the tolerance lets anything pass that is of the size of the value, and its opposite."""
    sizes = [abs(float(value)) for value in (final.original, final.rerun) if value is not None]
    return final.allowed is not None and final.allowed > max(sizes, default=0.0)


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + and_more(len(names), most)


def _ended(reader: ObjectReader, run: Run) -> str:
    record = run.record
    if record is None:
        return "unreadable"
    words = ending(record)
    if record.status == "completed":
        return words
    how = record.signal if record.signal else f"exit code {record.exit_code}" if record.exit_code is not None else ""
    words += f" ({how})" if how and how not in words else ""
    line = last_line_of_traceback(read_output(reader, run) or "")
    return f"{words}: {line[:LONGEST]}" if line else words


def last_line_of_traceback(output: str) -> str | None:
    """The line that says which exception ended a Python program. None: no traceback was printed."""
    _, found, rest = output.rpartition("Traceback (most recent call last):\n")
    if not found:
        return None
    lines = (line.strip() for line in rest.split("\n") if line[:1] not in (" ", "\t", ""))
    return next(lines, None)


def _like(words: str) -> str:
    """An ending without what differs from place to place: addresses in memory, the folders of absolute paths."""
    return re.sub(r"(?<![\w.])/(?:[^\s'\"/:]+/)+", "", re.sub(r"\b0x[0-9a-fA-F]+", "0x", words))


def _differing(inputs: Inputs) -> Iterator[InputDifference]:
    """Everything that went in and is known to differ, what decides most first."""
    a, b = inputs.a, inputs.b
    if a.code != b.code:
        yield InputDifference("code", "", a.code, b.code)
    for change in inputs.recipe:
        told = inputs.arguments if change.key == COMMAND else change.key == "seed" and not inputs.same_seed
        if not told:  # by its arguments, or as the seed
            yield InputDifference("recipe", change.key, _shown(change.a), _shown(change.b))
    for argument in inputs.arguments:
        yield InputDifference("argument", argument.name, _shown(argument.a), _shown(argument.b))
    for name, state in inputs.data.items():
        if state not in ("identical", "not comparable"):
            old, new = a.data.get(name), b.data.get(name)
            yield InputDifference("data", name, old.digest if old else None, new.digest if new else None)
    for name in inputs.other_rows:
        yield InputDifference("rows", name)
    if not inputs.same_seed:
        yield InputDifference("seed", "", _shown(seed_of(a)), _shown(seed_of(b)))
    for group, facts in (inputs.environment or {}).items():
        for name, (old, new) in facts.items():
            if (old, new) != (UNKNOWN, UNKNOWN):
                yield InputDifference(group, name, _shown(old), _shown(new))


def _untold(inputs: Inputs) -> Iterator[str]:
    """What went in of which nobody knows whether it was the same."""
    if not inputs.known:
        yield "what went in is not recorded of one side"
    for name, state in inputs.data.items():
        if state == "not comparable":
            yield f"whether the data {name} is the same: its digests are under different keys, or one has none"
    groups = inputs.environment
    if groups is None or (UNKNOWN, UNKNOWN) in (groups.get("packages") or {}).values():
        yield "whether the packages are the same: of one side they are not recorded"


def _unproven(original: Run, rerun: Run) -> Iterator[str]:
    """What may have computed and is in no record: a script from elsewhere, and packages of the code itself.

    Where a script chose the interpreter, nobody looked where these came from.
    """
    script = _script_outside(rerun)
    if script is not None:
        yield f"whether {script[:LONGEST]} is the same: it lies outside of the code, and no record holds it"
    sides = [(run.environment or {}, run.record.root if run.record else None) for run in (original, rerun)]
    if sides[1][0].get("how") != "process":
        return
    ours, theirs = (_in_development(*side) for side in sides)
    for name, (place, inside) in theirs.items():
        if not inside and ours.get(name, ("", False))[1]:
            yield f"whether {name} came from the code: a script chose the interpreter, and there it is that of {place}"


def _script_outside(run: Run) -> str | None:
    """The script that was run, where it lies outside of the code."""
    record = run.record
    program = arguments(record.argv).program if record and record.root else ()
    if record is None or record.root is None or len(program) < 2 or program[-2] in ("-m", "-c"):
        return None
    place = posixpath.normpath(posixpath.join(record.root, record.cwd, program[-1]))
    installed = table_of(run.environment or {}, "interpreter").get("prefix")  # as `python .venv/bin/torchrun` is
    inside = (one for one in (record.root, installed) if isinstance(one, str) and one)
    return None if any(f"{place}/".startswith(f"{one}/") for one in inside) else program[-1]


def _in_development(environment: Mapping[str, Any], root: str | None) -> dict[str, tuple[str, bool]]:
    """The folder of each package that is installed in development mode, and whether it lies in the code."""
    tables = {name: one for name, one in table_of(environment, "packages").items() if isinstance(one, Mapping)}
    places = {name: str(one["editable"]) for name, one in tables.items() if "editable" in one}
    return {name: (place, bool(root) and f"{place}/".startswith(f"{root}/")) for name, place in places.items()}


def _shown(value: Any) -> str | None:
    """A value as text, within bounds."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
