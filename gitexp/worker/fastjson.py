"""JSON text to values and back, without the 8 ms that `import json` takes under -I -S (it loads re and enum).

The C functions below are what the json module itself calls; where they are missing or differ, it serves.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing it from typing would cost 10 ms
if TYPE_CHECKING:
    from typing import Any


class _Settings:
    """What the C scanner asks of a decoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float  # NaN, Infinity, -Infinity


def loads(text: str) -> Any:
    """Parse one document. Raises ValueError."""
    try:
        from _json import make_scanner

        scan = make_scanner(_Settings)  # type: ignore[arg-type]
    except (ImportError, TypeError, AttributeError):
        import json

        return json.loads(text)
    stripped = text.strip(" \t\r\n")
    try:
        value, end = scan(stripped, 0)
    except StopIteration:
        raise ValueError("no JSON document") from None
    if end != len(stripped):
        raise ValueError("more than one JSON document")
    return value


def dumps(value: object) -> str:
    """The text of a document made of dicts, lists, strings, numbers, booleans and None."""
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(None, str, encode_basestring_ascii, None, ": ", ", ", False, False, True)
        return "".join(encode(value, 0))
    except (ImportError, TypeError):
        import json

        return json.dumps(value)
