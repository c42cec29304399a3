"""Datasets as pages: the catalogue as a table, one dataset, its versions, the runs that used bytes, its ancestors.

Names, paths and addresses came with a repository or a record: all of them are escaped.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from gitexp.cli.pageparts import Fact, fact_table, heading, status_cell
from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, ago, safe, size, stamp, table, text_width
from gitexp.cli.runtable import id_letters
from gitexp.errors import counted
from gitexp.history.datause import Hit
from gitexp.history.row import Row
from gitexp.history.versions import Version
from gitexp.record.digests import Digest
from gitexp.spec.catalogue import DatasetRef, Derived, DrawRule
from gitexp.spec.lineage import Ancestor
from gitexp.stages.look import STATES, Look

SHORT = 12  # digits of a digest in tables
STATE_STYLE = {
    "pinned": "green", "stored": "green", "changed": "red", "missing": "red", "unreadable": "red", "unpinned": "yellow",
    "keyless": "yellow",
}  # fmt: skip
STATE_WORDS = {
    "pinned": "pinned", "changed": "changed", "unpinned": "not pinned", "stored": "in the store",
    "remote": "only its URL", "missing": "missing", "unreadable": "unreadable", "keyless": "needs the key",
}  # fmt: skip
NARROW = 50  # columns of a screen below which a table rather lacks a column than has words cut
LISTED = 40  # runs of one page; JSON has all of them


def short(digest: str | None) -> str:
    """The beginning of a digest: enough to tell versions apart, and for `gitexp data runs`."""
    if digest is None:
        return "-"
    known = Digest(digest)
    digits = known.digits[:SHORT]
    return safe(digits if known.algorithm in ("", "xxh128") else f"{known.algorithm}:{digits}")


def catalogue_table(looks: Sequence[Look], *, on: Screen) -> str:
    """A line for each dataset of the catalogue."""
    columns = [
        Column("dataset", least=10), Column("kind"), Column("access"), Column("files", True), Column("size", True),
        Column("digest"), Column("state"), Column("where", least=12),
    ]  # fmt: skip
    rows = []
    for one in looks:
        ref = one.ref
        cells = {
            "dataset": Cell(safe(ref.name), "bold"),
            "kind": Cell(ref.kind),
            "access": Cell(ref.access, "yellow" if ref.access == "restricted" else ""),
            "files": Cell("-" if one.files is None else f"{one.files:,}"),
            "size": Cell(size(one.size_bytes)),
            "digest": Cell(short(one.digest or ref.digest), "dim"),
            "state": Cell(STATE_WORDS[one.state], STATE_STYLE.get(one.state, "")),
            "where": Cell(safe((ref.path or ref.url or "")[:VALUE_LIMIT])),
        }
        rows.append(cells)
    least = {"kind": 90, "access": 90, "files": 66, "size": 66}
    return _fitted(columns, rows, least=least, spare=("where", "digest"), on=on)


def _fitted(
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Cell]],
    *,
    least: Mapping[str, int],
    spare: Sequence[str],
    on: Screen,
) -> str:
    """The table without the columns that a terminal must be wider for, by `least`; on a narrow one also without the
    first of the spare columns that make it too wide. `rows`: cells by their column's name."""
    kept = [column for column in columns if on.width is None or on.width >= least.get(column.name, 0)]
    for name in spare:
        if on.width is None or on.width >= NARROW:
            break
        wide = [max(text_width(text) for text in (c.name, *(row[c.name].text for row in rows))) + 2 for c in kept]
        if sum(wide) - 2 <= on.width:
            break
        kept = [column for column in kept if column.name != name]
    return table(kept, [[row[column.name] for column in kept] for row in rows], on=on)


def dataset_page(
    one: Look, runs: Sequence[Row], *, stored: bool, remotes: Sequence[str], on: Screen, now: float
) -> str:
    """Everything that is known of a dataset of the catalogue. `stored`: the store has the pinned version whole."""
    ref = one.ref
    head = f"{on.paint(f'dataset {safe(ref.name)}', 'bold yellow')}  "
    head += f"{on.paint(STATES[one.state], STATE_STYLE.get(one.state, ''))}\n"
    facts = [*_identity(one), *_whose(ref), *_where(one, stored=stored, remotes=remotes), *_used(runs, now=now)]
    sections = [head, fact_table(facts, on=on), _divided(ref, on=on)]
    return "\n".join(section for section in sections if section)


