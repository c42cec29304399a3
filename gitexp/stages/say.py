"""Append what somebody says about a run to the experiments branch, as an event."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from gitexp.clone import Clone
from gitexp.errors import GitexpError
from gitexp.git.append import Entry, append
from gitexp.git.branch import find_tips, maintain, require_not_checked_out
from gitexp.git.objects import Written
from gitexp.git.repo import line
from gitexp.git.trailers import commits_with
from gitexp.history.listing import Runs
from gitexp.history.row import Row
from gitexp.record.event import LONGEST_TEXT, Payload, dump_payload
from gitexp.record.identity import RUN_TRAILER
from gitexp.record.message import compose_event, one_line, printable
from gitexp.redact import redact
from gitexp.secretnames import redact_text, secret_values

PATIENCE_S = 10.0
SUBJECT = 72  # characters


def say(clone: Clone, runs: Runs, about: Row | None, *, kind: str, payload: Payload) -> str:
    """Say it of a run of this branch (None: of those of the payload); the commit. Raises GitexpError, and as `append`
    does.
    """
    of = about.id if about is not None else ""
    for one in (of, *payload.runs):
        if one and not runs.with_id(one):
            fix = f"gitexp pull{_remote_with(clone, one)}    then say it again"
            raise GitexpError(f"Run {one} is not on the branch here yet", fix=fix)
    if len(payload.text) > LONGEST_TEXT:
        raise GitexpError(f"{len(payload.text):,} characters are too many: {LONGEST_TEXT:,} at most are kept")
    repo, branch = clone.repo, clone.config.branch
    require_not_checked_out(repo, branch, why="What is said moves it")
    payload = payload._replace(text=_clean(payload.text))
    subject = f"{kind}: {one_line(payload.text if kind == 'decision' else payload.name or payload.text)}"
    subject = subject if len(subject) <= SUBJECT else f"{subject[: SUBJECT - 1]}…"
    message = compose_event(kind, subject, about=of, body=dump_payload(kind, payload))

    def tree(tip: str) -> Written:
        return Written(line(repo, "rev-parse", f"{tip}^{{tree}}"), ())

    with TemporaryDirectory(prefix="gitexp-say-") as folder:
        entry = Entry(tree, message, _after_all(runs, of, payload))
        commit = append(repo, branch, entry, tried=Path(folder) / "tried", patience_s=PATIENCE_S)
    maintain(repo)
    return commit


def _after_all(runs: Runs, about: str, payload: Payload) -> datetime:
    """Now, or a second after all that is known to be said of this run or tag: the later holds, and dates are seconds.

    A decision, which is about no run, comes after all decisions.

    What claims to be of more than a day ahead holds for nobody (see history/said.py).
    """
    now = time.time()
    asked = "SELECT max(said) FROM events WHERE said <= ? AND (about = ? OR name = ? AND name != '')"
    [(last,)] = runs.ask(asked, (now + 86_400, about, payload.name))
    return datetime.fromtimestamp(max(int(now), int(last or 0) + 1), UTC)


def _remote_with(clone: Clone, run: str) -> str:
    """` NAME` of a remote that has the run, as last fetched, for a command line."""
    for name, tip in find_tips(clone.repo, clone.config.branch).items():
        if name and tip.damage is None and commits_with(clone.repo, RUN_TRAILER, tip.commit, value=run):
            return f" {name}"
    return ""


def _clean(text: str) -> str:
    """The words without secrets, and without what a terminal would obey: `git log` prints all."""
    secrets = secret_values(os.environ)
    return redact(printable(redact_text(text)).encode(), secrets=secrets).decode()
