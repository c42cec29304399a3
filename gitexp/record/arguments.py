"""Take a command line apart: the program, its options by name, the words whose order matters; and compare two of them.

What an option takes cannot be told without its program. What stands behind one, up to the next, counts as its values: a
single word is its value, unless the option is seen without one; of any further word the place among such words counts,
too. So two lines that mean the same may be said to have another order, and hardly ever the other way round.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

# Programs that only start another one, which is the first script among their arguments.
# fmt: off
LAUNCHERS = frozenset((
    "python", "pypy", "sh", "bash", "dash", "zsh", "ksh", "fish", "node", "deno", "bun", "ruby", "perl", "Rscript",
    "julia", "lua", "luajit", "php", "java", "uv", "poetry", "pipenv", "pixi", "conda", "mamba", "micromamba",
    "torchrun", "accelerate", "deepspeed", "mpirun", "mpiexec", "srun", "env", "nice", "nohup", "time", "timeout",
    "stdbuf", "xvfb-run",
))
# fmt: on

PROGRAM, SCRIPT, ORDER = "the program", "the script", "the order"  # where there is no option to name

# Patterns are text, compiled when one is needed: every run meets this module, and few compare anything.
_SCRIPT = r".+\.(py|pyc|ipynb|sh|bash|zsh|fish|R|r|jl|js|mjs|ts|rb|pl|lua|php|jar)"
_KEY = r"([+~]*[A-Za-z_][\w.@-]*)="  # with a slash it may be a path: data/year=2024
_NUMBER = r"(?i)-+([\d.]|(inf|infinity|nan)$)"


class Option(NamedTuple):
    """An option, or a KEY=VALUE, where it stands."""

    name: str  # --lr, -n; lr of lr=0.1; "-s lr" of -s lr=0.1; --no-amp is an --amp that is negated
    values: tuple[str, ...]  # what stands behind it; one word is most likely its value, a second may be no longer
    at: int  # its index in argv
    joined: bool = False  # name and value are one word
    negated: bool = False
    section: int = 0  # how many words of no option stand before it: a subcommand has options of its own


class Word(NamedTuple):
    """A word that is, or may be, an argument of its own."""

    text: str
    at: int
    behind: str  # the option whose value it may be; "" where it is none's
    first: bool  # directly behind it


class Arguments(NamedTuple):
    """A command line."""

    program: tuple[str, ...]  # all that starts it, up to the script or module
    options: tuple[Option, ...]
    words: tuple[Word, ...]
    rest: tuple[str, ...] | None  # what stands behind a lone --; None: there is none


class ArgumentChange(NamedTuple):
    """What differs under one name, which is "" of words of no option. None: not there.

    A flag has its own spelling as its value.
    """

    name: str
    a: str | None
    b: str | None

    @property
    def spelled(self) -> tuple[str | None, str | None]:
        """Both as they may be typed: `--lr 0.1`, `lr=0.1`, `--amp`."""
        a, b = (self._typed(text) for text in (self.a, self.b))
        return a, b

    def _typed(self, text: str | None) -> str | None:
        if text is None or not self.name or self._is_flag(text):
            return text
        return f"{self.name}{' ' if self.name[0] == '-' and ' ' not in self.name else '='}{text}"

    @property
    def of_flags(self) -> bool:
        """Whether one of them is an option without a value."""
        return any(text is not None and self._is_flag(text) for text in (self.a, self.b))

    def _is_flag(self, text: str) -> bool:
        return text[:1] == "-" and text.startswith((self.name, f"--no-{self.name[2:]}"))


def arguments(argv: Sequence[str]) -> Arguments:
    """Take an argv apart."""
    begin = _program_length(argv)
    end = next((at for at in range(begin, len(argv)) if argv[at] == "--"), None)
    found: list[tuple[Option, list[str]]] = []
    words: list[Word] = []
    behind, values, section = "", list[str](), 0
    for at, text in enumerate(argv[begin:end], begin):
        if _is_option(text):
            name, joined, value = text.partition("=")
            negated = name.startswith("--no-")
            name = f"--{name[5:]}" if negated else name
            values = [value] if joined else []
            found.append((Option(name, (), at, bool(joined), negated, section), values))
            behind = "" if joined else name
        elif key := re.match(_KEY, text):
            name = f"{behind} {key[1]}" if behind else key[1]
            found.append((Option(name, (), at, True, section=section), [text[key.end() :]]))
        else:
            words.append(Word(text, at, behind, bool(behind) and not values))
            if behind:
                values.append(text)
            else:
                section += 1
    options = tuple(option._replace(values=tuple(those)) for option, those in found)
    rest = None if end is None else tuple(argv[end + 1 :])
    return Arguments(tuple(argv[:begin]), options, tuple(words), rest)


def _is_option(text: str) -> bool:
    return len(text) > 1 and text[0] == "-" and text != "--" and not re.match(_NUMBER, text)


def _program_length(argv: Sequence[str]) -> int:
    """How many words start the program: of `python -m train --lr 1` three."""
    name = argv[0].rpartition("/")[2].rstrip("0123456789.") if argv else ""
    if name not in LAUNCHERS:
        return len(argv[:1])
    for at, text in enumerate(argv[1:], 2):
        if text in ("-m", "-c"):
            return min(at + 1, len(argv))
        if re.fullmatch(_SCRIPT, text) and not text.startswith("-"):
            return at
    plain = (at for at, text in enumerate(argv[1:], 2) if not text.startswith("-"))
    return next(plain, 1) if name in ("python", "pypy") else 1


# ---- one of them

SEEDS = frozenset(("seed", "random_seed", "rng_seed", "manual_seed", "global_seed", "random_state"))


@lru_cache(maxsize=4096)
def is_seed(name: str) -> bool:
    """Whether a setting or option of this name is the seed: `--seed`, `train.random_seed`. A split's is none."""
    last = re.split(r"[. ]", name.lower().lstrip("-+~"))[-1]
    return last.replace("-", "_") in SEEDS


