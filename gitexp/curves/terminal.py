"""A plot as text for a terminal: plotille sets the dots, axes and their numbers are ours, in round steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

from gitexp.curves.lines import Line, Plot
from gitexp.curves.shaping import thin

if TYPE_CHECKING:
    from plotille import Canvas  # type: ignore[import-untyped]

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEAST_WIDTH = 30
_EMPTY = "\u2800"  # braille without a dot


class _Axis:
    """Values to places from 0 to 1, and the round numbers between."""

    def __init__(self, values: Sequence[float], *, log: bool) -> None:
        self.log = log
        known = [self._scaled(value) for value in values if isfinite(value) and (value > 0 or not log)] or [0.0]
        self.low, self.high = min(known), max(known)
        if self.high - self.low <= 1e-9 * abs(self.low):  # equal, to all that a tick can say
            pad = abs(self.low) * 0.1 or 1.0
            self.low, self.high = self.low - pad, self.high + pad
        self.span = self.high / 2 - self.low / 2  # half: the whole may be more than a float

    def _scaled(self, value: float) -> float:
        return log10(value) if self.log else value

    def place(self, value: float) -> float:
        return (self._scaled(value) / 2 - self.low / 2) / self.span

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Places and texts of at most so many round numbers."""
        if self.log:
            return self._powers(most)
        step = 10.0 ** floor(log10(self.span))
        while self.span * 2 / step > most:
            step *= 2.5 if f"{step:e}"[0] == "2" else 2
        digits = max(0, -floor(log10(step)))
        shown = "{:.3g}" if not 1e-4 <= max(abs(self.low), abs(self.high)) < 1e6 else f"{{:.{digits}f}}"
        first = ceil(self.low / step - 1e-9)
        found = [number * step for number in range(first, first + most + 2) if number * step <= self.high + step * 1e-9]
        return [(self._of(at), shown.format(at + 0.0)) for at in found]

    def _powers(self, most: int) -> list[tuple[float, str]]:
        """1, 2 and 5 of each power of ten where there is room, else 1 of some."""
        powers = range(floor(self.low), ceil(self.high) + 1)
        for steps in ((1, 2, 5), (1,)):
            logs = [power + log10(step) for power in powers for step in steps]
            logs = [one for one in logs if self.low - 1e-9 <= one <= self.high + 1e-9]
            if len(logs) <= most:
                break
        logs = logs[:: ceil(len(logs) / most)] if logs else [self.low, self.high]
        return [(self._of(one), f"{10**one:.3g}") for one in logs]

    def _of(self, scaled: float) -> float:
        return (scaled / 2 - self.low / 2) / self.span


