"""items.csv: the values of metrics for each example of a test set, by the example's id. Anybody may have written it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from gitexp.record.metrics import Number, metric_name_problem, normal_name, number, parse_number

ID = "id"
MOST_BYTES = 16 << 20  # that are read: a million examples; in memory they take some forty times as much
MOST_COLUMNS = 100
LARGEST = 1e100  # a value, of which squares can still be added up
MOST_ID_BYTES = 200

Items = dict[str, dict[str, Number]]  # metric → id → value; ids in first-logged order


class NoItems(Exception):
    """Bytes that hold no values by example; the text says why, as the end of a sentence."""


def logged_items(content: bytes) -> tuple[Items, list[str]]:
    """What gitexp.log_items() left, the last value of each id; and what is wrong with it."""
    found: Items = {}
    problems: dict[str, None] = {}
    for number_of_line, line in enumerate(content.splitlines(), 1):
        if not line:
            continue
        try:
            table = json.loads(line)
            ids = [_id(one) for one in table.pop("")]
            columns = {name: [*map(number, values)] for name, values in table.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            problems[f"line {number_of_line} is not whole"] = None
            continue
        _add(found, ids, columns, problems)
    return found, list(problems)


def items_in_table(content: bytes, *, tabs: bool = False) -> tuple[Items, list[str]]:
    """Those of a CSV or TSV file: the column `id`, or else the first, and all columns of numbers. Raises NoItems."""
    found: Items = {}
    problems: dict[str, None] = {}
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else max(",\t;", key=first.count)))
    except (csv.Error, UnicodeDecodeError) as error:
        raise NoItems(f"is not CSV: {error}") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    body = [row for row in rows[1:] if row]
    if len(header) < 2 or not body:
        raise NoItems("holds no table with an id and a value for each example")
    if any(len(row) != len(header) for row in body):
        raise NoItems("has rows that are not as long as its header")
    at = header.index(ID) if ID in header else 0
    across = list(zip(*body, strict=True))
    columns: dict[str, list[Number | None]] = {}
    for name, cells in zip(header, across, strict=True):
        values = [_cell(cell.strip()) for cell in cells]
        said = [cell for cell, value in zip(cells, values, strict=True) if cell.strip() and value is None]
        if name != header[at] and not said:
            columns.setdefault(name, values)
    if not columns:
        raise NoItems("has no column of numbers beside the id")
    _add(found, [cell.strip() for cell in across[at]], columns, problems)
    return found, list(problems)


def dump_items(items: Items) -> Iterator[bytes]:
    """The text of items.csv, in pieces: RFC 4180 with LF, an empty field where there is no value."""
    ids = dict.fromkeys(one for column in items.values() for one in column)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write([ID, *items])
    for one in ids:
        write([one, *("" if (value := column.get(one)) is None else repr(value) for column in items.values())])
        if out.tell() > 1 << 16:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def load_items(content: bytes) -> Items:
    """Parse items.csv, or that artifact; what is no number to reckon with is no value. Raises NoItems."""
    if len(content) > MOST_BYTES:
        raise NoItems(f"has more than {MOST_BYTES >> 20} MiB")
    if not content.startswith(b"id,"):
        raise NoItems("does not begin with an id")
    found, _ = items_in_table(content)
    return {name: {key: v for key, v in column.items() if abs(v) <= LARGEST} for name, column in found.items()}


def _add(found: Items, ids: list[str], columns: dict[str, list[Number | None]], problems: dict[str, None]) -> None:
    wrong = next((one for one in ids if _id_problem(one)), None)
    if wrong is not None:
        problems[f"the id {wrong[:40]!r} {_id_problem(wrong)}"] = None
        return
    for name, values in columns.items():
        name = normal_name(name)
        complaint = "this name is that of the ids" if name == ID else metric_name_problem(name)
        if complaint is None and name not in found and len(found) >= MOST_COLUMNS:
            complaint = f"there are more than {MOST_COLUMNS} metrics by example"
        if complaint or len(values) != len(ids):
            problems[f"{name[:40]!r}: {complaint or 'not as many values as ids'}"] = None
            continue
        known = {one: value for one, value in zip(ids, values, strict=True) if value is not None}
        if known:
            found.setdefault(name, {}).update(known)


def _id(stated: object) -> str:
    if isinstance(stated, bool) or not isinstance(stated, int | str):
        raise TypeError("no id")
    return str(stated)


def _id_problem(one: str) -> str | None:
    if not one or len(one.encode("utf-8", "replace")) > MOST_ID_BYTES:
        return f"is empty, or longer than {MOST_ID_BYTES} bytes"
    if one[0] in "=+-@" and parse_number(one) is None:
        return f"begins with {one[0]} (spreadsheets would execute it)"
    return None if one.isprintable() else "holds control characters"


def _cell(text: str) -> Number | None:
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    return None if "_" in text or len(text) > 400 else parse_number(text)


def examples_in(items: Items) -> int:
    """How many examples there are."""
    return len({one for column in items.values() for one in column})
