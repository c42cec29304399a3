"""The preprocessing steps that ship: what they make of a few rows, what they learn, and what they refuse."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from gitexp.training.steps import (  # noqa: E402
    BalanceClasses,
    ClipOutliers,
    Divide,
    Impute,
    Join,
    OneHot,
    Reshape,
    Standardise,
)
from gitexp.training.testing import check_step  # noqa: E402

pytestmark = pytest.mark.torch

NAN = float("nan")


def column(*values: float) -> dict[str, Tensor]:
    return {"input": torch.tensor([[value] for value in values])}


def test_divide_makes_pixels_shares_of_one_in_float32():
    pixels = {"input": torch.tensor([[0, 8], [16, 4]], dtype=torch.uint8), "target": torch.tensor([0, 1])}
    made = check_step(Divide(16.0), pixels)
    assert made["input"].tolist() == [[0.0, 0.5], [1.0, 0.25]]
    assert made["input"].dtype == torch.float32
    assert made["target"].tolist() == [0, 1]


def test_divide_by_nothing_is_refused():
    with pytest.raises(ValueError, match="Divide cannot divide by 0"):
        Divide(0)


def test_a_field_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="Divide finds no field 'numbers'; there are: input, target"):
        Divide(2.0, field="numbers")({"target": torch.zeros(1), "input": torch.zeros(1)})


def test_reshape_keeps_the_order_of_the_numbers():
    made = check_step(Reshape([1, 2, 2]), {"input": torch.arange(8).reshape(2, 4)})
    assert made["input"].tolist() == [[[[0, 1], [2, 3]]], [[[4, 5], [6, 7]]]]


def test_reshape_refuses_a_shape_that_holds_another_number_of_values():
    with pytest.raises(ValueError, match=r"Reshape cannot make \[3, 3\] of input's \[4\] a row"):
        Reshape([3, 3])({"input": torch.zeros(2, 4)})


def test_join_puts_columns_side_by_side_in_the_order_asked_for():
    fields = {"mass": torch.tensor([1.5, 2.5]), "codes": torch.tensor([[1, 0], [0, 1]])}
    made = check_step(Join(["codes", "mass"]), fields)
    assert made["input"].tolist() == [[1.0, 0.0, 1.5], [0.0, 1.0, 2.5]]
    assert made["input"].dtype == torch.float32


def test_join_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one field"):
        Join([])


def test_outliers_move_onto_fences_of_one_and_a_half_interquartile_ranges():
    # Quartiles 2 and 4: fences at -1 and 7.
    made = check_step(ClipOutliers(), column(1.0, 2.0, 3.0, 4.0, 100.0))
    assert made["input"].reshape(-1).tolist() == [1.0, 2.0, 3.0, 4.0, 7.0]


def test_outliers_move_onto_quantiles_where_the_recipe_says_so():
    made = check_step(ClipOutliers(method="quantile", low=0.25, high=0.75), column(1.0, 2.0, 3.0, 4.0, 100.0))
    assert made["input"].reshape(-1).tolist() == [2.0, 2.0, 3.0, 4.0, 4.0]


def test_fences_come_from_the_rows_that_were_fitted_and_ignore_what_is_missing():
    step = ClipOutliers()
    step.fit(column(1.0, 2.0, NAN, 3.0, 4.0, 5.0))
    made = step(column(-50.0, NAN, 50.0))["input"].reshape(-1)
    assert made[0] == -1.0
    assert made[1].isnan()
    assert made[2] == 7.0


def test_each_column_has_its_own_fences():
    step = ClipOutliers()
    step.fit({"input": torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0], [5.0, 50.0]])})
    assert step({"input": torch.tensor([[1000.0, 1000.0]])})["input"].tolist() == [[7.0, 70.0]]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [({"method": "sigma"}, "not 'sigma'"), ({"low": 0.9, "high": 0.1}, "low < high"), ({"high": 1.5}, "high <= 1")],
)
def test_settings_of_the_fences_that_make_no_sense_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        ClipOutliers(**arguments)


@pytest.mark.parametrize(("strategy", "filled"), [("median", 2.0), ("mean", 4.0), ("most_frequent", 1.0)])
def test_a_missing_number_becomes_the_columns_median_mean_or_commonest(strategy, filled):
    made = check_step(Impute(strategy=strategy), column(1.0, NAN, 1.0, 3.0, 11.0))
    assert made["input"].reshape(-1).tolist() == [1.0, filled, 1.0, 3.0, 11.0]


def test_a_missing_category_becomes_the_commonest_and_of_two_the_lower_code():
    made = check_step(Impute("sex", "most_frequent"), {"sex": torch.tensor([1, -1, 0, 1, 0])})
    assert made["sex"].tolist() == [1, 0, 0, 1, 0]


def test_a_category_has_no_median():
    with pytest.raises(ValueError, match='Impute: sex is a category; type  strategy = "most_frequent"'):
        Impute("sex").fit({"sex": torch.tensor([1, 0])})


def test_a_column_without_a_value_is_named():
    rows = {"input": torch.tensor([[1.0, NAN], [2.0, NAN]])}
    with pytest.raises(ValueError, match=r"no value to fill in from in its columns \[1\]"):
        Impute().fit(rows)


def test_what_is_filled_in_was_learnt_from_the_fitted_rows_alone():
    step = Impute()
    step.fit(column(1.0, 2.0, 3.0))
    assert step(column(NAN, 100.0))["input"].reshape(-1).tolist() == [2.0, 100.0]


def test_standardise_gives_each_column_mean_0_and_deviation_1():
    made = check_step(Standardise(), {"input": torch.tensor([[1.0, 100.0], [3.0, 300.0]])})
    assert made["input"].tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert made["input"].dtype == torch.float32


def test_standardise_uses_the_mean_of_the_fitted_rows_and_lets_missing_ones_be():
    step = Standardise()
    step.fit(column(0.0, NAN, 2.0))
    made = step(column(5.0, NAN))["input"].reshape(-1)
    assert made[0] == 4.0
    assert made[1].isnan()


def test_a_column_that_never_varies_becomes_0_and_not_nan():
    assert check_step(Standardise(), column(7.0, 7.0))["input"].reshape(-1).tolist() == [0.0, 0.0]


def test_one_hot_has_a_column_for_each_code_and_keeps_the_field():
    made = check_step(OneHot("island", "columns"), {"island": torch.tensor([0, 2, 1])})
    assert made["columns"].tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert made["island"].tolist() == [0, 2, 1]


def test_a_code_that_the_fitted_rows_lack_is_a_row_of_zeros():
    step = OneHot("island", "columns", size=3)
    step.fit({"island": torch.tensor([0, 2])})
    assert step({"island": torch.tensor([1, -1, 2, 9])})["columns"].tolist() == [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0],
    ]


def test_or_an_error_where_the_recipe_says_so():
    step = OneHot("island", "columns", unknown="error")
    step.fit({"island": torch.tensor([0, 2])})
    with pytest.raises(ValueError, match=r"island has codes that the training rows lack: \[-1, 1\]"):
        step({"island": torch.tensor([0, 1, -1])})


def test_a_size_that_leaves_a_code_without_a_column_is_refused():
    with pytest.raises(ValueError, match="island has the code 2, and size = 2 leaves no column"):
        OneHot("island", "columns", size=2).fit({"island": torch.tensor([0, 2])})


@pytest.mark.parametrize("step", [ClipOutliers(), Impute(), Standardise(), OneHot("input", "columns")])
def test_a_step_that_was_not_fitted_says_so(step):
    with pytest.raises(ValueError, match=f"{type(step).__name__} was used before it was fitted"):
        step(column(1.0))


def test_balancing_repeats_rows_of_the_rarer_class_until_both_are_as_common():
    fields = {"input": torch.tensor([[1.0], [2.0], [3.0], [4.0]]), "target": torch.tensor([0, 0, 0, 1])}
    made = check_step(BalanceClasses(seed=1), fields)
    assert made["target"].tolist() == [0, 0, 0, 1, 1, 1]
    assert made["input"].reshape(-1).tolist() == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]


def test_balancing_follows_from_its_seed_alone():
    fields = {"input": torch.arange(60), "target": torch.tensor([0] * 40 + [1] * 20)}
    first = BalanceClasses(seed=1)(fields)["input"].tolist()
    torch.manual_seed(7)
    assert BalanceClasses(seed=1)(fields)["input"].tolist() == first
    assert BalanceClasses(seed=2)(fields)["input"].tolist() != first


def test_balancing_leaves_rows_without_a_class_alone():
    made = BalanceClasses(seed=1)({"target": torch.tensor([0, -1, 0, 1])})
    assert made["target"].tolist() == [0, -1, 0, 1, 1]
