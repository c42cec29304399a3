"""Runs to the lines of a plot, whatever numbers they logged."""

from __future__ import annotations

from math import inf, nan

import pytest

from gitexp.curves.lines import Plot, Subject, labels, plot
from gitexp.curves.series import RunHistory
from gitexp.curves.terminal import drawn

TINY, VAST = 5e-324, 1.7e308


def subject(name: str, *values: float, alike: str = "", **settings: object) -> Subject:
    history = RunHistory(range(len(values)), [None] * len(values), (), {"loss": values}, len(values))
    return Subject(name, name, settings, {"loss": values[-1]}, alike, history)


def picture(found: Plot, *, width: int = 60, plain: bool = False) -> str:
    return drawn(found, width=width, height=8, colour=False, paint=lambda text, style: text, plain=plain)


@pytest.mark.parametrize(
    "values", [(0.0, 0.0), (VAST, -VAST, 1.0), (TINY, 0.0), (0.1, 0.1 + 1e-17), (nan, 1.0, inf), (1e16, 1e16 + 2)]
)
@pytest.mark.parametrize("log", [False, True])
def test_any_number_can_be_drawn_and_none_takes_more_room(values: tuple[float, ...], log: bool) -> None:
    found = plot("loss", [subject("a", 1.0, *values), subject("b", 2.0, *values)], grouped=False, log_y=log, log_x=log)
    assert max(map(len, picture(found).splitlines())) <= 60


def test_what_cannot_be_drawn_is_counted() -> None:
    found = plot("loss", [subject("a", 1.0, nan, VAST, -1.0)], log_y=True)
    assert found.notes == ["3 values are not a number, not above 0 or beyond 1e300: gaps"]
    found = plot("loss", [subject("a", 1.0, 2.0)], log_x=True)
    assert found.notes == ["1 point left out, whose step is not above 0, or beyond 1e300"]


def test_a_name_has_what_differs_and_the_seed_last() -> None:
    runs = [
        subject("a", 1.0, seed=1, **{"optim.lr": 0.1, "k": 2}),
        subject("b", 1.0, seed=2, **{"optim.lr": 0.2, "k": 2}),
    ]
    assert labels(runs) == ["a lr=0.1 seed=1", "b lr=0.2 seed=2"]
    groups = [subject("a", 1.0, alike="x", seed=1), subject("b", 1.0, alike="x", seed=2), subject("c", 1.0, alike="y")]
    assert labels(groups, grouped=True) == ["2 runs", "2 runs", "c"]


def test_steps_that_were_not_logged_are_counted_and_it_says_so() -> None:
    history = RunHistory([None, None], [1.0, 2.0], (), {"loss": [5, 6]}, 2)
    found = plot("loss", [Subject("a", "a", {}, {}, "", history)])
    assert (found.x, found.lines[0].points) == ("values logged, counted: no steps were", [(1.0, 5.0), (2.0, 6.0)])
