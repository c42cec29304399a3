"""The text of a `.dvc` file to what it names. DVC writes YAML; this reads the part of YAML that DVC writes, strictly.

Mappings, lists and scalars, in blocks by indentation; plain, 'single' and "double" quoted scalars; plain ones may go on
in the next line; comments. No anchors, tags, flow collections or literal blocks: those are refused, never guessed at.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from gitexp.errors import Refused

LARGEST = 1 << 20
MOST_DEPTH = 20
_KEY = r"(?P<key>[A-Za-z_][\w-]*):(?: +(?P<value>.*))?"
_OID = r"[0-9a-f]{32}(?:\.dir)?"
# What would be the beginning of something else than a plain scalar.
_NOT_PLAIN = tuple("&*!|>{}[]%@`\"'")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "/": "/", "0": "\0", "e": "\x1b", " ": " "}
_ESCAPE = r'\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ntr\\"/0e ])'


class DvcOut(NamedTuple):
    """What a `.dvc` file names."""

    path: str  # relative to the folder of the file
    md5: str  # 32 hexadecimal digits; of the list of files, for a folder
    is_folder: bool
    size: int | None
    files: int | None
    dos2unix: bool  # before DVC 3, text was hashed with LF for CR LF


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


class _Wrong(Exception):
    """`number` is that of a line, 0: of the whole."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(what)
        self.number = number


def load_dvc(content: bytes, *, where: str) -> DvcOut:
    """Parse a `.dvc` file. Raises Refused as `where:line: what`."""
    try:
        if len(content) > LARGEST:
            raise _Wrong(0, f"larger than {LARGEST} bytes")
        table = _document(content.decode("utf-8"))
        return _out(table)
    except UnicodeDecodeError as error:
        raise Refused(f"{where} is not UTF-8") from error
    except _Wrong as error:
        place = f"{where}:{error.number}" if error.number else where
        raise Refused(
            f"{place}: {error}",
            why="gitexp reads .dvc files as `dvc add` writes them.",
            fix="dvc checkout, and name the data itself as the dataset's path",
        ) from error


def _out(table: Any) -> DvcOut:
    outs = table.get("outs") if isinstance(table, dict) else None
    if not isinstance(outs, list) or not all(isinstance(out, dict) for out in outs):
        raise _Wrong(0, "names no outs")
    if len(outs) != 1:
        raise _Wrong(0, f"names {len(outs)} outs; a dataset is one")
    out = outs[0]
    for key, what in (("files", "cloud-versioned data"), ("version_id", "cloud-versioned data")):
        if key in out:
            raise _Wrong(0, f"{what} ({key}) is not understood")
    if out.get("hash", "md5") != "md5":
        raise _Wrong(0, f"a hash other than md5: {out['hash']}")
    path, md5 = out.get("path"), out.get("md5")
    if not isinstance(path, str) or not path or "\0" in path:
        raise _Wrong(0, "the out has no path")
    if not isinstance(md5, str) or not re.fullmatch(_OID, md5):
        raise _Wrong(0, "the out has no md5 of 32 hexadecimal digits")
    wdir = table.get("wdir", ".")
    return DvcOut(
        path=path if wdir == "." else f"{wdir}/{path}",
        md5=md5.removesuffix(".dir"),
        is_folder=md5.endswith(".dir"),
        size=_number(out, "size"),
        files=_number(out, "nfiles"),
        dos2unix="hash" not in out,
    )


def _number(out: dict[str, Any], key: str) -> int | None:
    value = out.get(key)
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,18}", value):
        raise _Wrong(0, f"{key} is not a number: {value}")
    return int(value)


# ---- YAML, as far as DVC writes it


def _document(text: str) -> Any:
    lines = []
    for number, line in enumerate(re.split(r"\r\n?|\n", text.removeprefix("\ufeff")), 1):
        stripped = line.lstrip(" ")
        if stripped.startswith("\t"):
            raise _Wrong(number, "a tab as indentation")
        if stripped and not stripped.startswith("#"):
            lines.append(_Line(number, len(line) - len(stripped), stripped.rstrip()))
    if lines and lines[0].text == "---":
        lines.pop(0)
    if not lines:
        return {}
    value, at = _block(lines, 0, 0)
    if at < len(lines):
        raise _Wrong(lines[at].number, "indented otherwise than what is around it")
    return value


