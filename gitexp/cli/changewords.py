"""Turn what differs between two runs into a few words: `lr 0.01→0.02`, `with --amp`, `code`, `packages`."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.cli.render import VALUE_LIMIT, cut, safe, value
from gitexp.history.inputs import COMMAND, Inputs
from gitexp.history.read import Run
from gitexp.record.arguments import ORDER, PROGRAM, SCRIPT, ArgumentChange

BRIEF = 16  # characters of a value that changed
CHANGED = ("changed", "added", "removed")  # of data: named without more
CHANGED_KEPT = 4  # changed keys that are named; further ones are counted


def changes_in_words(before: Run, run: Run, *, whole_keys: bool) -> list[str]:
    """`optimizer.lr 0.01→0.02` (or `lr 0.01→0.02`), `with --amp`, `code`, `data digits`, `packages`: what differs."""
    inputs = Inputs(before, run)
    words = [argument_in_words(change) for change in inputs.arguments]
    keys = [c for c in inputs.recipe if not c.key.startswith("data.")]
    keys.sort(key=lambda change: change.key.startswith("space."))  # ranges changed no number of this run
    for c in keys:
        if c.key != COMMAND or not words:
            key = (c.key if whole_keys else c.key.rpartition(".")[2])[:VALUE_LIMIT]
            words.append(f"{cut(safe(key), 4 * BRIEF)} {_both(c.a, c.b)}")
    if len(words) > CHANGED_KEPT:
        words = [*words[:CHANGED_KEPT], f"{len(words) - CHANGED_KEPT} more"]
    if not inputs.same_code:
        words.append("code")
    if inputs.other_held_out:
        words.append("held-out rows differ: not comparable")
    different = [(name, state) for name, state in inputs.data.items() if state != "identical"]
    for name, state in different[:CHANGED_KEPT]:
        words.append(f"data {safe(name)}" + (f" ({state})" if state not in CHANGED else ""))
    words += [f"{len(different) - CHANGED_KEPT} more data"] if len(different) > CHANGED_KEPT else []
    if not inputs.same_seed and not inputs.untold_seed and not any(change.key == "seed" for change in keys):
        words.append("seed")
    return words + _environment_in_words(inputs.environment, alone=not words)


def _environment_in_words(found: Mapping[str, object] | None, *, alone: bool) -> list[str]:
    if found is None:
        return ["packages not recorded"] if alone else []
    packages = ["packages"] if "packages" in found else []
    return packages + (["environment"] if found.keys() - {"packages"} else [])


def argument_in_words(change: ArgumentChange) -> str:
    """`lr 0.1→0.3`, `with --amp`, `script train.py→tune.py`."""
    old, new = change.spelled
    if change.name == ORDER:
        return "another order of arguments"
    if old is None or new is None:
        return f"with {_brief(new)}" if old is None else f"without {_brief(old)}"
    if change.of_flags:
        return f"{_brief(old)}→{_brief(new)}"
    name = cut(safe(argument_name(change.name)[:VALUE_LIMIT]), 2 * BRIEF)
    if change.name in (PROGRAM, SCRIPT):
        return f"{name} {_end(change.a)}→{_end(change.b)}"
    return f"{name} {_both(change.a, change.b)}".lstrip()


def argument_name(name: str) -> str:
    """`lr` of --lr and of -s lr."""
    return name.rpartition(" ")[2].removeprefix("--")


def _both(old: object, new: object) -> str:
    shown = _brief(old), _brief(new)
    if shown[0] == shown[1]:  # long, and alike at their beginnings: then their ends tell them apart
        shown = _end(old), _end(new)
    return f"{shown[0]}→{shown[1]}"


def _brief(thing: object) -> str:
    return "none" if thing is None else cut(value(thing, limit=BRIEF), BRIEF)


def _end(thing: object) -> str:
    text = value(thing)
    return text if len(text) <= BRIEF else f"…{text[1 - BRIEF :]}"