def drawn(
    plot: Plot, *, width: int, height: int, colour: bool, paint: Callable[[str, str], str], plain: bool = False
) -> str:
    """The picture and its legend. Names must be safe to print. `plain`: the terminal has no braille."""
    from plotille import Canvas

    ys = [y for line in plot.lines for _, y in line.points]
    if plot.joined:
        spread = [one for line in plot.lines for one in line.band if one.sd]
        ys += [edge for one in spread for edge in (one.mean - (one.sd or 0), one.mean + (one.sd or 0))]
    x_axis = _Axis([x for line in plot.lines for x, _ in line.points], log=plot.log_x)
    y_axis = _Axis(ys, log=plot.log_y)
    rows = dict((round((height - 1) * (1 - at)), text) for at, text in y_axis.ticks(max(2, height // 3)))
    margin = max(map(len, rows.values()), default=0)
    columns = max(width - margin - 3, LEAST_WIDTH)
    dots_x, dots_y = 2 * columns - 1, 4 * height - 1  # between the first and the last
    canvas = Canvas(columns, height, 0, 0, 1 + 1 / dots_x, 1 + 1 / dots_y)
    several = len(plot.lines) > 1
    for number, line in enumerate(plot.lines):
        _draw(
            canvas,
            line,
            x_axis,
            y_axis,
            plot,
            LETTERS[number % len(LETTERS)] if several else "",
            _colour(number, colour),
        )
    picture = canvas.plot(linesep="\n").split("\n")
    if plain:
        picture = [_without_braille(row) for row in picture]
    text = f"{plot.metric}{' (log)' if plot.log_y else ''}\n"
    for at, row in enumerate(picture):
        edge = "|" if plain else "┤" if at in rows else "│"
        text += f"{rows.get(at, ''):>{margin}} {edge}{row.replace(_EMPTY, ' ')}".rstrip() + "\n"
    text += _below(x_axis, columns, margin, f"{plot.x}{' (log)' if plot.log_x else ''}", plain)
    return text + "".join(_legend(plot, colour, paint))


def _colour(number: int, colour: bool) -> str | None:
    return COLOURS[number % len(COLOURS)] if colour else None


def _draw(
    canvas: Canvas, line: Line, x_axis: _Axis, y_axis: _Axis, plot: Plot, letter: str, colour: str | None
) -> None:
    known = [(x_axis.place(x), y_axis.place(y) if isfinite(y) else y) for x, y in line.points]
    if not plot.joined:
        for x, y in known:
            if isfinite(y):
                canvas.point(x, y, color=colour, marker="o")
    else:
        points = thin(known, canvas.width * 6)
        for (x, y), (right_x, right_y) in itertools.pairwise(points):
            if isfinite(y) and isfinite(right_y):
                canvas.line(x, y, right_x, right_y, color=colour)
        for x, y in points:
            if isfinite(y):
                canvas.point(x, y, color=colour)
    for one in line.band[:: max(1, len(line.band) // canvas.width)]:
        for edge in (one.mean - (one.sd or 0), one.mean + (one.sd or 0)):
            if one.sd and (edge > 0 or not plot.log_y) and 0 <= (at := y_axis.place(edge)) <= 1:
                canvas.point(x_axis.place(one.x), at, color=colour)
    marked = [(x, y) for x, y in known if isfinite(y)]
    if letter and marked and plot.joined:
        lines = len(plot.lines)
        every = max(len(marked) // 4, min(lines, len(marked)))
        shift = plot.lines.index(line) * every // lines  # so that those of lines that run together are all seen
        for x, y in marked[shift::every]:
            canvas.point(x, y, color=colour, marker=letter)


def _below(axis: _Axis, columns: int, margin: int, name: str, plain: bool) -> str:
    rule, numbers = ["-" if plain else "─"] * columns, [" "] * (columns + 1)
    end = -1
    for at, text in axis.ticks(max(2, columns // 12)):
        place = round(at * (2 * columns - 1)) // 2
        start = min(max(place - len(text) // 2, 0), columns - len(text))
        if start <= end:
            continue
        rule[place] = "+" if plain else "┬"
        numbers[start : start + len(text)] = text
        end = start + len(text)
    blank = " " * (margin + 1)
    return f"{blank}{'+' if plain else '└'}{''.join(rule)}\n{blank} {''.join(numbers).rstrip()}\n{blank} {name}\n"


def _legend(plot: Plot, colour: bool, paint: Callable[[str, str], str]) -> Iterator[str]:
    for number, line in enumerate(plot.lines):
        mark = LETTERS[number % len(LETTERS)] if len(plot.lines) > 1 else " "
        last = next((y for _, y in reversed(line.points) if isfinite(y)), None)
        end = "" if last is None or not plot.joined else f"  last {last:.4g}"
        yield f"{paint(mark, _colour(number, colour) or '')} {line.name}{end}\n"


def _without_braille(row: str) -> str:
    """Dots as `.`, `'` and `:`, by the half of the character that they are in."""
    return "".join(_dots(ord(char) - 0x2800) if 0x2800 <= ord(char) < 0x2900 else char for char in row)


def _dots(bits: int) -> str:
    upper, lower = bits & 0b00011011, bits & 0b11100100
    return (":" if upper and lower else "'" if upper else ".") if bits else " "
