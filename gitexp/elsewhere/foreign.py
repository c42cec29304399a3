"""A run that another tool kept: what it says of itself, its settings, and its rows when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from math import isfinite
from typing import Any, NamedTuple

from gitexp.errors import GitexpError
from gitexp.record.identity import RUN_ID_LENGTH, RUN_ID_LETTERS, RunId
from gitexp.record.message import printable
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block

LONGEST = 4000  # characters of a text that is taken over
_LATEST_S = 253402300799.0  # the end of 9999


class NoStore(GitexpError):
    """There is nothing here that can be imported."""


class Foreign(NamedTuple):
    """A run of another tool. None: the tool does not say."""

    tool: str  # "MLflow"
    key: str  # what tells it from all other runs of that tool, wherever the store lies
    recipe: str  # the experiment's or project's name
    blocks: Callable[[Reader], Iterator[Block]]
    id: str | None = None  # as that tool calls it
    name: str | None = None
    status: str = "completed"  # one of ours
    said: str | None = None  # the tool's own word for it
    started: float | None = None  # seconds since 1970
    finished: float | None = None
    last_sign: float = 0.0  # when the store was last written: stands for `finished` where nothing is known
    user: str | None = None
    host: str | None = None
    url: str | None = None
    commit: str | None = None  # of the code, by what the tool noted
    note: str | None = None
    settings: Mapping[str, Any] = {}  # by dotted names
    tags: Mapping[str, str] = {}
    artifacts: tuple[str, ...] = ()  # names alone
    deleted: bool = False  # it is in the tool's trash

    @property
    def run_id(self) -> RunId:
        """The same wherever, and by whomever, this run is imported."""
        digest = blake2b(f"{self.tool}\0{self.key}".encode("utf-8", "surrogateescape"), digest_size=RUN_ID_LENGTH // 2)
        return RunId("".join(RUN_ID_LETTERS[-1 - int(digit, 16)] for digit in digest.hexdigest()))


def text(value: object, most: int = LONGEST) -> str | None:
    """A stranger's words, cleaned as a user's `-m` is, and bounded; None: there are none."""
    found = value if isinstance(value, str) else "" if value is None else str(value)
    return printable(found[: 4 * most])[:most].strip() or None


def texts(table: Mapping[Any, Any], *, most: int = 200) -> dict[str, str]:
    """Tags and their like: what has a name and a text."""
    found = ((text(name, 200), text(value)) for name, value in list(table.items())[:most])
    return {name: value for name, value in found if name and value}


def seconds(value: object) -> float | None:
    """A time as Unix seconds, from a number of them, or of milliseconds, or from a date in words. None: neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            known = float(value)
        except OverflowError:
            return None
        known = known / 1000 if abs(known) > 1e11 else known
        return known if isfinite(known) and 0 < known < _LATEST_S else None
    words = str(value).strip()
    try:
        return seconds(float(words))
    except ValueError:
        pass
    for form in (None, "%Y-%m-%d_%H-%M-%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S"):
        try:
            moment = datetime.fromisoformat(words) if form is None else datetime.strptime(words, form)
            known = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            return known if 0 < known < _LATEST_S else None
        except (ValueError, OverflowError):
            continue
    return None
