"""verdict.toml to what it breaks of section 12 of docs/format.md, by that page alone: it is computed again."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Files = Mapping[str, bytes]

_COUNTS = dict.fromkeys(("values", "summary", "digests", "artifacts"), int)
_NUMBER = (int, float)
KEYS: dict[str, Any] = {
    **dict.fromkeys(("run", "commit", "grade", "reason"), str),
    **dict.fromkeys(("attempt", "inputs_count"), int),
    **dict.fromkeys(("names", "declared", "not_compared", "missing", "inputs", "finals", "tests"), list),
    "ending": {"original": str, "rerun": str},
    "compared": _COUNTS,
    "different": _COUNTS,
    "rows": dict.fromkeys(("original", "rerun", "compared"), int),
    "divergence": {"metric": str, "step": int, "row": int, "original": _NUMBER, "rerun": _NUMBER},
}
ENTRIES: dict[str, dict[str, Any]] = {
    "inputs": dict.fromkeys(("kind", "name", "original", "rerun"), str),
    "finals": {
        **dict.fromkeys(("metric", "tolerance"), str),
        **dict.fromkeys(("original", "rerun", "allowed"), _NUMBER),
        "within": bool,
    },
    "tests": {
        "metric": str,
        **dict.fromkeys(("originals", "reruns"), int),
        **dict.fromkeys(("difference", "low", "high", "allowed", "p"), float),
        **dict.fromkeys(("equivalent", "apart"), bool),
    },
}
EMPTY = "99aa06d3014798d86001c324468d497f"  # printf '' | xxhsum -H2
GRADES = ("bitwise", "metrics", "tolerance", "equivalent", "inconclusive", "different", "failed")


def check_verdict(verdict: Mapping[str, Any], rerun: Files, original: Callable[[str], Files]) -> Iterator[str]:
    """`original`: the files of a commit's record."""
    yield from _typed(verdict, KEYS)
    for name, keys in ENTRIES.items():
        entries = verdict.get(name, [])
        yield from (f"{name}: {what}" for entry in entries for what in _typed(entry, keys))
        yield from [] if len(entries) <= 100 else [f"{name} has {len(entries)} entries"]
    if verdict["grade"] not in GRADES:
        yield f"{verdict['grade']} is no grade"
    first = original(verdict["commit"].partition(":")[2])
    about, ours = tomllib.loads(first["run.toml"].decode()), tomllib.loads(rerun["run.toml"].decode())
    if (about["id"], about["attempt"]) != (verdict["run"], verdict["attempt"]) or verdict["run"] != ours["reproduces"]:
        yield "the commit is no record of that run, or run.toml reproduces another"
    left_out = {*verdict.get("not_compared", [])}
    found = {
        "summary": _pairs(_summary(first), _summary(rerun), left_out),
        "digests": _pairs(*(run.get("digests", {}) for run in (about, ours)), set()),
    }
    whole = all(run.get("history", {}).get("kept") == run.get("history", {}).get("rows") for run in (about, ours))
    if whole and about["attempt"] == 1:
        found["values"] = _pairs(_history(first), _history(rerun), left_out)
    if _artifacts(first).keys() == _artifacts(rerun).keys():  # else some may be the same under another path
        empty = {
            path
            for path, _ in _artifacts(first).items() & _artifacts(rerun).items()
            if _artifacts(first)[path] == EMPTY
        }
        found["artifacts"] = _pairs(_artifacts(first), _artifacts(rerun), empty)
    for part, (compared, different) in found.items():
        stated = verdict["compared"][part], verdict["different"][part]
        yield from [] if stated == (compared, different) else [f"{part}: {stated}, not {(compared, different)}"]
    ended = all(about.get(key) == ours.get(key) for key in ("status", "exit_code", "signal"))
    same = ended and not any(different for _, different in found.values())
    failure = about["status"] == "failed" and b"Traceback (most recent call last):\n" in first["output.log"]
    something = any(compared for compared, _ in found.values()) or failure
    if len(found) == 4 and not something and verdict["grade"] not in ("inconclusive", "failed"):
        yield f"the grade is {verdict['grade']}, and nothing was compared"
    if len(found) == 4 and something and (verdict["grade"] == "bitwise") != same and verdict["grade"] != "failed":
        yield f"the grade is {verdict['grade']}"


def _typed(table: Mapping[str, Any], keys: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        kind = keys.get(key)
        if kind is None:
            yield f"{key} is not in docs/format.md"
        elif isinstance(kind, dict):
            yield from _typed(value, kind)
        elif type(value) not in (kind if isinstance(kind, tuple) else (kind,)):
            yield f"{key} is {type(value).__name__}"


def _pairs(a: Mapping[Any, Any], b: Mapping[Any, Any], left_out: set[str]) -> tuple[int, int]:
    keys = [key for key in {**a, **b} if not left_out & {key if isinstance(key, str) else key[0]}]
    return len(keys), sum(a.get(key) != b.get(key) for key in keys)


def _number(value: Any) -> Any:
    known = float(value)
    return "nan" if known != known else known


def _summary(files: Files) -> dict[str, Any]:
    return {name: _number(value) for name, value in tomllib.loads(files["metrics.toml"].decode()).items()}


def _history(files: Files) -> dict[tuple[str, int], Any]:
    """Of each metric its values by their number, in histories of one attempt that are whole."""
    header, *rows = csv.reader(io.StringIO(files["history.csv"].decode(), newline=""))
    found: dict[tuple[str, int], Any] = {}
    for at, name in enumerate(header[2:], 2):
        values = [(row[0], _number(row[at])) for row in rows if row[at]]
        found |= {(name, number): value for number, value in enumerate(values)}
    return found


def _artifacts(files: Files) -> dict[str, str]:
    lines = files["artifacts.xxh128"].decode().splitlines()
    found = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    return found | ({"items.csv": files["items.csv"].hex()} if "items.csv" in files else {})
