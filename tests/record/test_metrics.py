"""Names, numbers, summaries and metrics.toml."""

from __future__ import annotations

import math
import tomllib

import pytest
from rows import summarise

from gitexp import script
from gitexp.record.metrics import Row, dump_metrics, load_metrics, metric_name_problem, number
from gitexp.text.bounded import Unreadable

NAN = math.nan


@pytest.mark.parametrize(
    "name", ["loss", "val.acc[species=Adelie]", "a b", "größe", "損失", "x=y", "0.5", "steps", "a,b"]
)
def test_a_good_name_has_no_problem_here_nor_in_a_script(name):
    assert metric_name_problem(name) is None
    script.log({name: 1.0})


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "a name cannot be empty"),
        ("step", "this name is reserved"),
        ("time_s", "this name is reserved"),
        ("attempt", "this name is reserved"),
        ("=cmd()", "a name cannot start with = (spreadsheets would execute it)"),
        ("+1", "a name cannot start with + (spreadsheets would execute it)"),
        ("-loss", "a name cannot start with - (spreadsheets would execute it)"),
        ("@sum", "a name cannot start with @ (spreadsheets would execute it)"),
        ("a\nb", "a name cannot hold control characters"),
        ("a\x7fb", "a name cannot hold control characters"),
        ("a\x85b", "a name cannot hold control characters"),
        ("a\u2028b", "a name cannot hold control characters"),
        ("a\u202eb", "a name cannot hold control characters"),
        ("a\udc80b", "a name cannot hold control characters"),
        ("x" * 129, "a name has at most 128 bytes"),
        ("é" * 65, "a name has at most 128 bytes"),
    ],
)
def test_a_bad_name_is_refused_here_and_in_a_script_with_the_same_words(name, problem):
    assert metric_name_problem(name) == problem
    with pytest.raises(ValueError, match="choose another name") as refusal:
        script.log({name: 1.0})
    assert problem in str(refusal.value)


def test_a_name_that_is_not_composed_is_refused():
    assert metric_name_problem("cafe\u0301") == "a name must be in Unicode's normal form C"


def test_numbers_are_floats_and_64_bit_integers_and_booleans_are_one_and_zero():
    assert repr([number(v) for v in (0.1, 3, True, False, 2**63 - 1)]) == "[0.1, 3, 1, 0, 9223372036854775807]"
    assert repr(number(2**63)) == "9.223372036854776e+18"
    assert [number(v) for v in ("1", None, [1], 10**400)] == [None, None, None, None]


ROWS = [
    Row(1, 0.1, {"loss": 0.5, "acc": 0.8}),
    Row(2, 0.2, {"loss": NAN, "acc": 0.9}),
    Row(3, 0.3, {"loss": 0.25, "lr": 1}),
    Row(4, 0.4, {"acc": 0.7, "lr": 2}),
]


def test_without_a_goal_the_summary_is_the_last_of_each():
    assert summarise(ROWS, goal={}, summary={}) == {"loss": 0.25, "acc": 0.7, "lr": 2}


def test_with_a_goal_the_summary_is_the_values_of_the_best_row_and_what_comes_nearest_to_it():
    rows = [*ROWS[:1], Row(2, 0.2, {"loss": 0.75, "acc": 0.9}), *ROWS[2:]]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"loss": 0.75, "acc": 0.9, "lr": 1}


def test_a_second_goal_or_a_monitor_decides_where_it_is_asked_to():
    rows = [Row(1, None, {"loss": 0.1, "acc": 0.6}), Row(2, None, {"loss": 0.3, "acc": 0.9})]
    goal = {"loss": "min", "acc": "max"}
    assert summarise(rows, goal=goal, summary={}) == {"loss": 0.1, "acc": 0.6}
    assert summarise(rows, goal=goal, summary={}, monitor="acc") == {"loss": 0.3, "acc": 0.9}
    assert summarise(rows, goal={"f1": "max", **goal}, summary={}) == {"loss": 0.1, "acc": 0.6}
    assert summarise(rows, goal=goal, summary={"acc": "best"}) == {"loss": 0.1, "acc": 0.9}
    assert summarise(rows, goal=goal, summary={"loss": "max"}) == {"loss": 0.3, "acc": 0.9}
    assert summarise(rows, goal=goal, summary={"loss": "last", "acc": "last"}) == {"loss": 0.3, "acc": 0.9}


def test_what_was_logged_in_other_calls_of_the_step_goes_with_it():
    rows = [Row(s, None, v) for s in (1, 2, 3) for v in ({"train": s / 10}, {"acc": 1 - abs(s - 2)}, {"lr": s})]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"train": 0.2, "acc": 1, "lr": 2}


