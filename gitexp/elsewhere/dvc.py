"""DVC's experiments: the commits that refs/exps of a git repository names, read by git alone.

What such a commit has is what counts, as for `dvc exp show`: the files of parameters, the metrics that dvc.yaml names,
and dvclive's folders. What lies in DVC's cache is in no commit: that is said.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from gitexp.capture.documents import slashed
from gitexp.capture.tables import of_one_metric
from gitexp.elsewhere.foreign import Foreign, NoStore, seconds, text
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import GitFailed, Repo, line, output
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Number, Row
from gitexp.record.rowblocks import Block, blocks
from gitexp.text.parameters import flat, table

_REF = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38,62})/(.+)")  # beside it: exec, stash, celery
_FORMAT = "%(refname)%00%(objectname)%00%(committerdate:unix)%00%(authorname)%00%(contents:subject)"
# A partial clone fetches what it lacks, by a command that its own configuration may name.
_OFFLINE = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
_MOST_KNOWN = 1000
_MOST_FILES = 200  # of one kind, of one experiment
_MOST_ARTIFACTS = 100
_LARGEST = 4 << 20
_NO_TABLE = "is no table of moderate size in JSON, YAML or TOML, or not in this clone, so it was not read"
_OF_ITSELF = "dvc: commit experiment"  # what DVC writes where the user gave no message


def is_dvcs(path: Path) -> bool:
    """Whether a folder may be a repository with experiments: DVC's own folder is there, or it is a bare one."""
    return (path / ".dvc").is_dir() or ((path / "HEAD").is_file() and (path / "refs").is_dir())


def of_repository(path: Path) -> Iterator[Foreign]:
    """The experiments of the repository at a path, in the order in which they were recorded. Raises NoStore."""
    repo = Repo(path, path, path)
    if "GIT_DIR" in os.environ:
        raise NoStore("GIT_DIR is set, so git would answer for that repository", fix="unset GIT_DIR")
    try:
        home = line(repo, "rev-parse", "--path-format=absolute", "--git-common-dir")
        listing = output(repo, "for-each-ref", "--sort=committerdate", f"--format={_FORMAT}", "refs/exps")
    except GitFailed as error:
        raise NoStore(f"{path} is no repository that git can read", details=error.details) from error
    found = [one.split("\0") for one in listing.decode(errors="replace").splitlines()]
    named = [(match, one) for one in found if len(one) == 5 and (match := _REF.fullmatch(one[0]))]
    if not named:
        raise NoStore(
            f"{path} has no experiments of DVC",
            why="They are refs below refs/exps, which git clone does not bring.",
            fix=f"git -C {quote(str(path))} fetch origin 'refs/exps/*:refs/exps/*'",
        )
    place = Path(home)
    project = place.parent.name if place.name == ".git" else place.name.removesuffix(".git")
    known: dict[str, dict[str, Any] | None] = {}
    with ObjectReader(repo, env=_OFFLINE) as objects:
        for match, (_, commit, when, author, subject) in named:
            seen = _seen(_Commit(objects, _files(repo, commit), known, []))
            yield Foreign(
                "DVC",
                commit,
                text(project, 200) or "dvc",
                partial(_rows, seen),
                id=commit[:7],
                name=text(match[3], 200),
                finished=seconds(when),
                user=text(author, 200),
                commit=commit,
                note=None if subject.startswith(_OF_ITSELF) else text(subject),
                settings=seen.settings,
                tags={"baseline": match[1] + match[2]},
                artifacts=seen.artifacts,
            )


def _files(repo: Repo, commit: str) -> dict[str, str]:
    """The regular files of a commit below the folder, and their objects."""
    found = {}
    for entry in (
        output(repo, "ls-tree", "-r", "-z", commit, env=_OFFLINE).decode(errors="surrogateescape").split("\0")[:-1]
    ):
        facts, _, name = entry.partition("\t")
        mode, _, oid = facts.split(" ")
        if mode.startswith("100"):
            found[name] = oid
    return found


