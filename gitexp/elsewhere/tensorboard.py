"""Runs of TensorBoard's event files: those of one folder are one, with what lies in folders below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from math import isfinite
from pathlib import Path
from struct import unpack_from
from typing import Any

from gitexp.capture import events
from gitexp.capture.settings import of_yaml
from gitexp.capture.wire import Malformed, fields, within
from gitexp.elsewhere.foreign import Foreign, text
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import open_regular

SPLITS = frozenset(["train", "training", "val", "valid", "validation", "dev", "test", "eval", "evaluation"])
_SETTINGS = "hparams.yaml"  # Lightning's
_HPARAMS = b"_hparams_/session_start_info"  # of `add_hparams`
_ENTRIES = (5, 1, 9, 1, 2, 3, 1)  # summary, value, metadata, plugin data, its content, start of a session, its map
_SESSION = re.compile(r"\d+(\.\d+)?")  # the folder that `add_hparams` makes: a time


def of_files(path: Path) -> Iterator[Foreign]:
    """A run for each folder that has event files and lies in no other such folder, by the folders' names."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*tfevents*") if one.is_file())
    runs: dict[Path, list[Path]] = {}
    sessions = {one.parent for one in files if _SESSION.fullmatch(one.parent.name) and one.parent != path}
    beside = Counter(one.parent for one in sessions)
    alone = {one for one in sessions if beside[one.parent] > 1}  # one writer, `add_hparams` for each of many trials
    for one in sorted(files, key=lambda file: (len(file.parts), file.as_posix())):
        home = one.parent
        if home.name.lower() in SPLITS and home != path:
            home = home.parent
        if home in alone:
            runs.setdefault(home, []).append(one)
            continue
        holder = next((above for above in (home, *home.parents) if above in runs), home)
        runs.setdefault(holder, []).append(one)
    for home, own in sorted(runs.items()):
        if any(one.parent == home for one in alone) and next(_rows(home, own, Reader("")), None) is None:
            continue  # it has trials, and nothing of its own
        yield _foreign(home, own, below=path if path.is_dir() else path.parent)


def _foreign(home: Path, own: list[Path], *, below: Path) -> Foreign:
    name = home.relative_to(below).as_posix() if home != below else home.resolve().name
    times: list[float] = []
    settings: dict[str, Any] = {}
    for one in own:
        told: dict[str, Any] = {}
        times += _times(one, told)
        where = "".join(f"{part}/" for part in one.parent.relative_to(home).parts)
        settings |= {
            name if settings.get(name, value) == value else f"{where}{name}": value for name, value in told.items()
        }
    if (home / _SETTINGS).is_file():
        with open(open_regular(home / _SETTINGS)[0], "rb") as file:
            settings |= of_yaml(Reader(_SETTINGS), file, path=home / _SETTINGS) or {}
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


def _times(path: Path, settings: dict[str, Any]) -> list[float]:
    """When the first and the last event of a file were written, as Unix seconds; fills in what `add_hparams` said."""
    found: list[float] = []
    with open(open_regular(path)[0], "rb") as file:
        for data, at, end, _ in events.records(Reader(path.name), file, 0):
            if data and end - at > 8 and data[at] == 9:
                found[1:] = [unpack_from("<d", data, at + 1)[0]]
                found = found * 2 if len(found) == 1 else found
                if data.find(_HPARAMS, at, end) >= 0:
                    with suppress(Malformed):
                        settings |= _hparams(data, at, end)
    return [one for one in found if isfinite(one) and 0 < one < 1e11]


def _hparams(data: bytes, at: int, end: int) -> dict[str, Any]:
    """What an event of the plugin "hparams" says of a session: a map to protobuf's Value. Raises Malformed."""
    found: dict[str, Any] = {}
    for first, last in within(data, at, end, _ENTRIES):
        entry = {number: (begin, stop) for number, _, begin, stop in fields(data, first, last)}
        if {1, 2} <= {*entry}:
            name = data[slice(*entry[1])].decode(errors="replace")
            for number, _, begin, stop in fields(data, *entry[2]):
                if number == 2:
                    number_value = unpack_from("<d", data, begin)[0]
                    found[name] = int(number_value) if number_value.is_integer() else number_value
                elif number == 3:
                    found[name] = data[begin:stop].decode(errors="replace")
                elif number == 4:
                    found[name] = bool(begin)
    return found


def _rows(home: Path, own: list[Path], reader: Reader) -> Iterator[Block]:
    for path in own:
        parts = path.parent.relative_to(home).parts
        before = "".join(f"{part}/" for part in parts if not _SESSION.fullmatch(part))
        with open(open_regular(path)[0], "rb") as file:
            for block in events.read(reader, file, path=path, start=0):
                named = {reader.name(f"{before}{name}"): column for name, column in block.columns.items()}
                named.pop("", None)
                if named:
                    yield block._replace(columns=named)
