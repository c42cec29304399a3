"""CSV and TSV: a row for each run, as research loops and spreadsheets keep them, or the steps of one run.

What a column is, its name says, unless the user does: see `ROLES` and `_SETTINGS`. A column with text is a setting; one
with numbers is a metric, unless it is called like a setting. `metrics.x`, `params.x` and `tags.x`, as MLflow's
`search_runs` writes them, and `summary.x` and `config.x`, are what they say.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitexp.capture.tables import by_step
from gitexp.elsewhere.foreign import Foreign, NoStore, seconds, text
from gitexp.errors import and_more
from gitexp.record.metricreader import BOM, Reader
from gitexp.record.metrics import Number, Row, parse_number
from gitexp.record.rowblocks import Block, blocks
from gitexp.regularfile import open_regular, read_regular

MOST_BYTES = 64 << 20
_NOTHING = frozenset({"", "na", "n/a", "none", "null", "-", "!"})  # the last is DVC's
# fmt: off
_CALLED = {  # columns that say something of the run: what, by their names
    "commit": "commit sha git_commit git_sha commit_hash git_hash revision rev",
    "status": "status state",
    "note": "description notes note message comment",
    "id": "id run_id run",
    "name": "name run_name display_name experiment",
    "started": "start started start_time created created_at",
    "finished": "date time datetime timestamp finished ended end_time finished_at",
    "user": "user author",
    "host": "host hostname",
    "url": "url",
}
_MEANT = {
    "completed": "keep discard kept discarded completed complete finished ok success done",
    "failed": "crash crashed fail failed error oom",
    "interrupted": "killed interrupted aborted cancelled canceled stopped",
    "timed-out": "timeout timed-out timed_out",
    "crashed": "running",
}
ROLES = {name: role for role, names in _CALLED.items() for name in names.split()}
_STATUSES = {word: status for status, words in _MEANT.items() for word in words.split()}
_SETTINGS = frozenset((
    "lr", "rate", "seed", "batch", "bs", "epochs", "layers", "layer", "heads", "head", "hidden", "dim", "width",
    "depth", "dropout", "decay", "momentum", "warmup", "beta1", "beta2", "betas", "eps", "gamma", "alpha", "units",
    "temperature", "optimizer", "clip", "size", "workers", "accumulation", "rank", "steps", "model", "dataset", "fold",
    "k", "n",
))
# fmt: on
_STEPS = ("step", "epoch", "iteration", "iter", "global_step")
_BEFORE = {"metrics": "metric", "summary": "metric", "params": "setting", "config": "setting", "tags": "tag"}


class Columns(NamedTuple):
    """What the user says of columns."""

    metrics: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()


class Sheet(NamedTuple):
    """A table of runs: what each column was taken for."""

    metrics: dict[int, str]
    settings: dict[int, str]
    tags: dict[int, str]
    roles: dict[str, int]

    def told(self) -> str:
        """In one line, for the user to check."""
        parts = [("metrics", list(self.metrics.values())), ("settings", list(self.settings.values()))]
        parts += [("tags", list(self.tags.values())), ("of the run", list(self.roles))]
        return "; ".join(f"{what}: {', '.join(names[:12])}{and_more(len(names), 12)}" for what, names in parts if names)


def of_file(path: Path, columns: Columns, said: list[str]) -> Iterator[Foreign]:
    """The runs of a table; one, where it has steps. What was taken for what goes into `said`. Raises NoStore."""
    header, rows = _read(path, said)
    lowered = [name.lower() for name in header]
    unknown = sorted((columns.metrics | columns.settings) - {*header})
    if unknown:
        raise NoStore(
            f"{path.name} has no column {unknown[0]!r}",
            why=f"Its columns: {', '.join(header[:40])}",
            fix="gitexp import --help",
        )
    if any(name in _STEPS for name in lowered) and not {ROLES.get(name) for name in lowered} & {
        "commit",
        "id",
        "status",
    }:
        said.append(f"{path.name}: one run, a row for each {next(name for name in lowered if name in _STEPS)}")
        yield _of_steps(path, header, rows)
        return
    sheet = _sheet(header, rows, columns)
    said.append(f"{path.name}: {sheet.told()}")
    if not sheet.metrics:
        said.append(f"{path.name}: no column was taken for a metric; --metric NAME says which is one")
    met: dict[tuple[str, ...], int] = {}
    for number, cells in enumerate(rows):
        met[tuple(cells)] = twin = met.get(tuple(cells), -1) + 1
        yield _of_row(path, header, cells, sheet, twin, behind=len(rows) - 1 - number)


def _read(path: Path, said: list[str]) -> tuple[list[str], list[list[str]]]:
    data = read_regular(path, most=MOST_BYTES + 1).removeprefix(BOM)
    if len(data) > MOST_BYTES:
        raise NoStore(f"{path.name} has more than {MOST_BYTES >> 20} MiB, so it was not read")
    try:
        words = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        old, new = shlex.quote(str(path)), shlex.quote(str(path.with_suffix(f".utf8{path.suffix}")))
        fix = f"iconv -f latin1 -t UTF-8 -- {old} >{new}"
        raise NoStore(f"{path.name}:{line} is not UTF-8", fix=fix) from error
    first = words.partition("\n")[0]
    delimiter = "\t" if path.suffix == ".tsv" else max(",\t;", key=first.count)
    try:
        lines = [(one, [cell.strip() for cell in cells]) for one, cells in _numbered(words, delimiter) if any(cells)]
    except csv.Error as error:
        raise NoStore(f"{path.name} is not CSV: {error}") from error
    if not lines:
        raise NoStore(f"{path.name} is empty")
    header = lines[0][1]
    if all(not name or parse_number(name) is not None for name in header):
        raise NoStore(
            f"{path.name}: line 1 must name the columns, and has numbers", fix="write a line of names above it"
        )
    while len(lines) > 1 and not header[-1]:
        header = header[:-1]
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    said += [f"{path.name}: there are two columns {name!r}; the first is taken" for name in doubled[:3]]
    kept = []
    for line, cells in lines[1:]:
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) == len(header):
            kept += [cells] if cells != header else []
        else:
            said.append(
                f"{path.name}: line {line} has {len(cells)} cells, the header has {len(header)}: it was left out"
            )
    return header, kept


def _numbered(words: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(io.StringIO(words), delimiter=delimiter)
    for cells in rows:
        yield rows.line_num, cells


def _sheet(header: Sequence[str], rows: Sequence[Sequence[str]], columns: Columns) -> Sheet:
    sheet = Sheet({}, {}, {}, {})
    for at, name in enumerate(header):
        if not name or name in header[:at]:
            continue
        before, _, behind = name.replace("/", ".", 1).partition(".")
        what = "metric" if name in columns.metrics else "setting" if name in columns.settings else ""
        role = ROLES.get(name.lower())
        if not what and behind and before in _BEFORE:
            what, name = _BEFORE[before], behind
        if not what and role and role not in sheet.roles:
            sheet.roles[role] = at
            continue
        if not what:
            cells = [row[at] for row in rows if row[at].lower() not in _NOTHING]
            numbers = sum(_number(cell) is not None for cell in cells)
            what = "metric" if numbers > len(cells) // 2 and not like_a_setting(name) else "setting"
        {"metric": sheet.metrics, "setting": sheet.settings, "tag": sheet.tags}[what][at] = name
    return sheet


def like_a_setting(name: str) -> bool:
    """Whether numbers of this name are as a rule settings: `lr`, `optim/batchSize`."""
    return bool({*re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())} & _SETTINGS)


def _of_row(
    path: Path, header: Sequence[str], cells: Sequence[str], sheet: Sheet, twin: int, *, behind: int
) -> Foreign:
    known = {role: cells[at] for role, at in sheet.roles.items() if cells[at].lower() not in _NOTHING}
    status = known.get("status", "")
    settings = {name: _value(cells[at]) for at, name in sheet.settings.items() if cells[at]}
    values = [(name, cells[at]) for at, name in sheet.metrics.items() if cells[at].lower() not in _NOTHING]
    return Foreign(
        "table",
        "\0".join([*header, "", *cells, str(twin)]),
        text(path.stem, 200) or "table",
        partial(_row, values),
        id=text(known.get("id"), 200),
        name=text(known.get("name"), 200),
        status=_STATUSES.get(status.lower(), "completed"),
        said=text(status, 200),
        started=seconds(known.get("started")),
        finished=seconds(known.get("finished")),
        last_sign=path.stat().st_mtime - behind * 1e-3,  # in the order of the table
        user=text(known.get("user"), 200),
        host=text(known.get("host"), 200),
        url=text(known.get("url"), 1000),
        commit=text(known.get("commit"), 64),
        note=text(known.get("note")),
        settings=settings,
        tags={name: value for at, name in sheet.tags.items() if (value := text(cells[at]))},
    )


def _row(values: Sequence[tuple[str, str]], reader: Reader) -> Iterator[Block]:
    found: dict[str, Number] = {}
    step = None
    for name, cell in values:
        known = _number(cell)
        if name == "step":  # the last one, of `dvc exp show --csv`
            step = reader.step(known if known is not None else cell, "")
            continue
        if known is None:
            reader.problem(f"{name} is not a number: {cell[:60]!r}")
        elif reader.name(name):
            found[reader.name(name)] = known
    yield from blocks([Row(step, None, found)])


def _number(cell: str) -> Number | None:
    return None if "_" in cell or len(cell) > 400 else parse_number(cell)


def _value(cell: str) -> object:
    known = _number(cell)
    return cell.lower() == "true" if cell.lower() in ("true", "false") else cell if known is None else known


def _of_steps(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Foreign:
    key = "\0".join([path.name, *header, "", *(rows[0] if rows else ())])
    name = text(path.stem, 200) or "table"
    return Foreign("table", key, name, partial(_steps, path), name=name, last_sign=path.stat().st_mtime)


def _steps(path: Path, reader: Reader) -> Iterator[Block]:
    with open(open_regular(path)[0], "rb") as file:
        yield from by_step(reader, file, path=path, start=0)
