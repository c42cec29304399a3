"""This recipe's data and steps, each alone, then together. `gitexp test penguins` runs them."""

from pathlib import Path

import pytest
import torch

from gitexp.training.loaders import TableFile
from gitexp.training.steps import BalanceClasses, ClipOutliers, Fields, Impute, Join, OneHot, Standardise
from gitexp.training.testing import check_model, check_step

HERE = Path(__file__).parents[1]
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture(scope="module")
def penguins() -> TableFile:
    path = str(HERE / "penguins.csv")
    settings = {"target": "species", "numbers": NUMBERS, "categories": ["island", "sex"], "missing": ["NA"]}
    return TableFile(path, batch_size=32, seed=1, val_fraction=0.2, **settings)


@pytest.fixture
def train(penguins: TableFile) -> Fields:
    return penguins.splits["train"].fields


def test_275_penguins_of_three_species_to_learn_from_and_69_held_out(penguins):
    assert {name: len(split) for name, split in penguins.splits.items()} == {"train": 275, "val": 69}
    assert penguins.splits["train"].names == {
        "island": ["Biscoe", "Dream", "Torgersen"],
        "sex": ["female", "male"],
        "target": ["Adelie", "Chinstrap", "Gentoo"],
    }


def test_measurements_are_in_millimetres_and_grams_and_some_are_missing(penguins):
    both = torch.cat([split.fields["numbers"] for split in penguins.splits.values()])
    low, high = torch.tensor([30.0, 13.0, 170.0, 2500.0]), torch.tensor([60.0, 22.0, 235.0, 6500.0])
    assert both.isnan().sum().item() == 8
    assert bool((both.isnan() | ((both > low) & (both < high))).all())


def test_the_fences_let_all_real_measurements_pass_and_stop_a_mistyped_one(train):
    step = ClipOutliers(field="numbers", method="iqr", factor=3.0)
    made = check_step(step, train)["numbers"]
    assert torch.equal(made.nan_to_num(), train["numbers"].nan_to_num())
    mistyped = {"numbers": torch.tensor([[391.0, 18.7, 181.0, 3750.0]])}
    assert step(mistyped)["numbers"][0, 0] < 100.0


def test_imputing_leaves_nothing_missing(train):
    assert not check_step(Impute(field="numbers", strategy="median"), train)["numbers"].isnan().any()


def test_scaling_gives_every_measurement_mean_0_and_deviation_1(train):
    made = check_step(Standardise(field="numbers"), train)["numbers"]
    assert made.nanmean(dim=0).abs().max() < 1e-5
    assert (made.square().nanmean(dim=0) - 1.0).abs().max() < 1e-5


def test_a_penguin_is_on_one_island_and_of_one_sex_or_of_none_that_is_known(train):
    islands = check_step(OneHot(field="island", into="columns", size=3), train)["columns"].sum(dim=1)
    sexes = check_step(OneHot(field="sex", into="columns", size=2), train)["columns"].sum(dim=1)
    assert islands.eq(1.0).all()
    assert torch.equal(sexes == 0.0, train["sex"] == -1)


def test_balancing_makes_the_three_species_equally_common(train):
    assert check_step(BalanceClasses(seed=1), train)["target"].bincount().tolist() == [122, 122, 122]


def test_all_steps_together_give_the_model_nine_numbers_and_it_learns_from_them(penguins):
    steps = [
        ClipOutliers(field="numbers", factor=3.0),
        Impute(field="numbers"),
        Standardise(field="numbers"),
        OneHot(field="island", into="island_columns", size=3),
        OneHot(field="sex", into="sex_columns", size=2),
        Join(fields=["numbers", "island_columns", "sex_columns"]),
    ]
    train, val = penguins.splits["train"].fields, penguins.splits["val"].fields
    for step in steps:
        if hasattr(step, "fit"):
            step.fit(train)
        train, val = step(train), step(val)
    assert train["input"].shape == (275, 9)
    assert bool(train["input"].abs().max() < 5.0)
    torch.manual_seed(0)
    model, loss_of = torch.nn.Linear(9, 3), torch.nn.CrossEntropyLoss()
    check_model(model, train["input"], output=(3,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        loss_of(model(train["input"]), train["target"]).backward()
        optimizer.step()
    assert (model(val["input"]).argmax(dim=1) == val["target"]).float().mean() > 0.9
