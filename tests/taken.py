"""What a reader gives of a file."""

from __future__ import annotations

from pathlib import Path

from gitexp.capture.kinds import kind_of
from gitexp.capture.reading import read
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Row

SAMPLES = Path(__file__).parent / "capture" / "samples"


def rows_of(path: Path, *, start: int = 0, reader: Reader | None = None) -> list[Row]:
    """All rows of a file that is known by its path."""
    kind = kind_of(path.as_posix())
    assert kind is not None
    return [row for block in read(kind, reader or Reader(path.name), path, start=start) for row in block.rows()]


def flat(row: Row) -> tuple[int | None, dict[str, float]]:
    """Step and values, for tables of expected rows."""
    return row.step, row.values
