"""Tables whose long cells are folded at blanks, and TOML in colours, by rich: for pages that people read at leisure.

What is read often and fast (`log`, `show`, `diff`) has `render.table`, which cuts instead and takes no 60 ms to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from gitexp.cli.render import Cell, Column, Screen

if TYPE_CHECKING:
    from rich.console import RenderableType

UNBOUNDED = 10_000  # columns, where nothing says how wide a line may be


def folded(columns: Sequence[Column], rows: Iterable[Sequence[Cell | Sequence[Cell]]], *, on: Screen) -> str:
    """Rows under their names, where they have any; several cells in one place follow each other there.

    A column with a `least` is folded where there is no room; others are whole.
    """
    from rich.table import Table
    from rich.text import Text

    named = any(column.name for column in columns)
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=named, header_style="dim")
    for column in columns:
        # Not parsed for markup: every word may be a stranger's.
        grid.add_column(Text(column.name), overflow="fold", no_wrap=not column.least)
    for row in rows:
        parts = ([cell] if isinstance(cell, Cell) else cell for cell in row)
        grid.add_row(*(Text.assemble(*((one.text, one.style) for one in cells)) for cells in parts))
    return _printed(grid, on=on)


def coloured_toml(text: str, *, on: Screen) -> str:
    """TOML as it is, its comments dim and its keys and values in colours where the screen has them."""
    if not on.colour:
        return text
    from rich.syntax import Syntax

    page = Syntax("", "toml", theme="ansi_dark").highlight(text)
    page.rstrip()
    return _printed(page, on=on._replace(width=None))


def _printed(page: RenderableType, *, on: Screen) -> str:
    from rich.console import Console

    file = StringIO()
    Console(
        file=file,
        width=on.width or UNBOUNDED,
        color_system="standard" if on.colour else None,
        force_terminal=on.colour,
        no_color=not on.colour,
        highlight=False,
        legacy_windows=False,
    ).print(page)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())
