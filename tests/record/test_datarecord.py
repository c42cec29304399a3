"""data.toml as text and back: exact for what a run knows of its data, safe for anything strangers send."""

from __future__ import annotations

import pytest

from gitexp.record.datarecord import DatasetRecord, dump_data, load_data
from gitexp.text.bounded import Unreadable

A = "a" * 32


def test_data_toml_round_trips_and_ignores_what_it_does_not_know() -> None:
    records = [DatasetRecord(name="digits", path="d.csv", digest=f"xxh128:{A}", files=1, size_bytes=7)]
    text = dump_data(records)
    assert text == f'[digits]\npath = "d.csv"\nkind = "data"\ndigest = "xxh128:{A}"\nfiles = 1\nsize_bytes = 7\n'
    assert load_data(text + "colour = 1\n") == {"digits": records[0]}


@pytest.mark.parametrize("text", ["digits = 1\n", "[digits]\nfiles = 'x'\n", "[digits\n", "[digits]\nfiles = true\n"])
def test_data_toml_of_a_stranger_is_checked(text: str) -> None:
    with pytest.raises(Unreadable):
        load_data(text)


def test_everything_that_is_known_of_a_dataset_comes_back() -> None:
    record = DatasetRecord(
        name="train",
        entry="digits",
        url="s3://bucket/digits/",
        kind="model",
        digest=f"xxh128:{A}",
        sha256="sha256:" + "b" * 64,
        files=2,
        size_bytes=9,
        source="UCI",
        license="CC-BY-4.0",
        owner="Jane <jane@lab.example>",
        access="open",
        tags=("consent:research",),
        fetched="2026-11-21",
        resolved="s3://bucket/digits/?versionId=1",
        version="1",
        mirror="https://mirror.example/",
        fetched_bytes=0,
        contract=f"xxh128:{A}",
        counts={"rows": 10, "label=3": 4},
        sampling={"small": {"count": 3, "seed": 1, "of": "train", "rows": 3, "digest": f"xxh128:{A}"}},
        split={"train": {"fraction": 0.5, "stratify": "label", "seed": 0, "rows": 5, "digest": f"xxh128:{A}"}},
        lineage={"parents": {"raw": f"xxh128:{A}"}, "command": ["python", "clean.py"], "stale": ["raw"]},
    )
    assert load_data(dump_data([record])) == {"train": record}


@pytest.mark.parametrize(
    "text",
    [
        "[d]\ntags = 'x'\n",
        "[d]\ntags = [1]\n",
        "[d.counts]\na = 'x'\n",
        "[d.split]\ntrain = 1\n",
        "[d.split.train]\nfraction = 'x'\n",
        "[d.lineage]\nparents = 1\n",
        "[d.lineage.parents]\nraw = 1\n",
        "[d.lineage]\ncommand = [1]\n",
    ],
)
def test_wrong_types_inside_a_dataset_are_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="breaks the record format"):
        load_data(text)