def _identity(one: Look) -> Iterator[Fact]:
    ref = one.ref
    yield "kind", ref.kind, ""
    if one.problem is not None:
        yield "problem", safe(one.problem[:VALUE_LIMIT]), "red"
    yield "pinned", ref.digest or "no; gitexp data pin " + safe(ref.name), "" if ref.digest else "yellow"
    if one.digest is not None:
        if one.state not in ("pinned", "stored"):
            yield "here", one.digest, STATE_STYLE.get(one.state, "")
        files = counted(one.files or 0, "file")
        yield "size", f"{files}, {size(one.size_bytes)}", ""


def _whose(ref: DatasetRef) -> Iterator[Fact]:
    yield "access", ref.access, "yellow" if ref.access == "restricted" else ""
    contract = ref.contract_file or (None if ref.contract is None else "in the catalogue")
    for name, value in (
        ("source", ref.source), ("auth", ref.auth), ("license", ref.license), ("owner", ref.owner),
        ("tags", ", ".join(ref.tags) or None), ("fetched", ref.fetched), ("contract", contract),
        ("made of", _making(ref.derived)),
    ):  # fmt: skip
        if value is not None:
            yield name, safe(value[:VALUE_LIMIT]), ""


def _making(derived: Derived | None) -> str | None:
    """`raw, by recipe clean`."""
    if derived is None:
        return None
    by = f", by {_by(derived)}" if _by(derived) else ""
    return (", ".join(derived.parents) or "no dataset that is named") + by


def _by(derived: Derived) -> str:
    if derived.recipe is not None:
        return f"recipe {derived.recipe}"
    return shlex.join(derived.command) if derived.command else f"run {derived.run}" if derived.run else ""


def _where(one: Look, *, stored: bool, remotes: Sequence[str]) -> Iterator[Fact]:
    ref = one.ref
    if ref.path is not None:
        yield "path", safe(ref.path[:VALUE_LIMIT]) + ("" if one.path is not None else "  (not there)"), ""
    if ref.url is not None:
        yield "url", safe(ref.url[:VALUE_LIMIT]), ""
    yield "store", "holds it whole" if stored else "does not hold it", ""
    if ref.access == "restricted":
        yield "remotes", safe(", ".join(ref.remotes)) or "none may have it", ""
    elif remotes:
        yield "remotes", safe(", ".join(remotes)), ""


def _used(runs: Sequence[Row], *, now: float) -> Iterator[Fact]:
    if not runs:
        yield "runs", "none has used it", "dim"
        return
    newest = runs[0]
    count = counted(len(runs), "run")
    yield "runs", f"{count}, the last {safe(newest.id)} ({ago(newest.finished, now=now)})", ""


def _divided(ref: DatasetRef, *, on: Screen) -> str:
    rules = [("split", rule) for rule in ref.splits.values()] + [("sample", rule) for rule in ref.samples.values()]
    if not rules:
        return ""
    rows = [[Cell(safe(rule.name), "bold"), Cell(kind), Cell(safe(rule_in_words(rule)))] for kind, rule in rules]
    note = f"gitexp data show {safe(ref.name)} --rows NAME lists its rows"
    return heading("splits and samples", note, on=on) + table(
        [Column(""), Column(""), Column("", least=20)], rows, on=on, indent="  "
    )


def rule_in_words(rule: DrawRule) -> str:
    """`0.8 of the rows, stratified by label, seed 1`."""
    among = f"split {rule.of}" if rule.of else "the rows"
    if rule.rest:
        return "the rows that no other split has"
    if rule.indices is not None:
        return f"the rows in {rule.indices}"
    amount = f"{rule.number:,} of {among}" if rule.number is not None else f"{rule.fraction} of {among}"
    by = f", stratified by {rule.stratify}" if rule.stratify else ""
    return f"{amount}{by}, seed {rule.seed}"


