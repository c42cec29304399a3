"""Lay out the folder of a run that is about to start: everything the worker and, later, any recorder must know."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp import runfolder
from gitexp.attempt import Checked, Submission, dump_submission, read_submission
from gitexp.git.recorder import user_name
from gitexp.git.repo import users_umask
from gitexp.record.batchjob import batch_job
from gitexp.record.datarecord import dump_data
from gitexp.record.identity import Code, RunId, as_plain, new_run_id
from gitexp.record.manifest import dataset_digest
from gitexp.record.written import OWN, Written, matches, note, path_of
from gitexp.spec.catalogue import places_of
from gitexp.spec.recipe import OUTPUT, Recipe, program_argv

if TYPE_CHECKING:
    from gitexp.datasets.ready import Dataset

WATCHED = 64  # metric files at which the worker looks now and then


class Streams(NamedTuple):
    """What the program's standard streams are to be: "terminal" (a pseudo-terminal) or "pipe".

    stdin may also "inherit" ours; stderr may be "stdout" where both go to one place and their order is to be kept.
    """

    stdin: str
    stdout: str
    stderr: str
    rows: int = 24
    columns: int = 80


class Submitted(NamedTuple):
    """A run folder that is ready for its worker. `lock` keeps other recorders away while we live."""

    id: RunId
    folder: Path
    lock: int
    content: bytes = b""  # of submit.json


def make_folder(common_dir: Path, run_id: RunId | None = None) -> Submitted:
    """An empty run folder, its recorder's lock held; under a new id, or that of a run that goes on.

    Without submit.json it counts as never started. Raises OSError where a folder of that id is there.
    """
    run_id = run_id or new_run_id()
    folder, lock = runfolder.create(str(common_dir), run_id)
    return Submitted(run_id, Path(folder), lock)


def submit(
    submitted: Submitted,
    checked: Checked,
    *,
    code: Code,
    code_tree: str,
    message: str | None,
    streams: Streams,
    env: Mapping[str, str],
    outputs: Mapping[str, Written],
    seen: Mapping[str, Written] | None,
    parameters: Mapping[str, str],
    notes: tuple[str, ...],
) -> Submitted:
    """Write recipe, data, job and, last, submit.json, which is kept in memory too.

    `env`: what the program's environment says besides what every program's does.
    """
    folder, recipe, cwd, rerun = str(submitted.folder), checked.recipe, checked.cwd, checked.rerun
    runfolder.write_whole(folder, runfolder.RECIPE, recipe.text.encode())
    data_toml = write_data(submitted.folder, checked.datasets)
    files = (*recipe.metrics.files, *([recipe.metrics.items] if recipe.metrics.items else ()))
    noted, watched = _metric_files(submitted.folder, cwd, files)
    for name, one in (seen or {}).items():  # into which a look was taken, since they may grow
        if one.digest and len(watched) < WATCHED:
            watched.setdefault(name, [str(cwd / name), one.size])
    job = _job(submitted, checked, streams=streams, env=env) | {"metric_files": watched}
    runfolder.write_json(folder, runfolder.JOB, job)
    submission = _submission(submitted.id, checked, message=message, data_toml=data_toml)._replace(
        code=code,
        code_tree=code_tree,
        metric_files=noted,
        outputs=outputs,
        seen=seen,
        parameters=parameters,
        notes=notes,
        original=rerun.original if rerun else {},
        strange_imports=rerun.strange_imports if rerun else (),
        mixture=rerun.mixture if rerun else {},
        metric_patterns=tuple(str(cwd / pattern) for pattern in files if not pattern.startswith(OWN)),
    )
    content = dump_submission(submission)
    runfolder.write_whole(folder, runfolder.SUBMIT, content)
    _meet_others(submitted, submission)
    return submitted._replace(content=content)


def _submission(run_id: RunId, checked: Checked, *, message: str | None, data_toml: str) -> Submission:
    """What is known before anything is looked at: neither code nor metric files."""
    recipe, config, root, job = checked.recipe, checked.config, checked.surveyed.repo.root, batch_job(os.environ)
    manifests = {
        f"{name}.{algorithm}": manifest
        for name, data in checked.datasets.items()
        for algorithm, manifest in data.manifests.items()
    }
    known = [*config.datasets.values(), *recipe.data.values()]
    return Submission(
        id=run_id,
        attempt=checked.again.attempt if checked.again else 1,
        kind=checked.kind,
        job=job.name if job else None,
        recipe=recipe.name,
        recipe_path=recipe.path,
        argv=as_plain(checked.argv),
        cwd=os.path.relpath(checked.cwd, root),
        seed=recipe.seed,
        user=user_name(),
        host=os.uname().nodename,
        # -m "" says nothing: absent, as every key that was not recorded.
        message=as_plain(message) if message and message.strip() else None,
        variables=({"GITEXP_SEED": str(recipe.seed)} if recipe.seed is not None else {})
        | ({"GITEXP_SMOKE": "1"} if checked.smoke else {}),
        digests=config.policy.digests,
        branch=config.branch,
        root=str(root),
        submitted=time.time(),
        history_limit=config.policy.history_limit_bytes,
        sign=config.policy.sign,
        metrics_named=recipe.metrics.named,
        resources=recipe.values.get("resources", {}),
        manifests={name: dataset_digest(manifest) for name, manifest in manifests.items()},
        data={name: str(data.path) for name, data in checked.datasets.items()},
        catalogued=places_of(known, root=root),
        withheld=places_of((ref for ref in known if ref.access == "restricted"), root=root),
        texts={runfolder.RECIPE: recipe.text, f"{runfolder.DATA}/data.toml": data_toml},
        sizes={f"{runfolder.DATA}/{name}": len(manifest) for name, manifest in manifests.items()},
    )


def keep_secrets(submitted: Submitted, checked: Checked, message: str | None) -> None:
    """Note the run's secrets, for us alone: whoever records the run may do so from another shell."""
    from gitexp.secretnames import named_in_argv, named_in_text, named_in_values, secret_values

    named = [*named_in_argv(checked.argv), *named_in_values(checked.recipe.values), *named_in_text(message or "")]
    secrets = list(dict.fromkeys([*secret_values(os.environ), *named]))
    if not secrets:
        return
    path = submitted.folder / runfolder.SECRETS
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="ascii") as file:
        json.dump(secrets, file)


