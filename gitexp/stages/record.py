"""Turn a run folder whose program has ended into a commit on the experiments branch.

Whoever holds the folder's record.lock may do it: the command that started the run, or any later one. Each commit id is
noted in the folder before the ref moves; the folder goes only once one of them is in the branch. Touches objects, one
ref and the object store; never the index or the working tree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp import runfolder
from gitexp.attempt import Collected, Ended, Kept
from gitexp.clone import place_of
from gitexp.datasets.place import Place
from gitexp.git.append import Entry, append
from gitexp.git.gc import despite_gc
from gitexp.git.objects import Laid, Written, sync_code, write_files
from gitexp.git.quarantine import lacking, release
from gitexp.git.recorder import Asked, format_page, user_name
from gitexp.git.repo import Repo
from gitexp.git.standing import Look, branch_ref
from gitexp.record.environment import UNKNOWN, doubts, dump_environment
from gitexp.record.identity import Recorder, RunId, visible
from gitexp.record.manifest import ALGORITHM, SHA256, XXH128, dump_manifest, dump_sizes, parse_manifest
from gitexp.record.manifest import Entry as ManifestEntry
from gitexp.record.message import compose_message, printable
from gitexp.record.metrics import dump_metrics
from gitexp.record.readme import RECORD_README
from gitexp.record.requirements import requirements
from gitexp.record.runrecord import History, Resources, RunRecord, Saved, dump_run, load_mixture
from gitexp.redact import redact, redact_toml
from gitexp.regularfile import read_regular
from gitexp.secretnames import (
    named_in_argv,
    named_in_text,
    named_in_values,
    redact_argv,
    redact_text,
    redact_values,
    secret_values,
)
from gitexp.spec.trained import Learned
from gitexp.text import toml
from gitexp.wholefile import WholeFile
from gitexp.worker.output import read_output

if TYPE_CHECKING:
    from gitexp.record.verdict import Verdict


class Recorded(NamedTuple):
    """A run that is now a commit."""

    commit: str
    record: RunRecord
    metrics: Mapping[str, float | int]
    verdict: Verdict | None = None  # of a rerun


def record(
    repo: Repo,
    ended: Ended,
    results: Collected,
    *,
    data: Laid,
    kept: Kept,
    trained: Learned,
    patience_s: float,
    judge: Callable[[str], Verdict] | None = None,
) -> Recorded:
    """Write the run as a commit. The caller holds record.lock, and removes the folder.

    `judge`: of a rerun, what comes of comparing its record, a tree without verdict.toml, with the original's.
    Raises BranchHeld when the branch could not be moved for `patience_s`, GitFailed and OSError where nothing can be
    stored; the run then waits in its folder.
    """
    folder, submission, asked = ended.folder, ended.submission, Asked()
    code, snapshot, secrets = submission.code_tree, folder / runfolder.OBJECTS, _secrets(ended)
    results, listings = _clean_names(results, kept.manifests, secrets=secrets)
    history = _keep_history(results, place_of(repo))
    lost = [*trained.problems, *kept.problems]
    for source in lacking(repo, code, trained.sources, objects=snapshot) if trained.sources else ():
        lost.append(
            f"not in code/: {source}, from which a component came; git ignores it, or it lies in another repository"
        )
    artifacts = _described(kept, listings.get(SHA256.name))
    run = describe_run(
        ended, results, trained, artifacts=artifacts, history=history, lost=lost, recorder=asked.answer()
    )
    texts = _texts(ended, results, run, trained, secrets=secrets)
    saved = {f"artifacts.{name}": text for name, text in listings.items()}
    saved |= {"artifacts.sizes": dump_sizes(kept.sizes)} if kept.sizes else {}
    files = _lay_out(folder, {**texts, **saved})

    def write() -> Written:
        released = release(repo, snapshot)
        tree, objects = write_files(repo, {**files, **data.files}, trees={"code": code, **data.trees})
        return Written(tree, (*released, *objects))

    sync_code(repo, submission.code.commit.digits if submission.code.commit else "")
    look = Look(repo, branch_ref(submission.branch))  # git answers while the files are stored
    written, verdict = despite_gc(write), None
    if judge:
        from gitexp.record.verdict import VERDICT, dump_verdict

        verdict = judge(written.tree)
        text = redact_toml(dump_verdict(verdict).encode(), secrets=secrets)
        files |= _lay_out(folder, {VERDICT: text})
        written = despite_gc(write)
    grade = verdict.grade if verdict and run.reproduces else ""
    words = compose_message(run, results.summary, goals=results.goals, grade=grade)
    message = redact(words.encode(), secrets=secrets).decode()
    entry, tried = Entry(lambda tip: written, message, run.finished, write), folder / runfolder.TRIED
    signing = repo.signing() if submission.sign else repo
    commit = append(signing, submission.branch, entry, tried=tried, patience_s=patience_s, look=look)
    return Recorded(commit=commit, record=run, metrics=results.summary, verdict=verdict)


def _texts(
    ended: Ended, results: Collected, run: RunRecord, trained: Learned, *, secrets: Sequence[str]
) -> dict[str, bytes]:
    """The record's own files, without secrets: path in the tree → content."""
    folder, recipe = ended.folder, trained.recipe
    texts = {
        "run.toml": dump_run(run).encode(),
        "recipe.toml": _clean_recipe(read_regular(folder / runfolder.RECIPE) if recipe is None else recipe.encode()),
        "environment.toml": dump_environment(
            dict(ended.environment),
            training=trained.environment,
            root=ended.submission.root,
            cwd=ended.submission.cwd,
        ).encode(),
        "requirements.txt": requirements(dict(ended.environment)).encode(),
        **({"items.csv": results.items_csv} if results.items_csv else {}),
        **{name: text.encode() for name, text in trained.files.items()},
    }
    if results.settings:
        from gitexp.record.settings import dump_settings

        texts["settings.toml"] = dump_settings(results.settings)
    for name, text in texts.items():
        clean = redact_toml if name.endswith(".toml") else redact
        texts[name] = clean(text, secrets=secrets)
    texts |= {"README.md": RECORD_README.encode(), "FORMAT.md": format_page()}  # our own words, and long
    texts["output.log"] = read_output(str(folder), lambda text: redact(text, secrets=secrets))
    texts["metrics.toml"] = dump_metrics(dict(results.summary)).encode()
    texts["history.csv"] = results.history_csv or b"step,time_s\n"
    return texts | _usage(folder)