class _Commit(NamedTuple):
    """What can be read of an experiment."""

    objects: ObjectReader
    files: Mapping[str, str]
    known: dict[str, dict[str, Any] | None]  # tables by object: most experiments have one dvc.yaml
    problems: list[str]

    def read(self, name: str) -> bytes:
        """A file's bytes; none where it is too large, or lost."""
        return self.objects.read(self.files[name], limit=_LARGEST) or b""

    def table(self, name: str) -> dict[str, Any]:
        """A small file's table; empty where it is none, which is a problem where it should be one."""
        kind = name.removesuffix("dvc.lock") + "dvc.yaml" if name.endswith("dvc.lock") else name
        oid = self.files.get(name, "")
        if oid not in self.known:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            self.known[oid] = table(kind, self.read(name)) if oid else {}
        if self.known[oid] is None:
            self.problems.append(f"{name}: {_NO_TABLE}")
        return self.known[oid] or {}


class _Seen(NamedTuple):
    """What an experiment's files say."""

    settings: dict[str, Any]
    metrics: dict[str, bytes]  # files that hold final values
    series: dict[str, bytes]  # dvclive's, a file for each metric
    artifacts: tuple[str, ...]  # what the stages made and git has not
    notes: list[str]
    problems: list[str]


def _seen(commit: _Commit) -> _Seen:
    live = [name for name in commit.files if re.fullmatch(r"(?:.+/)?plots/metrics/.+\.tsv", name)]
    folders = {_live_folder(name) for name in live} | {"dvclive/"}
    files = {what: [f"{folder}{name}" for folder in sorted(folders)] for what, name in _OF_LIVE.items()}
    asked: dict[str, list[str]] = {"params": ["params.yaml"], "metrics": []}
    ran: list[tuple[str, dict[str, Any]]] = []
    made: list[str] = []
    for name in [one for one in commit.files if posixpath.basename(one) == "dvc.yaml"][:_MOST_FILES]:
        folder = posixpath.dirname(name)
        for what in asked:
            asked[what] += _declared(commit.table(name), what, folder)
        for stage in _tables(commit.table(posixpath.join(folder, "dvc.lock")).get("stages")):
            given, outs = stage.get("params"), stage.get("outs")
            given = given if isinstance(given, dict) else {}
            ran += [(posixpath.normpath(posixpath.join(folder, str(of))), known) for of, known in given.items()]
            outs = [out.get("path") for out in outs if isinstance(out, dict)] if isinstance(outs, list) else []
            made += [posixpath.normpath(posixpath.join(folder, str(out))) for out in outs]
    for name in dict.fromkeys(asked["metrics"]):
        known = _templated(name, [*commit.files, *made])
        files["metrics"] += [one for one in known if one in commit.files]
        if not any(one in commit.files for one in known):
            commit.problems.append(
                f"{name}: is named in dvc.yaml and not in git (DVC's cache has it), so it was not read"
            )
    files["params"] += asked["params"]
    params = {name: commit.table(name) for name in dict.fromkeys(files["params"]) if name in commit.files}
    settings, notes = _settings(params, ran)
    return _Seen(
        settings,
        {name: commit.read(name) for name in [*dict.fromkeys(files["metrics"])][:_MOST_FILES] if name in commit.files},
        {name: commit.read(name) for name in live[: 10 * _MOST_FILES]},
        tuple(one for one in dict.fromkeys(made) if one not in commit.files and not _holds(commit, one))[
            :_MOST_ARTIFACTS
        ],
        notes,
        commit.problems,
    )


_OF_LIVE = {"params": "params.yaml", "metrics": "metrics.json"}


def _live_folder(name: str) -> str:
    """`dvclive/` of `dvclive/plots/metrics/loss.tsv`."""
    return name[: re.search(r"(?:^|/)(plots/metrics/)", name).start(1)]  # type: ignore[union-attr]


def _holds(commit: _Commit, folder: str) -> bool:
    return any(name.startswith(f"{folder}/") for name in commit.files)


