"""usage.csv: what a run used of its machine, row by row, and in a few numbers. Anybody may have written it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

LIMIT = 64 * 1024  # bytes that are read; format 1 holds 16 KiB
_FIRST = "time_s,cpu_s,processes,memory_bytes,read_bytes,written_bytes"
_HEADER = re.compile(rf"{_FIRST}(?:,gpu[0-9]{{1,3}}_(?:percent|memory_bytes))*")
_FIELD = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,6})?)?")


class Gpu(NamedTuple):
    """One GPU while the run used the machine, whoever it was busy for. None: it does not tell."""

    number: int
    busy_percent: float | None = None  # mean over the time
    memory_bytes: int | None = None  # the most that was in use


class Used(NamedTuple):
    """All of a run's processes together. None: not recorded. Means are over the time, not over the rows."""

    rows: int
    until_s: float  # after the start: when it was last looked at
    cores: float | None = None  # CPU seconds a second
    most_cores: float | None = None  # between two rows
    processes: int | None = None  # the most at once
    memory_bytes: int | None = None  # the most; what processes share counts in each
    read_bytes: int | None = None
    written_bytes: int | None = None
    gpus: tuple[Gpu, ...] = ()

    @property
    def gpu_busy_percent(self) -> float | None:
        """The mean over the GPUs that tell."""
        told = [gpu.busy_percent for gpu in self.gpus if gpu.busy_percent is not None]
        return sum(told) / len(told) if told else None

    @property
    def gpu_memory_bytes(self) -> int | None:
        """The most that was in use on all of them, each at its own time."""
        told = [gpu.memory_bytes for gpu in self.gpus if gpu.memory_bytes is not None]
        return sum(told) if told else None


class Rows(NamedTuple):
    """A table: each row has a value, or None, for each column. Times grow."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[float | None, ...], ...] = ()

    def column(self, name: str) -> list[float | None]:
        """One column's values."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def sound_usage(content: bytes) -> bytes:
    """The lines that are as usage.csv has them; nothing where it does not begin like one, or no line is right."""
    header, *lines = content[:LIMIT].decode("ascii", "replace").split("\n")
    if not _HEADER.fullmatch(header):
        return b""
    kept, until_s = [header], -1.0
    for line in lines:
        fields = line.split(",")
        right = len(fields) == header.count(",") + 1 and all(_FIELD.fullmatch(field) for field in fields)
        if right and fields[0] and float(fields[0]) > until_s:
            until_s = float(fields[0])
            kept.append(line)
    return "\n".join([*kept, ""]).encode() if len(kept) > 1 else b""


def load_usage(content: bytes) -> Rows:
    """Parse it, as far as it is sound."""
    header, *lines = sound_usage(content).decode().splitlines() or [""]
    rows = tuple(tuple(float(field) if field else None for field in line.split(",")) for line in lines)
    return Rows(tuple(header.split(",")), rows)


def summed_up(found: Rows) -> Used | None:
    """The table in a few numbers. None: it has no rows."""
    if not found.rows:
        return None
    times = [time_s or 0.0 for time_s in found.column("time_s")]
    cores = _rates(times, found.column("cpu_s"))
    gpus = []
    for number in dict.fromkeys(re.findall(r"gpu([0-9]+)_", ",".join(found.columns))):
        busy, memory = (
            found.column(name) if (name := f"gpu{number}_{what}") in found.columns else []
            for what in ("percent", "memory_bytes")
        )
        gpus.append(Gpu(int(number), _mean(times, busy), _most(memory)))
    cpu = [(then, used) for then, used in zip(times, found.column("cpu_s"), strict=True) if used is not None and then]
    return Used(
        rows=len(times),
        until_s=times[-1],
        cores=cpu[-1][1] / cpu[-1][0] if cpu else None,
        most_cores=max(cores, default=None),
        processes=_most(found.column("processes")),
        memory_bytes=_most(found.column("memory_bytes")),
        read_bytes=_most(found.column("read_bytes")),
        written_bytes=_most(found.column("written_bytes")),
        gpus=tuple(gpus),
    )


def _rates(times: Sequence[float], totals: Sequence[float | None]) -> list[float]:
    """How fast a total grew from row to row. Less than half a second is too short: clocks tick a hundred times."""
    rates, last = [], (0.0, 0.0)
    for then, total in zip(times, totals, strict=True):
        if total is not None and then - last[0] >= 0.5:
            rates.append(max(0.0, total - last[1]) / (then - last[0]))
            last = then, total
    return rates


def _mean(times: Sequence[float], values: Sequence[float | None]) -> float | None:
    """Each value weighs as much as the time since the row before."""
    spans = [
        (then - before, value)
        for before, then, value in zip([0.0, *times], times, values, strict=False)
        if value is not None
    ]
    whole = sum(span for span, _ in spans)
    return sum(span * value for span, value in spans) / whole if whole else None


def _most(values: Sequence[float | None]) -> int | None:
    most = max((value for value in values if value is not None), default=None)
    return None if most is None else int(most)
