"""A command that trains several times, as a line of shell that starts each training by itself."""

from __future__ import annotations

import subprocess

import pytest

from gitexp.cli.separately import separately


@pytest.mark.parametrize(
    ("argv", "count", "line"),
    [
        (
            ["t.py", "--seeds", "0", "1", "--lr", "0.1"],
            2,
            'for seeds in 0 1; do x -- t.py --seeds "$seeds" --lr 0.1; done',
        ),
        (["t.py", "--seeds=0,1"], 2, 'for seeds in 0 1; do x -- t.py --seeds="$seeds"; done'),
        (["t.py", "-m", "o.lr=0.1,0.01", "b=1"], 2, 'for lr in 0.1 0.01; do x -- t.py o.lr="$lr" b=1; done'),
        (
            ["t.py", "--multirun", "lr=1,2", "wd=3,4"],
            4,
            'for lr in 1 2; do for wd in 3 4; do x -- t.py lr="$lr" wd="$wd"; done; done',
        ),
        (
            ["t.py", "--seeds", "0", "1", "--sizes", "1", "2", "3"],
            2,
            'for seeds in 0 1; do x -- t.py --seeds "$seeds" --sizes 1 2 3; done',
        ),
        (["t.py", "--seeds", "0", "1"], 3, None),
        (["t.py"], 2, None),
        (["t.py", "a.lr=1,2", "b.lr=1,2"], 4, None),  # two of one name
    ],
)
def test_each_value_gets_a_command_of_its_own(argv: list[str], count: int, line: str | None) -> None:
    assert separately(argv, count, start="x --") == line


def test_the_shell_gives_each_command_its_words() -> None:
    line = separately(["a b", "--names", "it's", "$HOME"], 2, start="printf '%s|'")
    assert line is not None
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "a b|--names|it's|a b|--names|$HOME|"
