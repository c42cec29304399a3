"""What is said about a run, to and from the payload of an event: TOML in the body of its commit's message.

Each key is one line, with the line feeds of a text as escapes: nothing that a user typed begins a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from gitexp.record.identity import RUN_ID_LENGTH, RUN_ID_LETTERS

OUTCOMES = ("kept", "rejected", "inconclusive")  # what a note may say became of what was tried
LONGEST_TEXT = 10_000  # characters of a note, or of a reason
LONGEST_NAME, LONGEST_RECIPE = 64, 200
MOST_RUNS = 100  # of one event, beside the one that it is about
LARGEST = 1 << 17  # bytes of a commit that may be an event
_TEXT = {"note": "text", "decision": "text"}  # the key of each kind that has the words; `why` of all others
# The keys of kinds that have another one: for the name, and for further runs.
_NAMED = {"baseline": "recipe", "unbaseline": "recipe", "decision": "instead"}
_RUNS = {"decision": "because"}
PAYLOADS = (
    "note",
    "tag",
    "untag",
    "retract",
    "reinstate",
    "baseline",
    "unbaseline",
    "decision",
)  # kinds with a payload that is read
_NAME = rf"\w[\w.+-]{{0,{LONGEST_NAME - 1}}}"
_NO_NAME = rf"[{RUN_ID_LETTERS}]{{4,{RUN_ID_LENGTH}}}|[0-9a-f]{{7,64}}|latest|HEAD|best|worst|.*\.\..*"


class Payload(NamedTuple):
    """What an event says. Empty is not said."""

    text: str = ""  # of a note; of all others the reason
    name: str = ""  # of a tag; of a baseline the recipe; of a decision the commit of the one that it replaces
    outcome: str = ""
    runs: Sequence[str] = ()  # ids: of those that had the tag or were the baseline before, or on which a decision rests


NOTHING = Payload()


def is_tag(name: str) -> bool:
    """Whether a run may be tagged so: no word that already means a run, the beginning of an id, or a commit."""
    return re.fullmatch(_NAME, name) is not None and re.fullmatch(_NO_NAME, name) is None


def keys_of(kind: str) -> tuple[str, str, str]:
    """The keys of a payload that stand for its name, its words and further runs."""
    return _NAMED.get(kind, "name"), _TEXT.get(kind, "why"), _RUNS.get(kind, "from")


def dump_payload(kind: str, said: Payload) -> str:
    """The payload as text, a line for each key that is said."""
    from gitexp.text.schema import inline

    name, text, runs = keys_of(kind)
    keys = {name: said.name, text: said.text, "outcome": said.outcome, runs: [*said.runs]}
    return "\n".join(f"{key} = {inline(value)}" for key, value in keys.items() if value)


def load_payload(kind: str, commit: bytes) -> Payload:
    """What can be read of the commit of an event. Whoever wrote it, the answer is bounded, and of these types."""
    from gitexp.text.bounded import load_recorded

    message = commit.partition(b"\n\n")[2].decode("utf-8", "replace").rstrip()
    body = message.partition("\n\n")[2].rpartition("\n\n")[0]
    try:
        said = load_recorded(body)
    except ValueError:
        return NOTHING
    name, text, runs = map(said.get, keys_of(kind))
    name, outcome = _text(name)[:LONGEST_RECIPE], _text(said.get("outcome"))
    return Payload(
        text=_text(text).strip(),
        name=name if kind in _NAMED or is_tag(name) else "",
        outcome=outcome if outcome in OUTCOMES else "",
        runs=[_text(one)[:RUN_ID_LENGTH] for one in runs[:MOST_RUNS]] if isinstance(runs, list) else [],
    )


def _text(value: Any) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""