def settings_in(argv: Sequence[str]) -> dict[str, Any]:
    """What a program was told, by the names of its options: `lr` of `--lr 0.1`, True of a flag.

    Numbers are numbers. Words of no option are `arguments`, the script is `script`. What a recipe fills in is left out.
    """
    taken = arguments(argv)
    found: dict[str, list[Any]] = {}
    for option in taken.options:
        name = option.name.rpartition(" ")[2].lstrip("-+~")
        first = option.values[:1]
        if name and not any(re.search(r"\{[\w.\"-]+\}", value) for value in first):
            found.setdefault(name, []).append(_typed(first[0]) if first else not option.negated)
    settings = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    words = [word.text for word in taken.words if not word.first] + [*(taken.rest or ())]
    if len(taken.program) > 1:
        settings["script"] = taken.program[-1]
    if words:
        settings["arguments"] = shlex.join(words)
    return settings


def _typed(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(text)
            return number if abs(number) < 2**63 else text
    return text


def without_seed(argv: Sequence[str]) -> tuple[object, ...]:
    """The same for two command lines that differ in nothing but the seed and the order of their options."""
    taken = arguments(argv)
    options = [(one.name, one.values, one.negated) for one in taken.options if not is_seed(one.name)]
    words = [word.text for word in taken.words if not word.first]
    return taken.program, tuple(sorted(options)), tuple(words), taken.rest


# ---- two of them


def argument_changes(a: Sequence[str], b: Sequence[str]) -> list[ArgumentChange]:
    """What differs between two command lines, the program first; nothing where they mean the same in another order."""
    old, new = arguments(a), arguments(b)
    flags = {one.name for one in (*old.options, *new.options) if one.negated or not one.values}
    before, after = _by_name(old), _by_name(new)
    sides = {name: (before.get(name, ()), after.get(name, ())) for name in dict.fromkeys([*after, *before])}
    named = [name for name, (x, y) in sides.items() if _compared(x, flags) != _compared(y, flags)]
    above = {name.partition(" ")[0] for name in named if " " in name}
    found = [*_program_changes(old.program, new.program)]
    for name in named:
        x, y = sides[name]
        if name not in above or any(one.values for one in (*x, *y)):  # -s says nothing beside the lr of -s lr=1
            found.append(ArgumentChange(name, *_texts(x, y)))
    found += ordered_changes(*([word.text for word in side.words if not word.behind] for side in (old, new)))
    found += ordered_changes(*(() if side.rest is None else ("--", *side.rest) for side in (old, new)))
    if not found and _order(old, flags) != _order(new, flags):
        found.append(ArgumentChange(ORDER, *(shlex.join(side[len(old.program) :]) for side in (a, b))))
    return found


def swapped(a: Sequence[str], b: Sequence[str], names: Collection[str]) -> list[str] | None:
    """a's command line with b's options of these names. None: they cannot be told from the rest."""
    old, new = arguments(a), arguments(b)
    found: list[str | None] = list(a)
    put: dict[int, list[str]] = {}
    end = len(a) if old.rest is None else len(a) - len(old.rest) - 1
    for name in names:
        words = [word for one in new.options if one.name == name for word in _words(one, b)]
        mine = [one for one in old.options if one.name == name]
        for one in mine:
            at, length = _place(one)
            found[at : at + length] = [None] * length
        if mine:
            put.setdefault(_place(mine[0])[0], []).extend(words)
        else:  # an option may stand at the end; a KEY=VALUE there would be the last option's
            put.setdefault(end if name.startswith("-") else len(old.program), []).extend(words)
    line = [*found, None]
    made = [word for at, one in enumerate(line) for word in (*put.get(at, ()), one) if word is not None]
    wanted = {change.name for change in argument_changes(a, b)}
    right = {c.name for c in argument_changes(a, made)} == wanted & {*names}
    return made if right and {c.name for c in argument_changes(made, b)} == wanted - {*names} else None


def _place(option: Option) -> tuple[int, int]:
    """Where it begins, and how many words it has; the -s of -s lr=1 is one of them."""
    before = " " in option.name
    return option.at - before, 1 + before + (0 if option.joined else len(option.values))


def _words(option: Option, argv: Sequence[str]) -> Sequence[str]:
    at, length = _place(option)
    return argv[at : at + length]


def with_seed(argv: Sequence[str], seed: int) -> list[str]:
    """The command line with another value for each option that is the seed."""
    return with_value(argv, [one for one in arguments(argv).options if is_seed(one.name)], str(seed))


def with_value(argv: Sequence[str], options: Sequence[Option], value: str) -> list[str]:
    """The command line with another value for each of these options of it that has one."""
    made = list(argv)
    for option in options:
        if option.values:
            at = option.at + (not option.joined)
            made[at] = f"{made[at].partition('=')[0]}={value}" if option.joined else value
    return made


def options_called(argv: Sequence[str], name: str) -> list[Option]:
    """The options of this name: `lr` is that of --lr, -lr, lr=1 and -s lr=1."""
    return [
        one
        for one in arguments(argv).options
        if one.name.rpartition(" ")[2].lstrip("-+~").replace("-", "_") == name.replace("-", "_")
    ]


def ordered_changes(a: Sequence[str], b: Sequence[str]) -> list[ArgumentChange]:
    """Where words differ whose order matters.

    Those that moved are not followed: between the first and the last that differ, lines of unequal length count as one
    difference.
    """
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    same = zip(reversed(a[start:]), reversed(b[start:]), strict=False)
    end = next((i for i, (x, y) in enumerate(same) if x != y), min(len(a), len(b)) - start)
    old, new = a[start : len(a) - end], b[start : len(b) - end]
    before = a[start - 1] if start and _is_option(a[start - 1]) and "=" not in a[start - 1] else ""
    if len(old) != len(new):
        name = before if old and new else ""
        return [ArgumentChange(name, shlex.join(old) or None, shlex.join(new) or None)]
    found = []
    for x, y in zip(old, new, strict=True):
        if x != y:
            name, _, one = x.partition("=")
            other_name, _, other = y.partition("=")
            found.append(ArgumentChange(name, one, other) if name == other_name else ArgumentChange(before, x, y))
        before = x if x == y and _is_option(x) and "=" not in x else ""
    return found


def _program_changes(a: tuple[str, ...], b: tuple[str, ...]) -> Iterator[ArgumentChange]:
    if a[:1] != b[:1]:
        yield ArgumentChange(PROGRAM, a[0] if a else None, b[0] if b else None)
    yield from ordered_changes(a[1:-1], b[1:-1])
    if a[1:][-1:] != b[1:][-1:]:
        name = next((text for text in ("-m", "-c") if a[-2:-1] == b[-2:-1] == (text,)), SCRIPT)
        yield ArgumentChange(name, a[-1] if a[1:] else None, b[-1] if b[1:] else None)


def _by_name(side: Arguments) -> dict[str, list[Option]]:
    found: dict[str, list[Option]] = {}
    for option in side.options:
        found.setdefault(option.name, []).append(option)
    return found


def _compared(options: Sequence[Option], flags: set[str]) -> list[tuple[object, ...]]:
    """What must be equal. --lr=1 is --lr 1, but where the option is seen without a value, or has one dash."""
    return [
        (one.values, one.negated, one.joined and (one.name in flags or not one.name.startswith("--")))
        for one in options
    ]


def _order(side: Arguments, flags: set[str]) -> tuple[object, ...]:
    """What must be equal of places: words that may be no option's, and between which of them the options stand."""
    loose = [(word.behind, word.text) for word in side.words if not word.first or word.behind in flags]
    return loose, {name: [one.section for one in options] for name, options in _by_name(side).items()}


def _texts(a: Sequence[Option], b: Sequence[Option]) -> tuple[str | None, str | None]:
    old, new = (", ".join(map(_text, side)) if side else None for side in (a, b))
    if old == new:
        old, new = (" ".join(map(_spelled, side)) for side in (a, b))
    return old, new


def _text(option: Option) -> str:
    return shlex.join(option.values) if option.values and not option.negated else _spelled(option)


def _spelled(option: Option) -> str:
    name = f"--no-{option.name[2:]}" if option.negated else option.name
    values = shlex.join(option.values)
    return f"{name}={values}" if option.joined else f"{name} {values}".rstrip()
