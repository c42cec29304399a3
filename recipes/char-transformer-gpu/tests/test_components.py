"""This recipe's parts, each alone, then together on a few windows of text; no GPU is needed.

`gitexp test char-transformer-gpu` runs them.
"""

import math
from pathlib import Path

import pytest
import torch

from gitexp.training.loaders import TextFile
from gitexp.training.testing import check_loader, check_model, component

HERE = Path(__file__).parents[1]
RotaryTransformer = component("recipes/char-transformer-gpu/components.py:RotaryTransformer")
NextCharacter = component("recipes/char-transformer-gpu/components.py:NextCharacter")

CODES = torch.arange(40).reshape(5, 8) % 12


def small() -> torch.nn.Module:
    return RotaryTransformer(vocabulary=12, width=16, layers=2, heads=2)


@pytest.fixture(scope="module")
def text() -> TextFile:
    path = str(HERE / "topics.txt.gz")
    return TextFile(path, length=256, vocabulary=104, batch_size=64, stride=64, val_fraction=0.1)


def test_the_text_is_windows_of_256_characters(text):
    check_loader(text)
    assert {name: len(split) for name, split in text.splits.items()} == {"train": 6537, "val": 181}
    assert text.splits["train"].fields["input"].shape == (6537, 256)


def test_the_transformer_scores_every_next_character():
    check_model(small(), CODES, output=(8, 12))


def test_it_never_looks_ahead():
    model = small().eval()
    changed = CODES.clone()
    changed[:, 5:] = 0
    assert torch.equal(model(CODES)[:, :5], model(changed)[:, :5])
    assert not torch.equal(model(CODES)[:, 5:], model(changed)[:, 5:])


def test_it_tells_the_order_of_what_came_before():
    model = small().eval()
    assert not torch.allclose(model(torch.tensor([[1, 2, 3]]))[0, 2], model(torch.tensor([[2, 1, 3]]))[0, 2])


def test_a_window_may_be_longer_than_any_before():
    assert small().eval()(torch.zeros(1, 300, dtype=torch.int64)).shape == (1, 300, 12)


def test_heads_of_an_odd_width_are_refused():
    with pytest.raises(ValueError, match="width 6 cannot be divided among 2 heads of an even width"):
        RotaryTransformer(vocabulary=12, width=6, heads=2)


def test_the_loss_of_a_guess_is_the_logarithm_of_the_vocabulary_in_float32():
    loss = NextCharacter()(torch.zeros(5, 8, 12, dtype=torch.bfloat16), CODES)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(12))


def test_all_parts_together_learn_a_few_windows_in_bfloat16(text):
    torch.manual_seed(0)
    rows = {name: values[:, :32] for name, values in text.splits["train"].rows(torch.arange(4)).items()}
    model, loss_of = RotaryTransformer(vocabulary=104, width=64, layers=2, heads=2, dropout=0.0), NextCharacter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model(rows["input"]), rows["target"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert 4.4 < losses[0] < 4.9  # ln 104 = 4.64: it begins by guessing
    assert losses[-1] < 2.5
