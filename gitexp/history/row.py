"""A run as the index has it: identity, outcome, metrics and settings; and what is said about runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from gitexp.errors import GitexpError


class Row(NamedTuple):
    """What a listing needs to know of one run. Metrics and settings are texts until somebody asks for them."""

    id: str
    commit: str
    attempt: int
    finished: float  # seconds since 1970, UTC
    ordered: float  # the same, or when it was recorded, where it claims to have ended a day or more after that
    author: str
    status: str
    recipe: str = ""
    kind: str = "run"  # run, smoke, rerun
    duration_s: float | None = None
    clean: bool = True  # False: the tree differed from its commit, or was edited while the program ran
    seed: int | None = None
    message: str | None = None  # the user's, its first line
    defects: int = 0
    problem: str | None = None  # why the record cannot be read, in one line; None: it can
    held_out: str = ""  # the same for runs with the same held-out rows; empty where none are recorded
    lost: bool = False  # `problem` is this clone's: it lacks objects of a record that may be whole elsewhere
    code: str | None = None  # the tree that ran; None: not recorded
    alike: str = ""  # the same for replicates: everything that goes in is equal but the seed; empty: not known
    hardware: str = ""  # in a few words, equal where runs may be compared; empty: not recorded
    reproduces: str = ""  # the id of the run that this one, a rerun, repeats
    mixes: str = ""  # the id of the run of which this one, a mixture, has all but what it swaps
    judged: str = ""  # the commit of that run by a verdict that counts; empty: there is none
    grade: str = ""  # of that verdict
    metrics_text: str = "{}"
    settings_text: str = "{}"  # those in which it differs from `base_text`; null: it has no such setting
    data_text: str = "{}"
    base_text: str = "{}"

    @property
    def order(self) -> tuple[float, float, str, int]:
        """Sorts runs the same way in every clone."""
        return (self.ordered, self.finished, self.id, self.attempt)

    @property
    def metrics(self) -> Mapping[str, float | int]:
        """The summary value of each metric."""
        return load_values(self.metrics_text)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the run was told, by dotted key: the recipe's values, arguments by name, what its program noted.

        A value is a number, a boolean, a text or a list.
        """
        return _settings(self.base_text, self.settings_text)

    @property
    def data(self) -> Mapping[str, str]:
        """The digest of each dataset that has one."""
        return load_values(self.data_text)


class Event(NamedTuple):
    """What a commit of the branch that is no run says: by its trailers, and by its payload where that can be read."""

    kind: str  # merge, note, …
    about: str  # the id of a run; empty where it is about none
    said: float  # seconds since 1970, UTC
    author: str
    commit: str
    text: str = ""  # a note's words; of all others the reason
    name: str = ""  # of a tag; of a baseline the recipe; of a decision the commit of another
    outcome: str = ""  # of a note
    runs: str = "[]"  # ids of further runs, as JSON: from which a tag was taken, on which a decision rests


def dump_values(values: Mapping[str, Any]) -> str:
    """Values as JSON that SQLite reads too: NaN is the text "nan", infinity a number beyond all."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    if "NaN" in text or "Infinity" in text or '"nan"' in text:
        return re.sub(_JSON_WORD, lambda found: _IN_SQLITE.get(found[0], found[0]), text)
    return text


_JSON_WORD = r'"(?:[^"\\]|\\.)*+":?|NaN|-?Infinity'
_IN_SQLITE = {"NaN": '"nan"', "Infinity": "9e999", "-Infinity": "-9e999", '"nan"': r'"\u006ean"'}  # a text is the last
_NAN = r'(?<=[:,\[])"nan"(?=[,\]}])'


@lru_cache(maxsize=8192)
def load_values(text: str) -> Mapping[str, Any]:
    """The values again. Raises GitexpError."""
    try:
        return json.loads(re.sub(_NAN, "NaN", text) if '"nan"' in text else text)  # type: ignore[no-any-return]
    except ValueError as error:
        raise GitexpError("The index of runs is damaged", fix="rm -r .git/gitexp/index") from error


@lru_cache(maxsize=8192)
def _settings(base: str, changed: str) -> Mapping[str, Any]:
    return {key: value for key, value in {**load_values(base), **load_values(changed)}.items() if value is not None}
