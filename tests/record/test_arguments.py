"""Command lines, taken apart and compared."""

from __future__ import annotations

import shlex

import pytest

from gitexp.record.arguments import ORDER, PROGRAM, SCRIPT, Option, argument_changes, arguments

Change = tuple[str, str | None, str | None]


def test_a_command_line_is_its_program_its_options_and_its_words() -> None:
    found = arguments(["python", "-u", "train.py", "data", "--lr", "0.1", "-b=32", "--no-amp", "opt.lr=3", "--", "--x"])
    assert found.program == ("python", "-u", "train.py")
    assert [word.text for word in found.words] == ["data", "0.1"]
    assert found.rest == ("--x",)
    assert found.options == (
        Option("--lr", ("0.1",), 4, section=1),
        Option("-b", ("32",), 6, joined=True, section=1),
        Option("--amp", (), 7, negated=True, section=1),
        Option("--amp opt.lr", ("3",), 8, joined=True, section=1),
    )


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("python train.py x", 2),
        ("python3.11 train --lr 1", 2),
        ("python -m pkg.train --lr 1", 3),
        ("python -c print(1) x", 3),
        ("/env/bin/python -u train.py -u", 3),
        ("torchrun --nproc_per_node 2 train.py --lr 1", 4),
        ("uv run --with torch python train.py --lr 1", 6),
        ("uv run train --lr 1", 1),
        ("Rscript fit.R 3", 2),
        ("./train --config a.py", 1),
        ("", 0),
        ("python", 1),
    ],
)
def test_the_program_ends_with_its_script(line: str, program: int) -> None:
    assert len(arguments(line.split()).program) == program


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python t.py --lr 0.1 --seed 1", "python t.py --seed 1 --lr 0.1"),
        ("t --lr=0.1", "t --lr 0.1"),
        ("t --amp --compile", "t --compile --amp"),
        ("t lr=1 +opt.wd=2 ~x=3", "t ~x=3 +opt.wd=2 lr=1"),
        ("t -s lr=1 -s wd=2", "t -s wd=2 -s lr=1"),
        ("t -m lr=1,2 seed=3", "t -m seed=3 lr=1,2"),
        ("t -lr 0.1 -b 3", "t -b 3 -lr 0.1"),
        ("t --low -1 --high -1e3", "t --high -1e3 --low -1"),
        ("t --low -inf --high -.5", "t --high -.5 --low -inf"),
        ("t data --lr 1 --wd 2", "t data --wd 2 --lr 1"),
        ("t --layers 64 64 --lr 1", "t --lr 1 --layers 64 64"),
        ("t --data a --lr 1 --data b", "t --lr 1 --data a --data b"),
    ],
)
def test_the_same_options_in_another_order_are_the_same(old: str, new: str) -> None:
    assert argument_changes(old.split(), new.split()) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("t --lr 0.1 --seed 1", "t --seed 2 --lr 0.3", [("--seed", "1", "2"), ("--lr", "0.1", "0.3")]),
        ("t --lr=1 x", "t --lr=2 x", [("--lr", "1", "2")]),
        ("t a --b", "t a", [("--b", "--b", None)]),
        ("t", "t --b 3", [("--b", None, "3")]),
        ("t a a", "t a", [("", "a", None)]),
        ("t --lr 1 2", "t --lr 3", [("--lr", "1 2", "3")]),
        ("t --adam", "t --sgd", [("--sgd", None, "--sgd"), ("--adam", "--adam", None)]),
        ("t --amp", "t --no-amp", [("--amp", "--amp", "--no-amp")]),
        ("t --resume", "t --resume x.pt", [("--resume", "--resume", "x.pt")]),
        ("t --low -1", "t --low -2", [("--low", "-1", "-2")]),
        ("t lr=1 model.d=64", "t model.d=128 lr=1", [("model.d", "64", "128")]),
        ("t -s lr=1", "t -s lr=2 -s wd=1", [("-s lr", "1", "2"), ("-s wd", None, "1")]),
        ("t --data a --data b", "t --data b --data a", [("--data", "a, b", "b, a")]),
        ("t --data a --data b", "t --data a b", [("--data", "a, b", "a b")]),
        ("t x y", "t y x", [("", "x", "y"), ("", "y", "x")]),
        ("t -- --lr 1", "t -- --lr 2", [("--lr", "1", "2")]),
        ("t -- x", "t x --", [("", None, "x"), ("", "x", None)]),
        ("python t.py", "/env/bin/python u.py", [(PROGRAM, "python", "/env/bin/python"), (SCRIPT, "t.py", "u.py")]),
        ("python -u t.py", "python t.py -u", [("", "-u", None), ("-u", None, "-u")]),
        ("torchrun --n 2 t.py --x", "torchrun --n 4 t.py --x", [("--n", "2", "4")]),
        ("t db/engine=a", "t db/engine=b", [("db/engine", "a", "b")]),
        ("", "", []),
    ],
)
def test_what_differs_is_named(old: str, new: str, found: list[Change]) -> None:
    assert argument_changes(old.split(), new.split()) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("t --flag data", "t data --flag"),  # its value, or an argument beside it
        ("t --flag x y --other z", "t --flag x --other z y"),
        ("t --a x y --b z w", "t --b z w --a x y"),  # y, w or w, y
        ("t --verbose a --force b --verbose --force", "t --force b --verbose a --verbose --force"),  # flags, it seems
        ("t --no-cache a --no-proxy b", "t --no-proxy b --no-cache a"),
        ("t -lr=1", "t -lr 1"),  # of one dash, it may be -l r=1
        ("t --color --color=always", "t --color --color always"),
        ("t run --lr=1 eval", "t --lr=1 run eval"),  # options of a subcommand
        ("t a/year=1 b/year=2", "t b/year=2 a/year=1"),  # paths
        ("t -s lr=1 -s wd=2", "t -s lr=1 wd=2"),
        ("t --range -1,1 --other -2,2", "t --range -2,2 --other -1,1"),
        ("t x -- y", "t x y"),
        ("t --x=", "t --x"),
        ("t ''", "t"),
    ],
)
def test_what_may_differ_is_never_called_the_same(old: str, new: str) -> None:
    assert argument_changes(shlex.split(old), shlex.split(new)) != []


def test_options_with_several_values_that_changed_places_have_another_order() -> None:
    first, second = ["--a", "1", "2"], ["--b", "3", "4"]
    [change] = argument_changes(["t", *first, *second], ["t", *second, *first])
    assert change == (ORDER, "--a 1 2 --b 3 4", "--b 3 4 --a 1 2")


def test_a_change_can_be_spelled_as_it_is_typed() -> None:
    def spelled(old: str, new: str) -> list[tuple[str | None, str | None]]:
        return [change.spelled for change in argument_changes(old.split(), new.split())]

    assert spelled("t", "t --lr 0.1") == [(None, "--lr 0.1")]
    assert spelled("t -s lr=1", "t") == [("-s lr=1", None)]
    assert spelled("t lr=1", "t lr=2") == [("lr=1", "lr=2")]
    assert spelled("t --amp", "t --no-amp") == [("--amp", "--no-amp")]
