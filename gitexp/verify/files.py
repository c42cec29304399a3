"""Files of a record that stand for themselves, held against sections 5, 8, 9, 10 and 11 of the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from gitexp.record.environment import UNKNOWN, table_of
from gitexp.record.items import MOST_COLUMNS, NoItems, examples_in, load_items
from gitexp.record.metrics import metric_name_problem, number
from gitexp.record.requirements import load_requirements
from gitexp.record.usage import sound_usage
from gitexp.spec.recipe_shape import OWN
from gitexp.text.schema import Shape, dotted, problems_in, spell, text

OUTPUT_LIMIT = 64 << 10  # bytes
USAGE_LIMIT = 16 << 10
_MARK = re.compile(rb"(?m)^\[gitexp: [0-9]+ bytes cut\]$")
_UNKNOWN_KEY = "unknown key"  # which a later gitexp may have written


def toml_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Section 3, of every .toml file: times are offset date-times in UTC."""
    todo: list[Any] = [table]
    while todo:
        values = todo.pop()
        for value in values.values() if type(values) is dict else values:
            if type(value) is dict or type(value) is list:
                todo.append(value)
            elif type(value) is datetime and value.utcoffset() != timedelta(0):
                yield f"the time {value} is not in UTC"


def recipe_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Section 5: gitexp's own tables have the keys and the types that it states."""
    own = {key: value for key, value in table.items() if key in OWN}
    yield from _by_shape(own, OWN)


_ANSWERED: Mapping[str, Any] = {
    **dict.fromkeys(("probed", "how", "reason", "doubt", "cuda", "hip", "driver"), text),
}


def _by_shape(table: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    for path, what in problems_in(table, shape):
        if not what.startswith(_UNKNOWN_KEY):
            yield f"{dotted(path)}: {what}"


def environment_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Section 9: what answered, and how it was found; without an answer nothing is known of packages."""
    yield from _by_shape({key: value for key, value in table.items() if key in _ANSWERED}, _ANSWERED)
    tables = ("launcher", "interpreter", "packages", "system", "cpu", "container", "threads", "flags", "variables")
    for key in (*tables, "locale", "indexes", "training"):
        if key in table and not isinstance(table[key], dict):
            yield f"{key} is {spell(table[key])}, no table"
    unknown = table.get("probed") == UNKNOWN
    if unknown and ("reason" not in table or "how" in table):
        yield "must say why where nobody answered, and not how"
    for key in ("interpreter", "packages", "cuda", "hip"):
        if unknown and key in table:
            yield f"has {key}, though no interpreter answered"


def requirements_problems(content: str, environment: Mapping[str, Any] | None) -> Iterator[str]:
    """Section 9: each package of the environment once, in the version that it was, and nothing else is installed."""
    found = load_requirements(content)
    yield from (f"a line is {what}" for what in found.remarks if what.startswith("not understood"))
    if environment is None:
        return
    packages = table_of(environment, "packages")
    pinned = [
        line.partition("==")[::2] for line in (*found.pinned, *(one for all_ in found.builds.values() for one in all_))
    ]
    for name, version in pinned:
        stated = packages.get(name)
        if not isinstance(stated, str) or version not in (stated, stated.partition("+")[0]):
            yield f"installs {name} {version}, environment.toml has {spell(stated) if name in packages else 'none'}"
    for line in found.sources:
        name, _, source = line.partition(" @ ")
        stated = packages.get(name)
        if not isinstance(stated, dict) or str(stated.get("url", "\0")) not in source:
            yield f"installs {name} from {source}, environment.toml does not"
    named = [*(name for name, _ in pinned), *(line.partition(" @ ")[0] for line in found.sources), *found.lacking]
    if len({*named}) != len(named):
        yield "names a package twice"
    if table_of(environment, "interpreter").get("implementation") != "R":
        lacking = [name for name in packages if name not in named and f"# {name} " not in content]
        yield from [f"lacks {spell(lacking[0])} of environment.toml"] if lacking else []


def output_problems(content: bytes) -> Iterator[str]:
    """Section 10: at most 64 KiB, cut once."""
    if len(content) > OUTPUT_LIMIT:
        yield f"has {len(content):,} bytes, more than {OUTPUT_LIMIT:,}"
    if len(_MARK.findall(content)) > 1:
        yield "says twice that it was cut"


def usage_problems(content: bytes) -> Iterator[str]:
    """Section 11: its columns, and times that grow."""
    if len(content) > USAGE_LIMIT:
        yield f"has {len(content):,} bytes, more than {USAGE_LIMIT:,}"
    elif sound_usage(content) != content:
        yield "has lines that are no usage, or times that do not grow"


def metrics_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Section 8: numbers under the names that metrics may have."""
    for name, value in table.items():
        if why := metric_name_problem(name):
            yield f"{spell(name)}: {why}"
        elif isinstance(value, bool) or number(value) is None:
            yield f"{spell(name)} is {spell(value)}, no number"


def items_problems(content: bytes, examples: int) -> Iterator[str]:
    """Section 8: a row for each example, each id once."""
    try:
        found = load_items(content)
    except NoItems as error:
        yield str(error)
        return
    rows = content.decode().split("\n")[1:-1]
    if len(found) > MOST_COLUMNS or not found:
        yield f"has {len(found)} columns of values"
    if examples_in(found) != examples or len(rows) != examples:
        yield f"has {len(rows):,} rows of {examples_in(found):,} examples, run.toml says {examples:,}"
