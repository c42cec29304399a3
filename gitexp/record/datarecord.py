"""data.toml as values, and back: what a run read, by name. What is read was written by anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.record.digests import Digest
from gitexp.record.identity import as_plain
from gitexp.text.bounded import Unreadable, load_tables

_EMPTY: Mapping[str, Any] = MappingProxyType({})
DRAWN_KEYS = {"fraction": float, "count": int, "rest": bool, "stratify": str, "seed": int, "of": str}
_RESULT_KEYS = {"indices": str, "rows": int, "digest": str}


class DatasetRecord(NamedTuple):
    """A dataset as data.toml states it. None, or empty: not recorded."""

    name: str
    entry: str | None = None  # its name in the catalogue
    path: str | None = None  # relative to the repository's root, or absolute
    url: str | None = None
    kind: str = "data"  # or "model", "binary"
    digest: Digest | None = None  # of restricted data: "hmac-sha256:…"
    key: str | None = None  # fingerprint of the key that `digest` was made with
    sha256: str | None = None  # "sha256:…" of the sha256 manifest
    files: int | None = None
    size_bytes: int | None = None
    source: str | None = None
    license: str | None = None
    owner: str | None = None
    access: str | None = None
    tags: tuple[str, ...] = ()
    fetched: str | None = None
    resolved: str | None = None  # the exact address that the url stood for
    version: str | None = None  # S3 version or ETag, commit
    mirror: str | None = None
    fetched_bytes: int | None = None  # for this run; 0: all was here already
    contract: str | None = None  # digest of the contract that it kept
    counts: Mapping[str, int] = _EMPTY  # rows, and rows by slice: "label=3"
    sampling: Mapping[str, Mapping[str, Any]] = _EMPTY
    split: Mapping[str, Mapping[str, Any]] = _EMPTY
    lineage: Mapping[str, Any] = _EMPTY


_INTEGERS = {"files", "size_bytes", "fetched_bytes"}


def dump_data(records: Iterable[DatasetRecord]) -> str:
    """The text of data.toml, a table for each dataset, by name."""
    import tomli_w

    tables = {record.name: as_plain(record) for record in sorted(records, key=lambda record: record.name)}
    return tomli_w.dumps({name: {k: v for k, v in table.items() if k != "name"} for name, table in tables.items()})


def load_data(text: str, *, where: str = "data.toml") -> dict[str, DatasetRecord]:
    """Parse data.toml. Unknown keys are ignored. Raises Unreadable, naming `where`."""
    try:
        return {
            name: DatasetRecord(name, **dict(_known(table))) for name, table in load_tables(text, where=where).items()
        }
    except TypeError as error:
        raise Unreadable(f"{where} breaks the record format: {error}") from error


def _known(table: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(table, Mapping):
        raise TypeError("each dataset must be a table")
    for name in DatasetRecord._fields[1:]:
        value = table.get(name)
        if value is None:
            continue
        if name == "tags":
            yield name, tuple(_of(str, tag, "a tag") for tag in _of(list, value, name))
        elif name == "counts":
            yield name, {key: _of(int, count, "a count") for key, count in _of(dict, value, name).items()}
        elif name in ("sampling", "split"):
            yield name, {key: dict(_drawn(rule)) for key, rule in _of(dict, value, name).items()}
        elif name == "lineage":
            yield name, dict(_lineage(_of(dict, value, name)))
        elif name == "digest":
            yield name, Digest(_of(str, value, name))
        else:
            yield name, _of(int if name in _INTEGERS else str, value, name)


def _drawn(rule: Any) -> Iterator[tuple[str, Any]]:
    for key, kind in {**DRAWN_KEYS, **_RESULT_KEYS}.items():
        if key in _of(dict, rule, "a split"):
            value = float(rule[key]) if kind is float and type(rule[key]) is int else rule[key]
            yield key, _of(kind, value, key)


def _lineage(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    parents = _of(dict, table.get("parents", {}), "parents")
    yield "parents", {name: Digest(_of(str, digest, "a parent's digest")) for name, digest in parents.items()}
    for key in ("recipe", "run"):
        if key in table:
            yield key, _of(str, table[key], key)
    if "command" in table:
        yield "command", [_of(str, word, "an argument") for word in _of(list, table["command"], "command")]
    if "stale" in table:
        yield "stale", [_of(str, name, "a parent") for name in _of(list, table["stale"], "stale")]


def _of(kind: type, value: Any, name: str) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
    return value
