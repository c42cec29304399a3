"""Which rows each split has: by their numbers, by their content, or not told."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import Dataset, Subset, TensorDataset  # noqa: E402

from gitexp.training.data import Table  # noqa: E402
from gitexp.training.loaders import PixelRows  # noqa: E402
from gitexp.training.rows import rows_of  # noqa: E402

pytestmark = pytest.mark.torch

# printf '1\\n3\\n10\\n' | sha256sum
ROWS_1_3_10 = "sha256:6dc153846a708147a432d308c914b7d56a4fa838abd641e60e6b2944ea9e0fad"


class OnDisk(Dataset[Any]):
    """Rows that would have to be loaded."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, row: int) -> dict[str, int]:
        raise AssertionError("nobody should read rows for this")


def of(split: Any) -> dict[str, Any]:
    return rows_of({"val": split})["val"]


def test_rows_that_were_drawn_go_by_their_numbers_in_whatever_order():
    known = of(Subset(OnDisk(), [10, 1, 3]))
    assert known == {"rows": 3, "by": "index", "digest": ROWS_1_3_10}
    assert of(Subset(Subset(OnDisk(), [11, 10, 3, 2, 1]), [4, 2, 1])) == known
    assert of(Table({"input": torch.zeros(3)}, indices=[3, 1, 10])) == known
    assert of(Subset(OnDisk(), torch.tensor([1, 3, 10]))) == known  # type: ignore[arg-type]


def test_rows_in_memory_go_by_their_content_in_whatever_order():
    table = Table({"input": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "target": torch.tensor([0, 1])})
    turned = Table({name: values.flip(0) for name, values in table.fields.items()})
    mixed = Table({"input": table.fields["input"], "target": torch.tensor([1, 0])})
    assert of(table)["by"] == "content"
    assert of(table) == of(turned)
    assert of(table)["digest"] != of(mixed)["digest"]
    assert of(TensorDataset(torch.tensor([1, 2]))) == of(TensorDataset(torch.tensor([2, 1])))
    rows = [
        {"input": torch.tensor([1.0]), "target": 3, "word": "cat"},
        {"input": torch.tensor([2.0]), "target": 4, "word": "dog"},
    ]
    assert of(rows) == of(rows[::-1])
    assert of(rows)["digest"] != of(rows[:1] * 2)["digest"]


def test_of_other_rows_only_the_number_is_known():
    assert of(OnDisk()) == {"rows": 12}
    assert of([{"input": object()}]) == {"rows": 1}
    assert of([1, 2]) == {"rows": 2}
    assert of(Table({"input": torch.zeros(2, 0)})) == of(Table({"input": torch.zeros(2, 0)}))


def test_another_seed_holds_out_other_rows_and_the_same_seed_the_same(tmp_path):
    path = tmp_path / "images.csv"
    path.write_text("".join(f"{row},{row % 2}\n" for row in range(40)))
    seeds = [
        rows_of(PixelRows(str(path), height=1, width=1, classes=2, batch_size=4, seed=seed).splits)
        for seed in (1, 1, 2)
    ]
    assert seeds[0] == seeds[1]
    assert seeds[0]["val"]["rows"] == seeds[2]["val"]["rows"] == 8
    assert seeds[0]["val"]["digest"] != seeds[2]["val"]["digest"]