def _block(lines: list[_Line], at: int, depth: int) -> tuple[Any, int]:
    if depth > MOST_DEPTH:
        raise _Wrong(lines[at].number, "nested too deeply")
    is_item = lines[at].text == "-" or lines[at].text.startswith("- ")
    return _list(lines, at, depth) if is_item else _mapping(lines, at, depth)


def _list(lines: list[_Line], at: int, depth: int) -> tuple[list[Any], int]:
    indent = lines[at].indent
    items: list[Any] = []
    while at < len(lines) and lines[at].indent == indent and lines[at].text.startswith("-"):
        line = lines[at]
        rest = line.text[1:].lstrip(" ")
        if line.text[1:2] not in (" ", ""):
            raise _Wrong(line.number, f"not understood: {line.text}")
        if not rest:
            raise _Wrong(line.number, "an empty item")
        if re.fullmatch(_KEY, rest):
            # The item's mapping begins in this line, further in.
            lines[at] = _Line(line.number, indent + len(line.text) - len(rest), rest)
            value, at = _block(lines, at, depth + 1)
        else:
            value, at = _scalar(rest, lines, at + 1, indent)
        items.append(value)
    return items, at


def _mapping(lines: list[_Line], at: int, depth: int) -> tuple[dict[str, Any], int]:
    indent = lines[at].indent
    table: dict[str, Any] = {}
    while at < len(lines) and lines[at].indent == indent:
        line = lines[at]
        match = re.fullmatch(_KEY, line.text)
        if match is None:
            raise _Wrong(line.number, f"not understood: {line.text}")
        key, rest = match["key"], match["value"] or ""
        if key in table:
            raise _Wrong(line.number, f"{key} stands twice")
        at += 1
        if rest and not rest.startswith("#"):
            table[key], at = _scalar(rest, lines, at, indent)
        elif at < len(lines) and _is_below(lines[at], indent):
            table[key], at = _block(lines, at, depth + 1)
        else:
            table[key] = None
    return table, at


def _is_below(line: _Line, indent: int) -> bool:
    """Whether the line belongs to a key at `indent`: a list may stand as far left as its key."""
    return line.indent > indent or (line.indent == indent and (line.text == "-" or line.text.startswith("- ")))


def _scalar(rest: str, lines: list[_Line], at: int, indent: int) -> tuple[str, int]:
    number = lines[at - 1].number
    while at < len(lines) and lines[at].indent > indent:
        rest, at = f"{rest} {lines[at].text}", at + 1
    if rest.startswith("'"):
        match = re.fullmatch(r"'((?:[^']|'')*)'(?: +#.*)?", rest)
        if match is None:
            raise _Wrong(number, f"a quote that does not end: {rest}")
        return match[1].replace("''", "'"), at
    if rest.startswith('"'):
        match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"(?: +#.*)?', rest)
        if match is None:
            raise _Wrong(number, f"a quote that does not end: {rest}")
        return _unescape(match[1], number), at
    plain = rest.partition(" #")[0].rstrip()
    if plain.startswith(_NOT_PLAIN) or plain in ("-", "?", ":") or plain.startswith(("- ", "? ", ": ")):
        raise _Wrong(number, f"not understood: {plain}")
    if ": " in plain or plain.endswith(":"):
        raise _Wrong(number, f"not understood: {plain}")
    return plain, at


def _unescape(text: str, number: int) -> str:
    if "\\" in re.sub(_ESCAPE, "", text):
        raise _Wrong(number, f'an escape that is not understood: "{text}"')
    try:
        return re.sub(_ESCAPE, lambda match: _ESCAPES.get(match[1]) or chr(int(match[1][1:], 16)), text)
    except (ValueError, OverflowError) as error:
        raise _Wrong(number, f'an escape that is no character: "{text}"') from error
