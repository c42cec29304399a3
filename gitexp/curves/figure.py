"""A plot as svg, png or pdf, by matplotlib, which is an extra. The same plot gives the same bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from gitexp.curves.lines import Plot
from gitexp.errors import GitexpError

KINDS = ("svg", "png", "pdf")


def kind_of(path: Path) -> str:
    """By the ending of its name. Raises GitexpError."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise GitexpError(f"{path}: a plot is written as .svg, .png or .pdf", fix=f"-o {path.with_suffix('.svg')}")
    return kind


def picture(plot: Plot, kind: str) -> bytes:
    """The bytes of the file. Names are drawn as they are: nothing in them is markup. Raises GitexpError."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise GitexpError(
            "Pictures are drawn by matplotlib, which is not installed", fix="pip install 'gitexp[plot]'"
        ) from error
    from warnings import catch_warnings, simplefilter

    # A matplotlibrc of the repository may ask for LaTeX, which would execute what is in a name.
    settings = {**matplotlib.rcParamsDefault, "svg.hashsalt": "gitexp", "text.usetex": False}
    settings = {name: value for name, value in settings.items() if not name.startswith("backend")}
    with catch_warnings(), matplotlib.rc_context(settings):
        simplefilter("ignore")  # letters that the font does not have
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        _draw(figure.add_subplot(), plot)
        stream = BytesIO()
        nothing = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
        figure.savefig(stream, format=kind, dpi=150, metadata=nothing)
    return stream.getvalue()


def _draw(axes: Any, plot: Plot) -> None:
    styles = ("-", "--", "-.", ":")
    handles = []
    for number, line in enumerate(plot.lines):
        xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
        band = [(one.x, one.mean, one.sd or 0.0) for one in line.band]
        if plot.joined:
            (handle,) = axes.plot(xs, ys, styles[number // 10 % 4], marker="." if len(xs) < 30 else "", linewidth=1.4)
            if band:
                at, low, high = zip(*((x, mean - sd, mean + sd) for x, mean, sd in band), strict=True)
                axes.fill_between(at, low, high, alpha=0.2, color=handle.get_color(), linewidth=0)
        else:
            handle = axes.scatter(xs, ys, s=22)
            if band:
                axes.errorbar(*zip(*band, strict=True), capsize=3, linewidth=1)  # x, y, and its error
        handles.append(handle)
    axes.set_xlabel(plot.x, parse_math=False)
    axes.set_ylabel(plot.metric, parse_math=False)
    axes.set_xscale("log" if plot.log_x else "linear")
    axes.set_yscale("log" if plot.log_y else "linear")
    axes.grid(alpha=0.3)
    if len(handles) > 1:
        legend = axes.legend(handles, [f"{line.name}" for line in plot.lines], fontsize="small")
        for text in legend.get_texts():
            text.set_parse_math(False)
