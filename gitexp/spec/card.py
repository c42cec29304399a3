"""Turn the TOML beside a component's module, or its docstring, into a Card: what it is for, what it takes and gives.

Cards may come from strangers: nothing is imported or executed, sizes are bounded, and what is wrong with one is said
with file and line. `source` is the file it stands in; texts are as written, so whoever prints them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.errors import Refused
from gitexp.spec.assembly import files_of
from gitexp.spec.fields import Fields, dimension_problems, from_data
from gitexp.spec.recipe_shape import SLOTS, oversized
from gitexp.text.bounded import load_checked
from gitexp.text.schema import (
    Each,
    Problem,
    Shape,
    expected,
    one_of,
    problems_in,
    some_values,
    spell,
    text,
    texts,
    version,
)

KINDS = ("outliers", "imputation", "scaling", "encoding", "sampling", "augmentation", "other")

_LIMIT = 256 * 1024  # characters of a file of cards; a docstring's module may have four times as many
_LONGEST_NAME = 200
_SHOWN = 50  # problems of one file; more help nobody


class Allowed(NamedTuple):
    """What an argument may be: limits are inclusive, None is no limit."""

    low: float | None = None
    high: float | None = None
    one_of: tuple[Any, ...] = ()
    what: str = ""


class Card(NamedTuple):
    """What a component says of itself. Empty: it does not say."""

    name: str
    slot: str = ""
    version: str = ""  # of its contract, major.minor
    owner: str = ""
    summary: str = ""
    rationale: str = ""
    trade_offs: str = ""
    suitable_use: str = ""
    failure_modes: str = ""
    kind: str = ""  # of a step
    fits_on: str = ""  # the split that a step is fitted on; nothing is fitted where it is empty
    probability: float | str | None = None  # a number, or the argument that holds it; None: not random
    arguments: Mapping[str, Allowed] = MappingProxyType({})
    takes: Fields = MappingProxyType({})
    gives: Fields = MappingProxyType({})
    removes: tuple[str, ...] = ()  # fields that a step deletes
    source: str = ""


_TEXTS = ("owner", "summary", "rationale", "trade_offs", "suitable_use", "failure_modes")


def load_cards(content: str, *, where: str) -> dict[str, Card]:
    """The cards of a file `X.toml`, by component. Raises Refused with each problem as a `file:line: key: what` line."""
    if len(content) > _LIMIT:
        raise Refused(f"{where} is too long for a file of cards", why=f"It may have {_LIMIT:,} characters.")
    table = load_checked(content, where=where, check=_problems, what="{count} in the cards", shown=_SHOWN)
    return {name: _card(name, values, where) for name, values in table.items()}


def find_card(use: str, read: Callable[[str], str | None]) -> Card | None:
    """The card of a component by its name in a recipe; None where it says nothing of itself. Raises Refused.

    `read` gives the text of a file by its path (`/` between parts, from the root or from the folder that holds gitexp),
    None where there is none. The table beside the module counts first; what it leaves empty comes from the docstring.
    """
    module, _, name = use.partition(":")
    if module.split(".")[0] == "torch":
        shipped = read("gitexp/training/torch.toml")
        return load_cards(shipped, where="gitexp/training/torch.toml").get(use) if shipped else None
    for stem in (file.removesuffix(".py") for file in files_of(module)):
        beside, code = read(f"{stem}.toml"), read(f"{stem}.py")
        if code is None:
            continue
        card = load_cards(beside, where=f"{stem}.toml").get(name) if beside is not None else None
        if card and card.version and all(getattr(card, words) for words in _TEXTS):
            return card
        spoken = docstring_cards(code, where=f"{stem}.py").get(name)
        if card is None or spoken is None:
            return card or spoken
        return card._replace(**{k: getattr(card, k) or getattr(spoken, k) for k in (*_TEXTS, "version", "kind")})
    return None


def version_problem(card: Card | None, contract: str, *, use: str) -> str | None:
    """What is wrong with a component for a recipe that was written for version `contract`; empty: nothing was asked."""
    if not contract:
        return None
    if version(contract):
        return f'contract is a version such as "1.0", not {spell(contract)}'
    if card is None or not card.version:
        return (
            f"the recipe is written for contract {contract}, and {use} states no version; give it a card,"
            " or leave contract out if you know that it fits"
        )
    asked, has = (tuple(map(int, version.split("."))) for version in (contract, card.version))
    if asked[0] != has[0]:
        age = "newer" if has > asked else "older"
        return f"the recipe is written for contract {contract}, {use} has the {age} {card.version}, which breaks it"
    if has < asked:
        return f"the recipe is written for contract {contract}, {use} has only {card.version}"
    return None


def fits_on_problem(card: Card | None, *, use: str) -> str | None:
    """A step that is fitted on anything but the train split leaks what it is judged by."""
    if card is None or card.fits_on in ("", "train"):
        return None
    return f"{use} is fitted on {spell(card.fits_on)}, says its card; what is fitted may see the train split alone"


# ---- a table


def _number(value: Any) -> str | None:
    return None if type(value) in (int, float) and value == value else expected("a number", value)


def _low_high(value: Any) -> str | None:
    right = isinstance(value, list) and len(value) == 2 and not any(map(_number, value)) and value[0] <= value[1]
    return None if right else expected("[low, high]", value)


def _probability(value: Any) -> str | None:
    right = isinstance(value, str) or (not _number(value) and 0 <= value <= 1)
    return None if right else expected("a number from 0 to 1, or the name of an argument", value)


def _dtype(value: Any) -> str | None:
    words = value if isinstance(value, list) else [value]
    right = words and all(isinstance(word, str) and word.isidentifier() for word in words)
    return None if right else expected('a dtype such as "float32", or an array of them', value)


def _shape(value: Any) -> str | None:
    return next(dimension_problems(value), None) if isinstance(value, list) else expected("an array", value)


def _field_name(name: str) -> str | None:
    right = len(name) <= _LONGEST_NAME and name.count("{") <= 2  # lists of names multiply
    return None if right else f"expected a field's name, at most {_LONGEST_NAME} characters and two {{arguments}}"


def _field_names(value: Any) -> str | None:
    return texts(value) or next(filter(None, map(_field_name, value)), None)


_ARGUMENT: Shape = {"low": _number, "high": _number, "one_of": some_values, "what": text}
_FIELD: Shape = {"shape": _shape, "dtype": _dtype, "range": _low_high, "what": text}
_CARD: Shape = {
    "slot": one_of(*SLOTS),
    "version": version,
    **dict.fromkeys(_TEXTS, text),
    "kind": one_of(*KINDS),
    "fits_on": text,
    "probability": _probability,
    "arguments": Each(_ARGUMENT),
    "takes": Each(_FIELD, name=_field_name),
    "gives": Each(_FIELD, name=_field_name),
    "removes": _field_names,
}


def _problems(table: Mapping[str, Any]) -> Sequence[Problem]:
    slotless = [name for name, values in table.items() if isinstance(values, dict) and "slot" not in values]
    missing = [((name,), f"slot is missing; it is one of {', '.join(SLOTS)}") for name in slotless]
    return list(oversized(table)) or [*problems_in(table, Each(_CARD)), *missing]


def _card(name: str, values: Mapping[str, Any], where: str) -> Card:
    plain = {key: value for key, value in values.items() if key not in ("arguments", "takes", "gives", "removes")}
    arguments = {
        argument: Allowed(told.get("low"), told.get("high"), tuple(told.get("one_of", ())), told.get("what", ""))
        for argument, told in values.get("arguments", {}).items()
    }
    return Card(
        name=name,
        **plain,
        arguments=arguments,
        takes=from_data(values.get("takes", {})),
        gives=from_data(values.get("gives", {})),
        removes=tuple(values.get("removes", ())),
        source=where,
    )


# ---- a docstring

_SECTIONS = {
    "rationale": "rationale",
    "trade-offs": "trade_offs",
    "suitable use": "suitable_use",
    "failure modes": "failure_modes",
    "version": "version",
    "owner": "owner",
    "slot": "slot",
    "kind": "kind",
}


def docstring_cards(code: str, *, where: str) -> dict[str, Card]:
    """The cards that the docstrings of a module's classes and functions hold. Raises Refused when it is no Python."""
    import ast
    import warnings

    if len(code) > 4 * _LIMIT:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a "\d" in it is no matter of ours
            tree = ast.parse(code)
    except SyntaxError as error:
        raise Refused("1 error in the cards", details=[f"{where}:{error.lineno or 1}: {error.msg}"]) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Refused("1 error in the cards", details=[f"{where}: cannot be read: {error}"]) from error
    spoken = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
            spoken[node.name] = Card(node.name, source=where, **_said(said))
    return spoken


def _said(docstring: str) -> dict[str, Any]:
    """Summary and sections; a section ends at an empty line or where the next one begins."""
    found: dict[str, list[str]] = {"summary": []}
    at: str | None = "summary"
    for line in docstring.splitlines():
        heading, colon, rest = line.partition(":")
        section = _SECTIONS.get(heading.strip().lower()) if colon else None
        if section:
            at = section if section not in found else None
            found.setdefault(section, [rest.strip()])
        elif not line.strip():
            at = None
        elif at:
            found[at].append(line.strip())
    said = {section: " ".join(filter(None, lines)) for section, lines in found.items()}
    known = {"version": not version(said.get("version")), "slot": said.get("slot") in SLOTS}
    known["kind"] = said.get("kind") in KINDS
    return {section: words for section, words in said.items() if known.get(section, True)}
