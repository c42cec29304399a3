"""What flows between components, as their cards declare it: fields with shapes, dtypes, ranges; where two disagree.

A dimension is a number, a name (the same name, the same size; `batch` comes first) or `...` for any further ones. Names
belong to the component that uses them. What is only a name on one side is not known yet, and no disagreement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from gitexp.text.schema import near

ANY_FURTHER = "..."
MOST_NAMES = 1000  # that one name of a card may stand for: several lists in it multiply

Dimension = int | str


class FieldSpec(NamedTuple):
    """What one field holds."""

    shape: tuple[Dimension, ...]
    dtypes: tuple[str, ...] = ()  # torch's names; empty: any
    range: tuple[float, float] | None = None  # inclusive

    def words(self) -> str:
        """`[batch, 64] float32`."""
        return f"[{', '.join(map(str, self.shape))}] {' or '.join(self.dtypes)}".rstrip()


Fields = Mapping[str, FieldSpec]


def placed(specs: Fields, arguments: Mapping[str, Any]) -> dict[str, FieldSpec]:
    """A card's fields for these arguments: `{field}` in a name, and dimensions named after an argument, take its value.

    An argument that is a list of names makes a field of each; a name whose argument is not given makes none.
    """
    found: dict[str, FieldSpec] = {}
    for name, spec in specs.items():
        shape = tuple(size for dimension in spec.shape for size in _sizes(dimension, arguments))
        for real in named(name, arguments):
            found[real] = spec._replace(shape=shape)
    return found


def named(name: str, arguments: Mapping[str, Any]) -> list[str]:
    """The fields that a card's name stands for: itself, or what the arguments in braces say; MOST_NAMES at most."""
    found, rest = [""], name
    while rest:
        start, _, behind = rest.partition("{")
        argument, closing, behind = behind.partition("}")
        if not closing:
            return [before + rest for before in found]
        value = arguments.get(argument)
        values = list(value) if isinstance(value, list | tuple | dict) else [value]
        words = [word for word in values if isinstance(word, str) and word]
        found = list(islice((before + start + word for before in found for word in words), MOST_NAMES))
        rest = behind
    return found


def _sizes(dimension: Dimension, arguments: Mapping[str, Any]) -> Sequence[Dimension]:
    value = arguments.get(dimension) if isinstance(dimension, str) else None
    if type(value) is int:
        return [value]
    if isinstance(value, list | tuple) and value and all(type(size) is int for size in value):
        return list(value)
    return [dimension]


class Mismatch(NamedTuple):
    """One field that is not as it should be."""

    name: str
    wanted: FieldSpec
    got: FieldSpec | None  # None: there is no such field
    only_range: bool = False


def join(giver: str, given: Fields, taker: str, taken: Fields) -> list[str]:
    """What two neighbours disagree about, a sentence each; giver and taker are their names in it."""
    problems = []
    for name, wanted, got, only_range in mismatches(given, taken):
        if got is None:
            there = f"gives only {', '.join(given)}" if given else "gives no fields"
            # A model whose result is a tuple or a dict: each part is a field of its own, and none is what is wanted.
            in_parts = any(other.startswith(f"{name}.") for other in given)
            hint = f"; it must give {name} as one tensor" if in_parts else near(name, given)
            problems.append(f"{taker} expects {name} {wanted.words()}, {giver} {there}{hint}")
        elif only_range:
            problems.append(f"{taker} expects {name} {_limits(wanted)}, {giver} gives {_limits(got)}")
        else:
            problems.append(f"{taker} expects {name} {wanted.words()}, {giver} gives {got.words()}")
    return problems


def mismatches(given: Fields, taken: Fields) -> Iterator[Mismatch]:
    """The fields taken that are not given, or not so; in `wanted`, names that another field settled are numbers."""
    bound: dict[str, Dimension] = {}
    for name, wanted in taken.items():
        got = given.get(name)
        if got is None:
            yield Mismatch(name, wanted, None)
        elif not _shapes_agree(got.shape, wanted.shape, bound) or not _dtypes_agree(got.dtypes, wanted.dtypes):
            settled = wanted._replace(shape=tuple(_number(dimension, bound) for dimension in wanted.shape))
            yield Mismatch(name, settled, got)
        elif got.range and wanted.range and not within(got.range, wanted.range):
            yield Mismatch(name, wanted, got, only_range=True)


def _limits(spec: FieldSpec) -> str:
    return f"from {spec.range[0]:g} to {spec.range[1]:g}" if spec.range else ""


def bind(given: Fields, taken: Fields) -> dict[str, Dimension]:
    """What the names of `taken`'s dimensions mean where these fields are given. Disagreements are `join`'s."""
    bound: dict[str, Dimension] = {}
    for name, wanted in taken.items():
        if name in given:
            _shapes_agree(given[name].shape, wanted.shape, bound)
    return bound


