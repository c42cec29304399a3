"""The random steps that ship: what chance does to rows, where it comes from, and what they refuse."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gitexp.training.augment import RandomNoise, RandomShift  # noqa: E402
from gitexp.training.testing import check_step  # noqa: E402

pytestmark = pytest.mark.torch


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dots(count: int) -> dict[str, torch.Tensor]:
    """Images of 3x3 with one bright pixel in the middle."""
    images = torch.zeros(count, 1, 3, 3)
    images[:, 0, 1, 1] = 1.0
    return {"input": images}


def test_a_shift_moves_the_dot_to_each_of_the_nine_places():
    made = check_step(RandomShift(pixels=1, p=1.0), dots(1000))["input"]
    assert made.shape == (1000, 1, 3, 3)
    assert made.sum(dim=(1, 2, 3)).eq(1.0).all()
    assert (made.sum(dim=0) > 60).all()  # 111 expected in each


def test_all_channels_of_an_image_move_together():
    both = {"input": dots(50)["input"].repeat(1, 2, 1, 1)}
    made = RandomShift(p=1.0)(both, generator())["input"]
    assert torch.equal(made[:, 0], made[:, 1])
    assert not torch.equal(made, both["input"])


def test_what_leaves_the_image_is_gone_and_what_comes_in_is_0():
    full = {"input": torch.ones(200, 1, 2, 2)}
    made = RandomShift(pixels=2, p=1.0)(full, generator())["input"]
    assert sorted(set(made.sum(dim=(1, 2, 3)).tolist())) == [0.0, 1.0, 2.0, 4.0]


def test_images_are_moved_with_the_probability_asked_for():
    made = RandomShift(pixels=1, p=0.5)(dots(2000), generator())["input"]
    moved = (made[:, 0, 1, 1] == 0).sum().item()
    assert 800 < moved < 980  # 0.5 x 8/9 x 2,000 = 889


def test_with_probability_0_nothing_moves_and_nothing_is_lost():
    pixels = {"input": torch.arange(18, dtype=torch.uint8).reshape(2, 1, 3, 3)}
    assert torch.equal(RandomShift(p=0.0)(pixels, generator())["input"], pixels["input"])


def test_chance_comes_from_the_generator_alone():
    first = RandomShift(p=1.0)(dots(20), generator(3))["input"]
    torch.manual_seed(99)
    assert torch.equal(RandomShift(p=1.0)(dots(20), generator(3))["input"], first)
    assert not torch.equal(RandomShift(p=1.0)(dots(20), generator(4))["input"], first)


def test_a_shift_of_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"RandomShift moves \[batch, channels, height, width\], input is \[4, 64\]"):
        RandomShift()({"input": torch.zeros(4, 64)}, generator())


def test_noise_has_the_deviation_asked_for():
    made = check_step(RandomNoise(0.5), {"input": torch.zeros(10_000, 2)})["input"]
    assert abs(made.std().item() - 0.5) < 0.02
    assert abs(made.mean().item()) < 0.02


def test_noise_comes_to_a_share_of_the_rows():
    made = RandomNoise(1.0, p=0.25)({"input": torch.zeros(4000, 3)}, generator())["input"]
    noisy = made.ne(0).any(dim=1)
    assert 900 < noisy.sum().item() < 1100
    assert made[noisy].ne(0).all()


def test_noise_on_whole_numbers_is_refused():
    with pytest.raises(ValueError, match=r"RandomNoise needs numbers with a fraction, input is torch\.uint8"):
        RandomNoise(0.1)({"input": torch.zeros(2, dtype=torch.uint8)}, generator())


@pytest.mark.parametrize("make", [lambda: RandomShift(p=1.5), lambda: RandomNoise(0.1, p=-0.1)])
def test_a_probability_lies_between_0_and_1(make):
    with pytest.raises(ValueError, match="p is a probability between 0 and 1"):
        make()


@pytest.mark.parametrize("make", [lambda: RandomShift(pixels=-1), lambda: RandomNoise(-0.1)])
def test_distances_and_deviations_are_not_negative(make):
    with pytest.raises(ValueError, match="cannot be negative"):
        make()