def _metric_files(folder: Path, cwd: Path, patterns: Sequence[str]) -> tuple[dict[str, Written], dict[str, Any]]:
    """The metric files that are there already, as collect compares them; and of some, for the worker, path and size.

    It looks at few, and only on the disk to which it writes: no other that hangs shall keep it from its program.
    """
    found: dict[str, Written] = {}
    watched: dict[str, Any] = {}
    own, device = folder / runfolder.SAVED, os.stat(folder).st_dev if patterns else 0  # noqa: PTH116
    for name in dict.fromkeys(name for pattern in patterns for name in matches(pattern, cwd, own) or ()):
        path = path_of(name, cwd, own)
        try:
            found[name], info = note(path)
        except OSError:
            continue  # a link to nothing, or just removed: what it is after the run is news
        if info.st_size and info.st_dev == device and len(watched) < WATCHED:
            watched[name] = [str(path), info.st_size]
    return found, watched


def _word(submission: Submission) -> dict[str, Any]:
    """What another run must know to tell its files from ours."""
    files, argv = list(submission.metric_patterns), list(submission.argv)
    return {"files": files, "root": submission.root, "cwd": submission.cwd, "argv": argv}


def _meet_others(submitted: Submitted, ours: Submission) -> None:
    """Leave word of our metric files with each run here that is not recorded yet, and of its own with us if it lives.

    Each of two runs that start at once looks once its submit.json is there, so at least one of them sees the other.
    """
    for other in submitted.folder.parent.iterdir():
        if other == submitted.folder or other.name.startswith("."):
            continue
        from gitexp.worker.life import recorder_life, worker_life

        try:
            theirs = read_submission(other) or Submission()
            ended, recording = (other / runfolder.OUTCOME).exists(), recorder_life(str(other))
            if ended and recording:
                continue  # what it wrote is being read
            if not ended and (recording or worker_life(str(other))):
                runfolder.write_json(str(submitted.folder), f"{runfolder.BESIDE}{other.name}.json", _word(theirs))
            word = f"{runfolder.BESIDE}{submitted.id}.json"
            runfolder.write_json(str(other), word, _word(ours))
            os.utime(other / word, (0, 0))  # the times there are signs of its life
        except (OSError, ValueError):
            continue  # recorded meanwhile, or another user's


