"""A command that trains several times, as a line of shell that starts each training by itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from gitexp.record.arguments import arguments

SWEEPS = ("-m", "--multirun")  # Hydra's: without it a value with commas is one value


class _Varying(NamedTuple):
    """Words of a command that hold several values."""

    at: int
    words: int
    before: str  # in the first of them: --seeds=, optim.lr=
    values: Sequence[str]
    name: str  # of a variable of the shell


def separately(argv: Sequence[str], count: int, *, start: str) -> str | None:
    """Loops over the values that make `count` trainings, around `start` and the command; None: nobody can tell.

    `start`: `gitexp run … --`, as a shell takes it.
    """
    found = _varying(argv)
    if prod(len(one.values) for one in found) != count:
        found = [one for one in found if len(one.values) == count]
    names = {one.name for one in found}
    if not found or len(names) < len(found) or prod(len(one.values) for one in found) != count:
        return None
    by_place = {one.at: one for one in found}
    dropped = {at for one in found for at in range(one.at + 1, one.at + one.words)}
    words = [
        f'{shlex.quote(by_place[at].before) if by_place[at].before else ""}"${by_place[at].name}"'
        if at in by_place
        else shlex.quote(word)
        for at, word in enumerate(argv)
        if at not in dropped and word not in SWEEPS
    ]
    loops = [f"for {one.name} in {shlex.join(one.values)}; do " for one in found]
    return f"{''.join(loops)}{start} {' '.join(words)}{'; done' * len(found)}"


def _varying(argv: Sequence[str]) -> list[_Varying]:
    found = []
    for option in arguments(argv).options:
        name = re.sub(r"\W", "_", option.name.rpartition(" ")[2].rpartition(".")[2].lstrip("-+~")).lower()
        if option.negated or not name or name[0].isdigit():
            continue
        if len(option.values) > 1:
            found.append(_Varying(option.at + 1, len(option.values), "", option.values, name))
        elif option.values and "," in option.values[0]:
            at = option.at if option.joined else option.at + 1
            before = argv[at][: len(argv[at]) - len(option.values[0])]
            found.append(_Varying(at, 1, before, option.values[0].split(","), name))
    return found
