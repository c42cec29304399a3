"""What expected.toml says, and what is wrong with it."""

from __future__ import annotations

import pytest

from gitexp.errors import Refused
from gitexp.spec.expected import Bound, Golden, load_expected

WHOLE = """\
time_s = 3.0
[expected]
"val.acc" = { value = 0.967, tolerance = 0.01 }
[golden]
set = ["train.epochs=2"]
[golden.metrics]
"val.loss" = { value = 2.0, tolerance = 1e-4 }
"train.loss" = 4
"""


def test_everything_in_it_is_read() -> None:
    found = load_expected(WHOLE, where="expected.toml")
    assert found.time_s == 3.0
    assert found.metrics == {"val.acc": Bound(0.967, 0.01)}
    assert found.golden == Golden(("train.epochs=2",), {"val.loss": Bound(2.0, 1e-4), "train.loss": Bound(4.0, 4e-6)})


def test_an_empty_file_expects_nothing() -> None:
    assert load_expected("", where="expected.toml").golden is None


def test_a_bound_holds_up_to_its_tolerance_and_no_further() -> None:
    assert Bound(1.0, 0.25).holds(1.25)
    assert not Bound(1.0, 0.25).holds(1.2500001)


def test_a_metric_that_was_not_logged_is_not_what_was_expected() -> None:
    assert not Bound(0.0, 10.0).holds(None)


def test_nan_is_expected_only_where_nan_was_recorded() -> None:
    assert Bound(float("nan"), 0.0).holds(float("nan"))
    assert not Bound(1.0, 10.0).holds(float("nan"))
    assert not Bound(float("nan"), 10.0).holds(1.0)


def test_infinity_is_as_expected_where_infinity_was_recorded() -> None:
    assert Bound(float("inf"), 0.0).holds(float("inf"))
    assert not Bound(float("inf"), 0.0).holds(5.0)


def test_all_errors_are_named_at_once_with_their_lines() -> None:
    text = (
        'time_s = "long"\n[expectd]\n[golden]\nset = "train.epochs=2"\n[golden.metrics]\n"val.loss" = { valu = 1.0 }\n'
    )
    with pytest.raises(Refused) as caught:
        load_expected(text, where="recipes/x/expected.toml")
    assert caught.value.details == (
        'recipes/x/expected.toml:1: time_s: expected a number, got "long"',
        "recipes/x/expected.toml:2: expectd: unknown key; did you mean expected?",
        'recipes/x/expected.toml:4: golden.set: expected an array of strings, got "train.epochs=2"',
        'recipes/x/expected.toml:6: golden.metrics."val.loss".valu: unknown key; did you mean value?',
        'recipes/x/expected.toml:6: golden.metrics."val.loss": lacks value',
    )


def test_a_golden_run_without_metrics_would_prove_nothing() -> None:
    with pytest.raises(Refused) as caught:
        load_expected('[golden]\nset = ["train.epochs=2"]\n', where="expected.toml")
    assert caught.value.details[0].startswith("expected.toml:1: golden: says no metrics")


def test_an_integer_that_no_float_can_hold_is_no_number() -> None:
    with pytest.raises(Refused) as caught:
        load_expected(f'[expected]\n"val.acc" = 1{"0" * 400}\n', where="expected.toml")
    assert caught.value.details[0].startswith('expected.toml:2: expected."val.acc": expected a number, or { value = …')
