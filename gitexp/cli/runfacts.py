"""The facts at the head of a run's page: how it ended, what came of its reruns, what was said of it, its code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from gitexp.cli.changewords import changes_in_words
from gitexp.cli.pageparts import STATUS_STYLE, Fact, seen_in_words, used_in_words
from gitexp.cli.render import VALUE_LIMIT, ago, duration, safe, size, stamp
from gitexp.errors import and_more, counted
from gitexp.history.read import Run
from gitexp.history.row import Event, Row
from gitexp.history.said import Said
from gitexp.history.select import SHOWN
from gitexp.record.digests import Oid
from gitexp.record.runrecord import Imported, RunRecord

NAMED = 10  # changed files, tags, notes
NOTE_LIMIT = 2000  # characters of a note; `log --notes` has all of it
COMMAND_LIMIT = 4000  # characters of a command line
_TIMES = {"started": "it started", "file": "the file was last written"}


def run_facts(run: Run, before: Run | None, *, said: Said, reruns: Sequence[Row], now: float) -> Iterator[Fact]:
    """All of them, for `run_page`, which says what these are."""
    if run.record:
        yield from _facts(run, run.record, now=now)
        yield from _verdicts(run, reruns, now=now)
    yield from _said(said, now=now)
    if run.record:
        yield from _code(run.record)
        yield from _changed(run, before)
    yield "commit", run.commit, ""
    if not run.record:
        yield "author", safe(run.author), ""


def _facts(run: Run, record: RunRecord, *, now: float) -> Iterator[Fact]:
    finished = record.finished.timestamp()
    when = f"{stamp(finished)} ({ago(finished, now=now)})"
    if record.finished_is_last_sign:
        yield "last sign", f"{when}, {duration(finished - record.started.timestamp())} after it started", ""
    else:
        took = "" if record.duration_s is None else f", took {duration(record.duration_s)}"
        yield "finished", when + took, ""
    if record.status != "completed":
        yield "ended", safe(_ending(run, record)[:VALUE_LIMIT]), STATUS_STYLE.get(record.status, "red")
    if record.peak_memory_bytes is not None:
        many = record.peak_memory_processes
        of = f"in all, {many} processes at their peaks" if many else "at its peak, the largest process"
        yield "memory", f"{size(record.peak_memory_bytes)} {of}", ""
    if run.used is not None:
        yield from used_in_words(run.used)
    if record.user or record.host:
        yield "by", safe(f"{record.user or 'unknown'} on {record.host or 'unknown'}"[:VALUE_LIMIT]), ""
    if record.job:
        yield "job", safe(record.job[:VALUE_LIMIT]), ""
    if record.imported:
        yield from _imported(record.imported)
    elif record.kind != "run":
        yield "kind", safe(record.kind[:VALUE_LIMIT]), "yellow"
    if record.reproduces:
        yield "repeats", safe(record.reproduces[:VALUE_LIMIT]), ""
    if record.mixture:
        yield "mixture", safe(str(record.mixture)[:VALUE_LIMIT]), ""
    said = (record.message or "").strip().splitlines()
    for name, line in zip(["message", *[""] * NAMED], said, strict=False):
        yield name, safe(line[:VALUE_LIMIT]), ""
    if len(said) > NAMED + 1:
        yield "", f"and {len(said) - NAMED - 1} more lines", "dim"
    command = safe(shlex.join(record.argv)[:COMMAND_LIMIT]) or "not recorded"
    yield "command", command + ("" if record.cwd == "." else f"  in {safe(record.cwd[:VALUE_LIMIT])}"), ""
    if record.seed is not None:
        yield "seed", str(record.seed), ""
    for name, words in zip(["seen", *[""] * NAMED], seen_in_words(record.seen, most=NAMED), strict=False):
        yield name, words, ""


def _verdicts(run: Run, reruns: Sequence[Row], *, now: float) -> Iterator[Fact]:
    """What this rerun came to, and what the reruns of this run did."""
    if run.verdict is None and not reruns:
        return
    from gitexp.cli.verdictwords import rerun_facts, verdict_facts

    yield from verdict_facts(run.verdict) if run.verdict is not None else ()
    yield from rerun_facts(reruns, now=now)


def _said(said: Said, *, now: float) -> Iterator[Fact]:
    """What people said of it since, a retraction first."""
    if said.retracted is not None:
        yield "retracted", f"{_words(said.retracted, now=now)}; nothing was erased", "red"
    if said.tags:
        yield "tag", safe(", ".join(said.tags[:NAMED])) + and_more(len(said.tags), NAMED), "bold"
    if said.baseline:
        yield "baseline", f"of {safe(', '.join(said.baseline[:NAMED]))}{and_more(len(said.baseline), NAMED)}", "bold"
    for decision in said.decisions[:NAMED]:
        yield "supports", f"{decision.commit[:SHOWN]}: {_words(decision, now=now)}", ""
    for note in said.notes[:NAMED]:
        yield "note", _words(note, now=now), ""
    if len(said.notes) > NAMED:
        yield (
            "",
            f"and {counted(len(said.notes) - NAMED, 'older note')}: gitexp log --notes {said.notes[0].about}",
            "dim",
        )


def _words(event: Event, *, now: float) -> str:
    words = safe(" ".join(event.text.split())[:NOTE_LIMIT]) or "(without words that can be read)"
    outcome = f"{event.outcome}: " if event.outcome else ""
    return f"{outcome}{words}  ({safe(event.author)}, {ago(event.said, now=now)})"


def _ending(run: Run, record: RunRecord) -> str:
    """How a run ended that did not complete."""
    if record.error:
        return record.error
    end = f"signal {record.signal}" if record.signal else f"exit code {record.exit_code}"
    known = record.signal is not None or record.exit_code is not None
    if record.status == "crashed":
        return "nobody saw its end: gitexp was killed, or the machine went down" + (f" ({end})" if known else "")
    if record.status == "timed-out":
        limit = run.recipe_values.get("run.timeout")
        return (f"stopped at its limit of {limit}" if limit else "stopped at its limit") + (f", {end}" if known else "")
    asked = f"stopped by {record.stopped_by}" if record.stopped_by else ""
    if known and record.signal != record.stopped_by:
        return f"{asked}, {end}" if asked else end
    return asked or (end if known else record.status)


def _changed(run: Run, before: Run | None) -> Iterator[Fact]:
    if before is not None and before.record is not None and not (run.record and run.record.imported):
        words = changes_in_words(before, run, whole_keys=True)
        yield "changed", f"{', '.join(words) or 'nothing'}  against {before.record.id[:SHOWN]}", ""


def _imported(of: Imported) -> Iterator[Fact]:
    told = [of.name, of.id if of.id != of.name else None, f"as {of.status}" if of.status else None, of.store, of.url]
    words = ", ".join(safe(word[:VALUE_LIMIT]) for word in told if word)
    yield "imported", f"from {safe(of.tool[:VALUE_LIMIT])}: {words}", "yellow"
    if of.times:
        yield "", f"when it finished is not recorded: that is when {_TIMES.get(of.times, safe(of.times))}", "dim"
    for name, text in list(of.tags.items())[:NAMED]:
        yield "tag", f"{safe(name[:VALUE_LIMIT])} = {safe(text[:VALUE_LIMIT])}", ""
    if of.artifacts:
        names = ", ".join(safe(name[:VALUE_LIMIT]) for name in of.artifacts[:NAMED])
        yield "saved", f"{names}{and_more(len(of.artifacts), NAMED)}; not copied", ""


def _code(record: RunRecord) -> Iterator[Fact]:
    code = record.code
    oid = Oid(code.commit or "").digits[:10]
    if record.imported:
        claimed, tool = record.imported.commit, record.imported.tool
        known = oid or (f"{claimed[:10]}, which is not in this record" if claimed else "")
        yield "code", safe(f"{known}, as {tool} says; nobody has checked" if known else "not recorded"), ""
        return
    where = f" on {safe(code.branch)}" if code.branch else ""
    yield "code", f"{safe(oid) or 'no commit'}{where}  {safe((code.subject or '')[:VALUE_LIMIT])}".rstrip(), ""
    if not code.clean:
        changed = _paths(code.changed, code.changed_count or len(code.changed))
        yield "dirty", f"differed from that commit: {changed}", "yellow"
    if code.edited_count:
        yield "edited", f"changed while the program ran: {_paths(code.edited, code.edited_count)}", "yellow"
    elif code.edited_count is None:
        yield "edited", "nobody could see whether files changed while it ran", "dim"


def _paths(paths: tuple[str, ...], count: int) -> str:
    count = max(count, len(paths))
    more = and_more(count, min(len(paths), NAMED))
    return ", ".join(safe(path) for path in paths[:NAMED]) + more if paths else f"{count or 'some'} files"
