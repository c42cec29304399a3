"""What `-s KEY=VALUE` says: TOML where the whole of it is TOML, else text.

What was typed is what is stored. Where it reads like something that it is not (`False`, `.5`, `[a,b]`), nothing is
guessed: `not_quite_toml` says what to write.
"""

from __future__ import annotations

from typing import Any

from gitexp.spec.placeholders import Misplaced, parse
from gitexp.text import toml
from gitexp.text.schema import scalar

_NULLS = frozenset(("None", "null", "Null", "NULL", "~"))


def split_override(typed: str) -> tuple[str, str | None]:
    """Key and value of `key=value`; an = inside a quoted part belongs to the key. No =: the value is None.

    The blanks of `key = value` belong to neither; those of `key= value` are the value's.
    """
    quote = ""
    for index, char in enumerate(typed):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "=":
            key, value = typed[:index], typed[index + 1 :]
            return key, value.lstrip(" ") if key.endswith(" ") else value
    return typed, None


def read_toml(text: str) -> Any | None:
    """The value that the text is in TOML, comments apart; None (which TOML has not) where it is none."""
    try:
        table = toml.loads(f"v = {text}", parse_float=_exact)
        toml.loads(f"v = [{text}]")  # a comment in it would swallow the bracket, and be lost without a word
    except (ValueError, OverflowError, RecursionError):
        return None
    # A line break in it could smuggle in another key.
    return table["v"] if len(table) == 1 else None


def not_quite_toml(text: str) -> str | None:
    """What to write instead of a text that reads like a boolean, a number, a null or an array, and is none in TOML."""
    word = text.strip()
    if word in _NULLS:
        return "TOML has no null"
    if word[:1] + word[-1:] in ("[]", "{}") and not _has_placeholders(word):
        return "text in an array or table stands in quotes"
    try:
        written = toml_of(word)
    except OverflowError:
        return "no double holds this number"
    return written and f"TOML writes {written}"


def toml_of(word: str) -> str | None:
    """How TOML writes the boolean or number of another language. Raises OverflowError where no double holds it."""
    if word.lower() in ("true", "false"):
        return word.lower()
    for reads in (int, _exact):
        try:
            return scalar(reads(word))
        except ValueError:
            continue
    return None


def _exact(text: str) -> float:
    """A float that has not become infinite or zero on the way. Raises ValueError or OverflowError."""
    value = float(text)
    lost = "inf" not in text.lower() if value in (float("inf"), float("-inf")) else value == 0
    if lost and any(char in "123456789" for char in text.lower().partition("e")[0]):
        raise OverflowError(text)
    return value


def _has_placeholders(text: str) -> bool:
    try:
        return any(isinstance(part, tuple) for part in parse(text))
    except Misplaced:
        return False