def _usage(folder: Path) -> dict[str, bytes]:
    """usage.csv, where there is something to say. A program could have written there: only sound lines are taken."""
    try:
        written = read_regular(folder / runfolder.USAGE, most=1 << 16)
    except OSError:  # too short a run, or no /proc
        return {}
    from gitexp.record.usage import sound_usage

    text = sound_usage(written)
    return {"usage.csv": text} if text else {}


def _secrets(ended: Ended) -> list[str]:
    """What must not be recorded: the submitting side's secrets and ours. Raises PermissionError when it was not us."""
    try:
        noted = json.loads(read_regular(ended.folder / runfolder.SECRETS))
    except FileNotFoundError:  # there are none, or the program removed them: those that were typed are known
        values, said = toml.loads(read_regular(ended.folder / runfolder.RECIPE).decode()), ended.submission.message
        noted = [*named_in_argv(ended.submission.argv), *named_in_values(values), *named_in_text(said or "")]
    return sorted({*noted, *secret_values(os.environ)}, key=len, reverse=True)


def _clean_recipe(text: bytes) -> bytes:
    """recipe.toml without the values that their keys, or options of the command, give away. The program had them."""
    values = toml.loads(text.decode())
    if not named_in_values(values):
        return text
    from gitexp.spec.recipe import dump_recipe

    return dump_recipe(redact_values(values)).encode()


