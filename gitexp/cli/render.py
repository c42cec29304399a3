"""Turn text that came with a record into text that a terminal cannot misunderstand, and plain data into columns.

Colours are the eight basic ones with bold and dim, which light and dark terminals both show well. Text from a record
is escaped by `safe` and never parsed for markup. The tables are ours: importing what rich needs for one takes 23 ms, a
quarter of what `gitexp diff` may take, and it folds where a narrow table had better leave something out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click

BASIC_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
    "strike": "9",
}  # fmt: skip
# Marks that reorder text, hide in it or break lines, and letters that are blank: with them a record could make itself
# look like something else, or two names like one. Joiners and variation selectors are part of scripts and emoji.
_HIDDEN = {0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x3164}
_HIDDEN |= {*range(0x180B, 0x1810), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xFFA0}
_HIDDEN |= {*range(0xFFF9, 0xFFFC), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0080)}
_GAP = "  "
AHEAD_S = 60.0  # events are dated after what they answer, so the newest may lie a little ahead
VALUE_LIMIT = 400  # characters of one value on a page; JSON has all of it


def safe(text: str, *, lines: str = "escaped") -> str:
    """Text with control characters, surrogates, bidi marks and line separators shown as escapes like `\\x1b`.

    `lines="kept"` lets line feeds and tabs through, for text that is shown as a block.
    """
    if text.isascii() and text.isprintable():
        return text
    keep = "\n\t" if lines == "kept" else ""
    return "".join(c if c in keep else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0x20 <= code < 0x7F or (code >= 0xA0 and not 0xD800 <= code < 0xE000 and code not in _HIDDEN):
        return char
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    if short:
        return short
    if 0xDC80 <= code < 0xDD00:
        code &= 0xFF  # a byte that was not UTF-8
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def coloured(text: str, colour: str | None) -> str:
    """Text for stderr in one of the eight colours, unless NO_COLOR asks for none. (Where it is no terminal, click
    takes the colour off again.)"""
    return text if colour is None or os.environ.get("NO_COLOR") else click.style(text, fg=colour)


class Cell(NamedTuple):
    """One piece of text and how it looks: colour names separated by blanks. The text is already safe."""

    text: str
    style: str = ""


class Column(NamedTuple):
    """A column of a table. Where there is no room it is cut down to `least`; at 0 it is never cut."""

    name: str
    right: bool = False
    least: int = 0


class Screen(NamedTuple):
    """Where output goes: how wide it is (None: as wide as the text), and whether colours are shown."""

    width: int | None
    height: int | None
    colour: bool

    def paint(self, text: str, style: str) -> str:
        """Text in a style, where there are colours."""
        if not self.colour or not style or not text:
            return text
        return f"\x1b[{';'.join(BASIC_STYLES[name] for name in style.split())}m{text}\x1b[0m"


def screen(settings: Mapping[str, str]) -> Screen:
    """What stdout is. `settings` is git's configuration: `color.ui` is heeded as git does."""
    wanted = "never" if os.environ.get("NO_COLOR") else settings.get("color.ui", "auto").lower()
    if not sys.stdout.isatty():
        return Screen(None, None, wanted == "always")
    colour = os.environ.get("TERM", "") not in ("", "dumb") and wanted not in ("never", "false", "no", "off")
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
        columns, height = size.columns or 80, size.lines or 24
    except (OSError, ValueError):
        columns, height = 80, 24
    given = os.environ.get("COLUMNS", "")
    return Screen(int(given) if given.isdigit() and int(given) > 0 else columns, height, colour)