def history_table(versions: Sequence[Version], *, on: Screen, now: float) -> str:
    """A line for each version of a dataset, the newest first."""
    columns = [
        Column("digest"), Column("since"), Column("files", True), Column("size", True), Column("runs", True),
        Column("first run"), Column("last run"), Column(""),
    ]  # fmt: skip
    rows = []
    for one in versions:
        since = "-" if one.since is None else stamp(one.since) if on.width is None else ago(one.since, now=now)
        marks = [word for word, is_so in (("pinned", one.is_pinned), ("here", one.is_here)) if is_so]
        cells = {
            "digest": Cell(short(one.digest), "yellow"),
            "since": Cell(since, "dim"),
            "files": Cell("-" if one.files is None else f"{one.files:,}"),
            "size": Cell(size(one.size_bytes)),
            "runs": Cell(f"{len(one.runs):,}"),
            "first run": Cell(safe(one.runs[-1].id[:8]) if one.runs else "-"),
            "last run": Cell(safe(one.runs[0].id[:8]) if one.runs else "-"),
            "": Cell(", ".join(marks), "green"),
        }
        rows.append(cells)
    return _fitted(columns, rows, least={"first run": 84, "files": 66, "size": 66}, spare=("last run", "since"), on=on)


def hits_table(hits: Sequence[Hit], *, on: Screen, now: float) -> str:
    """A line for each use of some bytes, the newest run first."""
    shown = hits[:LISTED] if on.width is not None else hits
    letters = id_letters([hit.row for hit in hits], [hit.row for hit in shown])
    columns = [
        Column("run"),
        Column("when"),
        Column("recipe", least=10),
        Column("status", least=9),
        Column("as", least=16),
    ]
    rows = [
        {
            "run": Cell(hit.row.id[:letters], "yellow"),
            "when": Cell(stamp(hit.row.finished) if on.width is None else ago(hit.row.finished, now=now), "dim"),
            "recipe": Cell(safe(hit.row.recipe) or "-", "bold"),
            "status": status_cell(hit.row.status),
            "as": Cell(safe(role_in_words(hit)[:VALUE_LIMIT])),
        }
        for hit in shown
    ]
    more = f"and {len(hits) - len(shown):,} more; --json has all of them\n" if len(hits) > len(shown) else ""
    return _fitted(columns, rows, least={}, spare=("status", "when", "recipe"), on=on) + more


def role_in_words(hit: Hit) -> str:
    """What the bytes were to the run."""
    if hit.role == "file":
        return f"{hit.path} in dataset {hit.name}"
    return f"{hit.role} {hit.name}" + (", which it wrote" if hit.role == "artifact" else "")


def lineage_tree(top: Ancestor, *, on: Screen) -> str:
    """A dataset, and below it, indented by lines, what it was made of."""
    return "".join(f"{line}\n" for line in _branch(top, "", "", on=on))


def _branch(one: Ancestor, first: str, others: str, *, on: Screen) -> Iterator[str]:
    digest = one.noted or one.present or (one.ref.digest if one.ref else None)
    parts = [on.paint(safe(one.name), "bold"), on.paint(short(digest) if one.is_noted else "not noted", "dim")]
    derived = one.ref.derived if one.ref else None
    if derived is not None and _by(derived):
        parts.append(f"by {safe(_by(derived)[:VALUE_LIMIT])}")
    elif derived is None and one.ref is not None:
        origin = filter(None, (one.ref.source, one.ref.url or one.ref.path))
        parts.append(safe(", ".join(origin)[:VALUE_LIMIT]))
    if one.stale:
        parts.append(on.paint(f"stale: now {short(one.present)}", "bold red"))
    if one.again:
        parts.append(on.paint("(as above)", "dim"))
    yield first + "  ".join(part for part in parts if part)
    for parent in one.parents:
        is_last = parent is one.parents[-1]
        mark, below = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield from _branch(parent, others + mark, others + below, on=on)