def _entries(algorithm: str, manifest: bytes) -> Sequence[ManifestEntry]:
    return parse_manifest(manifest, algorithm=SHA256 if algorithm == SHA256.name else XXH128)


def _described(kept: Kept, strong: bytes | None) -> Saved:
    """`strong`: its sha256 manifest; None: not asked for."""
    if strong is None:
        return Saved(kept.files, kept.size_bytes)
    from gitexp.datasets.build import strong_digest

    return Saved(kept.files, kept.size_bytes, strong_digest(strong))


def _clean_names(
    results: Collected, artifacts: Mapping[str, bytes], *, secrets: Sequence[str]
) -> tuple[Collected, Mapping[str, bytes]]:
    """Metrics and artifacts under names without secrets. Two that would have one name are numbered.

    `artifacts`: a manifest for each algorithm.
    """
    files = parse_manifest(artifacts[ALGORITHM])
    names = "\n".join([*results.summary, *results.goals, *(os.fsdecode(entry.path) for entry in files)])
    header = results.history_csv.partition(b"\n")[0]
    asked = names.encode("utf-8", "surrogateescape") + b"\n" + header
    if redact(asked, secrets=secrets) == asked:
        return results, artifacts
    from xxhash import xxh3_128_hexdigest

    from gitexp.record.history import renamed_columns

    cleaned: dict[str, str] = {}

    def clean(name: str) -> str:
        if name not in cleaned:
            text = redact(name.encode("utf-8", "surrogateescape"), secrets=secrets).decode("utf-8", "surrogateescape")
            twins = sum(other.partition(" (")[0] == text for other in cleaned.values()) if text != name else 0
            cleaned[name] = f"{text} ({twins + 1})" if twins else text
        return cleaned[name]

    def renamed(entry: ManifestEntry) -> ManifestEntry:
        return entry._replace(path=os.fsencode(clean(os.fsdecode(entry.path))))

    whole, text = results.whole, renamed_columns(results.history_csv, clean)
    judged = results.judged
    return results._replace(
        summary={clean(name): value for name, value in results.summary.items()},
        goals=tuple(map(clean, results.goals)),
        judged=judged._replace(by=clean(judged.by)) if judged is not None else None,
        history_csv=text,
        digest=xxh3_128_hexdigest(text) if whole is None else _rename_whole(whole, text.partition(b"\n")[0]),
    ), {name: dump_manifest(map(renamed, _entries(name, text))) for name, text in artifacts.items()}


def _rename_whole(path: Path, header: bytes) -> str:
    """Give the file another first line; its digest."""
    from xxhash import xxh3_128

    state = xxh3_128()
    with path.open("rb") as old, WholeFile(path) as new:
        old.readline()
        piece = header + b"\n"
        while piece:
            state.update(piece)
            new.write(piece)
            piece = old.read(1 << 20)
    digest: str = state.hexdigest()
    return digest


def _keep_history(results: Collected, place: Place) -> History | None:
    if results.rows_total == 0:
        return None
    if results.whole is not None:
        place.store.take(results.whole, digest=results.digest)
    return History(rows=results.rows_total, kept=results.rows_kept, digest=f"xxh128:{results.digest}")