def can_show(text: str) -> bool:
    """Whether stdout's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def text_width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if _is_narrow(text):
        return len(text)
    from rich.cells import cell_len  # knows wide letters, combining marks and joined emoji

    return cell_len(text)


def _is_narrow(text: str) -> bool:
    """Whether each character surely takes one column: Latin letters, and the signs that our own pages use."""
    return text.isascii() or all(char < "\u0300" or char in "→…–Δ▁▂▃▄▅▆▇█" for char in text)


def cut(text: str, width: int) -> str:
    """Text shortened to a width, with an ellipsis where something is missing."""
    if text_width(text) <= width:
        return text
    if width <= 0:
        return ""
    if _is_narrow(text):
        return text[: width - 1].rstrip("…") + "…"
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip("… ") + "…"


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, on: Screen, indent: str = "") -> str:
    """Rows under a header line. On a terminal the widest columns that may be cut are cut until a row fits."""
    body = [list(row) for row in rows]
    widths = [text_width(column.name) for column in columns]
    for row in body:
        widths = [max(width, text_width(cell.text)) for width, cell in zip(widths, row, strict=True)]
    if on.width is not None:
        widths = _shrunk(widths, columns, on.width - len(indent) - len(_GAP) * (len(columns) - 1))
    header = [Cell(column.name, "dim") for column in columns] if any(column.name for column in columns) else None
    lines = ([header] if header else []) + body
    return "".join(f"{indent}{_line(line, columns, widths, on=on)}\n" for line in lines)


def _shrunk(widths: list[int], columns: Sequence[Column], room: int) -> list[int]:
    widths = list(widths)
    while sum(widths) > room:
        spare = [(width - column.least, i) for i, (width, column) in enumerate(zip(widths, columns, strict=True))]
        spare = [(extra, i) for extra, i in spare if columns[i].least and extra > 0]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
    return widths


def _line(row: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], *, on: Screen) -> str:
    parts = []
    for i, (cell, column, width) in enumerate(zip(row, columns, widths, strict=True)):
        text = cut(cell.text, width) if column.least else cell.text
        blank = " " * (width - text_width(text))
        painted = on.paint(text, cell.style)
        last = i == len(widths) - 1
        parts.append(blank + painted if column.right else painted if last else painted + blank)
    return _GAP.join(parts).rstrip()


def wrap(text: str, *, on: Screen, indent: str = "", style: str = "") -> str:
    """A paragraph broken at blanks to the width of the screen."""
    width = (on.width or 100) - len(indent)
    lines, current = [], ""
    for word in text.split(" "):
        if current and text_width(current) + 1 + text_width(word) > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return "".join(on.paint(f"{indent}{line}", style) + "\n" for line in [*lines, current])


def number(value: float | int | None) -> str:
    """A metric for people: four significant digits, integers whole, `-` for none."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4g}"


def value(thing: Any, *, limit: int = VALUE_LIMIT) -> str:
    """A recipe's value in one line, safe, cut where it is longer than `limit`: strings bare, the rest as in TOML."""
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, str):
        text = safe(thing if len(thing) <= limit else f"{thing[:limit]}…")
        return text if thing.strip() == thing and thing else f'"{text}"'
    if isinstance(thing, list | tuple):
        return f"[{_joined((value(item, limit=limit) for item in thing), limit)}]"
    if isinstance(thing, dict):
        pairs = (f"{safe(str(key)[:limit])} = {value(item, limit=limit)}" for key, item in thing.items())
        return f"{{{_joined(pairs, limit)}}}"
    return safe(str(thing))


def _joined(parts: Iterable[str], limit: int) -> str:
    text = ""
    for part in parts:
        if len(text) > limit:
            return f"{text}, …"
        text = f"{text}, {part}" if text else part
    return text


def duration(seconds: float | None) -> str:
    """A time span for people: `34 ms`, `0.4 s`, `12 s`, `3m 05s`, `2h 10m`, `3d 4h`."""
    if seconds is None or seconds != seconds or abs(seconds) > 1e12:
        return "-"
    if 0 < seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def size(count: int | None) -> str:
    """Bytes for people, in powers of 1,000."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def ago(then: float, *, now: float) -> str:
    """When, for people, in at most seven columns: `50s ago`, `3h ago`, `2w ago`; the date where it lies ahead."""
    passed = now - then
    if -AHEAD_S < passed < 0:
        passed = 0.0
    if passed < 0:
        return stamp(then)[:10]  # another machine's clock
    for unit, seconds, limit in (("s", 1, 60), ("m", 60, 60), ("h", 3600, 24), ("d", 86400, 14), ("w", 604800, 100)):
        if passed < seconds * limit:
            return f"{passed // seconds:.0f}{unit} ago"
    return f"{passed // 31557600:.0f}y ago"


def stamp(then: float) -> str:
    """A time in UTC to the second: `2026-11-21 09:18:19Z`."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "unknown"
