"""What a model is judged by must not be among what it learns from."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import Subset, TensorDataset  # noqa: E402

from gitexp.training.data import Table  # noqa: E402
from gitexp.training.joining.leaks import Shared, leaked_datasets, shared_rows  # noqa: E402

pytestmark = pytest.mark.torch

DATASETS = {"digits": {"kind": "data"}, "weights": {"kind": "model"}, "words": {"kind": "data"}}


def table(first: int, last: int) -> Table:
    """Rows that are all different."""
    values = torch.arange(first, last)
    return Table({"input": values.reshape(-1, 1) * 0.5, "target": values % 10})


def test_a_dataset_of_the_loader_in_another_component_is_a_leak():
    recipe = {
        "loader": {"use": "a:B", "path": "{data.digits}", "weights": "{data.weights}"},
        "preprocess": {"steps": ["scale"], "scale": {"use": "a:C", "means": ["x", "{data.digits}/means.csv"]}},
        "model": {"use": "a:D", "weights": "{data.weights}", "words": "{data.words}", "text": "{{data.digits}}"},
        "eval": {"use": "a:E", "path": "{data.digits}"},
    }
    assert leaked_datasets(recipe, DATASETS) == [
        (
            ("preprocess", "scale", "means"),
            "{data.digits} is the loader's: read from here it would be seen with its held-out rows",
        )
    ]


def test_splits_of_different_rows_share_nothing():
    assert shared_rows({"train": table(0, 90), "val": table(90, 100)}) == []


def test_the_train_split_again_under_another_name_is_refused():
    train = table(0, 90)
    assert shared_rows({"train": train, "val": train}) == [
        Shared("val", 90, 90, True, "all 90 rows of val are the train split's own, in memory")
    ]


def test_two_slices_of_one_tensor_that_overlap_are_refused():
    whole = table(0, 100).fields
    train = Table({field: values[:90] for field, values in whole.items()})
    val = Table({field: values[89:] for field, values in whole.items()})
    assert shared_rows({"train": train, "val": val}) == [
        Shared("val", 11, 1, True, "1 of 11 rows of val is the train split's own, in memory")
    ]


def test_two_slices_of_one_tensor_side_by_side_are_fine():
    whole = table(0, 100).fields
    train = Table({field: values[:90] for field, values in whole.items()})
    val = Table({field: values[90:] for field, values in whole.items()})
    assert shared_rows({"train": train, "val": val}) == []


def test_a_copy_of_train_rows_is_refused():
    assert shared_rows({"train": table(0, 90), "val": table(80, 90)}) == [
        Shared("val", 10, 10, True, "all 10 rows of val are in the train split too, bit for bit")
    ]
    assert shared_rows({"train": table(0, 90), "test": table(70, 110)}) == [
        Shared("test", 40, 20, True, "20 of 40 rows of test are in the train split too, bit for bit")
    ]


def test_a_few_equal_rows_are_worth_a_warning_only():
    assert shared_rows({"train": table(0, 90), "val": table(88, 130)}) == [
        Shared("val", 42, 2, False, "2 of 42 rows of val are in the train split too, bit for bit")
    ]


def test_coarse_data_that_repeats_itself_is_no_leak():
    train = Table({"input": torch.tensor([[0], [1]]).repeat(50, 1), "target": torch.tensor([0, 1]).repeat(50)})
    val = Table({"input": torch.tensor([[0], [1]]).repeat(5, 1), "target": torch.tensor([0, 1]).repeat(5)})
    assert shared_rows({"train": train, "val": val}) == [
        Shared("val", 10, 10, False, "all 10 rows of val are in the train split too, bit for bit")
    ]


def test_subsets_of_one_dataset_are_compared_by_their_rows():
    whole = TensorDataset(torch.arange(10))
    assert shared_rows({"train": Subset(whole, range(8)), "val": Subset(whole, [8, 9])}) == []
    assert shared_rows({"train": Subset(whole, range(8)), "val": Subset(whole, [7, 8, 9])}) == [
        Shared("val", 3, 1, True, "1 of 3 rows of val is the train split's own, in memory")
    ]