def describe_run(
    ended: Ended,
    results: Collected,
    trained: Learned,
    *,
    artifacts: Saved,
    history: History | None,
    lost: Sequence[str],
    recorder: Recorder,
) -> RunRecord:
    """run.toml of a run that has ended. `lost`: sentences on what could not be kept."""
    submission, outcome, peaks = ended.submission, ended.outcome, trained.peaks_bytes
    started = _moment((outcome or ended.started).get("started") or submission.submitted)
    # A file's time is the kernel's last tick, which may lie some milliseconds before the moment it was written.
    finished = _moment(outcome["finished"]) if outcome else max(started, _moment(_last_sign(ended.folder)))
    edited = None if ended.after is None else ended.after["edited"]
    code = submission.code
    code = code if edited is None else code._replace(edited=tuple(edited[:20]), edited_count=len(edited))
    host = str(ended.started.get("host") or submission.host or UNKNOWN)
    return RunRecord(
        id=RunId(submission.id),
        attempt=submission.attempt,
        kind=submission.kind,
        status=ended.status,
        recipe=submission.recipe,
        recipe_path=submission.recipe_path,
        started=started,
        finished=finished,
        finished_is_last_sign=outcome is None,
        duration_s=round(float(outcome["duration_s"]), 6) if outcome else None,
        exit_code=outcome["exit_code"] if outcome else None,
        signal=outcome["signal"] if outcome else None,
        stopped_by=outcome["stop"] if outcome else None,
        error=outcome["error"] if outcome else None,
        peak_memory_bytes=sum(peaks) if peaks else outcome["peak_memory_bytes"] if outcome else None,
        peak_memory_processes=len(peaks) or None,
        argv=redact_argv(submission.argv),
        cwd=visible(submission.cwd),
        root=visible(submission.root),
        seed=trained.seed if submission.seed is None else submission.seed,
        user=submission.user,
        host=host,
        message=printable(redact_text(submission.message)) or None if submission.message else None,
        job=submission.job,
        reproduces=None if submission.mixture else submission.original.get("id"),
        mixture=load_mixture(submission.mixture) if submission.mixture else None,
        defects=tuple(_defects(ended, [*results.problems, *lost])),
        notes=(*submission.notes, *results.notes, *doubts(ended.environment)),
        summary=results.judged,
        seen=results.seen,
        code=code,
        gitexp=recorder,
        recorded_by=_recorded_by(submission.user, host),
        variables=submission.variables,
        resources=_resources(submission.resources, ended.environment),
        history=history,
        artifacts=artifacts,
        digests=trained.digests,
        splits=trained.splits,
        items=results.items,
    )


def _defects(ended: Ended, known: Sequence[str]) -> Iterator[str]:
    """Sentences on what of a record is not as it should be. `known`: what collecting and keeping came upon."""
    submission = ended.submission
    yield from (*known, *ended.torn, *(ended.outcome or {}).get("problems", ()))
    yield from submission.strange_imports if submission.mixture else ()  # whose verdict counts for nothing
    if ended.after is not None:
        yield from ended.after["data"]
    elif submission.data:
        yield "the data was not checked after the run, because it was recorded later"


def _recorded_by(user: str | None, host: str) -> str | None:
    here = user_name(), os.uname().nodename
    return None if here == (user, host) else f"{here[0] or UNKNOWN}@{here[1]}"


def _resources(asked: Mapping[str, Any], environment: Mapping[str, Any]) -> Resources:
    found = environment.get("result") or {}
    cpus, memory = found.get("cpu", {}).get("cores"), found.get("memory_bytes")
    gpus = found.get("gpus")
    return Resources(
        cpus_asked=asked.get("cpus"),
        cpus=cpus if isinstance(cpus, int) else None,
        memory_asked=None if asked.get("memory") is None else str(asked["memory"]),  # "16GB", or a number of bytes
        memory_bytes=memory if isinstance(memory, int) else None,
        gpus_asked=asked.get("gpus"),
        gpus=len(gpus) if isinstance(gpus, list) else None,
        processes=asked.get("processes"),
    )


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(round(float(epoch_s), 3), UTC)


def _last_sign(folder: Path) -> float:
    """When something in the folder was last written by the worker or the program, in epoch seconds."""
    ours = (runfolder.AFTER, runfolder.RECORD, runfolder.TRIED)  # and their beginnings, left by who was killed
    return max(path.stat().st_mtime for path in folder.iterdir() if not path.name.startswith(ours))


def _lay_out(folder: Path, texts: Mapping[str, bytes]) -> dict[str, Path]:
    """Write the record's files and name them all: path in the tree → file."""
    target = folder / runfolder.RECORD
    target.mkdir(exist_ok=True)
    files = {}
    for name, text in texts.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(text)
        files[name] = target / name
    return files
