"""Rows as batches: which rows, in which order, for which rank, decided by seed, epoch and batch number alone.

Nothing of an order is kept between batches, so a run that goes on from the middle of an epoch sees the same batches,
and so does one with another number of loader workers.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from gitexp.training.repeating.seeds import derive, fork_all, seed_all

Fields = dict[str, Tensor]
CPU = torch.device("cpu")


class Table:
    """Rows in memory: tensors by field, all with the rows as their first dimension.

    `names` says in words what the codes of a field mean: {"species": ["Adelie", "Chinstrap"]}. `indices`, if there are
    any: the numbers of the rows in the whole that they were drawn from.
    Raises ValueError when the fields have different numbers of rows.
    """

    def __init__(
        self,
        fields: Mapping[str, Tensor],
        names: Mapping[str, Sequence[str]] | None = None,
        *,
        indices: Sequence[int] = (),
    ) -> None:
        self.fields: Fields = dict(fields)
        self.indices = indices
        self.names: dict[str, list[str]] = {field: list(words) for field, words in (names or {}).items()}
        rows = {field: len(values) for field, values in self.fields.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"the fields of a table must have the same number of rows, got {rows}")

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def __getitem__(self, row: int) -> Fields:
        """One row, without the dimension of rows."""
        return {field: values[row] for field, values in self.fields.items()}

    def rows(self, indices: Tensor) -> Fields:
        """Some rows; `indices` is int64 of shape [rows]."""
        return {field: values[indices] for field, values in self.fields.items()}

    def to(self, device: torch.device) -> Table:
        """The same rows on a device."""
        return Table({field: values.to(device) for field, values in self.fields.items()}, self.names)


Split = Table | Dataset[Any]
Step = Callable[..., Fields]


class Batch(NamedTuple):
    """What one rank gets of one batch."""

    fields: Fields
    rows: int  # that count; where a batch has fewer rows than there are ranks, 0 for some, and `fields` repeats one


@dataclass(eq=False)
class Batches:
    """The batches of a split, epoch by epoch."""

    split: Split
    _: KW_ONLY
    batch_size: int  # over all ranks
    seed: int
    rank: int = 0
    world: int = 1
    workers: int = 0
    lazily: Sequence[Step] = ()  # for rows that are not in memory
    augment: Sequence[Step] = ()  # random ones
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        self.generator = torch.Generator()
        self.rows = len(self.split)  # type: ignore[arg-type]
        self.per_epoch = -(-self.rows // self.batch_size)

    def shuffled(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in its order, from batch number `start` on."""
        self.generator.manual_seed(derive(self.seed, "order", epoch))
        order = torch.randperm(self.rows, generator=self.generator)
        yield from self._batches(order, epoch, start)

    def in_order(self) -> Iterator[Batch]:
        """All batches, rows as they lie, nothing augmented."""
        yield from self._batches(torch.arange(self.rows), None, 0)

    def _batches(self, order: Tensor, epoch: int | None, start: int) -> Iterator[Batch]:
        parts = list(torch.split(order, self.batch_size))
        if self.world > 1:
            parts = [chunk[self.rank :: self.world] for chunk in parts]
        # A rank that has nothing in the last batch takes part with a row that counts nothing: the others wait for it.
        wanted = [part if len(part) else order[:1] for part in parts[start:]]
        for number, fields in enumerate(self._fetched(wanted, epoch, start), start=start):
            if self.augment and epoch is not None:
                for position, step in enumerate(self.augment):
                    self.generator.manual_seed(derive(self.seed, "augment", position, epoch, number, self.rank))
                    fields = step(fields, self.generator)
            if self.device.type != "cpu":
                fields = {name: values.to(self.device, non_blocking=True) for name, values in fields.items()}
            yield Batch(fields, len(parts[number]))

    def _fetched(self, wanted: Sequence[Tensor], epoch: int | None, start: int) -> Iterator[Fields]:
        if isinstance(self.split, Table):
            table = self.split
            if epoch is not None and not self.augment:  # nobody looks at the other fields
                table = Table({name: table.fields[name] for name in ("input", "target") if name in table.fields})
            for indices in wanted:
                yield table.rows(indices)
            return
        fetch = _Fetch(
            self.split, wanted, self.lazily, derive(self.seed, "fetch", -1 if epoch is None else epoch), start
        )
        if self.workers == 0:
            for number in range(len(wanted)):
                with fork_all():
                    fields = fetch[number]
                yield fields
            return
        # Its own generator: otherwise each epoch would draw from the one that dropout uses.
        loader = DataLoader(
            fetch,
            batch_size=None,
            num_workers=self.workers,
            generator=torch.Generator().manual_seed(self.seed & (2**63 - 1)),
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_leave_signals_to_the_parent,
        )
        fetching: Any = iter(loader)
        try:
            yield from fetching
        finally:
            # They do not end by SIGTERM: left to the end of this process, it would wait for them for ever.
            fetching._shutdown_workers()


@dataclass(eq=False)
class _Fetch(Dataset[Fields]):
    """Batches by number, whoever fetches them: each seeds all generators anew."""

    split: Dataset[Any]
    wanted: Sequence[Tensor]
    steps: Sequence[Step]
    seed: int
    start: int

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, number: int) -> Fields:
        seed_all(derive(self.seed, self.start + number))
        fields = collated(self.split[row] for row in self.wanted[number].tolist())
        for step in self.steps:
            fields = step(fields)
        return fields


def _leave_signals_to_the_parent(worker: int) -> None:
    # Whoever stops a run signals all its processes; the training ends its workers when it has written its checkpoint.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def collated(rows: Iterator[Any]) -> Fields:
    """Rows, each a mapping of fields, as one batch. Raises TypeError for other rows."""
    known = list(rows)
    for row in known[:1]:
        if not isinstance(row, Mapping):
            example = '{"input": …, "target": …}'
            raise TypeError(f"a row must be a dict of fields such as {example}, got {type(row).__name__}")
    fields: Fields = default_collate(known)
    return fields


def in_memory(split: Split) -> Table:
    """All rows of a split as a table: what a step is fitted on."""
    if isinstance(split, Table):
        return split
    with fork_all():
        return Table(collated(split[row] for row in range(len(split))))  # type: ignore[arg-type]
