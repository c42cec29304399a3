"""This recipe's parts, each alone, then together on a few windows of text. `gitexp test char-transformer` runs them."""

import math
from pathlib import Path

import pytest
import torch

from gitexp.training.loaders import TextFile
from gitexp.training.testing import check_loader, check_model, component

HERE = Path(__file__).parents[1]
Transformer = component("recipes/char-transformer/components.py:Transformer")
NextCharacter = component("recipes/char-transformer/components.py:NextCharacter")

CODES = torch.arange(40).reshape(5, 8) % 12


@pytest.fixture(scope="module")
def text() -> TextFile:
    return TextFile(str(HERE / "topics.txt.gz"), length=64, vocabulary=104, batch_size=32, stride=16, val_fraction=0.1)


def test_the_text_is_windows_of_64_characters_of_which_103_are_different(text):
    check_loader(text)
    assert {name: len(split) for name, split in text.splits.items()} == {"train": 26160, "val": 726}
    assert len(text.characters) == 103
    assert bool((text.splits["train"].fields["input"] >= 1).all())
    assert int(text.splits["train"].fields["input"].max()) == 103


def test_what_is_to_be_told_is_the_next_character(text):
    for split in text.splits.values():
        assert torch.equal(split.fields["input"][:, 1:], split.fields["target"][:, :-1])


def test_the_transformer_scores_every_next_character():
    check_model(Transformer(vocabulary=12, length=8, width=16), CODES, output=(8, 12))


def test_it_takes_shorter_windows():
    check_model(Transformer(vocabulary=12, length=8, width=16), CODES[:, :5], output=(5, 12))


def test_it_never_looks_ahead():
    model = Transformer(vocabulary=12, length=8, width=16).eval()
    changed = CODES.clone()
    changed[:, 5:] = 0
    assert torch.equal(model(CODES)[:, :5], model(changed)[:, :5])
    assert not torch.equal(model(CODES)[:, 5:], model(changed)[:, 5:])


def test_it_knows_places_apart():
    model = Transformer(vocabulary=12, length=8, width=16).eval()
    same = torch.full((1, 8), 3)
    assert not torch.allclose(model(same)[0, 0], model(same)[0, 7])


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="width 10 cannot be divided among 4 heads"):
        Transformer(vocabulary=12, length=8, width=10, heads=4)


def test_the_loss_of_a_guess_is_the_logarithm_of_the_vocabulary():
    loss = NextCharacter()(torch.zeros(5, 8, 12), CODES)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(math.log(12))


def test_all_parts_together_learn_a_few_windows(text):
    torch.manual_seed(0)
    rows = text.splits["train"].rows(torch.arange(4))
    model, loss_of = Transformer(vocabulary=104, length=64), NextCharacter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = loss_of(model(rows["input"]), rows["target"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert 4.4 < losses[0] < 4.9  # ln 104 = 4.64: it begins by guessing
    assert losses[-1] < 2.0
