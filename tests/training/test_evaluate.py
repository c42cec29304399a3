"""The evaluations that ship: what they measure, whatever the batches."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from gitexp.training.evaluate import Classification, LanguageModel, Regression  # noqa: E402

pytestmark = pytest.mark.torch


def scores(*winners: int) -> torch.Tensor:
    """Scores of three classes."""
    return torch.eye(3)[list(winners)]


def test_accuracy_is_the_share_of_rows_whose_best_score_is_right():
    judge = Classification()
    judge.update(scores(0, 1, 2), {"target": torch.tensor([0, 1, 1])})
    judge.update(scores(2), {"target": torch.tensor([2])})
    assert judge.result() == {"acc": 0.75}


def test_start_forgets_what_was_before():
    judge = Classification()
    judge.update(scores(0), {"target": torch.tensor([1])})
    judge.start()
    judge.update(scores(0), {"target": torch.tensor([0])})
    assert judge.result() == {"acc": 1.0}


def test_slices_are_called_by_the_words_of_their_codes():
    judge = Classification(slices=["island"])
    judge.names = {"island": ["Biscoe", "Dream"]}
    judge.update(scores(0, 0, 0), {"target": torch.tensor([0, 1, 0]), "island": torch.tensor([0, 0, 1])})
    judge.update(scores(1), {"target": torch.tensor([0]), "island": torch.tensor([-1])})
    assert judge.result() == {
        "acc": 0.5,
        "acc[island=Biscoe]": 0.5,
        "acc[island=Dream]": 1.0,
        "acc[island=missing]": 0.0,
    }


def test_a_slice_may_be_called_otherwise_than_its_field_and_codes_without_words_are_numbers():
    judge = Classification(slices=["digit=target"])
    judge.update(scores(0, 2), {"target": torch.tensor([0, 1])})
    assert judge.result() == {"acc": 0.5, "acc[digit=0]": 1.0, "acc[digit=1]": 0.0}


def test_a_slice_by_a_field_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no field 'isle' to slice by; there are: input, target"):
        Classification(slices=["isle"]).update(scores(0), {"input": torch.zeros(1), "target": torch.zeros(1)})


def test_errors_of_numbers_are_in_their_own_unit():
    judge = Regression()
    judge.update(torch.tensor([[1.0], [2.0]]), {"target": torch.tensor([1.0, 5.0])})
    judge.update(torch.tensor([[0.0]]), {"target": torch.tensor([0.0])})
    assert judge.result() == {"mae": 1.0, "rmse": math.sqrt(3)}


def test_guessing_among_eight_characters_takes_three_bits_and_has_perplexity_8():
    judge = LanguageModel()
    judge.update(torch.zeros(2, 5, 8), {"target": torch.zeros(2, 5, dtype=torch.int64)})
    judge.update(torch.zeros(1, 5, 8), {"target": torch.ones(1, 5, dtype=torch.int64)})
    result = judge.result()
    assert result["bpc"] == pytest.approx(3.0)
    assert result["perplexity"] == pytest.approx(8.0)


def test_scores_of_bfloat16_are_judged_in_float32():
    judge = LanguageModel()
    judge.update(torch.zeros(1, 2, 8, dtype=torch.bfloat16), {"target": torch.zeros(1, 2, dtype=torch.int64)})
    assert judge.result()["bpc"] == pytest.approx(3.0, abs=1e-6)
