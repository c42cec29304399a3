"""This recipe's parts, each alone, then together on a few images. `gitexp test digits-cnn` runs them."""

from pathlib import Path

import pytest
import torch

from gitexp.training.augment import RandomShift
from gitexp.training.loaders import PixelRows
from gitexp.training.steps import Divide
from gitexp.training.testing import check_loader, check_model, check_step, component, ten_samples

HERE = Path(__file__).parents[1]
CNN = component("recipes/digits-cnn/components.py:CNN")


@pytest.fixture(scope="module")
def digits() -> PixelRows:
    path = str(HERE / "digits.csv.gz")
    return PixelRows(path, height=8, width=8, classes=10, batch_size=64, seed=1, val_fraction=0.2)


def test_the_data_is_1438_images_to_learn_from_and_359_held_out(digits):
    check_loader(digits)
    assert {name: len(split) for name, split in digits.splits.items()} == {"train": 1438, "val": 359}


def test_scaling_and_shifting_keep_the_shape_and_the_range(digits):
    scaled = check_step(Divide(by=16.0), digits.splits["train"].fields)
    shifted = check_step(RandomShift(pixels=1, p=0.5), scaled)["input"]
    assert shifted.shape == (1438, 1, 8, 8)
    assert (shifted.min(), shifted.max()) == (0.0, 1.0)


def test_a_shift_changes_about_half_of_the_images(digits):
    scaled = Divide(by=16.0)(digits.splits["train"].fields)
    shifted = check_step(RandomShift(pixels=1, p=0.5), scaled)
    changed = (shifted["input"] != scaled["input"]).flatten(1).any(dim=1).float().mean().item()
    assert 0.39 < changed < 0.50  # 0.5 x 8/9: a distance of 0 is one of nine


def test_the_network_gives_ten_scores_for_an_image():
    check_model(CNN(), ten_samples({"input": (1, 8, 8)}).fields["input"], output=(10,))


def test_it_takes_other_sizes_and_colours_when_told_so():
    model = CNN(planes=3, height=7, width=12, channels=[4, 8], classes=2)
    check_model(model, ten_samples({"input": (3, 7, 12)}).fields["input"], output=(2,))


def test_all_parts_together_learn_ten_images_by_heart(digits):
    torch.manual_seed(0)
    rows = Divide(by=16.0)(digits.splits["train"].rows(torch.arange(0, 1438, 144)))
    model, loss_of = CNN(dropout=0.0), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    shift, chance = RandomShift(pixels=1, p=0.5), torch.Generator().manual_seed(0)
    for _ in range(40):
        optimizer.zero_grad()
        loss = loss_of(model(shift(rows, chance)["input"]), rows["target"])
        loss.backward()
        optimizer.step()
    model.eval()
    assert model(rows["input"]).argmax(dim=1).tolist() == rows["target"].tolist()
