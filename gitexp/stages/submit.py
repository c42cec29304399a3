"""Lay out the folder of a run that is about to start: everything the worker and, later, any recorder must know."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitexp import runfolder
from gitexp.model.config import Config
from gitexp.model.manifest import DatasetRecord, dump_data, split_parts
from gitexp.model.recipe import Recipe
from gitexp.model.run import Code, RunId, as_plain, new_run_id


class Streams(NamedTuple):
    """What the program's standard streams are to be: "terminal" (a pseudo-terminal) or "pipe".

    stdin may also "inherit" ours; stderr may be "stdout" where both go to one place and their order is to be kept.
    """

    stdin: str
    stdout: str
    stderr: str
    rows: int = 24
    columns: int = 80


class Program(NamedTuple):
    """What is to be executed."""

    argv: tuple[str, ...]
    cwd: Path
    recipe: Recipe
    message: str | None
    streams: Streams


class Submitted(NamedTuple):
    """A run folder that is ready for its worker. `lock` keeps other recorders away while we live."""

    id: RunId
    folder: Path
    lock: int


def make_folder(common_dir: Path) -> Submitted:
    """An empty run folder under a new id, its recorder's lock held. Without submit.json it counts as never started."""
    run_id = new_run_id()
    folder, lock = runfolder.create(str(common_dir), run_id)
    return Submitted(run_id, Path(folder), lock)


def submit(
    submitted: Submitted,
    program: Program,
    *,
    root: Path,
    config: Config,
    code: Code,
    code_tree: str,
    datasets: Mapping[str, tuple[DatasetRecord, Path, bytes]],
) -> None:
    """Write recipe, data, job and, last, submit.json. `datasets`: record, absolute path and manifest by name."""
    folder, recipe = str(submitted.folder), program.recipe
    runfolder.write_whole(folder, runfolder.RECIPE, recipe.text.encode())
    _write_data(submitted.folder / runfolder.DATA, datasets)
    runfolder.write_json(folder, runfolder.JOB, _job(submitted, program, config, datasets))
    relative = os.path.relpath(program.cwd, root)
    document: dict[str, Any] = {
        "format": runfolder.FORMAT,
        "id": submitted.id,
        "attempt": 1,
        "kind": "run",
        "recipe": recipe.name,
        "recipe_path": recipe.path,
        "argv": as_plain(program.argv),
        "cwd": as_plain(relative),
        "seed": recipe.seed,
        "user": _user(),
        "host": os.uname().nodename,
        # -m "" says nothing: absent, as every key that was not recorded.
        "message": as_plain(program.message) if program.message and program.message.strip() else None,
        "branch": config.branch,
        "code": as_plain(code),
        "code_tree": code_tree,
        "root": str(root),
        "submitted": time.time(),
        "history_limit": config.policy.history_limit_bytes,
        "metric_files": _metric_files(program.cwd, recipe.metrics.files),
        "resources": recipe.values.get("resources", {}),
        "data": {name: str(path) for name, (_, path, _) in datasets.items()},
    }
    runfolder.write_json(folder, runfolder.SUBMIT, document)


def keep_secrets(submitted: Submitted) -> None:
    """Note the environment's secrets, for us alone: whoever records the run may do so from another shell."""
    import json

    from gitexp.redact import secret_values

    secrets = secret_values(os.environ)
    if not secrets:
        return
    path = submitted.folder / runfolder.SECRETS
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="ascii") as file:
        json.dump(secrets, file)


def _metric_files(cwd: Path, patterns: Sequence[str]) -> dict[str, list[int]]:
    """The metric files that are there already, each with its two times (ns) and its size, as collect compares them."""
    names = [pattern for pattern in patterns if os.path.exists(cwd / pattern)]  # noqa: PTH110 -- cheaper than Path's
    with_magic = [pattern for pattern in patterns if pattern not in names and any(c in pattern for c in "*?[")]
    if with_magic:
        from glob import glob

        for pattern in with_magic:
            names += glob(pattern, root_dir=cwd, recursive=True)  # noqa: PTH207 -- as when they are read
    found = {}
    for name in names:
        try:
            info = os.stat(cwd / name)  # noqa: PTH116 -- cheaper than Path's
        except OSError:
            continue  # a link to nothing, or just removed: what it is after the run is news
        found[name] = [info.st_mtime_ns, info.st_ctime_ns, info.st_size]
    return found


def _job(
    submitted: Submitted,
    program: Program,
    config: Config,
    datasets: Mapping[str, tuple[DatasetRecord, Path, bytes]],
) -> dict[str, Any]:
    folder, recipe = submitted.folder, program.recipe
    env = {
        "GITEXP_RUN_ID": submitted.id,
        "GITEXP_RECIPE": str(folder / runfolder.RECIPE),
        "GITEXP_METRICS": str(folder / runfolder.METRICS),
        "GITEXP_OUTPUT": str(folder / runfolder.SAVED),
    }
    if recipe.seed is not None:
        env["GITEXP_SEED"] = str(recipe.seed)
    for name, (_, path, _) in datasets.items():
        env[f"GITEXP_DATA_{name.upper().replace('-', '_')}"] = str(path)
    return {
        "format": runfolder.FORMAT,
        "id": submitted.id,
        "argv": list(program.argv),
        "cwd": str(program.cwd),
        "env": env,
        "timeout_s": recipe.timeout_s,
        "patterns": dict(recipe.metrics.output),
        "stdin": program.streams.stdin,
        "stdout": program.streams.stdout,
        "stderr": program.streams.stderr,
        "rows": program.streams.rows,
        "columns": program.streams.columns,
        "probe": {"variables": list(config.policy.variables)},
    }


def _write_data(folder: Path, datasets: Mapping[str, tuple[DatasetRecord, Path, bytes]]) -> None:
    """data.toml and the manifests, in parts where they are long, just as the record will hold them."""
    (folder / "data.toml").write_text(dump_data([record for record, _, _ in datasets.values()]), encoding="utf-8")
    for name, (_, _, manifest) in datasets.items():
        parts = split_parts(manifest)
        target = folder / f"{name}.xxh128"
        if parts is None:
            target.write_bytes(manifest)
            continue
        target.mkdir()
        for number, part in enumerate(parts):
            (target / f"{number:06d}").write_bytes(part)


def _user() -> str | None:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None  # no such variable and no entry for this uid: a container started with --user
