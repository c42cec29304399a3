"""The metric files that a recipe names, as rows: those that are of this run, and of each what is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gitexp.capture.kinds import Kind, is_packed, kind_of
from gitexp.capture.source import SEVERAL
from gitexp.capture.telling import Telling
from gitexp.record.written import (
    DOUBT,
    OF_ITS_OWN,
    OWN,
    OldFiles,
    Written,
    begins_as,
    is_as_before,
    is_folder,
    made_since,
    matches,
    path_of,
)
from gitexp.regularfile import open_regular

if TYPE_CHECKING:
    from gitexp.record.rowblocks import Block


def named_files(
    cwd: Path, own: Path, before: Mapping[str, Written], told: Telling
) -> Iterator[tuple[str, Iterator[Block]]]:
    """The metric files that this run wrote, each once, under the name that the recipe gives them, and their rows."""
    seen = told.taken
    old = OldFiles(cwd, own, before)
    for pattern in told.rules.files:
        if is_folder(pattern):
            continue
        names = matches(pattern, cwd, own)
        if names is None:
            told.problems.append(f"{pattern}: the program did not write a file of this name")
            continue
        fresh = 0
        for name in names:
            try:
                fd, info = open_regular(path_of(name, cwd, own))
            except OSError as error:
                fresh += 1
                told.problems.append(f"{name}: cannot be read: {error.strerror}")
                continue
            with open(fd, "rb") as file:
                noted = old.of(name, file.fileno(), info)
                if noted is not None and is_as_before(info, noted):
                    if name == pattern:  # an earlier run's file beside this one's is what patterns are for
                        fresh += 1
                        told.problems.append(f"{name}: was not written by this run (it is older), so it was not read")
                    continue
                fresh += 1
                whose = told.others_with(path_of(name, cwd, own)) if not name.startswith(OWN) else []
                if whose:
                    told.problems.append(
                        f"{name}: was not read: run {', '.join(whose)} of this clone has it as a metric file too, and"
                        f" was at work before this one was recorded, so nobody knows whose lines these are."
                        f" Use {OF_ITS_OWN}"
                    )
                elif (info.st_dev, info.st_ino) not in seen:
                    seen.add((info.st_dev, info.st_ino))
                    if noted is not None and noted is before.get(name) and made_since(file.fileno(), info, noted):
                        told.rewritten.add(name)
                    packed = kind_of(name.removeprefix(OWN)) if is_packed(name) else None
                    if packed is not None:
                        yield name, _packed(packed, name, path_of(name, cwd, own), told)
                    else:
                        yield name, _rows_of(name, file, info, noted, told)
        if not fresh:
            told.problems.append(f"{pattern}: this run wrote no file that matches")


def _rows_of(name: str, file: IO[bytes], info: os.stat_result, noted: Written | None, told: Telling) -> Iterator[Block]:
    from gitexp.record.metricfiles import goes_on, read_metric_file

    reader, start = told.reader(name), 0
    try:
        if noted is not None and noted.size and begins_as(file.fileno(), info, noted):
            if noted.size == info.st_size:
                told.notes.append(f"{name}: has the bytes that were there before the run; taken as written anew")
            elif name in told.rewritten:
                told.notes.append(f"{name}: begins as it was before the run, but was written anew: read whole")
            else:
                start = noted.size
                reader.source = f"{name} from byte {start} on"
                doubt = DOUBT if goes_on(file, name=name, start=start) else ""
                told.notes.append(f"{name}: read from byte {start} on: the lines before were there already{doubt}")
        yield from read_metric_file(reader, file, name=name, start=start)
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")
    told.had_step = told.had_step or reader.had_step
    told.heard(reader, name)


def _packed(kind: Kind, name: str, path: Path, told: Telling) -> Iterator[Block]:
    """Of a file that is no text, such as TensorBoard's: one training."""
    from gitexp.capture.reading import sources

    reader = told.reader(name)
    found = sources(kind, path)
    if len(found) > 1:
        reader.problem(f"holds {len(found)} {SEVERAL}")
    for source in found if len(found) == 1 else ():
        yield from source.blocks(reader)
    told.heard(reader, name)