def after(given: Fields, takes: Fields, gives: Fields, removes: Sequence[str] = ()) -> dict[str, FieldSpec]:
    """The fields behind a component. What it names neither in `gives` nor in `removes` passes through."""
    bound = bind(given, takes)
    fields = {name: spec for name, spec in given.items() if name not in removes}
    for name, spec in gives.items():
        shape: list[Dimension] = []
        for dimension in spec.shape:
            if dimension == ANY_FURTHER:
                shape += _further(name, given, takes)
            else:
                shape.append(bound.get(dimension, dimension) if isinstance(dimension, str) else dimension)
        fields[name] = spec._replace(shape=tuple(shape))
    return fields


def _further(name: str, given: Fields, takes: Fields) -> Sequence[Dimension]:
    """What `...` is in a field that is given: what it was in the same field taken, else still unknown."""
    if name not in given or name not in takes or ANY_FURTHER not in takes[name].shape:
        return [ANY_FURTHER]
    got, want = given[name].shape, takes[name].shape
    before = want.index(ANY_FURTHER)
    behind = len(want) - before - 1
    if ANY_FURTHER in got or len(got) < before + behind:
        return [ANY_FURTHER]
    return got[before : len(got) - behind]


def as_data(fields: Fields) -> dict[str, dict[str, Any]]:
    """As JSON and TOML have it: `{"input": {"shape": ["batch", 64], "dtype": "float32"}}`."""
    data: dict[str, dict[str, Any]] = {}
    for name, spec in fields.items():
        data[name] = {"shape": list(spec.shape)}
        if spec.dtypes:
            data[name]["dtype"] = spec.dtypes[0] if len(spec.dtypes) == 1 else list(spec.dtypes)
        if spec.range:
            data[name]["range"] = list(spec.range)
    return data


def from_data(data: Mapping[str, Mapping[str, Any]]) -> dict[str, FieldSpec]:
    """The other way. The data is well formed: a card's is checked by `card.py` first."""
    fields = {}
    for name, table in data.items():
        dtype = table.get("dtype", ())
        dtypes = (dtype,) if isinstance(dtype, str) else tuple(dtype)
        low_high = table.get("range")
        limits = (float(low_high[0]), float(low_high[1])) if low_high else None
        fields[name] = FieldSpec(tuple(table.get("shape", (ANY_FURTHER,))), () if "any" in dtypes else dtypes, limits)
    return fields


# ---- agreement


def _shapes_agree(given: Sequence[Dimension], wanted: Sequence[Dimension], bound: dict[str, Dimension]) -> bool:
    """Whether one can be the other; what wanted's names mean is added to `bound` where they agree."""
    if ANY_FURTHER in given:
        # Only what stands before it on both sides is known to meet.
        known = given[: given.index(ANY_FURTHER)]
        first = wanted[: wanted.index(ANY_FURTHER)] if ANY_FURTHER in wanted else wanted
        return all(_dimension_agrees(got, want, bound) for got, want in zip(known, first, strict=False))
    if ANY_FURTHER in wanted:
        cut = wanted.index(ANY_FURTHER)
        first, last = wanted[:cut], wanted[cut + 1 :]
        if len(given) < len(first) + len(last):
            return False
        pairs = [*zip(given, first, strict=False), *zip(given[len(given) - len(last) :], last, strict=True)]
    elif len(given) == len(wanted):
        pairs = list(zip(given, wanted, strict=True))
    else:
        return False
    met = dict(bound)
    if not all(_dimension_agrees(got, want, met) for got, want in pairs):
        return False
    bound.update(met)
    return True


def _dimension_agrees(given: Dimension, wanted: Dimension, bound: dict[str, Dimension]) -> bool:
    known = bound.get(wanted, wanted) if isinstance(wanted, str) else wanted
    if isinstance(given, int) and isinstance(known, int):
        return given == known
    if isinstance(wanted, str) and (wanted not in bound or isinstance(given, int)):
        bound[wanted] = given
    return True


def _number(dimension: Dimension, bound: Mapping[str, Dimension]) -> Dimension:
    """The number that another field has already given to a name; the name where there is none."""
    known = bound.get(dimension) if isinstance(dimension, str) else None
    return known if isinstance(known, int) else dimension


def _dtypes_agree(given: Sequence[str], wanted: Sequence[str]) -> bool:
    return not given or not wanted or bool(set(given) & set(wanted))


def within(inner: tuple[float, float], outer: tuple[float, float]) -> bool:
    """Whether all numbers of one range are in the other."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def dimension_problems(shape: Sequence[Any]) -> Iterator[str]:
    """What is wrong with a shape as a card writes it."""
    for dimension in shape:
        if not (isinstance(dimension, str) and dimension) and not (type(dimension) is int and dimension >= 0):
            yield "expected names and numbers of dimensions"
            return
    if list(shape).count(ANY_FURTHER) > 1:
        yield '"..." may stand once in a shape'
