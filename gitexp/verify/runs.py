"""run.toml and the commit message, held against sections 2 and 4 of the format."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from math import isclose
from typing import Any

from gitexp.record.codepaths import root_before
from gitexp.record.digests import Digest
from gitexp.record.environment import table_of
from gitexp.record.message import ending, one_line, printable, trailers
from gitexp.record.metrics import parse_number
from gitexp.record.runrecord import STATUSES, RunRecord
from gitexp.spec.placeholders import Misplaced, fill
from gitexp.spec.recipe import OUTPUT
from gitexp.text.schema import spell
from gitexp.verify.commits import Commit

KINDS = ("run", "smoke", "rerun", "imported")
REQUIRED = ("format", "id", "attempt", "kind", "status", "started", "finished", "argv", "cwd", "recipe", "code")
NAMED = 20  # paths of [code] at most
A_DAY_S = 86_400
REDACTED = "[redacted:"
_SIGNAL = r"SIG[A-Z0-9+-]{1,20}"
_PASSWORD = r"://[^/@]*:[^/@]*@"
# As git takes a line for a trailer: whatever its case, with blanks around the colon or none.
_TRAILER = re.compile(r"(?i)Gitexp-(?:Run|Attempt|Status|Recipe|Kind|Job|Seed|Code|Reproduces|Verdict)\s*:")
_COUNTS = re.compile(r".*_(?:s|bytes|count)|rows|kept|files|examples|row|processes|attempt")


def run_problems(run: RunRecord, table: Mapping[str, Any], one: Commit, recipe: Mapping[str, Any]) -> Iterator[str]:
    """Section 4: keys that are always there, an ending that can be, times, counts and paths that fit."""
    imported = run.kind == "imported"
    lacking = [key for key in REQUIRED if key not in table and not (imported and key == "argv")]
    if lacking or "clean" not in table.get("code", {}):
        yield f"lacks {', '.join(lacking) or '[code] clean'}"
        return
    if run.kind not in KINDS or run.status not in STATUSES:
        yield f"kind is {spell(run.kind)}, status {spell(run.status)}"
        return
    if imported != (run.imported is not None):
        yield "kind = imported and [imported] go together"
    yield from _ending(run) if not imported else ()
    yield from _times(run, one)
    yield from _counts(table)
    if run.format != 1 or run.attempt < 1:
        yield f"format is {run.format}, attempt {run.attempt}"
    for key, path in (("cwd", run.cwd), ("recipe_path", run.recipe_path or ".")):
        if path.startswith("/") or ".." in path.split("/"):
            yield f"{key} leads out of code/: {spell(path)}"
    if run.message is not None and run.message != printable(run.message):
        yield "message has characters that are not printable, or white space at an end"
    yield from _given(run, recipe)
    if run.mixture is not None and (run.reproduces or run.kind not in ("rerun", "smoke")):
        yield "a mixture reproduces no run"
    if run.reproduces is not None and (run.reproduces == run.id or run.kind not in ("rerun", "smoke")):
        yield f"reproduces {spell(run.reproduces)}, and is of kind {run.kind}"
    if re.search(_PASSWORD, run.code.remote or ""):
        yield "[code] remote has a password"
    stated = table.get("digests", {})
    if len(run.digests) != len(stated) or not all(Digest(one).right for one in run.digests.values()):
        yield "[digests] has what is no digest"
    if len(run.splits) != len(table.get("splits", {})) or len(run.seen) != len(table.get("seen", [])):
        yield "[splits] or [[seen]] has what is none"
    for commit in (run.code.commit, run.gitexp.commit if run.gitexp else None):
        if commit is not None and not commit.right:
            yield f"{spell(commit)} is no commit with its algorithm"


def _given(run: RunRecord, recipe: Mapping[str, Any]) -> Iterator[str]:
    """What the program was given is what recipe and seed say. (Of a rerun, the interpreter may be another.)"""
    if any(not name.startswith("GITEXP_") for name in run.variables):
        yield "[variables] has other names than GITEXP_…"
    if run.variables.get("GITEXP_SEED", str(run.seed)) != str(run.seed):
        yield f"GITEXP_SEED is {spell(run.variables['GITEXP_SEED'])}, seed {run.seed}"
    seed = recipe.get("seed")
    if recipe and (seed is not None or "GITEXP_SEED" in run.variables) and seed != run.seed:
        yield f"seed is {run.seed}, that of the recipe {spell(seed)}"
    if ("GITEXP_SMOKE" in run.variables) != (run.kind == "smoke"):
        yield f"GITEXP_SMOKE says other than kind = {run.kind}"
    words, ran = _words(recipe), run.argv[1:]
    if words is not None and (
        len(words) != len(ran) or not all(_stands_for(*pair, run, recipe) for pair in zip(words, ran, strict=True))
    ):
        yield f"argv is {spell([*run.argv])}, [run] command of the recipe {spell(recipe['run']['command'])}"


def _words(recipe: Mapping[str, Any]) -> list[str] | None:
    """The arguments behind the program, with a NUL where a dataset lay; None: the recipe does not say."""
    command, data = table_of(recipe, "run").get("command"), dict.fromkeys(table_of(recipe, "data"), "\0")
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return None
    words = list[str]()
    for element in fill(command, values={"output": OUTPUT, **recipe}, seed=recipe.get("seed"), data_paths=data):
        if isinstance(element, Misplaced):
            return None
        words += element
    return words[1:]


def _stands_for(told: str, ran: str, run: RunRecord, recipe: Mapping[str, Any]) -> bool:
    free = "\0" in told or REDACTED in ran or REDACTED in told
    return told == ran or free or (run.kind == "rerun" and _leads_elsewhere(told, ran, run, recipe))


def _leads_elsewhere(told: str, ran: str, run: RunRecord, recipe: Mapping[str, Any]) -> bool:
    """Whether a rerun's word names what lay in the original's code, or was its data, where that lay this time."""
    if root_before(ran, told, run.root) or (run.mixture and run.mixture.data):  # of which data.toml has other places
        return True
    of_data = [one.get("path") if isinstance(one, Mapping) else one for one in table_of(recipe, "data").values()]
    places = [one for one in of_data if isinstance(one, str)]
    places += [posixpath.relpath(one, run.cwd) for one in places if one[:1] not in ("", "/")]
    return any(root_before(told, ran, place) for place in places)


def _ending(run: RunRecord) -> Iterator[str]:
    code, by_itself = run.exit_code, run.signal is None and run.error is None
    if run.status == "completed" and (code != 0 or not by_itself or run.stopped_by):
        yield "completed, but not by exiting with 0"
    if run.status == "failed" and (code == 0 or (code is None and by_itself) or run.stopped_by):
        yield "failed, but by no exit code, signal or error of its own"
    if run.status in ("interrupted", "timed-out") and (run.status == "timed-out") != (run.stopped_by == "timeout"):
        yield f"{run.status}, but stopped by {spell(run.stopped_by) if run.stopped_by else 'nobody'}"
    if run.status == "interrupted" and run.stopped_by is None:
        yield "interrupted, but by nobody"
    crashed = run.status == "crashed"
    if crashed != run.finished_is_last_sign:
        yield f"{run.status}, but finished_is_last_sign is {str(run.finished_is_last_sign).lower()}"
    if crashed and (code is not None or run.signal or run.duration_s is not None):
        yield "crashed, but its end was seen"
    if code is not None and run.signal:
        yield "has an exit code and a signal"
    if run.signal and not re.fullmatch(_SIGNAL, run.signal):
        yield f"signal is {spell(run.signal)}"


def _times(run: RunRecord, one: Commit) -> Iterator[str]:
    if run.started > run.finished:
        yield "finished before it started"
    finished = int(run.finished.astimezone(UTC).replace(microsecond=0).timestamp())
    if one.authored != finished:
        yield f"finished is not the author date of the commit: {finished - one.authored:+,} s"
    if finished > one.committed + A_DAY_S:
        yield "finished more than a day later than the commit was made"


def _counts(table: Mapping[str, Any]) -> Iterator[str]:
    for where, values in [
        ("", table),
        *((f"[{key}] ", value) for key, value in table.items() if isinstance(value, dict)),
    ]:
        for key, value in values.items():
            if type(value) in (int, float) and not value >= 0 and _COUNTS.fullmatch(key):
                yield f"{where}{key} is {value}"
    code = table["code"]
    for key in ("changed", "edited"):
        count, named = code.get(f"{key}_count", 0), code.get(key, [])
        if len(named) != min(count, NAMED):
            yield f"[code] {count} are {key}, but {len(named)} are named"
    history = table.get("history", {})
    if history and history.get("kept", 0) > history.get("rows", 0):
        yield "[history] keeps more rows than were logged"


def message_problems(message: str, run: RunRecord, metrics: Mapping[str, Any], *, grade: str) -> Iterator[str]:
    """Section 2: a subject that says of the metrics what they are, the user's message, and trailers that repeat it."""
    head, _, last = message.rstrip("\n").rpartition("\n\n")
    subject, _, body = head.partition("\n\n")
    beginning = f"{one_line(run.recipe)}: "
    if "\n" in subject or not subject.startswith(beginning):
        yield f"the subject does not begin with {spell(beginning)}"
    else:
        yield from _said(subject[len(beginning) :].split(", "), run, metrics)
    if body != (run.message or ""):
        yield "has other words than the message in run.toml"
    told = [line for line in re.sub(r"\n[ \t]+", " ", last).split("\n") if _TRAILER.match(line)]
    if told != (expected := trailers(run, grade)):
        other = next((one for one in (*told, *expected) if (one in told) != (one in expected)), "their order")
        yield f"its trailers are not those of run.toml: {spell(other)}"


def _said(parts: list[str], run: RunRecord, metrics: Mapping[str, Any]) -> Iterator[str]:
    """What a subject says: that it is a smoke run, how it ended, and metrics."""
    first = ["smoke"] * (run.kind == "smoke") + [ending(run)] * (run.status != "completed")
    if parts[: len(first)] != first:
        yield f"the subject does not begin with {spell(', '.join(first))}"
        return
    known = {one_line(name): value for name, value in metrics.items()}
    for part in parts[len(first) :]:
        name, _, said = part.rpartition(" ")
        value, stated = parse_number(said[:40]), known.get(name)
        if isinstance(stated, int | float) and value is not None and not _near(value, stated):
            yield f"the subject says {spell(part)}, metrics.toml {stated!r}"
        elif stated is None and part != "completed" and not any(", " in one for one in known):
            yield f"the subject says {spell(part)}, metrics.toml nothing of it"


def _near(said: float, known: float) -> bool:
    """Four digits are said."""
    return isclose(said, known, rel_tol=6e-4) or (said != said and known != known)
