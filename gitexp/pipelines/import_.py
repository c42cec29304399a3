"""Take the runs that another tool kept onto the experiments branch: read → describe → append, some at a time.

Each has an id that follows from what its store says of it, so that a second import skips it. Killed in between, the
branch has whole runs, and the next import goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from gitexp.attempt import Collected
from gitexp.capture.telling import Telling
from gitexp.clone import Clone
from gitexp.elsewhere.foreign import Foreign
from gitexp.elsewhere.sheets import Columns
from gitexp.elsewhere.stores import KINDS, runs, stores
from gitexp.errors import counted
from gitexp.git.branch import require_not_checked_out
from gitexp.git.bulk import Whole, append_all
from gitexp.git.recorder import Asked, format_page, user_name
from gitexp.git.repo import line, revision
from gitexp.record.digests import Oid
from gitexp.record.history import HistoryWriter
from gitexp.record.identity import Code, Recorder
from gitexp.record.message import compose_message, one_line, printable
from gitexp.record.metrics import MetricRules, dump_metrics
from gitexp.record.readme import RECORD_README
from gitexp.record.runrecord import History, Imported, RunRecord, dump_run
from gitexp.record.settings import dump_settings
from gitexp.redact import redact, redact_toml
from gitexp.secretnames import redact_text
from gitexp.spool import Room, Spool
from gitexp.stages.collect import finished

AT_ONCE = 100  # runs of one move of the branch
AT_ONCE_BYTES = 32 << 20
MOST_DEFECTS = 100


class Done(NamedTuple):
    """What became of one store."""

    kind: str
    path: Path
    imported: Sequence[Foreign]
    here: int  # that the branch had already
    said: Sequence[str]  # sentences for the user
    defects: int = 0  # runs of which something could not be read


def import_runs(
    clone: Clone,
    paths: Sequence[Path],
    *,
    kind: str | None,
    columns: Columns,
    known: set[str],
    deleted: bool,
    write: bool,
) -> Iterator[Done]:
    """Import the stores at these paths, one after the other. `known`: ids that the branch has. `deleted`: also those in
    the tool's trash. `write`: False to look.

    Raises NoStore where a path holds none, and as `append` does.
    """
    repo, branch = clone.repo, clone.config.branch
    if write:
        require_not_checked_out(repo, branch, why="Importing moves it")
    met = set(known)
    for found, path in [store for one in paths for store in stores(one, kind)]:
        said: list[str] = []
        new: list[Foreign] = []
        here, waiting, defects, trashed = 0, list[Whole](), 0, 0
        with TemporaryDirectory(prefix="gitexp-import-") as folder:
            described = _describing(clone, path, Path(folder))
            for one in runs(found, path, columns, said):
                if one.run_id in met:
                    here += 1
                    continue
                if one.deleted and not deleted:
                    trashed += 1
                    continue
                met.add(one.run_id)
                new.append(one)
                if not write:
                    continue
                commit, sound = described(one)
                waiting.append(commit)
                defects += not sound
                if len(waiting) >= AT_ONCE or sum(len(v) for w in waiting for v in w.files.values()) > AT_ONCE_BYTES:
                    _append(clone, waiting, KINDS[found][0])
            _append(clone, waiting, KINDS[found][0])
        if trashed:
            said.append(f"{path.name}: {counted(trashed, 'run')} of the trash left out; --deleted takes these too")
        yield Done(KINDS[found][0], path, new, here, said, defects)


def _append(clone: Clone, waiting: list[Whole], tool: str) -> None:
    if waiting:
        why = f"{len(waiting)} runs of {tool}"
        append_all(clone.repo, clone.config.branch, waiting, why=why, patience_s=30.0)
        waiting.clear()


def _describing(clone: Clone, store: Path, folder: Path) -> Callable[[Foreign], tuple[Whole, bool]]:
    """A function from a run to the commit that it becomes, and whether all of it could be read."""
    rules = MetricRules(goal=clone.config.goal)
    recorder, us = Asked().answer(), f"{user_name() or 'unknown'}@{os.uname().nodename}"
    texts = {"README.md": RECORD_README.encode(), "FORMAT.md": format_page()}

    def describe(one: Foreign) -> tuple[Whole, bool]:
        with Room(folder) as room:
            results = _collected(one, rules, store.name, room, limit=clone.config.policy.history_limit_bytes)
            if results.whole is not None:
                clone.place.store.take(results.whole, digest=results.digest)
        commit, tree = _code(clone, one)
        run = _run(one, results, commit, store=store.name, recorder=recorder, us=us)
        goals = {name: way for name, way in rules.goal.items() if name in results.summary}
        files = {
            "run.toml": redact_toml(dump_run(run).encode(), secrets=()),
            "recipe.toml": _goals(goals),
            "metrics.toml": dump_metrics(dict(results.summary)).encode(),
            "history.csv": results.history_csv or b"step,time_s\n",
            **texts,
        }
        if one.settings:
            files["settings.toml"] = redact_toml(dump_settings({one.tool: one.settings}), secrets=())
        message = redact(compose_message(run, results.summary, goals=goals).encode(), secrets=()).decode()
        return Whole(message, run.finished, files, {"code": tree} if tree else {}), not run.defects

    return describe


def _collected(one: Foreign, rules: MetricRules, source: str, room: Room, *, limit: int) -> Collected:
    told = Telling(rules, True, (), {})
    history, reader = HistoryWriter(Spool(room)), told.own_reader(source)
    try:
        for block in one.blocks(reader):
            history.add(block)
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")
    told.heard(reader, source)
    return finished(history, rules, told, room, limit=limit)


def _code(clone: Clone, one: Foreign) -> tuple[str | None, str | None]:
    """The commit that the tool says it ran, and its tree, where they are in this repository."""
    named = (one.commit or "").lower()
    if not 7 <= len(named) <= 64 or named.strip("0123456789abcdef"):
        return None, None
    commit = revision(clone.repo, named)
    if commit is None or not commit.startswith(named):
        return None, None
    return commit, line(clone.repo, "rev-parse", f"{commit}^{{tree}}")


def _run(one: Foreign, results: Collected, commit: str | None, *, store: str, recorder: Recorder, us: str) -> RunRecord:
    known = one.finished or one.started
    end = min(known or one.last_sign, datetime.now(UTC).timestamp())
    begin = min(one.started if one.started is not None else end, end)
    took = one.finished - one.started if one.finished is not None and one.started is not None else None
    note = one.note or one.name
    values = {name.rpartition(".")[2].lower(): value for name, value in one.settings.items()}
    seed = values.get("seed", values.get("random_seed"))
    seed = int(seed) if isinstance(seed, str) and seed.isascii() and seed.isdigit() and len(seed) < 19 else seed
    return RunRecord(
        id=one.run_id,
        status=one.status,
        recipe=one_line(one.recipe) or one.tool,
        started=_moment(begin),
        finished=_moment(end),
        argv=(),
        cwd=".",
        code=Code(clean=True, commit=Oid.of(commit) if commit else None),
        kind="imported",
        finished_is_last_sign=one.status == "crashed",
        duration_s=round(took, 6) if took is not None and took >= 0 and one.status != "crashed" else None,
        seed=seed if type(seed) is int and abs(seed) < 2**63 else None,
        user=one.user,
        host=one.host,
        message=printable(redact_text(note)) or None if note else None,
        defects=results.problems[:MOST_DEFECTS],
        notes=results.notes[:MOST_DEFECTS],
        summary=results.judged,
        history=History(results.rows_total, results.rows_kept, f"xxh128:{results.digest}")
        if results.rows_total
        else None,
        gitexp=recorder,
        recorded_by=us,
        imported=Imported(
            tool=one.tool,
            store=store,
            id=one.id,
            name=one.name,
            status=one.said,
            url=one.url,
            commit=one.commit,
            times=None if one.finished is not None else "started" if one.started is not None else "file",
            artifacts=one.artifacts,
            tags=one.tags,
        ),
    )


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(round(max(epoch_s, 0.0), 3), UTC)


def _goals(goals: dict[str, str]) -> bytes:
    import tomli_w

    return tomli_w.dumps({"metrics": {"goal": goals}} if goals else {}).encode()
