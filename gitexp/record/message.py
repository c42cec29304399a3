"""The commit message of a run: a subject that is worth reading alone, the user's words, and trailers for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitexp.record.identity import (
    ABOUT_TRAILER,
    CODE_TRAILER,
    EVENT_TRAILER,
    JOB_TRAILER,
    KIND_TRAILER,
    RECIPE_TRAILER,
    RUN_TRAILER,
    VERDICT_TRAILER,
)
from gitexp.record.metrics import foremost
from gitexp.record.runrecord import RunRecord

SUBJECT_METRICS = 4


def compose_message(
    record: RunRecord, metrics: Mapping[str, float | int], *, goals: Iterable[str], grade: str = ""
) -> str:
    """The whole message. Metrics with a goal come first in the subject. `grade`: of a rerun's verdict."""
    words = record.message or ""
    body = f"{words}\n\n" if words else ""
    return f"{subject(record, metrics, goals=goals)}\n\n{body}" + "\n".join(trailers(record, grade)) + "\n"


def trailers(record: RunRecord, grade: str = "") -> list[str]:
    """The last paragraph, line by line, which repeats run.toml."""
    lines = [f"{RUN_TRAILER}: {record.id}"]
    if record.attempt > 1:
        lines.append(f"Gitexp-Attempt: {record.attempt}")
    lines += [f"Gitexp-Status: {record.status}", f"{RECIPE_TRAILER}: {one_line(record.recipe)}"]
    if record.kind != "run":
        lines.append(f"{KIND_TRAILER}: {one_line(record.kind)}")
    if record.job is not None:
        lines.append(f"{JOB_TRAILER}: {one_line(record.job)}")
    if record.seed is not None:
        lines.append(f"Gitexp-Seed: {record.seed}")
    if record.code.commit:
        lines.append(f"{CODE_TRAILER}: {record.code.commit}" + ("" if record.code.clean else " dirty"))
    if record.reproduces:
        lines.append(f"Gitexp-Reproduces: {one_line(record.reproduces)}")
    if grade:
        lines.append(f"{VERDICT_TRAILER}: {grade}")
    return lines


def compose_event(kind: str, subject: str, *, about: str = "", body: str = "") -> str:
    """The message of a commit that says something about a run (`about`: its id), or about none. `body`: the payload."""
    trailers = f"{EVENT_TRAILER}: {kind}\n" + (f"{ABOUT_TRAILER}: {about}\n" if about else "")
    return f"{subject}\n\n" + (f"{body}\n\n" if body else "") + trailers


def subject(record: RunRecord, metrics: Mapping[str, float | int], *, goals: Iterable[str]) -> str:
    """`digits-mlp: val.acc 0.972, val.loss 0.103`, with how it ended where it did not complete."""
    shown = [f"{name} {short(metrics[name])}" for name in foremost(metrics, goals)[:SUBJECT_METRICS]]
    if record.status != "completed":
        shown = [ending(record), *shown[: SUBJECT_METRICS - 1]]
    if record.kind == "smoke":
        shown = ["smoke", *shown[: SUBJECT_METRICS - 1]]
    return one_line(f"{record.recipe}: {', '.join(shown)}" if shown else f"{record.recipe}: completed")


def ending(record: RunRecord) -> str:
    """How a run ended, in two or three words."""
    if record.status == "failed" and record.signal:
        return f"failed ({record.signal})"
    if record.status == "failed" and record.exit_code is not None:
        return f"failed (exit code {record.exit_code})"
    return record.status


def short(value: float | int) -> str:
    """A number for people: four significant digits, integers whole."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def printable(text: str) -> str:
    """The user's words without what a terminal would obey, in run.toml as in the commit: `git log` prints all."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()


def one_line(text: str) -> str:
    """Text that cannot end a line or begin a trailer of its own."""
    return printable(text).replace("\n", " ")
