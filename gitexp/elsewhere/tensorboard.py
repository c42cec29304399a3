"""Runs of TensorBoard's event files: those of one folder are one, with what lies in folders below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from math import isfinite
from pathlib import Path
from struct import unpack_from

from gitexp.capture import events
from gitexp.capture.settings import of_yaml
from gitexp.elsewhere.foreign import Foreign, text
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import open_regular

SPLITS = frozenset(["train", "training", "val", "valid", "validation", "dev", "test", "eval", "evaluation"])
_SETTINGS = "hparams.yaml"  # Lightning's


def of_files(path: Path) -> Iterator[Foreign]:
    """A run for each folder that has event files and lies in no other such folder, by the folders' names."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*tfevents*") if one.is_file())
    runs: dict[Path, list[Path]] = {}
    for one in sorted(files, key=lambda file: (len(file.parts), file.as_posix())):
        home = one.parent
        if home.name.lower() in SPLITS and home != path:
            home = home.parent
        holder = next((above for above in (home, *home.parents) if above in runs), home)
        runs.setdefault(holder, []).append(one)
    for home, own in sorted(runs.items()):
        yield _foreign(home, own, below=path if path.is_dir() else path.parent)


def _foreign(home: Path, own: list[Path], *, below: Path) -> Foreign:
    name = home.relative_to(below).as_posix() if home != below else home.resolve().name
    times = [moment for one in own for moment in _times(one)]
    settings = {}
    if (home / _SETTINGS).is_file():
        with open(open_regular(home / _SETTINGS)[0], "rb") as file:
            settings = of_yaml(Reader(_SETTINGS), file, path=home / _SETTINGS) or {}
    return Foreign(
        "TensorBoard",
        f"{home.resolve().name}\0{times[0] if times else own[0].name!r}",
        text(below.resolve().name, 200) or "tensorboard",
        partial(_rows, home, own),
        name=text(name, 200),
        started=min(times, default=None),
        finished=max(times, default=None),
        last_sign=max(one.stat().st_mtime for one in own),
        settings=settings,
    )


def _times(path: Path) -> list[float]:
    """When the first and the last event of a file were written, in seconds since 1970."""
    found: list[float] = []
    with open(open_regular(path)[0], "rb") as file:
        for data, at, end, _ in events.records(Reader(path.name), file, 0):
            if data and end - at > 8 and data[at] == 9:
                found[1:] = [unpack_from("<d", data, at + 1)[0]]
                found = found * 2 if len(found) == 1 else found
    return [one for one in found if isfinite(one) and 0 < one < 1e11]


def _rows(home: Path, own: list[Path], reader: Reader) -> Iterator[Block]:
    for path in own:
        parts = path.parent.relative_to(home).parts
        before = "".join(f"{part}/" for part in parts if not re.fullmatch(r"\d+(\.\d+)?", part))
        with open(open_regular(path)[0], "rb") as file:
            for block in events.read(reader, file, path=path, start=0):
                named = {reader.name(f"{before}{name}"): column for name, column in block.columns.items()}
                named.pop("", None)
                if named:
                    yield block._replace(columns=named)
