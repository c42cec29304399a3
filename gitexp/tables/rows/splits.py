"""Rules to row numbers: which rows of a dataset are in each split and sample, the same on every machine.

Splits that share seed and column are cut from one order (drawing.py), one after another, so they never overlap.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import Refused, and_more, counted
from gitexp.regularfile import read_regular
from gitexp.spec.catalogue import DrawRule
from gitexp.tables.rows.drawing import Drawing

SHOWN = 5


class Drawn(NamedTuple):
    """What a rule gave. `lines`: the row numbers, ascending, as decimal lines; `digest`: `xxh128:…` of those."""

    rule: DrawRule
    indices: array[int]
    lines: bytes
    digest: str

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.indices)


def draw_from(
    path: Path,
    splits: Mapping[str, DrawRule],
    samples: Mapping[str, DrawRule],
    *,
    root: Path,
    what: str,
    kind: str | None = None,
    header: bool | None = None,
) -> dict[str, Drawn]:
    """The splits and samples of the dataset at `path`, called `what`. Index files lie below `root`. Raises Refused.

    Of files that are no tables, each is a row, with the columns `file` and `label`, its folder. `kind` and `header` are
    a contract's `format` and `header`.
    """
    from gitexp.tables.rows.tables import column, row_count

    files = _no_tables(path) if kind is None else None
    if files is not None:
        rows, values = len(files), partial(_of_files, files)
    else:
        rows, values = row_count(path, kind=kind, header=header), partial(column, path, kind=kind, header=header)
    return draw(splits, samples, rows=rows, column=values, indices=partial(_read_indices, root), what=what)


def draw(
    splits: Mapping[str, DrawRule],
    samples: Mapping[str, DrawRule],
    *,
    rows: int,
    column: Callable[[str], list[str]],
    indices: Callable[[str], list[int]],
    what: str = "the dataset",
) -> dict[str, Drawn]:
    """Every split, then every sample, by name. `column`: its value in each row; `indices`: the rows in a file.

    Raises Refused with all that is wrong: two splits share rows, one would be empty, or asks for what is not there.
    """
    drawing = Drawing(rows, column, indices)
    found = drawing.splits(splits)
    chosen = {name: rows_ for name, rule in samples.items() if (rows_ := drawing.sample(rule, found)) is not None}
    if drawing.problems:
        problems = list(dict.fromkeys(drawing.problems))
        count = counted(len(problems), "problem")
        raise Refused(
            f"The splits of {what} cannot be drawn: {count}",
            details=[f"  {problem}" for problem in problems],
            why=f"{what} has {rows:,} row{'' if rows == 1 else 's'}." if rows else "It has no rows.",
        )
    # One by one: a million rows as text and as a list are much larger than the numbers themselves.
    rules = {**splits, **samples}
    return {name: _drawn(rules[name], {**found, **chosen}[name]) for name in rules}


def load_indices(content: bytes, *, where: str) -> list[int]:
    """Row numbers from decimal lines; empty lines are skipped. Raises Refused, naming the lines."""
    lines = content.split(b"\n")
    words = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    # isdigit of bytes is ASCII's alone; Python reads no integer of more than 4,300 digits.
    wrong = [number for number, word in words if word and (not word.isdigit() or len(word) > 18)]
    if wrong:
        shown = ", ".join(f"line {number}" for number in wrong[:SHOWN])
        more = and_more(len(wrong), SHOWN)
        raise Refused(f"{where} must hold one row number a line, from 0; not so in {shown}{more}")
    return [int(word) for _, word in words if word]


def _no_tables(path: Path) -> list[str] | None:
    """The files of a dataset none of which is a table, by the bytes of their paths; None where one is."""
    from gitexp.datasets.walk import Found, walk
    from gitexp.tables.rows.tables import kind_of

    if kind_of(path) is not None:
        return None
    found = sorted((one.relative, one.path) for one in walk(os.fsencode(path)) if isinstance(one, Found))
    if any(kind_of(Path(os.fsdecode(place))) is not None for _, place in found):
        return None
    names = [os.fsdecode(relative) for relative, _ in found]
    return [name for name in names if not any(part.startswith(".") for part in name.split("/"))]


def _of_files(files: Sequence[str], column: str) -> list[str]:
    from gitexp.tables.rows.readers.images import label_of

    if column not in ("file", "label"):
        raise Refused(f"files that are no tables have the columns file and label (their folder), and no {column}")
    return list(files) if column == "file" else [label_of(name) or "" for name in files]


def _read_indices(root: Path, name: str) -> list[int]:
    try:
        content = read_regular(root / name)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}") from error
    return load_indices(content, where=name)


def _drawn(rule: DrawRule, chosen: Sequence[int]) -> Drawn:
    from xxhash import xxh3_128_hexdigest

    indices = array("q", sorted(chosen))
    lines = "".join([f"{index}\n" for index in indices]).encode()
    return Drawn(rule, indices, lines, f"xxh128:{xxh3_128_hexdigest(lines)}")
