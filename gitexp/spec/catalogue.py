"""`[datasets.NAME]` tables to DatasetRefs: where a dataset lies, what it must be, whose it is, how it is divided.

The tables stand in gitexp.toml, or in the file that its `catalogue` names. Nothing here is a secret: an authentication
method is a name, and what it opens lies with the user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.record.digests import Digest
from gitexp.text.schema import (
    Each,
    Either,
    Problem,
    Shape,
    anything,
    at_least,
    expected,
    near,
    one_of,
    problems_in,
    spell,
    text,
    texts,
    yes_or_no,
)

KINDS = ("data", "model", "binary")
ACCESS = ("open", "restricted")
SCHEMES = ("s3", "https", "http", "hf")
_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
_WINDOWS_DEVICE = r"con|prn|aux|nul|(?:com|lpt)[0-9]"
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_KEYED_FOR_NOTHING = 'only restricted data is pinned by a keyed digest; pin it again, or add access = "restricted"'
_FIELD = {"count": "number"}  # every tuple has a method of that name


class DrawRule(NamedTuple):
    """How a split or a sample is drawn from a dataset's rows. One of fraction, number, rest and indices is set."""

    name: str
    fraction: float | None = None
    number: int | None = None  # `count` in the file
    rest: bool = False  # all rows that no other split has
    indices: str | None = None  # a file with one row number a line, relative to the root
    stratify: str | None = None  # a column whose values keep their shares
    seed: int = 0
    of: str | None = None  # a sample of this split


class Derived(NamedTuple):
    """What a dataset was made of, and by what."""

    parents: Mapping[str, Digest | None]  # name in the catalogue → digest; None: not noted yet, "" in the file
    recipe: str | None = None
    command: tuple[str, ...] = ()
    run: str | None = None


class DatasetRef(NamedTuple):
    """A dataset as a recipe or the catalogue states it. At least one of path and url is set."""

    name: str
    path: str | None = None  # relative to the repository's root, or absolute
    url: str | None = None
    digest: Digest | None = None  # refuse anything else; of restricted data it is keyed; None: not pinned
    kind: str = "data"
    entry: str | None = None  # its name in the catalogue; None: a recipe's own
    is_recipes_pin: bool = False  # the recipe itself names the digest, whatever the catalogue pins
    source: str | None = None
    auth: str | None = None  # the name of an authentication method
    access: str = "open"
    license: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    fetched: str | None = None  # ISO 8601
    endpoint: str | None = None  # of an S3 API elsewhere than at Amazon, or of another hub
    region: str | None = None
    anonymous: bool = False
    remotes: tuple[str, ...] = ()  # of restricted data: the only ones that its bytes may go to
    contract: Mapping[str, Any] | None = None
    contract_file: str | None = None  # relative to the root
    splits: Mapping[str, DrawRule] = _EMPTY
    samples: Mapping[str, DrawRule] = _EMPTY
    derived: Derived | None = None


def places_of(refs: Iterable[DatasetRef], *, root: Path) -> tuple[str, ...]:
    """Where datasets lie, absolute, whether they are there or not."""
    return tuple(os.path.normpath(root / ref.path.removesuffix(".dvc")) for ref in refs if ref.path)


# ---- checks that recipes share


def dataset_name(name: str) -> str | None:
    """Dataset names become file names and environment variables, on every system."""
    if not re.fullmatch(_NAME, name):
        return "not a dataset's name: use a-z, 0-9, _ and -, at most 64, starting with a letter or digit"
    if re.fullmatch(_WINDOWS_DEVICE, name):
        return "not a dataset's name: Windows keeps it for a device"
    return None


def location(value: Any) -> str | None:
    """A path as a dataset's source."""
    if not isinstance(value, str):
        return expected("a path", value)
    return "expected a path, got an empty one" if not value.strip() or "\0" in value else None


def source_url(value: Any) -> str | None:
    """An address that gitexp can fetch from."""
    if not isinstance(value, str):
        return expected("a URL", value)
    scheme, there, rest = value.partition("://")
    if not there or not rest or not value.isprintable() or " " in value:
        return expected('a URL such as "s3://bucket/folder/"', value)
    if scheme not in SCHEMES:
        return f"cannot fetch from {scheme}://{near(scheme, SCHEMES)}; known: {', '.join(SCHEMES)}"
    host = rest.partition("/")[0]
    return "a URL with a password in it would be recorded; name the method in auth instead" if "@" in host else None


def pinned_digest(value: Any) -> str | None:
    """A digest that a dataset must have; a keyed one only where the data is restricted, which is asked elsewhere."""
    right = isinstance(value, str) and Digest(value).right and Digest(value).algorithm != "sha256"
    return None if right else expected('a digest such as "xxh128:" and 32 hexadecimal digits', value)


def _noted_digest(value: Any) -> str | None:
    return None if value == "" else pinned_digest(value)


def _fraction(value: Any) -> str | None:
    right = type(value) in (int, float) and 0 < value <= 1
    return None if right else expected("a fraction above 0, up to 1", value)


def _seed(value: Any) -> str | None:
    return None if type(value) is int and 0 <= value < 2**63 else expected("an integer from 0", value)


def _yes(value: Any) -> str | None:
    return None if value is True else expected("true", value)


def region(value: Any) -> str | None:
    """It becomes part of a server's name."""
    right = isinstance(value, str) and re.fullmatch("[A-Za-z0-9-]+", value)
    return None if right else expected('a region such as "eu-west-1"', value)


