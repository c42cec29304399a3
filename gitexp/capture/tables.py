"""CSV and TSV that loggers write: a step, or an epoch, and a column for each metric."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gitexp.capture.steps import EPOCH, without_epoch
from gitexp.record.metricreader import BOM, Reader
from gitexp.record.metrictable import read_table
from gitexp.record.rowblocks import Block

_LONGEST_HEADER = 1 << 16
_STEP = "step"


def by_step(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """Lightning's metrics.csv and its like: whatever columns there are."""
    stepped = _STEP in _header(file)
    yield from without_epoch(read_table(reader, file, start=start, tabs=False), stepped=stepped)


def of_epochs(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """What begins with a column `epoch`, as the files of Keras, timm and many others do; nothing of any other file."""
    if _header(file)[0] == EPOCH:
        yield from by_step(reader, file, path=path, start=start)


def of_one_metric(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """dvclive's plots/metrics/NAME.tsv, whose column has the last part of the name alone."""
    name = re.sub(r".*?(?:^|/)plots/metrics/(.+)\.tsv", r"\1", path.as_posix())
    for block in read_table(reader, file, start=start, tabs=True):
        column = block.columns.get(path.stem)
        known = reader.name(name)
        if column is not None and known:
            yield Block(block.steps, block.times, {known: column})


def _header(file: IO[bytes]) -> list[str]:
    line = file.readline(_LONGEST_HEADER).removeprefix(BOM).decode(errors="replace")
    file.seek(0)
    return [name.strip().strip('"') for name in re.split("[,;\t]", line)]
