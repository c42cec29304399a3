"""Batches: which rows, in which order, for which rank; decided by the seed, the epoch and the batch number alone."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from gitexp.training.data import Batches, Table, collated, in_memory  # noqa: E402
from gitexp.training.repeating.seeds import generator_states  # noqa: E402

pytestmark = pytest.mark.torch


def numbers(rows: int) -> Table:
    return Table({"input": torch.arange(rows), "target": torch.arange(rows)})


def rows_of(batches: Batches, epoch: int = 0, start: int = 0) -> list[list[int]]:
    """Only rows that count."""
    return [batch.fields["input"].tolist()[: batch.rows] for batch in batches.shuffled(epoch, start=start)]


class Rolled(Dataset):
    """Rows with numbers drawn from every global generator."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> dict[str, Tensor | float]:
        drawn = torch.tensor([random.random(), float(numpy.random.rand()), torch.rand(()).item()])
        return {"input": drawn, "target": row}


def add_noise(fields: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    return {**fields, "input": fields["input"] + torch.rand(fields["input"].shape, generator=generator)}


def double(fields: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**fields, "input": fields["input"] * 2}


def test_each_epoch_has_every_row_once_in_an_order_of_its_own():
    batches = Batches(numbers(7), batch_size=4, seed=1)
    first, second = rows_of(batches, 0), rows_of(batches, 1)
    assert [len(batch) for batch in first] == [4, 3]
    assert sorted(first[0] + first[1]) == [0, 1, 2, 3, 4, 5, 6]
    assert sorted(second[0] + second[1]) == [0, 1, 2, 3, 4, 5, 6]
    assert first != second


def test_the_same_seed_gives_the_same_order_and_another_one_another():
    assert rows_of(Batches(numbers(50), batch_size=8, seed=1)) == rows_of(Batches(numbers(50), batch_size=8, seed=1))
    assert rows_of(Batches(numbers(50), batch_size=8, seed=1)) != rows_of(Batches(numbers(50), batch_size=8, seed=2))


def test_the_order_stays_as_it_is_in_later_versions():
    assert rows_of(Batches(numbers(7), batch_size=4, seed=1)) == [[4, 2, 6, 0], [5, 3, 1]]


def test_from_the_middle_of_an_epoch_the_batches_are_those_that_were_left():
    batches = Batches(numbers(50), batch_size=8, seed=1)
    assert rows_of(batches, 3, start=4) == rows_of(batches, 3)[4:]


def test_from_the_middle_of_an_epoch_augmentation_draws_the_same():
    batches = Batches(numbers(50), batch_size=8, seed=1, augment=[add_noise])
    whole = [batch.fields["input"] for batch in batches.shuffled(3)]
    rest = [batch.fields["input"] for batch in batches.shuffled(3, start=5)]
    assert [torch.equal(a, b) for a, b in zip(whole[5:], rest, strict=True)] == [True, True]
    assert not torch.equal(whole[0].frac(), whole[1].frac())


def test_two_ranks_share_each_batch_without_overlap_or_loss():
    whole = rows_of(Batches(numbers(7), batch_size=4, seed=1))
    one = rows_of(Batches(numbers(7), batch_size=4, seed=1, rank=0, world=2))
    two = rows_of(Batches(numbers(7), batch_size=4, seed=1, rank=1, world=2))
    assert [len(batch) for batch in one] == [2, 2]
    assert [len(batch) for batch in two] == [2, 1]
    assert sorted(one[0] + two[0]) == sorted(whole[0])
    assert sorted(one[1] + two[1]) == sorted(whole[1])


def test_a_rank_that_has_nothing_in_a_batch_takes_part_with_a_row_that_does_not_count():
    given = [list(Batches(numbers(5), batch_size=4, seed=1, rank=rank, world=3).shuffled(0)) for rank in (0, 1, 2)]
    assert [[batch.rows for batch in batches] for batches in given] == [[2, 1], [1, 0], [1, 0]]
    assert [len(batches[1].fields["input"]) for batches in given] == [1, 1, 1]
    counted = [batch.fields["input"].tolist()[: batch.rows] for batches in given for batch in batches]
    assert sorted(itertools.chain(*counted)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_loads_the_rows_the_batches_are_the_same(workers: int):
    def loaded(workers: int) -> Tensor:
        batches = Batches(Rolled(), batch_size=4, seed=1, workers=workers, lazily=[double], augment=[add_noise])
        return torch.cat([batch.fields["input"] for batch in batches.shuffled(2, start=1)])

    assert torch.equal(loaded(workers), loaded(0))
    assert loaded(0).shape == (6, 3)


def test_rows_draw_anew_in_each_epoch_and_batch():
    batches = Batches(Rolled(), batch_size=5, seed=1)
    first, second = (batch.fields["input"] for batch in batches.shuffled(0))
    other = next(batches.shuffled(1)).fields["input"]
    assert len({tuple(row) for row in torch.cat([first, second, other]).tolist()}) == 15


class Breaks(Rolled):
    """Cannot give its last row."""

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        if row == len(self) - 1:
            raise OSError("no such picture")
        return super().__getitem__(row)


def test_a_row_that_cannot_be_loaded_ends_the_workers_too():
    with pytest.raises(OSError, match="no such picture"):
        list(Batches(Breaks(), batch_size=4, seed=1, workers=2).in_order())
    assert torch.multiprocessing.active_children() == []


@pytest.mark.parametrize("row", [(1, 2), [1, 2]])
def test_a_row_without_names_is_told_what_rows_are(row: Any):
    with pytest.raises(TypeError, match=f"a row must be a dict of fields such as .*, got {type(row).__name__}"):
        collated(iter([row]))


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_leaves_the_global_generators_where_they_were(workers: int):
    before = generator_states()
    list(Batches(Rolled(), batch_size=4, seed=1, workers=workers, augment=[add_noise]).shuffled(0))
    in_memory(Rolled())
    after = generator_states()
    assert before["python"]["words"].tolist() == after["python"]["words"].tolist()
    assert before["numpy"]["keys"].tolist() == after["numpy"]["keys"].tolist()
    assert before["numpy"]["position"] == after["numpy"]["position"]
    assert before["torch"].tolist() == after["torch"].tolist()


def test_rows_that_are_judged_come_as_they_lie_and_are_not_augmented():
    batches = Batches(numbers(5), batch_size=2, seed=1, augment=[add_noise])
    assert [batch.fields["input"].tolist() for batch in batches.in_order()] == [[0, 1], [2, 3], [4]]


def test_a_table_whose_fields_differ_in_length_is_refused():
    with pytest.raises(ValueError, match=r"same number of rows, got \{'input': 3, 'target': 2\}"):
        Table({"input": torch.zeros(3), "target": torch.zeros(2)})


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Batches(numbers(5), batch_size=0, seed=1)
