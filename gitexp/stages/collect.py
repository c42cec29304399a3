"""Collect what a program logged, printed and wrote to files into a summary and history.csv, in little memory.

Whatever cannot be read becomes a problem, which is a sentence for the user and a defect of the run, never an exception:
the run is recorded all the same. What is in order but worth a word becomes a note.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp import runfolder
from gitexp.attempt import Captured, Collected, Found
from gitexp.capture.named import named_files
from gitexp.capture.telling import NAMED, Telling
from gitexp.errors import and_more
from gitexp.record.headline import judged_by, summarise
from gitexp.record.history import HistoryWriter, Lines, kept
from gitexp.record.metricreader import Reader
from gitexp.record.runrecord import Judged, Seen
from gitexp.record.written import (
    Written,
    matches,
    path_of,
)
from gitexp.regularfile import open_regular
from gitexp.spool import Room, Spool
from gitexp.text.bounded import Unreadable

if TYPE_CHECKING:
    from gitexp.record.metrics import MetricRules
    from gitexp.record.rowblocks import Block

HISTORY = "history.whole"  # on its way to the object store, in the recorder's own folder

_SPOKEN = {
    runfolder.METRICS: "GITEXP_METRICS",
    runfolder.MATCHED: "the program's output",
    runfolder.ANNOUNCED: "the program's output",
}


def collect(
    *,
    folder: str,
    cwd: Path,
    rules: MetricRules,
    history_limit: int,
    before: Mapping[str, Written] | None = None,
    rewritten: Iterable[str] = (),
    attempt: int = 1,
    completed: bool = True,
    captured: Captured | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Collected:
    """Read the metrics of the run in `folder`, whose program ran in `cwd`.

    `before`: the metric files that were there when it started, as submit noted them. `rewritten`: those that the worker
    saw shorter. From the second attempt on, the rows of those before come first. `captured`: what the program wrote by
    itself, behind all else; a metric that something before it has is not taken again. `parameters`: texts of files such
    as params.yaml.
    Rows with a time come first, in its order; then those of the recipe's metric files, in the order of the recipe.
    """
    with Room(Path(folder, runfolder.RECORD)) as room:
        others, captured = _beside(folder) if rules.files else {}, captured or Captured()
        told = Telling(rules, completed, rewritten, others)
        from gitexp.record.timeorder import OutOfOrder

        try:
            history = _history(folder, cwd, before or {}, attempt, told, captured, room, sort=False)
        except OutOfOrder:  # several processes, or threads, logged
            told = Telling(rules, completed, rewritten, others)
            history = _history(folder, cwd, before or {}, attempt, told, captured, room, sort=True)
        told.problems[:0], told.notes[:0] = captured.problems, captured.notes
        _take_parameters(parameters or {}, told)
        if not Path(folder, runfolder.TRAINING).exists():  # that program has said so itself, and at which step
            told.problems += _not_finite(history, rules)
        return finished(history, rules, told, room, limit=history_limit)


def _history(
    folder: str,
    cwd: Path,
    before: Mapping[str, Written],
    attempt: int,
    told: Telling,
    captured: Captured,
    room: Room,
    *,
    sort: bool,
) -> HistoryWriter:
    """All rows, put down in the order of the format. Raises OutOfOrder: they must be sorted."""
    from gitexp.record.rowblocks import blocks
    from gitexp.record.timeorder import in_time, watched

    history = HistoryWriter(Spool(room), with_attempts=attempt > 1, wanted=told.selection.wants)
    if attempt > 1:
        for number, block in _earlier(folder, told):
            history.add(block, attempt=number)
    logged = runfolder.LOGGED[:2] if captured.several else runfolder.LOGGED  # of which training was it announced?
    sources = [_lines(folder, name, told) for name in logged]
    sort = sort or sum(_size(folder, name) > 0 for name in logged) > 1
    merged = blocks(in_time(sources, room.file())) if sort else (one for source in sources for one in watched(source))
    for block in merged:
        history.add(block, attempt=attempt, origin="logged")
    for name, written in named_files(cwd, Path(folder, runfolder.SAVED), before, told):
        for block in written:
            history.add(block, attempt=attempt, origin=name)
    _add_captured(history, told, captured, cwd, Path(folder, runfolder.SAVED), attempt=attempt)
    return history


def _add_captured(
    history: HistoryWriter, told: Telling, captured: Captured, cwd: Path, own: Path, *, attempt: int
) -> None:
    """What the program wrote by itself, kind by kind: a metric that an earlier kind has is not taken again."""
    kind, known = None, frozenset[str]()
    for found in captured.found:
        try:
            info = path_of(found.name, cwd, own).stat()
        except OSError as error:  # removed meanwhile
            told.problems.append(f"{found.name}: cannot be read: {error.strerror}")
            continue
        settings = _take_settings(found, told) if captured.settings else None
        if (info.st_dev, info.st_ino) in told.taken and not found.kind.several:
            continue  # the recipe names it
        told.taken.add((info.st_dev, info.st_ino))
        if found.kind != kind:
            kind, known = found.kind, frozenset(history.tallies)
        reader, rows, names = told.own_reader(found.name), 0, set[str]()
        for block in found.source.blocks(reader):
            columns = {f"{found.prefix}{name}": column for name, column in block.columns.items()}
            columns = {name: column for name, column in columns.items() if name not in known and reader.name(name)}
            for part in _sparse(block._replace(columns=columns)):
                history.add(part, attempt=attempt, origin=found.name + found.source.label)
                rows += len(part.steps)
            names.update(columns)
        told.heard(reader, found.name)
        if names or settings:
            told.seen.append(Seen(found.kind.name, rows, len(names), found.name, found.start or None, settings))


def _take_parameters(files: Mapping[str, str], told: Telling) -> None:
    """The program's own parameter files, as they were before it ran."""
    for name, text in files.items():
        from gitexp.text.parameters import parameters

        values = {key: value for key, value in (parameters(name, text.encode()) or {}).items() if value is not None}
        if values:
            told.settings[name] = values
            told.seen.append(Seen("parameters", path=name, settings=len(values)))


