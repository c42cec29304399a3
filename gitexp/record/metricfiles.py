"""A file that a program wrote about its metrics, as blocks of rows: which kind it is, and what it is where it is none.

JSON, JSON lines, CSV and TSV in UTF-8, with or without a byte order mark: by the name's ending, else by the content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import IO

from gitexp.record.metricreader import BOM, Reader
from gitexp.record.rowblocks import Block

READ = "JSON, JSON lines and CSV are read"
ENDINGS = ("json", "jsonl", "ndjson", "csv", "tsv")  # format.md has them, too

_KINDS = {"yaml": "YAML", "yml": "YAML", "toml": "TOML", "xml": "XML"}
_BEGINNINGS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "Parquet"),
)
_YAML_LINE = re.compile(rb"\s*[-\w./\"']+:(\s.*)?$|\s*-\s.*$|\s*#.*$|---.*$|\s*$")


def read_metric_file(reader: Reader, file: IO[bytes], *, name: str, start: int = 0) -> Iterator[Block]:
    """The rows of an open file from byte `start` on; what there is to say is with the reader once all are taken."""
    ending = name.lower().rpartition(".")[2]
    beginning = file.read(4096)
    file.seek(start)
    after = file.read(4096).strip() if start else beginning.removeprefix(BOM).strip()
    found = 0
    kind = _other_kind(ending, beginning)
    if kind is not None:
        reader.problem(f"is {kind}, which is not read: {READ}")
        return
    if not after:
        if not start:
            reader.problem("is empty")
        return
    file.seek(start)
    for block in _blocks(reader, file, ending, after, start):
        found += 1
        yield block
    if not found and not reader.problems() and not start:
        looks = ending not in ENDINGS and _looks_like_yaml(beginning)
        reader.problem(f"looks like YAML, which is not read: {READ}" if looks else "holds no numbers")


def goes_on(file: IO[bytes], *, name: str, start: int, step: str = "step") -> bool:
    """Whether the rows behind byte `start` may be of the run that wrote those before: unless the step falls there."""
    tail = os.pread(file.fileno(), 4096, max(0, start - 4096))[: min(start, 4096)]
    last_line = start - len(tail) + tail[:-1].rfind(b"\n") + 1
    block = next(read_metric_file(Reader(name, step=step), file, name=name, start=last_line), None)
    file.seek(0)
    steps = [step for step in block.steps[:2] if step is not None] if block else []
    return len(steps) < 2 or steps[0] <= steps[1]


def _blocks(reader: Reader, file: IO[bytes], ending: str, after: bytes, start: int) -> Iterator[Block]:
    if ending in ("jsonl", "ndjson"):
        return reader.lines(file)
    if ending == "json" or (ending not in ("csv", "tsv") and after[:1] in (b"{", b"[")):
        return reader.document(file)
    from gitexp.record.metrictable import read_table

    file.seek(0)
    return read_table(reader, file, start=start, tabs=ending == "tsv")


def _other_kind(ending: str, beginning: bytes) -> str | None:
    for bytes_, kind in _BEGINNINGS:
        if beginning.startswith(bytes_):
            return f"{kind} and not UTF-8" if kind.startswith("UTF") else kind
    if b"\0" in beginning:
        return "UTF-16 and not UTF-8" if beginning[1::2].count(0) > len(beginning) // 4 else "no text"
    return _KINDS.get(ending)


def _looks_like_yaml(beginning: bytes) -> bool:
    lines = beginning.splitlines()[:20]
    return any(b": " in line for line in lines) and all(_YAML_LINE.match(line) for line in lines)
