"""history.csv and metrics.toml held against section 8: rows, and the summary that the recipe's rules make of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from gitexp.record.headline import judged_by
from gitexp.record.history import SAMPLE_ROWS
from gitexp.record.metrics import MetricRules, Number, goal_of, metric_name_problem
from gitexp.record.pasthistory import MAX_LINE_BYTES
from gitexp.record.runrecord import Judged, RunRecord
from gitexp.record.tally import Tally
from gitexp.text.bounded import Unreadable
from gitexp.text.schema import spell

Blocks = Callable[[], Iterable[bytes]]  # the file from its beginning, in pieces
NOTHING = b"step,time_s\n"
_DIGITS = "[0-9]{1,400}"
_NUMBERS = re.compile(rf"(?:(?:-?{_DIGITS}(?:\.{_DIGITS})?(?:e[+-]?[0-9]{{1,4}})?|nan|-?inf)?\n)*+")
_INTEGERS = re.compile(r"(?:(?:-?[0-9]{1,19})?\n)*+")


class Table(NamedTuple):
    """What one pass over a history came to."""

    names: list[str]
    rows: int
    tallies: dict[str, Tally]
    problems: list[str]
    cells: list[list[str]] | None  # all of them, where they came in one piece


def read_table(blocks: Blocks, *, attempt: int) -> Table:
    """Raises Unreadable for what is no such CSV."""
    header, parts = _parts(blocks)
    first = 3 if header[2:3] == ["attempt"] else 2
    names, problems = header[first:], list[str]()
    if header[:first] != ["step", "time_s", "attempt"][:first] or (first == 3) != (attempt > 1):
        problems.append(f"its columns are {', '.join(header[:4])[:80]}")
    if len(set(names)) != len(names):
        problems.append("two of its columns have one name")
    problems += [f"{spell(name)}: {why}" for name in names if (why := metric_name_problem(name))]
    tallies, begins, rows, last = {name: Tally() for name in names}, dict[str, int](), 0, 0
    cells, pieces = list[list[str]](), 0
    for cells in parts:
        pieces += 1
        columns = list(zip(*cells, strict=True))
        for at, (name, column) in enumerate(zip(header, columns, strict=True)):
            pattern = _INTEGERS if name in ("step", "attempt") and at < first else _NUMBERS
            if not pattern.fullmatch("\n".join(column) + "\n"):
                wrong = next(i for i, cell in enumerate(column) if not pattern.fullmatch(f"{cell}\n"))
                raise Unreadable(f"line {rows + wrong + 2}: {name} is {spell(column[wrong])}")
            if at >= first:
                if name not in begins and any(column):
                    begins[name] = rows + next(i for i, cell in enumerate(column) if cell)
                tallies[name].add([float(cell) if cell else None for cell in column], rows)
        if not all(map(any, (row[first:] for row in cells))):
            problems.append("has a row without a value")
        if first == 3:
            attempts = [last, *(int(cell or 0) for cell in columns[2])]
            last = attempts[-1]
            if attempts != sorted(attempts) or last > attempt:
                problems.append("its attempts are not one after the other")
        rows += len(cells)
    ordered = [begins.get(name, -1) for name in names]
    if -1 in ordered:
        problems.append(f"nothing was logged of {spell(names[ordered.index(-1)])}")
    elif ordered != sorted(ordered):
        problems.append("its columns are not in the order in which they were first logged")
    return Table(names, rows, tallies, list(dict.fromkeys(problems)), cells if pieces == 1 else None)


def _parts(blocks: Blocks) -> tuple[list[str], Iterator[list[list[str]]]]:
    lines = _whole_lines(blocks())
    try:
        [header] = csv.reader([next(lines, [""])[0]], strict=True)
    except (csv.Error, ValueError) as error:
        raise Unreadable("does not begin with a line of CSV") from error
    return header, _cells(lines, len(header))


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[list[str]]:
    """The first line alone, then some lines at a time."""
    rest, begun = b"", False
    for block in blocks:
        rest += block
        end = rest.rfind(b"\n") + 1
        if len(rest) - end > MAX_LINE_BYTES:
            raise Unreadable(f"has a line of more than {MAX_LINE_BYTES:,} bytes")
        whole, rest = rest[:end], rest[end:]
        if b"\r" in whole:
            raise Unreadable("has a carriage return")
        try:
            lines = whole.decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise Unreadable("is not UTF-8") from error
        if lines and not begun:
            begun = True
            yield lines[:1]
            del lines[0]
        if lines:
            yield lines
    if rest:
        raise Unreadable("its last line is cut off")


def _cells(parts: Iterable[list[str]], width: int) -> Iterator[list[list[str]]]:
    number = 2
    for lines in parts:
        cells = [line.split(",") for line in lines]
        for at, row in enumerate(cells):
            if len(row) != width:
                raise Unreadable(f"line {number + at} has {len(row)} cells, not {width}")
        number += len(lines)
        yield cells


def history_problems(
    record: RunRecord, table: Table, blocks: Blocks, *, stated: Mapping[str, Any], rules: MetricRules | None
) -> Iterator[str]:
    """Of a history and its summary. `rules` None: the recipe's cannot be told. The table may be a sample's."""
    about = record.history
    rows, kept = (about.rows, about.kept) if about else (0, 0)
    yield from (
        f"history.csv {what}" if what[:3] in ("has", "its") else f"history.csv: {what}" for what in table.problems
    )
    if kept > rows or table.rows not in (rows, kept):
        yield f"history.csv has {table.rows:,} rows, run.toml says {kept:,} of {rows:,}"
        return
    whole = table.rows == rows
    if not whole and kept > SAMPLE_ROWS:
        yield f"history.csv is a sample of {kept:,} rows, more than {SAMPLE_ROWS:,}"
    if set(stated) != set(table.names):
        other = sorted({*stated} ^ {*table.names})
        yield f"metrics.toml and history.csv have other metrics: {', '.join(map(spell, other[:3]))}"
        return
    if rules is not None and (rules.monitor is None or rules.monitor in rules.goal):
        yield from _summary(record.summary, table, blocks, stated, rules, whole=whole)


def _summary(
    said: Judged | None,
    table: Table,
    blocks: Blocks,
    stated: Mapping[str, Any],
    rules: MetricRules,
    *,
    whole: bool,
) -> Iterator[str]:
    """The values of the one row that is best, but for what `[metrics] summary` says of a metric."""
    found = judged_by(table.tallies, rules)
    cells = dict[str, str]()
    if found is not None:
        row = table.cells[found.best.row] if table.cells else _row(blocks, found.best.row)
        cells = dict(zip(table.names, row[-len(table.names) :], strict=True))
        step = int(row[0]) if row[0] else None
        expected = Judged(found.metric, found.way, found.best.row + 1 if whole or said is None else said.row, step)
        if said != expected:
            yield f"[summary] is {_words(said)}, by the history it is {_words(expected)}"
            return
    elif said is not None:
        yield f"[summary] is {_words(said)}, but no goal decides"
        return
    lacking = list[str]()
    for name, tally in table.tallies.items():
        way = goal_of(name, rules.summary)
        way = (goal_of(name, rules.goal) or "last") if way == "best" else way
        if way is None and found is not None:
            if not cells[name]:
                lacking.append(name)
                continue
            value: Number = float(cells[name])
        elif whole or way in ("min", "max"):
            value = tally.chosen(way or "last")
        else:
            continue  # the last value, of which a sample need not have the row
        if not _same(value, stated[name]):
            yield f"metrics.toml: {spell(name)} is {spell(stated[name])}, by the history {value!r}"
    if whole and lacking:
        yield from _logged_at_all(table.names, blocks, stated, lacking)


def _logged_at_all(names: Sequence[str], blocks: Blocks, stated: Mapping[str, Any], wanted: list[str]) -> Iterator[str]:
    """What the best row lacks has a value that was logged; which, depends on sources that no record names."""
    left = dict.fromkeys(wanted)
    for cells in _parts(blocks)[1]:
        columns = dict(zip(names, list(zip(*cells, strict=True))[-len(names) :], strict=True))
        for name in list(left):
            if any(cell and _same(float(cell), stated[name]) for cell in columns[name]):
                del left[name]
    yield from (f"metrics.toml: {spell(name)} is {spell(stated[name])}, which was never logged" for name in left)


def sample_problems(sample: Blocks, whole: Blocks) -> Iterator[str]:
    """A sample has some rows of the whole, in their order, under the same header."""
    rest = chain.from_iterable(_whole_lines(whole()))
    if not all(line in rest for lines in _whole_lines(sample()) for line in lines):
        yield "history.csv is no sample of the whole history: it has other rows, or another order"


def _row(blocks: Blocks, wanted: int) -> list[str]:
    number = 0
    for cells in _parts(blocks)[1]:
        if wanted < number + len(cells):
            return cells[wanted - number]
        number += len(cells)
    raise Unreadable("ends before its best row")


def _same(value: Number, stated: Any) -> bool:
    return value == stated or (value != value and stated != stated)


def _words(said: Judged | None) -> str:
    if said is None:
        return "not there"
    return f"row {said.row}{'' if said.step is None else f', step {said.step}'}, the {said.goal} of {spell(said.by)}"