def _date(value: Any) -> str | None:
    return None if hasattr(value, "isoformat") and hasattr(value, "year") else expected("a date", value)


def _argv(value: Any) -> str | None:
    return texts(value) or (None if value else expected("a command", value))


def _shape() -> Shape:
    draw = {
        "fraction": _fraction,
        "count": at_least(1),
        "rest": _yes,
        "indices": location,
        "stratify": text,
        "seed": _seed,
    }
    return Each(
        {
            "path": location,
            "url": source_url,
            "kind": one_of(*KINDS),
            "digest": pinned_digest,
            "source": text,
            "auth": text,
            "access": one_of(*ACCESS),
            "license": text,
            "owner": text,
            "tags": texts,
            "fetched": _date,
            "endpoint": text,
            "region": region,
            "anonymous": yes_or_no,
            "remotes": texts,
            "contract": Either(location, Each(anything)),
            "splits": Each(draw, name=dataset_name),
            "samples": Each({**draw, "of": text}, name=dataset_name),
            "derived": {
                "parents": Each(_noted_digest, name=dataset_name),
                "recipe": text,
                "command": _argv,
                "run": text,
            },
        },
        name=dataset_name,
    )


def catalogue_problems(tables: Any) -> Iterator[Problem]:
    """All that is wrong with the `[datasets]` tables, by key path."""
    if not isinstance(tables, dict):
        yield ("datasets",), expected("a table", tables)
        return
    found = [
        (path, "unknown key; did you mean derived?" if path[2:] == ("lineage",) else what)  # as records call it
        for path, what in problems_in(tables, _shape(), ("datasets",))
    ]
    yield from found
    if found:
        return
    for name, table in tables.items():
        at = ("datasets", name)
        if "path" not in table and "url" not in table:
            yield at, 'missing: path = "…", or url = "…"'
        if isinstance(table.get("contract"), dict):
            from gitexp.spec.contract import contract_problems

            yield from (((*at, "contract", *path), what) for path, what in contract_problems(table["contract"]))
        if table.get("remotes") and table.get("access") != "restricted":
            yield (*at, "remotes"), 'only restricted data is held to some remotes; add access = "restricted"'
        if Digest(table.get("digest", "")).keyed and table.get("access") != "restricted":
            yield (*at, "digest"), _KEYED_FOR_NOTHING
        for parent, digest in table.get("derived", {}).get("parents", {}).items():
            if parent not in tables:
                yield (*at, "derived", "parents", parent), f"no dataset of this name{near(parent, tables)}"
            elif Digest(digest).keyed and tables[parent].get("access") != "restricted":
                yield (*at, "derived", "parents", parent), _KEYED_FOR_NOTHING
        yield from _draw_problems(at, table)


def _draw_problems(at: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[Problem]:
    splits, samples = table.get("splits", {}), table.get("samples", {})
    for group, rules in (("splits", splits), ("samples", samples)):
        for name, rule in rules.items():
            stated = [key for key in ("fraction", "count", "rest", "indices") if key in rule]
            if len(stated) != 1 or (group == "samples" and "rest" in rule):
                one = "fraction, count, rest and indices" if group == "splits" else "fraction, count and indices"
                yield (*at, group, name), f"expected one of {one}, got {' and '.join(stated) or 'none of them'}"
    for name, rule in samples.items():
        if name in splits:
            yield (*at, "samples", name), "there is a split of the same name; rename one"
        if "of" in rule and rule["of"] not in splits:
            yield (*at, "samples", name, "of"), f"no split {spell(rule['of'])}{near(rule['of'], splits)}"
    if sum("rest" in rule for rule in splits.values()) > 1:
        yield (*at, "splits"), "two splits cannot both have the rest"


def load_catalogue(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, DatasetRef]:
    """The datasets of tables that catalogue_problems found nothing wrong with."""
    return {name: _load(name, table) for name, table in tables.items()}


_PLAIN: tuple[str, ...] = ("path", "url", "kind", "source", "auth", "access", "license", "owner")
_PLAIN += ("endpoint", "region", "anonymous")


def _load(name: str, table: Mapping[str, Any]) -> DatasetRef:
    contract, derived = table.get("contract"), table.get("derived")
    known: dict[str, Any] = {key: table[key] for key in _PLAIN if key in table}
    if "digest" in table:
        known["digest"] = Digest(table["digest"])
    if derived is not None:
        parents = {parent: Digest(digest) if digest else None for parent, digest in derived.get("parents", {}).items()}
        command = tuple(derived.get("command", ()))
        known["derived"] = Derived(parents, derived.get("recipe"), command, derived.get("run"))
    return DatasetRef(
        name,
        entry=name,
        tags=tuple(table.get("tags", ())),
        fetched=table["fetched"].isoformat() if "fetched" in table else None,
        remotes=tuple(table.get("remotes", ())),
        contract=contract if isinstance(contract, dict) else None,
        contract_file=contract if isinstance(contract, str) else None,
        splits=_rules(table.get("splits", _EMPTY)),
        samples=_rules(table.get("samples", _EMPTY)),
        **known,
    )


def _rules(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, DrawRule]:
    return {
        name: DrawRule(name, **{_FIELD.get(key, key): v for key, v in rule.items()}) for name, rule in table.items()
    }
