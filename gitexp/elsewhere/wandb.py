"""The run of W&B's own file run-ID.wandb: what it says of itself, beside the rows and settings that capture reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from gitexp.capture import wandb
from gitexp.capture.wire import BYTES, VARINT, Malformed, fields, signed, within
from gitexp.elsewhere.foreign import Foreign, text, texts
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import open_regular

_RUN, _EXIT = 17, 18  # of a Record
_TEXTS = {1: "id", 2: "entity", 3: "project", 6: "group", 7: "job_type", 8: "name", 9: "notes", 12: "sweep", 13: "host"}
_TAG, _STARTED, _GIT, _COMMIT = 10, 17, 21, 2  # of a RunRecord; the last of a GitRepoRecord
_STATUS = ("completed", "failed")


def of_files(path: Path) -> Iterator[Foreign]:
    """The runs of the files below a folder such as wandb/, or of one file."""
    for one in [path] if path.is_file() else sorted(path.rglob("run-*.wandb")):
        with open(open_regular(one)[0], "rb") as file:
            yield _foreign(one, file)


def _foreign(path: Path, file: IO[bytes]) -> Foreign:
    said: dict[str, str] = {}
    tags: list[str] = []
    began, ran_s, ended = None, None, None
    file.seek(7)  # behind the file's own mark
    for data in wandb.records(Reader(path.name), file):
        with suppress(Malformed):
            for number, kind, at, end in fields(data, 0, len(data)):
                if number == _EXIT and kind == BYTES:
                    parts = {of: value for of, how, value, _ in fields(data, at, end) if how == VARINT}
                    ended, ran_s = signed(parts.get(1, 0)), parts.get(2)
                elif number == _RUN and kind == BYTES:
                    for of, how, first, last in fields(data, at, end):
                        if how == BYTES and of in _TEXTS:
                            said[_TEXTS[of]] = data[first:last].decode(errors="replace")
                        elif how == BYTES and of == _TAG:
                            tags.append(data[first:last].decode(errors="replace"))
                        elif how == BYTES and of == _STARTED:
                            clock = {part: value for part, how, value, _ in fields(data, first, last) if how == VARINT}
                            began = clock.get(1, 0) + clock.get(2, 0) / 1e9
                        elif how == BYTES and of == _GIT:
                            for one, behind in within(data, first, last, (_COMMIT,)):
                                said["commit"] = data[one:behind].decode(errors="replace")
    file.seek(0)
    settings = wandb.settings(Reader(path.name), file, path=path) or {}
    whose = [said[part] for part in ("entity", "project", "id") if said.get(part)]
    more = {name: said.get(name) for name in ("group", "job_type", "sweep")} | {"tags": ", ".join(tags[:100])}
    return Foreign(
        "W&B",
        "\0".join([*whose, repr(began)]) if whose else path.name,
        text(said.get("project"), 200) or "wandb",
        partial(_rows, path),
        id=text(said.get("id"), 200),
        name=text(said.get("name"), 200),
        status="crashed" if ended is None else _STATUS[ended != 0],
        said=None if ended is None else f"exit code {ended}",
        started=began,
        finished=began + ran_s if began is not None and ran_s is not None else None,
        last_sign=path.stat().st_mtime,
        host=text(said.get("host"), 200),
        url=f"https://wandb.ai/{whose[0]}/{whose[1]}/runs/{whose[2]}" if len(whose) == 3 else None,
        commit=text(said.get("commit"), 64),
        note=text(said.get("notes")),
        settings=settings,
        tags=texts(more),
    )


def _rows(path: Path, reader: Reader) -> Iterator[Block]:
    with open(open_regular(path)[0], "rb") as file:
        yield from wandb.read(reader, file, path=path, start=0, timed=True)
