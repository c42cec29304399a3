"""Which files hold what a program logged by itself: those that are new in its run, or grew, told apart by training.

Names are posix paths relative to the program's working folder, or begin with `$GITEXP_OUTPUT/`. Where one program has
trained several times, nothing is taken: a summary out of two trainings is of neither.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.attempt import Captured, Ended, Found
from gitexp.capture.before import APPENDED, below
from gitexp.capture.kinds import KINDS, Kind, kind_of, may_be_a_kind, training_of
from gitexp.capture.source import SEVERAL, Source
from gitexp.capture.whose import LATE, LATE_S, Whose, holds
from gitexp.errors import and_more
from gitexp.git.repo import finish
from gitexp.git.untracked import entries_of, files_in, list_untracked
from gitexp.record.metricfiles import goes_on
from gitexp.record.metricreader import Reader
from gitexp.record.written import (
    DOUBT,
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
from gitexp.regularfile import NotAFile, open_regular, walk

SPLITS = frozenset(["train", "training", "val", "valid", "validation", "dev", "test", "eval", "evaluation"])

COPY = "it has the bytes of a file that was there before the run"
LARGEST = 64 << 20  # bytes of a table that nobody has named


class Search(NamedTuple):
    """Where to look, and what is known of the run."""

    cwd: Path
    own: Path  # what the program finds in GITEXP_OUTPUT
    before: Mapping[str, Written]
    started: float  # seconds since 1970
    began: float  # the same, by the clock of whoever keeps the files, where that is behind
    whose: Whose
    rewritten: Sequence[str] = ()  # files that the worker saw shorter
    folders: tuple[str, ...] = ()  # `out/`: where alone to look, if the recipe names any
    named: frozenset[str] = frozenset()  # files that the recipe names itself
    off: frozenset[str] = frozenset()  # kinds that are switched off, as [capture] calls them


def captured(
    ended: Ended, switches: Mapping[str, bool], files: Sequence[str], there: Sequence[str] | None, *, whose: Whose
) -> Captured:
    """What the program of a run that has ended wrote by itself. `switches`, `files`: [capture] and [metrics] files."""
    submission = ended.submission
    if submission.seen is None:
        return Captured()
    cwd = Path(submission.root) / submission.cwd
    without = below(cwd, (*submission.data.values(), *submission.catalogued))
    entries = entries_of(finish(list_untracked(cwd))) if there is None else there
    names = files_in(cwd, entries, wanted=may_be_a_kind, without=without)
    names += [name for name in submission.seen if name not in without]  # git tracks some of them
    outcome, own = ended.outcome or {}, ended.folder / runfolder.SAVED
    started = float((outcome or ended.started).get("started") or submission.submitted)
    search = Search(
        cwd=cwd,
        own=own,
        before=submission.seen,
        started=started,
        began=min(started, _changed(ended.folder / runfolder.STARTED)),
        whose=whose,
        rewritten=outcome.get("rewritten", ()),
        folders=tuple(pattern.removeprefix("./") for pattern in files if is_folder(pattern)),
        named=frozenset(name for pattern in files for name in matches(pattern, cwd, own) or ()),
        off=frozenset(switch for switch, on in switches.items() if not on),
    )
    gathered = runfolder.gathered(str(ended.folder))  # by a recorder that was killed
    names += [name for name in _own(own) if _plain(name) not in gathered]
    return capture(dict.fromkeys(names), search)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_ctime
    except OSError:
        return inf


def capture(names: Iterable[str], search: Search) -> Captured:
    """The sources among these files, in the order of their kinds."""
    problems: list[str] = []
    notes: list[str] = []
    fresh = list(_fresh(names, search, problems, notes))
    taken = _readable(_newest(fresh, search), search)
    several = bool(_several(taken))  # then what was printed is of all of them, also where one is chosen
    if search.folders:
        taken = [one for one in taken if one.name.startswith(search.folders)]
        empty = [folder for folder in search.folders if not any(one.name.startswith(folder) for one in taken)]
        problems += [f"{folder}: this run wrote no metrics there" for folder in empty]
    trainings = _several(taken)
    if trainings:  # whoever has named the files of one has chosen
        problems += [] if any(one.name in search.named for one in taken) else [_separate(trainings)]
        return Captured((), True, False, tuple(problems), tuple(notes))
    settings = "settings" not in search.off
    found = [one for one in _prefixed(taken) if one.name not in search.named]
    for one in found:
        if one.start:
            before = f"{one.name}: read from byte {one.start} on: the lines before were there already"
            notes.append(before + _doubt(one.name, one.kind, one.start, search))
    return Captured(tuple(found), several, settings, tuple(problems), tuple(notes))


def _own(folder: Path) -> Iterator[str]:
    for at, folders, files in walk(folder):
        folders.sort()
        yield from (OWN + Path(at, file).relative_to(folder).as_posix() for file in sorted(files))


def _plain(name: str) -> str:
    return name.removeprefix(OWN)


def _fresh(
    names: Iterable[str], search: Search, problems: list[str], notes: list[str]
) -> Iterator[tuple[str, Kind, int]]:
    """Files that this run wrote, and the byte behind what was there already."""
    old = OldFiles(search.cwd, search.own, search.before)
    for name in names:
        kind = kind_of(_plain(name))
        if kind is None or kind.switch in search.off or ("settings" in search.off and not kind.reader):
            continue
        try:
            fd, info = open_regular(path_of(name, search.cwd, search.own), flags=os.O_NOFOLLOW)
            try:
                noted = None if name.startswith(OWN) else old.of(name, fd, info)
                if noted is None and not name.startswith(OWN) and info.st_ctime < search.began - LATE_S:
                    continue  # it was there, among more files than are looked at
                if (noted is not None and is_as_before(info, noted)) or search.whose.is_anothers(name):
                    continue
                start = _start(name, kind, fd, info, noted, search)
            finally:
                os.close(fd)
        except (FileNotFoundError, NotAFile):
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:
                continue  # a link: what it leads to is not this run's
            start = str(error.strerror)
        if name in search.named:  # of which collect says what there is to say
            yield name, kind, 0
            continue
        if not isinstance(start, str):
            yield name, kind, start
        elif any(_sources(name, kind, 0, search)):  # else it is a log in words, a table of something else
            (notes if start == COPY else problems).append(f"{name} ({kind.name}) was not read: {start}")


def _doubt(name: str, kind: Kind, start: int, search: Search) -> str:
    """A file that was written anew with the same beginning looks as if it had grown."""
    if kind.name in APPENDED:
        return ""
    with suppress(OSError), open(open_regular(path_of(name, search.cwd, search.own))[0], "rb") as file:
        steps = (goes_on(file, name=name, start=start, step=step) for step in ("step", "epoch"))
        return DOUBT if all(steps) else ""
    return ""  # it has gone, which is said where it is read


def _start(name: str, kind: Kind, fd: int, info: os.stat_result, noted: Written | None, search: Search) -> int | str:
    """The byte from which a file is this run's; a text says why nobody can tell."""
    if kind.reader.startswith("tables") and info.st_size > LARGEST:
        return f"it has more than {LARGEST >> 20} MiB, as a table of data has; --metrics FILE reads it all the same"
    if not name.startswith(OWN):
        if search.whose.is_late(info):
            return LATE
        other = None if kind.several else search.whose.other(name)
        if other is not None:
            return f"run {other} was at work here at the same time, so nobody knows whose it is"
    if noted is None or not kind.grows or not noted.size or info.st_size < noted.size:
        return 0
    if noted is not search.before.get(name):  # it was there under another name
        return noted.size if info.st_size > noted.size else COPY
    if name in search.rewritten or made_since(fd, info, noted):
        return 0
    if kind.name in APPENDED:
        return noted.size
    if info.st_size == noted.size and info.st_mtime_ns != noted.mtime_ns:
        return 0  # written to and no longer: the same again, as of a repeat
    if not noted.digest:
        return "it was there before the run, and nobody noted what was in it"
    return noted.size if begins_as(fd, info, noted) else 0


