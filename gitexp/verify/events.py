"""What is said about runs, held against section 1 of the format: the payload, and the runs that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitexp.record.event import LARGEST, LONGEST_TEXT, MOST_RUNS, OUTCOMES, is_tag
from gitexp.text.bounded import load_recorded
from gitexp.text.schema import spell, text, texts
from gitexp.verify.commits import MERGE, Commit


class _Keys(NamedTuple):
    """Of a payload: those that must be there, and that may."""

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


KINDS = {
    "note": _Keys(("text",), ("outcome",)),
    "tag": _Keys(("name",), ("why", "from")),
    "untag": _Keys(("name",), ("why",)),
    "retract": _Keys(("why",)),
    "reinstate": _Keys((), ("why",)),
    "baseline": _Keys(("recipe",), ("why", "from")),
    "unbaseline": _Keys(("recipe",), ("why",)),
    "decision": _Keys(("text", "because"), ("instead",)),
    MERGE: _Keys(),
}
_LISTS = ("because", "from")


class Said(NamedTuple):
    """What is wrong with an event, and the runs and the decision that it names."""

    problems: list[str]
    runs: list[str]
    instead: str = ""


def said(one: Commit, message: str, size: int) -> Said:
    """The payload of a commit of so many bytes."""
    known = KINDS[one.event]
    about = [one.about] if one.event not in ("decision", MERGE) else []
    problems = [] if all(about) else ["is about no run: it has no Gitexp-About"]
    if one.event == "decision" and one.about:
        problems.append("is a decision with a Gitexp-About")
    if size > LARGEST:
        return Said([*problems, f"has {size:,} bytes: of more than {LARGEST:,} nothing is read"], about)
    body = message.rstrip().partition("\n\n")[2].rpartition("\n\n")[0]
    if one.event == MERGE:
        return Said(["is a merge with a payload"] if "=" in body else [], [])
    try:
        written = load_recorded(body)
    except ValueError as error:
        return Said([*problems, f"its payload is no TOML: {error}"], about)
    problems += [f"its payload lacks {key}" for key in known.must if key not in written]
    payload = dict[str, Any]()
    for key in (*known.must, *known.may):
        if key in written and (wrong := (texts if key in _LISTS else text)(written[key])):
            problems.append(f"its payload's {key}: {wrong}")
        elif key in written:
            payload[key] = written[key]
    problems += _values(payload)
    return Said(problems, [*about, *payload.get("because", ()), *payload.get("from", ())], payload.get("instead", ""))


def _values(payload: Mapping[str, Any]) -> Iterator[str]:
    for key in ("text", "why"):
        if len(payload.get(key, "")) > LONGEST_TEXT:
            yield f"its {key} has {len(payload[key]):,} characters, more than {LONGEST_TEXT:,}"
    for key in _LISTS:
        if len(payload.get(key, ())) > MOST_RUNS:
            yield f"its {key} has {len(payload[key]):,} runs, more than {MOST_RUNS}"
    if "name" in payload and not is_tag(payload["name"]):
        yield f"{spell(payload['name'])} is no name for a run"
    if payload.get("outcome", OUTCOMES[0]) not in OUTCOMES:
        yield f"its outcome is {spell(payload['outcome'])}, none of {', '.join(OUTCOMES)}"
