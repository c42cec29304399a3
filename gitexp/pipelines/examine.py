"""Hold what lies there against its contract, describe it, or draw its rows: here, or fetched first.

Where data is held against its contract or described, pinned or not does not matter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.pinned import Access
from gitexp.errors import GitexpError
from gitexp.pipelines.rundata import access_to
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.contract import Contract, load_contract
from gitexp.stages.provide import Provided, provide
from gitexp.stages.vet import contract_table, draw_rows
from gitexp.tables.contracts.describe import describe
from gitexp.tables.contracts.description import Description
from gitexp.tables.contracts.judging import CheckResult, check_contract
from gitexp.tables.rows.tables import header_doubt
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch
    from gitexp.tables.rows.splits import Drawn


class Checked(NamedTuple):
    """A dataset that was held against its contract."""

    name: str
    digest: str
    result: CheckResult
    doubt: str | None = None  # whether the first line is a header


class Described(NamedTuple):
    """A dataset that was looked at."""

    name: str
    digest: str
    description: Description
    doubt: str | None = None  # whether the first line is a header


def check_dataset(ref: DatasetRef, *, clone: Clone, watch: Watch) -> Checked:
    """All violations of the contract. Raises GitexpError: there is none; Refused: the data is not to be had."""
    with watch(f"checking {ref.name}") as progress:
        access = access_to(clone, progress)
        contract = _contract(ref, access)
        if contract is None:
            raise GitexpError(
                f"Dataset {ref.name} has no contract",
                fix=f"gitexp data describe {ref.name} --write    (a first one, from the data)",
            )
        here = _here(ref, access)
        result = check_contract(here.path, contract, progress=progress)
        doubt = header_doubt(here.path, kind=contract.format, header=contract.header)
        return Checked(ref.name, here.built.digest, result, doubt)


def describe_dataset(ref: DatasetRef, *, clone: Clone, watch: Watch) -> Described:
    """What the data looks like, also in each split. Raises Refused: it is no table, or not to be had."""
    with watch(f"describing {ref.name}") as progress:
        access = access_to(clone, progress)
        written = ref.contract_file is None or (access.place.root / ref.contract_file).exists()
        contract = (_contract(ref, access) if written else None) or Contract()
        here = _here(ref, access)
        kind, header = contract.format, contract.header
        splits = {}
        if ref.splits:
            from gitexp.tables.rows.splits import draw_from

            drawn = draw_from(
                here.path, ref.splits, {}, root=access.place.root, what=f"dataset {ref.name}", kind=kind, header=header
            )
            splits = {name: one.indices for name, one in drawn.items()}
        found = describe(here.path, kind=kind, header=header, splits=splits, progress=progress)
        return Described(ref.name, here.built.digest, found, header_doubt(here.path, kind=kind, header=header))


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


def _contract(ref: DatasetRef, access: Access) -> Contract | None:
    table = contract_table(ref, access.place)
    return None if table is None else load_contract(table)


def _here(ref: DatasetRef, access: Access) -> Provided:
    """What lies at its path, whichever version that is; else the pinned one."""
    there = ref.path is not None and Path(os.path.normpath(access.place.root / ref.path)).exists()
    return provide(ref._replace(digest=None) if there else ref, access)