def test_what_has_other_steps_is_of_the_nearest_step_before_or_else_after():
    rows = [Row(10, None, {"train": 0.5}), Row(20, None, {"train": 0.4}), Row(25, None, {"acc": 0.9})]
    rows += [Row(30, None, {"train": 0.3}), Row(35, None, {"acc": 0.8}), Row(40, None, {"test": 0.7})]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"train": 0.4, "acc": 0.9, "test": 0.7}


def test_where_epochs_and_batches_are_both_called_steps_the_order_decides():
    rows = [Row(1, None, {"train": 0.9}), Row(2, None, {"train": 0.8}), Row(1, None, {"acc": 0.5})]
    rows += [Row(3, None, {"train": 0.7}), Row(4, None, {"train": 0.6}), Row(2, None, {"acc": 0.6})]
    rows += [Row(5, None, {"train": 0.1})]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"train": 0.6, "acc": 0.6}


def test_without_steps_values_that_are_logged_equally_often_go_together():
    rows = [Row(None, None, {name: value}) for value in (0.5, 0.9, 0.7) for name in ("acc", "loss")]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"acc": 0.9, "loss": 0.9}
    rows.append(Row(None, None, {"loss": 0.1}))
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"acc": 0.9, "loss": 0.5}


def test_a_summary_asked_for_is_the_last_min_max_or_best():
    goal = {"acc": "max", "loss": "min"}
    assert summarise(ROWS, goal=goal, summary={"acc": "last", "lr": "min", "loss": "max"}) == {
        "loss": 0.5,
        "acc": 0.7,
        "lr": 1,
    }
    assert summarise(ROWS, goal=goal, summary={"loss": "best"})["loss"] == 0.25


def test_nan_is_the_last_but_never_the_best_unless_there_is_nothing_else():
    rows = [Row(None, None, {"a": NAN, "b": NAN}), Row(None, None, {"a": 1.0, "b": NAN}), Row(None, None, {"a": NAN})]
    best = summarise(rows, goal={"a": "min", "b": "max"}, summary={})
    assert best["a"] == 1.0
    assert math.isnan(best["b"])
    assert math.isnan(summarise(rows, goal={}, summary={})["a"])


def test_metrics_toml_has_a_quoted_key_for_each_metric_in_their_order():
    text = dump_metrics({"val.acc": 0.9722, 'a"\\b': 3, "nan": NAN, "low": -math.inf, "tiny": 1e-07, "big": 1e16})
    assert text == '"val.acc" = 0.9722\n"a\\"\\\\b" = 3\n"nan" = nan\n"low" = -inf\n"tiny" = 1e-07\n"big" = 1e+16\n'
    assert list(tomllib.loads(text)) == ["val.acc", 'a"\\b', "nan", "low", "tiny", "big"]
    assert load_metrics(text)["big"] == 1e16


def test_of_a_foreign_metrics_toml_only_numbers_under_proper_names_are_read():
    text = '"a" = 1\n"b" = "text"\n"\\u001b[2J" = 1.0\n"=x" = 1\n"ok" = true\n[table]\nx = 1\n'
    assert load_metrics(text) == {"a": 1, "ok": 1}


@pytest.mark.parametrize("text", ["a = ", "a = " + "[" * 5000, "a = " + "1" * 5000, "#" * (4 * 2**20 + 1)])
def test_a_hostile_metrics_toml_is_unreadable_in_one_line(text):
    with pytest.raises(Unreadable, match=r"^abc:metrics\.toml "):
        load_metrics(text, where="abc:metrics.toml")


def test_a_slice_is_summarised_as_its_metric_is() -> None:
    rows = [Row(0, None, {"acc": 0.9, "acc[digit=3]": 0.8}), Row(1, None, {"acc": 0.7, "acc[digit=3]": 0.6})]
    assert summarise(rows, goal={"acc": "max"}, summary={}) == {"acc": 0.9, "acc[digit=3]": 0.8}
    assert summarise(rows, goal={"acc": "max"}, summary={"acc": "last"}) == {"acc": 0.7, "acc[digit=3]": 0.6}
    assert summarise(rows, goal={"acc": "max"}, summary={"acc": "min"}) == {"acc": 0.7, "acc[digit=3]": 0.6}
    own = summarise(rows, goal={"acc": "max"}, summary={"acc[digit=3]": "min"})
    assert own == {"acc": 0.9, "acc[digit=3]": 0.6}
