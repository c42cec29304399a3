"""Collect what a program logged, printed and wrote to files into rows, a summary and the text of history.csv.

Whatever cannot be read becomes a problem, which is a sentence for the user and a defect of the run, never an exception:
the run is recorded all the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp import runfolder
from gitexp.model.history import dump_history
from gitexp.model.metricfiles import parse_lines, parse_metric_file
from gitexp.model.metrics import Number, Row, summarise
from gitexp.model.run import Unreadable
from gitexp.regularfile import read_regular

if TYPE_CHECKING:
    from gitexp.model.recipe import MetricRules

MAX_FILE_BYTES = 256 * 2**20  # of one metric file
MAX_LOGGED_BYTES = 2**30  # beyond, parsing them would take the memory of the machine
_SPOKEN = {runfolder.METRICS: "GITEXP_METRICS", runfolder.MATCHED: "the output's matches"}
CLOCK_SLACK_S = 2.0  # file systems round times, and another machine's clock may be a little behind


class Collected(NamedTuple):
    """Everything that became known of a run's metrics."""

    rows: list[Row]
    summary: dict[str, Number]
    history_csv: bytes  # empty when nothing was logged
    history_whole: bytes | None  # None: history_csv is the whole
    rows_total: int
    rows_kept: int
    problems: tuple[str, ...]


def collect(
    *,
    folder: str,
    cwd: Path,
    rules: MetricRules,
    started: float,
    history_limit: int,
    before: Mapping[str, list[int]] | None = None,
    attempt: int = 1,
) -> Collected:
    """Read the metrics of the run in `folder`, whose program ran in `cwd` from `started` (seconds since the epoch).

    `before`: the metric files that were there already, as submit noted them. None: not noted. From the second attempt
    on, the rows of those before come first.
    Rows with a time come first, in its order; then those of the recipe's metric files, in the order of the recipe.
    """
    problems: list[str] = []
    logged, found = parse_lines(_read(folder, runfolder.METRICS, problems))
    problems += found
    lines, worker_problems = _told_apart(_read(folder, runfolder.MATCHED, problems))
    problems += worker_problems
    matched, found = parse_lines(lines, source="the program's output")
    problems += found
    written: list[Row] = []
    for name, path in _files(cwd, rules.files, started, before or {}, problems):
        try:
            data = read_regular(path)
        except OSError as error:
            problems.append(f"{name}: cannot be read: {error.strerror}")
            continue
        more, found = parse_metric_file(name, data)
        written += more
        problems += found
    rows = _by_time(logged, matched) + written
    attempts = None
    if attempt > 1:
        attempts, earlier = _earlier(folder, problems)
        attempts += [attempt] * len(rows)
        rows = earlier + rows
    history = dump_history(rows, limit_bytes=history_limit, attempts=attempts)
    return Collected(
        rows=rows,
        summary=summarise(rows, goal=dict(rules.goal), summary=dict(rules.summary)),
        history_csv=history.kept,
        history_whole=history.whole,
        rows_total=history.rows,
        rows_kept=history.kept_rows,
        problems=tuple(problems),
    )


def _earlier(folder: str, problems: list[str]) -> tuple[list[int], list[Row]]:
    """The rows of earlier attempts, as resume left them."""
    from gitexp.model.pasthistory import load_history

    try:
        return load_history(_read(folder, runfolder.EARLIER, problems))
    except Unreadable as error:
        problems.append(f"the rows of earlier attempts are lost: {error.what}")
        return [], []


def _read(folder: str, name: str, problems: list[str]) -> bytes:
    path = Path(folder, name)
    try:
        data = read_regular(path, most=MAX_LOGGED_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        problems.append(f"{_SPOKEN.get(name, name)}: cannot be read: {error.strerror}")
        return b""
    if len(data) > MAX_LOGGED_BYTES:
        problems.append(f"{_SPOKEN.get(name, name)}: only the first {MAX_LOGGED_BYTES // 2**20} MiB are recorded")
        data = data[: data.rfind(b"\n", 0, MAX_LOGGED_BYTES) + 1]
    return data


def _told_apart(matched: bytes) -> tuple[bytes, list[str]]:
    """The worker's lines of values, and what it said of matches that are no numbers."""
    if b'"problem"' not in matched:
        return matched, []
    values: list[bytes] = []
    problems: list[str] = []
    for line in matched.splitlines(keepends=True):
        text = None
        if b'"problem"' in line:
            try:
                text = json.loads(line).get("problem")
            except (ValueError, AttributeError, RecursionError):
                pass
        if isinstance(text, str):
            problems.append(text)
        else:
            values.append(line)
    return b"".join(values), problems


def _files(
    cwd: Path, patterns: tuple[str, ...], started: float, before: Mapping[str, list[int]], problems: list[str]
) -> Iterator[tuple[str, Path]]:
    """The metric files that this run wrote, each once, under the name that the recipe gives them."""
    seen: set[str] = set()
    for pattern in patterns:
        names = _matches(cwd, pattern)
        if names is None:
            problems.append(f"{pattern}: the program did not write a file of this name")
            continue
        fresh = 0
        for name in names:
            problem = _unfit(cwd / name, started, before.get(name))
            if problem == _STALE and name != pattern:
                continue  # an earlier run's file beside this one's is what patterns are for
            fresh += 1
            real = os.path.realpath(cwd / name)
            if problem:
                problems.append(f"{name}: {problem}")
            elif real not in seen:
                seen.add(real)
                yield name, cwd / name
        if not fresh:
            problems.append(f"{pattern}: this run wrote no file that matches")


def _matches(cwd: Path, pattern: str) -> list[str] | None:
    """None: a plain name of a file that does not exist."""
    if os.path.exists(cwd / pattern):  # noqa: PTH110 -- Path's raises for forbidden folders and impossible names
        return [pattern]
    from glob import glob, has_magic

    # Path.glob refuses absolute patterns and does not follow links to folders.
    return sorted(glob(pattern, root_dir=cwd, recursive=True)) if has_magic(pattern) else None  # noqa: PTH207


_STALE = "was not written by this run (it is older), so it was not read"


def _unfit(path: Path, started: float, before: list[int] | None) -> str | None:
    try:
        info = path.stat()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    # A loop's next run starts well within the slack: what its program left as it was is the one's before it.
    if info.st_mtime < started - CLOCK_SLACK_S or before == [info.st_mtime_ns, info.st_ctime_ns, info.st_size]:
        return _STALE
    if info.st_size > MAX_FILE_BYTES:
        return f"is larger than {MAX_FILE_BYTES // 2**20} MiB, so it was not read"
    return None


def _by_time(*sources: list[Row]) -> list[Row]:
    """One list in the order of time. A row without one stays with the row that it follows in its own source."""
    rows: list[Row] = []
    times: list[float] = []
    for source in sources:
        known = 0.0
        for row in source:
            known = known if row.time_s is None else row.time_s
            times.append(known)
        rows += source
    return [rows[i] for i in sorted(range(len(rows)), key=times.__getitem__)]
