"""Turn the text of gitexp.toml into a Config, or into all that is wrong with it at once. Nothing in it is executed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.spec.catalogue import (
    DatasetRef,
    catalogue_problems,
    dataset_name,
    load_catalogue,
    location,
    region,
)
from gitexp.spec.outputs import outputs
from gitexp.text.bounded import load_checked
from gitexp.text.schema import (
    Each,
    Problem,
    Shape,
    anything,
    expected,
    near,
    one_of,
    problems_in,
    spell,
    text,
    texts,
    yes_or_no,
)

BRANCH = "experiments"
# What is seen of a program without a word, as [capture] here and in recipes switches it off; `files`: all that follow.
CAPTURES = (
    "printed", "settings", "files",
    "lightning", "timm", "csv", "trainer", "dvclive", "mlflow", "wandb", "json", "tensorboard",
)  # fmt: skip
REMOTE_SCHEMES = ("file", "s3", "gs", "az", "https", "http", "ssh")
UNTRACKED_LIMIT_BYTES = 10_000_000
HISTORY_LIMIT_BYTES = 256 * 1024
IMPORTS = ("torch", "gitexp.training")

_UNITS = {"": 1, "b": 1, "kb": 10**3, "kib": 2**10, "mb": 10**6, "mib": 2**20}
_UNITS |= {"gb": 10**9, "gib": 2**30, "tb": 10**12, "tib": 2**40}
# Patterns are text, compiled when one is needed: most runs need none.
_SIZE = r"(\d+(?:\.\d+)?) ?([A-Za-z]*)"
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = r"(?:\d+(?:\.\d+)?[dhms] ?)+"
_NOT_IN_BRANCH = r"^refs/|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[-./]|[./]$|\.lock(?:/|$)"


class RemoteSettings(NamedTuple):
    """A place that keeps objects for several clones."""

    name: str
    url: str
    endpoint: str | None = None  # of an S3 API elsewhere than at Amazon
    region: str | None = None
    anonymous: bool = False
    auth: str | None = None  # the name of an authentication method, such as "aws-profile lab"
    approved: bool = False  # by a person, in git config (spec/trust.py)

    @property
    def scheme(self) -> str:
        """What the URL begins with; "file" where it is a folder."""
        scheme, there, _ = self.url.partition("://")
        return scheme.lower() if there else "file"

    @property
    def is_folder(self) -> bool:
        """Whether nothing goes over a network."""
        return self.scheme == "file"


class Policy(NamedTuple):
    """What may be recorded, and how much of it."""

    dirty: str = "refuse"  # or "allow"
    untracked_limit_bytes: int = UNTRACKED_LIMIT_BYTES
    history_limit_bytes: int = HISTORY_LIMIT_BYTES
    variables: tuple[str, ...] = ()  # environment variables that are recorded besides the usual ones
    digests: tuple[str, ...] = ("xxh128",)  # and "sha256", where manifests must stand against forgery
    restricted_manifests: str = "hide"  # or "record"
    sign: bool = False  # commits of ours, as commit.gpgsign asks too
    imports: tuple[str, ...] = IMPORTS  # modules that components may come from, with all that is below them
    secrets: str = "refuse"  # or "warn", "off": what is done about those in what would be published


class Config(NamedTuple):
    """gitexp.toml."""

    branch: str = BRANCH
    policy: Policy = Policy()
    goal: Mapping[str, str] = MappingProxyType({})  # metric → max | min; the lowest layer of every recipe
    items: str | None = None  # [metrics] items of every recipe that says nothing of its own
    capture: Mapping[str, bool] = MappingProxyType({})  # the lowest layer of every recipe's
    outputs: tuple[str, ...] = ()  # [run] outputs of every recipe that says nothing of its own, and of commands
    datasets: Mapping[str, DatasetRef] = MappingProxyType({})
    remotes: Mapping[str, RemoteSettings] = MappingProxyType({})  # in the order in which they stand
    catalogue: str | None = None  # another file with [datasets.NAME] tables, relative to the root
    where: str = "gitexp.toml"
    text: str = ""  # kept so that `check --explain` can name the line a goal comes from


def load_config(text: str, *, where: str = "gitexp.toml") -> Config:
    """Parse gitexp.toml. Raises Refused with every problem as a `file:line: key: what` line."""
    table = load_checked(text, where=where, check=_problems)
    policy: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.get("policy", {}).items()}
    for limit in ("untracked_limit", "history_limit"):
        if limit in policy:
            policy[f"{limit}_bytes"] = parse_size(policy.pop(limit))
    return Config(
        branch=table.get("branch", BRANCH),
        policy=Policy(**policy),
        goal=table.get("metrics", {}).get("goal", {}),
        items=table.get("metrics", {}).get("items"),
        capture=table.get("capture", {}),
        outputs=tuple(table.get("run", {}).get("outputs", ())),
        datasets=load_catalogue(table.get("datasets", {})),
        remotes={name: RemoteSettings(name, **entry) for name, entry in table.get("remotes", {}).items()},
        catalogue=table.get("catalogue"),
        where=where,
        text=text,
    )


def load_catalogue_file(text: str, *, where: str) -> dict[str, DatasetRef]:
    """Parse a file that holds [datasets.NAME] tables and nothing else. Raises Refused as load_config does."""
    table = load_checked(text, where=where, check=_catalogue_problems)
    return load_catalogue(table.get("datasets", {}))


def parse_size(size: str | int) -> int:
    """Bytes of "10MB" (powers of 1000), "256KiB" (of 1024) or a plain number. Raises ValueError."""
    if isinstance(size, int) and not isinstance(size, bool):
        if size < 0:
            raise ValueError(f"a size cannot be negative: {size}")
        return size
    match = re.fullmatch(_SIZE, size.strip(), re.ASCII) if isinstance(size, str) else None
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f'expected a size such as "10MB" or "256KiB", got {spell(size)}')
    whole, _, fraction = match[1].partition(".")
    # In integers: a float would lose bytes of a large size.
    return int(int(whole + fraction) * _UNITS[match[2].lower()] // 10 ** len(fraction))


def parse_duration(duration: str | int | float) -> float:
    """Seconds of "2h", "1h30m", "90s", "1d" or a number of seconds; more than zero. Raises ValueError."""
    seconds = None
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = float(duration)
    elif isinstance(duration, str):
        stripped = duration.strip()
        if re.fullmatch(_DURATION, stripped, re.ASCII):
            parts = re.findall(r"([\d.]+)([dhms])", stripped)
            seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
        elif re.fullmatch(r"\d+(?:\.\d+)?", stripped, re.ASCII):
            seconds = float(stripped)
    if seconds is None or not 0 < seconds < float("inf"):
        raise ValueError(f'expected a duration such as "90s", "15m" or "1h30m", got {spell(duration)}')
    return seconds


# ---- checks that recipes share


def size(value: Any) -> str | None:
    return _complaint(parse_size, value)


def duration(value: Any) -> str | None:
    return _complaint(parse_duration, value)


def _complaint(parse: Any, value: Any) -> str | None:
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return None


def metric_name(name: str) -> str | None:
    from gitexp.record.metrics import metric_name_problem

    complaint = metric_name_problem(name)
    return f"not a metric's name: {complaint}" if complaint else None


def items_file(value: Any) -> str | None:
    """What is wrong with it as the name of a file."""
    complaint = text(value)
    return complaint or (None if value and "\0" not in value else "expected the name of a file: predictions.csv")


GOALS = Each(one_of("max", "min"), name=metric_name)


def is_branch_name(name: str) -> bool:
    """Whether git takes this for the name of a branch. `refs/heads/x` it would take, and nobody means it."""
    plain = name.isascii() and name.isalnum()  # as most are
    return name not in ("", "@", "HEAD") and (plain or not re.search(_NOT_IN_BRANCH, name))


def _branch(value: Any) -> str | None:
    return None if isinstance(value, str) and is_branch_name(value) else expected("a branch name", value)


def _variables(value: Any) -> str | None:
    complaint = texts(value)
    return complaint or next(
        (f"{spell(name)} is no variable's name" for name in value if not name or "=" in name), None
    )


def _digests(value: Any) -> str | None:
    right = value in (["xxh128"], ["xxh128", "sha256"])
    return None if right else expected('["xxh128"] or ["xxh128", "sha256"]', value)


def _imports(value: Any) -> str | None:
    return texts(value) or next(filter(None, map(_module, value)), None)


def _module(name: str) -> str | None:
    return None if all(map(str.isidentifier, name.split("."))) else f"{spell(name)} is no module's name"


def _remote_url(value: Any) -> str | None:
    if not isinstance(value, str) or not value or not value.isprintable():
        return expected('a URL such as "s3://bucket/folder", or a folder', value)
    scheme, there, _ = value.partition("://")
    if there and scheme.lower() not in REMOTE_SCHEMES:
        known = ", ".join(f"{one}://" for one in REMOTE_SCHEMES)
        meant = near(f"{scheme.lower()}:", [f"{one}:" for one in REMOTE_SCHEMES])  # two letters alone are never near
        hint = meant.replace(":?", "://?") or f"; known: {known}, and folders"
        return f"{spell(f'{scheme}://')} is no kind of remote{hint}"
    return None


_SHAPE: Shape = {
    "branch": _branch,
    "policy": {
        "dirty": one_of("refuse", "allow"),
        "secrets": one_of("refuse", "warn", "off"),
        "untracked_limit": size,
        "history_limit": size,
        "variables": _variables,
        "digests": _digests,
        "restricted_manifests": one_of("hide", "record"),
        "sign": yes_or_no,
        "imports": _imports,
    },
    "metrics": {"goal": GOALS, "items": items_file},
    "run": {"outputs": outputs},
    "capture": dict.fromkeys(CAPTURES, yes_or_no),
    "catalogue": location,
    "datasets": anything,  # spec/catalogue.py knows better
    "remotes": Each(
        {"url": _remote_url, "endpoint": text, "region": region, "anonymous": yes_or_no, "auth": text},
        name=dataset_name,
    ),
}


def _problems(table: Mapping[str, Any]) -> Iterator[Problem]:
    found = [*problems_in(table, _SHAPE), *(catalogue_problems(table["datasets"]) if "datasets" in table else ())]
    for path, what in found:
        # In TOML, what is written below a table belongs to it.
        is_lost = len(path) > 1 and path[-1] in ("branch", "catalogue")
        lost = is_lost and what.startswith(("unknown key", "expected a table"))
        yield path, f"unknown key; {path[-1]} stands before the first [table]" if lost else what


def _catalogue_problems(table: Mapping[str, Any]) -> Iterator[Problem]:
    yield from problems_in(table, {"datasets": anything})
    yield from catalogue_problems(table.get("datasets", {}))
