"""From a dataset to the rows of one of its splits or samples: provide → draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitexp.clone import Clone
from gitexp.errors import GitexpError
from gitexp.pipelines.data import access_to
from gitexp.spec.catalogue import DatasetRef
from gitexp.stages.provide import provide
from gitexp.stages.vet import draw_rows
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch
    from gitexp.tables.rows.splits import Drawn


def rows_of(ref: DatasetRef, split: str, *, clone: Clone, watch: Watch) -> Drawn:
    """The rows of a split or a sample. Raises GitexpError for an unknown one, Refused for what cannot be drawn."""
    rules = {**ref.splits, **ref.samples}
    if split not in rules:
        known = ", ".join(rules) or "none"
        raise GitexpError(
            f"Dataset {ref.name} has no split or sample {split}{near(split, rules)} (there are: {known})",
            fix=f"[datasets.{ref.name}.splits.{split}]    in the catalogue",
        )
    with watch(f"data {ref.name}") as progress:
        access = access_to(clone, progress)
        return draw_rows(ref, provide(ref, access).path, access.place)[split]