def _job(submitted: Submitted, checked: Checked, *, streams: Streams, env: Mapping[str, str]) -> dict[str, Any]:
    recipe, given = checked.recipe, checked.rerun.variables if checked.rerun else {}
    return {
        "format": runfolder.FORMAT,
        "id": submitted.id,
        "argv": list(_argv(submitted, checked)),
        "cwd": str(checked.cwd),
        "env": {**recipe.env, **program_env(submitted.folder, submitted.id, recipe, checked.datasets), **env, **given},
        "timeout_s": recipe.timeout_s,
        "patterns": dict(recipe.metrics.output),
        "announced": recipe.capture.get("printed", not recipe.made_of_components),
        **streams._asdict(),
        "umask": users_umask(),
        "probe": {"variables": list(checked.config.policy.variables)},
    }


def _argv(submitted: Submitted, checked: Checked) -> tuple[str, ...]:
    """What is executed: the run's own folder is known by now."""
    if not any(OUTPUT in word for word in checked.argv) or checked.recipe.argv is not None:
        return checked.argv
    paths = {name: one.path_from(checked.surveyed.repo.root) for name, one in checked.datasets.items()}
    filled = program_argv(checked.recipe, data_paths=paths, output=str(submitted.folder / runfolder.SAVED))
    return (checked.argv[0], *filled[1:])  # of a rerun, the interpreter may be another


def program_env(folder: Path, run_id: str, recipe: Recipe, datasets: Mapping[str, Dataset]) -> dict[str, str]:
    """What a program's environment says of its run."""
    env = {
        "GITEXP_RUN_ID": run_id,
        "GITEXP_RECIPE": str(folder / runfolder.RECIPE),
        "GITEXP_METRICS": str(folder / runfolder.METRICS),
        "GITEXP_OUTPUT": str(folder / runfolder.SAVED),
    }
    if recipe.seed is not None:
        env["GITEXP_SEED"] = str(recipe.seed)
    for name, data in datasets.items():
        env[f"GITEXP_DATA_{name.upper().replace('-', '_')}"] = str(data.path)
    if any(data.indices for data in datasets.values()):
        env["GITEXP_SPLITS"] = str(folder / runfolder.SPLITS)
    return env


def write_data(folder: Path, datasets: Mapping[str, Dataset]) -> str:
    """data.toml, which is returned, the manifests and, for the program, the row numbers of splits and samples."""
    data_toml = dump_data([data.record for data in datasets.values()])
    (folder / runfolder.DATA / "data.toml").write_text(data_toml, encoding="utf-8")
    for name, data in datasets.items():
        data.keep_hidden()
        for algorithm, manifest in data.manifests.items():
            _write_manifest(folder / runfolder.DATA / f"{name}.{algorithm}", manifest, data.file_of(manifest))
        for part, lines in data.indices.items():
            (folder / runfolder.SPLITS / name).mkdir(parents=True, exist_ok=True)
            (folder / runfolder.SPLITS / name / part).write_bytes(lines)
    return data_toml


def _write_manifest(target: Path, manifest: bytes, kept: Path | None) -> None:
    """A second name of the file that is there already: a million files' manifest has 60 MB."""
    if kept is not None:
        with suppress(OSError):  # another file system, or removed by now
            return os.link(kept, target)
    target.write_bytes(manifest)
