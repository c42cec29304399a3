"""This recipe's parts, each alone, then together on a few images. `gitexp test digits-mlp` runs them."""

from pathlib import Path

import pytest
import torch

from gitexp.training.loaders import PixelRows
from gitexp.training.steps import Divide
from gitexp.training.testing import check_loader, check_model, check_step, component, ten_samples

HERE = Path(__file__).parents[1]
MLP = component("recipes/digits-mlp/components.py:MLP")


@pytest.fixture(scope="module")
def digits() -> PixelRows:
    path = str(HERE / "digits.csv.gz")
    return PixelRows(path, height=8, width=8, classes=10, batch_size=64, seed=1, val_fraction=0.2)


def test_the_data_is_1438_images_to_learn_from_and_359_held_out(digits):
    check_loader(digits)
    assert {name: len(split) for name, split in digits.splits.items()} == {"train": 1438, "val": 359}


def test_pixels_count_0_to_16_and_every_digit_is_on_both_sides(digits):
    for split in digits.splits.values():
        assert (split.fields["input"].min(), split.fields["input"].max()) == (0, 16)
        assert split.fields["target"].unique().tolist() == list(range(10))


def test_scaling_brings_pixels_to_0_to_1(digits):
    made = check_step(Divide(by=16.0), digits.splits["val"].fields)["input"]
    assert (made.min(), made.max()) == (0.0, 1.0)


def test_the_network_gives_ten_scores_for_an_image():
    check_model(MLP(), ten_samples({"input": (1, 8, 8)}).fields["input"], output=(10,))


def test_it_takes_rows_that_are_flat_already():
    check_model(MLP(inputs=9, hidden=[], classes=3), ten_samples({"input": (9,)}).fields["input"], output=(3,))


def test_hidden_layers_have_the_widths_asked_for():
    shapes = [list(weights.shape) for weights in MLP(hidden=[32, 16]).parameters() if weights.dim() == 2]
    assert shapes == [[32, 64], [16, 32], [10, 16]]


def test_all_parts_together_learn_ten_images_by_heart(digits):
    torch.manual_seed(0)
    rows = Divide(by=16.0)(digits.splits["train"].rows(torch.arange(0, 1438, 144)))
    model, loss_of = MLP(dropout=0.0), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = loss_of(model(rows["input"]), rows["target"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert 2.0 < losses[0] < 2.6  # ln 10 = 2.3: it begins by guessing
    assert losses[-1] < 0.1