def _take_settings(found: Found, told: Telling) -> int | None:
    """What the program noted of its own settings there, under the name of whose file it is."""
    reader = Reader(found.name)
    values = found.source.settings(reader)
    told.notes += [*reader.problems(), *reader.notes]
    known = {key: value for key, value in (values or {}).items() if value is not None}
    if known:
        told.settings[found.kind.name if found.kind.name not in told.settings else found.name] = known
    return len(known) or None


def _sparse(block: Block) -> Iterator[Block]:
    """A block without the rows that have lost all their values with a column."""
    if any(None not in column for column in block.columns.values()):
        yield block
    elif block.columns:
        from gitexp.record.rowblocks import blocks

        yield from blocks(row for row in block.rows() if row.values)


def _size(folder: str, name: str) -> int:
    try:
        return Path(folder, name).stat().st_size
    except OSError:
        return 0


def _earlier(folder: str, told: Telling) -> Iterator[tuple[int, Block]]:
    """The rows of earlier attempts, as resume left them."""
    from gitexp.record.pasthistory import past_blocks

    try:
        fd, _ = open_regular(Path(folder, runfolder.EARLIER))
        with open(fd, "rb") as file:
            yield from past_blocks(file)
    except FileNotFoundError:
        return
    except (Unreadable, OSError) as error:
        what = error.what if isinstance(error, Unreadable) else error.strerror
        told.problems.append(f"rows of earlier attempts are lost: {what}")


def _lines(folder: str, name: str, told: Telling) -> Iterator[Block]:
    """What the program logged, or the worker found in its output."""
    spoken = _SPOKEN[name]
    reader = Reader(spoken, strict=True, completed=told.completed)
    try:
        fd, info = open_regular(Path(folder, name))
        with open(fd, "rb") as file:
            rows, metrics = 0, set[str]()
            for block in reader.lines(file):
                rows += len(block.steps)
                metrics.update(block.columns)
                yield block
            if name == runfolder.ANNOUNCED and rows:
                told.seen.append(Seen("announced lines", rows, len(metrics)))
        if info.st_mode & stat.S_ISVTX and not reader.worker_says:  # the mark of gitexp/script.py
            reader.problem("gitexp.log() or gitexp.save() could not write all of it; was the disk full?")
    except FileNotFoundError:
        pass
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")
    looked = name == runfolder.METRICS or (name == runfolder.MATCHED and told.rules.output)
    told.heard(reader, spoken if looked else "")


