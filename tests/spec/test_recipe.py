"""A resolved recipe as text, as dotted keys, and as an argv."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import pytest

from gitexp.spec.placeholders import Misplaced, escape, fill
from gitexp.spec.recipe import dump_recipe, flatten
from gitexp.text.schema import split_key

VALUES: dict[str, Any] = {
    "data": {"digits": "x"},
    "seed": 7,
    "model": {"hidden": [128, 64], "name": "mlp", "dropout": 0.5, "bias": True, "odd key": 1, "empty": []},
    "when": {"day": date(2024, 5, 1)},
    "layers": [{"n": 1}],
}


def filled(*command: str, seed: int | None = 7) -> list[str] | str:
    """The argv, or what is wrong with its first wrong element."""
    argv: list[str] = []
    for element in fill(command, values=VALUES, seed=seed, data_paths={"digits": "data/digits.csv"}):
        if isinstance(element, Misplaced):
            return str(element)
        argv += element
    return argv


def test_placeholders_take_tomls_spelling() -> None:
    assert filled("--lr={model.dropout}", "{model.bias}", "{model.name}", "{when.day}", '{model."odd key"}') == [
        "--lr=0.5",
        "true",
        "mlp",
        "2024-05-01",
        "1",
    ]


def test_the_seed_and_the_path_of_a_dataset_are_filled_in() -> None:
    assert filled("--seed={seed}", "{data.digits}") == ["--seed=7", "data/digits.csv"]


def test_an_array_that_is_a_whole_element_becomes_that_many_elements() -> None:
    assert filled("x", "{model.hidden}", "y", "{model.empty}") == ["x", "128", "64", "y"]


def test_double_braces_are_literal() -> None:
    assert filled("{{print $1}}", "{{{model.name}}}", "}}{{") == ["{print $1}", "{mlp}", "}{"]


def test_what_a_value_holds_is_not_looked_at_again() -> None:
    assert list(fill(["{a}"], values={"a": "{seed}"}, seed=1, data_paths={})) == [["{seed}"]]


@pytest.mark.parametrize("argument", ["{}", "{a}", "a}}b", "{{", "", "plain", "{print $1}"])
def test_an_escaped_argument_means_itself(argument: str) -> None:
    assert filled(escape(argument)) == [argument]


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ("{model.nam}", "{model.nam} is no key of this recipe; did you mean model.name?"),
        ("{print}", "{print} is no key of this recipe; literal braces are written {{ and }}"),
        ("{print $1; x}", "{print $1; x} is no key path; literal braces are written {{ and }}"),
        ("{}", "{} is no key path; literal braces are written {{ and }}"),
        ("{model}", "{model} is a table; name one of its keys"),
        (
            "--h={model.hidden}",
            "{model.hidden} is an array: it can only be an element of its own, with nothing around it",
        ),
        ("{layers}", "{layers} is an array of arrays or tables, which is no list of arguments"),
        ("{data.digit}", "{data.digit} is no dataset of this recipe; did you mean data.digits?"),
        ("{run.command}", "{run.command} would stand for itself"),
        ("{model.name", 'a { that is never closed in "{model.name"; a literal one is written {{'),
        ("model.name}", 'a } that closes nothing in "model.name}"; a literal one is written }}'),
    ],
)
def test_a_placeholder_that_cannot_be_filled_says_why(element: str, complaint: str) -> None:
    assert filled(element) == complaint


def test_a_seed_that_nobody_gave_says_how_to_give_one() -> None:
    said = filled("{seed}", seed=None)
    assert said == "{seed} has no value: type --seed 1, or write seed = 1 at the top of the recipe"


def test_flattened_keys_are_dotted_and_quoted_and_leave_out_the_remarks() -> None:
    values = {
        "seed": 1,
        "about": {"summary": "s"},
        "why": {"seed": "because"},
        "metrics": {"goal": {"val.acc": "max"}},
        "model": {"hidden": [1, 2], "extra": {}},
    }
    assert flatten(values) == {"seed": 1, 'metrics.goal."val.acc"': "max", "model.hidden": [1, 2], "model.extra": {}}


def test_control_and_bidi_characters_are_escaped_in_the_text_and_mean_the_same() -> None:
    values = {"a": {"x\u202ey": "csi \x9b2J, del \x7f, esc \x1b, ä stays"}}
    text = dump_recipe(values)
    assert text == '[a]\n"x\\u202Ey" = "csi \\u009B2J, del \\u007f, esc \\u001b, ä stays"\n'
    assert tomllib.loads(text) == values


def test_long_texts_keep_their_line_breaks() -> None:
    text = dump_recipe({"about": {"summary": "one\ntwo\n"}})
    assert text == '[about]\nsummary = """\none\ntwo\n"""\n'
    assert tomllib.loads(text)["about"]["summary"] == "one\ntwo\n"


def test_a_carriage_return_is_not_lost() -> None:
    values = {"about": {"summary": "one\r\ntwo\n"}}
    assert tomllib.loads(dump_recipe(values)) == values


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("optimizer.lr", ("optimizer", "lr")),
        ('metrics.goal."val.acc"', ("metrics", "goal", "val.acc")),
        ("a.'b.c'.d", ("a", "b.c", "d")),
        (r'a."b\"c"', ("a", 'b"c')),
        ("größe", ("größe",)),
        (" a . b ", ("a", "b")),
        ("", None),
        ("a..b", None),
        (".a", None),
        ("a.", None),
        ('a."b', None),
        ('a."b"c', None),
        ("a=b", None),
        ("a b", None),
    ],
)
def test_a_key_path_is_typed_as_in_toml(typed: str, path: tuple[str, ...] | None) -> None:
    assert split_key(typed) == path
