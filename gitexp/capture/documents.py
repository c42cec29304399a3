"""JSON that programs leave: the Trainer's state, metrics.json, results.json, and lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gitexp.capture.steps import EPOCH, without_epoch
from gitexp.record.metricnames import holds_settings
from gitexp.record.metricreader import DEEPEST, MAX_DOCUMENT_BYTES, Reader, reason
from gitexp.record.metrics import Row
from gitexp.record.rowblocks import Block, blocks


def lines(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """An object a line."""
    file.seek(start)
    yield from _found(without_epoch(reader.lines(file)))


def document(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """An object, or an array of them. Beside dvclive's plots its names are joined as dvclive does."""
    if path.name == "metrics.json" and (path.parent / "plots" / "metrics").is_dir():
        known = _parsed(reader, file)
        yield from blocks(reader.row(dict(slashed(known)), "") if isinstance(known, dict) else ())
    else:
        yield from without_epoch(reader.document(file))


def trainer(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """trainer_state.json of transformers: the entries of its log_history."""
    state = _parsed(reader, file)
    if state is None:
        return
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list):
        reader.problem("has no log_history")
        return
    yield from blocks(_logged(reader, history))


def _logged(reader: Reader, history: list[Any]) -> Iterator[Row]:
    for number, entry in enumerate(history, 1):
        if isinstance(entry, dict):
            values = {name: value for name, value in entry.items() if name != EPOCH or "step" not in entry}
            yield from reader.row(values, f"entry {number} of log_history: ")


def _parsed(reader: Reader, file: IO[bytes]) -> Any:
    """A document of moderate size; None where it is none, which is a problem."""
    data = file.read(MAX_DOCUMENT_BYTES + 1)
    try:
        if len(data) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"it has more than {MAX_DOCUMENT_BYTES // 2**20} MiB")
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        reader.problem(f"is not read as JSON: {reason(error)}")
        return None


def slashed(table: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The leaves by names joined as dvclive joins them."""
    for key, value in table.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from slashed(value, f"{before}{key}/", depth + 1)
        else:
            yield f"{before}{key}", value


def _found(some: Iterator[Block]) -> Iterator[Block]:
    """Without the settings that stand beside the numbers."""
    for block in some:
        columns = {n: column for n, column in block.columns.items() if not holds_settings(n.partition(".")[0])}
        if len(columns) == len(block.columns):
            yield block
        elif columns:
            yield from blocks(Block(block.steps, block.times, columns).rows())