def _beside(folder: str) -> dict[str, set[str] | None]:
    """The metric files, as they are now, of each run that was here at the same time. None: they are not known."""
    found: dict[str, set[str] | None] = {}
    for path in Path(folder).glob(f"{runfolder.BESIDE}*.json"):
        try:
            patterns = (runfolder.read_json(folder, path.name) or {}).get("files", [])
        except runfolder.Torn:
            patterns = None
        names = (name for pattern in patterns or () for name in matches(pattern, Path("/"), Path("/")) or ())
        found[path.stem.removeprefix(runfolder.BESIDE)] = (
            None if patterns is None else set(map(os.path.realpath, names))
        )
    return found


# ---- the end


def finished(
    history: HistoryWriter,
    rules: MetricRules,
    told: Telling,
    room: Room,
    *,
    limit: int,
) -> Collected:
    """All that was read, boiled down: the summary, what git keeps of the history, and what there is to say."""
    told.problems += _not_logged(history, rules, told)
    if not history.rows:
        nothing = Collected({}, tuple(rules.goal), None, b"", None, "", 0, 0, tuple(told.problems), tuple(told.notes))
        return nothing._replace(seen=tuple(told.seen), settings=told.settings)
    from xxhash import xxh3_128

    state, spool = xxh3_128(), Spool(room)
    lines = Lines(spool)
    for piece in history.pieces():
        state.update(piece)
        lines.write(piece)
    headline = judged_by(history.tallies, rules)
    summary = summarise(history, lines, headline, rules)
    judged = None
    if headline is not None:
        step = lines.line(headline.best.row).partition(b",")[0]
        judged = Judged(headline.metric, headline.way, headline.best.row + 1, int(step) if step else None)
    text, count = kept(history, lines, limit=limit, goals=rules.goal)
    return Collected(
        summary=summary,
        goals=tuple(rules.goal),
        judged=judged,
        history_csv=text,
        whole=spool.keep(HISTORY) if count < history.rows else None,
        digest=state.hexdigest(),
        rows_total=history.rows,
        rows_kept=count,
        problems=tuple(told.problems),
        notes=tuple(told.notes),
        seen=tuple(told.seen),
        settings=told.settings,
    )


def _not_finite(history: HistoryWriter, rules: MetricRules) -> Iterator[str]:
    """Metrics with a goal that came to nothing; a best one from before may stand in the summary all the same."""
    for name in rules.goal:
        if name in history.tallies and not isfinite(history.tallies[name].last):
            yield f"{name}, which has a goal, ended as {history.tallies[name].last}"


def _not_logged(history: HistoryWriter, rules: MetricRules, told: Telling) -> Iterator[str]:
    """What the recipe names and the run did not log: what was looked for, and where."""
    if not told.completed and not history.rows:
        return  # it did not come so far
    where = ", ".join(told.looked_in)
    if rules.step and not told.had_step:
        files = ", ".join(name for name in told.looked_in if name not in _SPOKEN.values())
        yield f"no column {rules.step}, which [metrics] step names; looked in {files or 'no file: [metrics] files'}"
    seen = ", ".join(list(told.selection.seen)[:NAMED]) + and_more(len(told.selection.seen), NAMED)
    for pattern in told.selection.unmatched:
        if pattern in rules.keys:
            yield f"no metric matches {pattern} of [metrics] keys; there were {seen or 'none'}"
        else:
            told.notes.append(f"no metric matches {pattern} of [metrics] ignore")
    for name in dict.fromkeys(rules.named):
        if name in history.tallies or name in told.said_of:
            continue
        if name in told.texts:
            yield f"{name} was not logged as a number: it is the text {told.texts[name]}"
        elif name in rules.output:
            yield f"{name} was not logged: no line of the output matched {rules.output[name]!r} ([metrics] output)"
        else:
            from difflib import get_close_matches

            near = get_close_matches(name, history.tallies, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name}, which the recipe names, was not logged; looked in {where}{hint}"
