"""What the training program said, as parts of a record. It ran the user's code: nothing in it is taken to be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.record.environment import sound
from gitexp.record.identity import as_plain
from gitexp.record.runrecord import SplitRows, sound_digests, sound_splits
from gitexp.text import toml

DEEPEST = 64  # tables in tables: whoever reads the record has a stack that ends
MOST_FACTS = 1000
LONGEST_FACT = 1000  # characters; of a name, and of a text
MOST_SOURCES = 1000
MOST_DEFECTS = 20


class Learned(NamedTuple):
    """What a training program made known beyond what any program does, as it goes into the record."""

    recipe: str | None = None  # recipe.toml with the defaults that nobody typed; None: as it was typed
    seed: int | None = None  # the one it took where nobody gave one
    digests: Mapping[str, str] = MappingProxyType({})  # of weights, and of the state that steps have fitted
    environment: Mapping[str, Any] = MappingProxyType({})  # what results depend on beside packages and machine
    files: Mapping[str, str] = MappingProxyType({})  # components.toml, environment/N.toml
    sources: tuple[str, ...] = ()  # the repository's files that its components came from
    peaks_bytes: tuple[int, ...] = ()  # of memory, of each of several processes; empty: not known of all
    splits: Mapping[str, SplitRows] = MappingProxyType({})  # which rows each had
    problems: tuple[str, ...] = ()  # sentences on what went wrong, and on what could not be read


def require_plain(value: Any, depth: int = 0) -> None:
    """Raise ValueError for what TOML, or a reader of it, could not hold: deep nesting, half a surrogate pair."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError is a ValueError
    for part in [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ():
        require_plain(part, depth + 1)


def recipe_with_defaults(typed: str, defaults: Any) -> tuple[str, int | None]:
    """recipe.toml with the defaults that nobody typed, and its seed. It resolves to the same bytes again."""
    from gitexp.spec.assembly import with_defaults
    from gitexp.spec.recipe import dump_recipe, ordered

    values = ordered(with_defaults(toml.loads(typed), defaults if isinstance(defaults, Mapping) else {}))
    seed = values.get("seed")
    return dump_recipe(values), seed if type(seed) is int else None


def dump_components(document: Mapping[str, Any]) -> str:
    """components.toml: each component's contract, and what flows between them."""
    import tomli_w

    parts = {key: document[key] for key in ("components", "flow") if isinstance(document.get(key), dict | list)}
    return tomli_w.dumps(as_plain(sound(parts)))


def dump_rank(document: Mapping[str, Any]) -> str:
    """environment/N.toml: one of several processes."""
    import tomli_w

    return tomli_w.dumps(as_plain(sound(document)))


def peaks_of(ranks: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The peak of memory of each of several processes, where it is known of all of them."""
    stated = [rank.get("peak_memory_bytes") for rank in ranks]
    known = [peak for peak in stated if type(peak) is int and 0 < peak < 1 << 50]
    return tuple(known) if len(known) == len(ranks) and ranks[:1] and ranks[0].get("world_size") == len(ranks) else ()


def digests_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The digests of weights and fitted state, by name."""
    stated = document.get("digests")
    return sound_digests(stated) if isinstance(stated, Mapping) else {}


def splits_of(document: Mapping[str, Any]) -> dict[str, SplitRows]:
    """Which rows each split had."""
    stated = document.get("splits")
    return sound_splits(stated) if isinstance(stated, Mapping) else {}


def facts_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the results depend on beside packages and machine: a flat table of the first 1,000 short facts."""
    stated = document.get("training")
    facts = list(stated.items()) if isinstance(stated, Mapping) else []
    return {
        name: value
        for name, value in facts[:MOST_FACTS]
        if isinstance(value, str | int | float | bool) and max(len(name), len(str(value))) <= LONGEST_FACT
    }


def defects_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences on what went wrong while it trained: a loss that is no number."""
    stated = document.get("defects")
    said = [words for words in stated if isinstance(words, str)] if isinstance(stated, list) else []
    return tuple(words for words in said if len(words) <= LONGEST_FACT)[:MOST_DEFECTS]


def sources_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The repository's own files that components came from, as paths from its root."""
    components = document.get("components")
    tables = components.values() if isinstance(components, Mapping) else ()
    named = [table.get("source") for table in tables if isinstance(table, Mapping)]
    files = [name for name in named if isinstance(name, str) and name.endswith(".py") and name.isprintable()]
    return tuple(dict.fromkeys(name for name in files if len(name) <= LONGEST_FACT))[:MOST_SOURCES]