def _newest(fresh: Sequence[tuple[str, Kind, int]], search: Search) -> Iterator[tuple[str, Kind, int]]:
    """All, but of those kinds whose later files have all that the earlier ones had, the newest of each training."""
    latest: dict[tuple[str, str], tuple[int, bool, str]] = {}
    for name, kind, _ in fresh:
        if kind.latest:
            try:
                mtime = path_of(name, search.cwd, search.own).stat().st_mtime_ns
            except OSError:
                continue  # removed meanwhile
            key = kind.name, _training(kind, name)
            latest[key] = max(latest.get(key, (0, False, "")), (mtime, "checkpoint-" not in name, name))
    chosen = {name for _, _, name in latest.values()}
    return (one for one in fresh if not one[1].latest or one[0] in chosen)


def _readable(fresh: Iterable[tuple[str, Kind, int]], search: Search) -> list[Found]:
    """The trainings in these files that have logged anything."""
    return [
        Found(name, kind, source, "", start)
        for name, kind, start in fresh
        for source in _sources(name, kind, start, search)
    ]


def _sources(name: str, kind: Kind, start: int, search: Search) -> Iterator[Source]:
    """Those of a file that have rows, or of whose rows there is something to say; and all that are settings alone."""
    from gitexp.capture.reading import sources

    for source in sources(kind, path_of(name, search.cwd, search.own), start=start, since=search.started):
        reader = Reader(name)
        if not kind.reader or next(source.blocks(reader), None) is not None or reader.problems() or reader.notes:
            yield source