def _tables(some: object) -> list[dict[str, Any]]:
    return [one for one in some.values() if isinstance(one, dict)] if isinstance(some, dict) else []


def _declared(pipeline: dict[str, Any], what: str, folder: str) -> Iterator[str]:
    """The files that a dvc.yaml names as its `params` or `metrics`, for itself or for stages."""
    stages = [one.get("do", one) for one in _tables(pipeline.get("stages"))]
    for at, part in enumerate([pipeline, *(one for one in stages if isinstance(one, dict))]):
        some = part.get(what)
        for one in some if isinstance(some, list) else [some]:
            of_keys = what == "params" and at > 0  # a stage's list has keys of params.yaml
            names = [*one] if isinstance(one, dict) else [one] if isinstance(one, str) and not of_keys else []
            yield from (posixpath.normpath(posixpath.join(folder, str(part.get("wdir", "")), str(n))) for n in names)


def _templated(name: str, files: list[str]) -> list[str]:
    """A name, or those that one with `${item}` in it may stand for."""
    if "${" not in name:
        return [name]
    pattern = re.compile(".+".join(map(re.escape, re.split(r"\$\{[^}]*\}", name))))
    return [one for one in dict.fromkeys(files) if pattern.fullmatch(one)]


def _settings(
    params: Mapping[str, dict[str, Any]], ran: list[tuple[str, dict[str, Any]]]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters by name, `file:name` where two files say different things; and what dvc.lock says else."""
    known = {name: flat(found) or {} for name, found in params.items()}
    notes: list[str] = []
    for name, given in ran:
        for key, value in ((flat(given) if isinstance(given, dict) else None) or {}).items():
            now = known.setdefault(name, {}).setdefault(key, value)
            if now != value:
                notes.append(f"{name}: {key} is {now!r}, and dvc.lock has {value!r} for the stage that ran last")
    found: dict[str, set[str]] = {}
    for key, value in chain.from_iterable(some.items() for some in known.values()):
        found.setdefault(key, set()).add(repr(value))
    pairs = ((name, key, value) for name, some in known.items() for key, value in some.items())
    return {key if len(found[key]) == 1 else f"{name}:{key}": value for name, key, value in pairs}, notes


def _rows(seen: _Seen, reader: Reader) -> Iterator[Block]:
    reader.notes += seen.notes
    for problem in seen.problems:
        reader.problem(problem)
    groups: dict[str, list[tuple[bool, Row]]] = {}  # by what tells equal names apart; whether it is a final value
    for name, data in seen.series.items():
        for block in of_one_metric(reader, io.BytesIO(data), path=Path(name), start=0):
            groups.setdefault(_live_folder(name), []).extend((False, row) for row in block.rows())
    for name, data in seen.metrics.items():
        known = table(name, data)
        if known is None:
            reader.problem(f"{name}: {_NO_TABLE}")
            continue
        folder = name.removesuffix("metrics.json")
        live = folder in groups or folder == "dvclive/"
        found = reader.row(dict(slashed(known)) if live else known, f"{name}: ")
        groups.setdefault(folder if live else name, []).extend((True, row) for row in found)
    yield from blocks(_merged(groups, reader))


def _merged(groups: Mapping[str, list[tuple[bool, Row]]], reader: Reader) -> Iterator[Row]:
    """A row for each step, and one of the final values that no step has."""
    of: dict[str, set[str]] = {}
    for group, rows in groups.items():
        for name in dict.fromkeys(chain.from_iterable(row.values for _, row in rows)):
            of.setdefault(name, set()).add(group)
    steps: dict[int, dict[str, Number]] = {}
    last: dict[str, Number] = {}
    for group, rows in groups.items():
        for final, row in rows:
            at = last if row.step is None else steps.setdefault(row.step, {})
            for name, value in row.values.items():
                own = name if len(of[name]) == 1 else reader.name(f"{group.rstrip('/')}:{name}")
                if own:
                    (last if final and at.get(own, value) != value else at)[own] = value
    yield from (Row(step, None, values) for step, values in sorted(steps.items()))
    yield Row(None, None, last)