def _training(kind: Kind, name: str) -> str:
    """The folder of a file's training; `train` and `val` beside each other are parts of one."""
    parts = training_of(kind, _plain(name)).split("/")
    while parts and parts[-1].lower() in SPLITS:
        parts.pop()
    return "/".join(parts)


def _several(taken: Sequence[Found]) -> list[str]:
    """The trainings, where there are several: folders beside each other, or runs in one store, of one kind."""
    for kind in dict.fromkeys(one.kind for one in taken):
        own = [one for one in taken if one.kind == kind]
        labels = list(dict.fromkeys(one.source.label for one in own if one.source.label))
        if len(labels) > 1:
            return [f"{own[0].name}: {label}" for label in labels]
        folders = _outermost(kind, own)
        if len(folders) > 1:
            return [f"{folder or '.'}/" for folder in folders]
    return []


def _outermost(kind: Kind, own: Sequence[Found]) -> list[str]:
    """The folders of a kind's trainings that lie in no other: what lies deeper is a part, under names of its own."""
    folders = list(dict.fromkeys(_training(kind, one.name) for one in own))
    return [folder for folder in folders if not any(holds(other, folder) for other in folders if other != folder)]


def _separate(trainings: Sequence[str]) -> str:
    shown = ", ".join(trainings[:3]) + and_more(len(trainings), 3)
    return (
        f"{len(trainings)} {SEVERAL} ({shown}): none of their metrics is recorded, since one run has one summary."
        " Start each by itself, or say where the one is that counts: --metrics FOLDER/"
    )


def _prefixed(taken: Sequence[Found]) -> Iterator[Found]:
    order = {kind: number for number, kind in enumerate(KINDS)}
    for one in sorted(taken, key=lambda one: (order[one.kind], one.name)):
        (root,) = _outermost(one.kind, [other for other in taken if other.kind == one.kind])
        parts = training_of(one.kind, _plain(one.name))[len(root) :].strip("/").split("/")
        deeper = "/".join(part for part in parts if not re.fullmatch(r"\d+(\.\d+)?", part))  # add_hparams' clock
        yield one._replace(prefix=f"{deeper}/" if deeper else "")
