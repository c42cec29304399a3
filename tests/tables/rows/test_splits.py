"""Splits and samples: the rows that rules give are literal, because they are the same on every machine, for ever."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gitexp.errors import Refused
from gitexp.spec.catalogue import DrawRule
from gitexp.tables.rows.splits import Drawn, draw, draw_from, load_indices

LABELS = ["a", "b", "a", "a", "b", "a", "a", "b", "a", "a"]
REST = DrawRule("test", rest=True)


def drawn(
    *splits: DrawRule, samples: tuple[DrawRule, ...] = (), rows: int = 10, files: Mapping[str, list[int]] | None = None
) -> dict[str, Drawn]:
    """What rules give for ten rows with LABELS in the column `label`."""

    def column(name: str) -> list[str]:
        if name != "label":
            raise Refused(f"there is no column {name}")
        return LABELS

    return draw(
        {rule.name: rule for rule in splits},
        {rule.name: rule for rule in samples},
        rows=rows,
        column=column,
        indices=lambda name: (files or {})[name],
        what="digits",
    )


def indices(found: Mapping[str, Drawn]) -> dict[str, list[int]]:
    return {name: list(one.indices) for name, one in found.items()}


def refusal(*splits: DrawRule, **options: object) -> list[str]:
    with pytest.raises(Refused) as error:
        drawn(*splits, **options)  # type: ignore[arg-type]
    assert error.value.what.startswith("The splits of digits cannot be drawn")
    return [line.strip() for line in error.value.details]


def test_rows_go_by_the_blake2b_hash_of_seed_and_row_which_b2sum_prints_too() -> None:
    # for i in 0 … 9: printf '1:%d' $i | b2sum -l 128; sorted, the first eight of them
    found = drawn(DrawRule("train", fraction=0.8, seed=1), REST)
    assert indices(found) == {"train": [0, 1, 2, 3, 4, 6, 7, 8], "test": [5, 9]}


def test_the_digest_is_that_of_the_rows_as_decimal_lines() -> None:
    found = drawn(DrawRule("train", fraction=0.8, seed=1), REST)["test"]
    assert found.lines == b"5\n9\n"
    assert found.digest == "xxh128:690010a8e564336f77f9607689befe77"
    assert found.rows == 2


def test_another_seed_gives_other_rows() -> None:
    assert indices(drawn(DrawRule("train", fraction=0.2, seed=1))) == {"train": [7, 8]}
    assert indices(drawn(DrawRule("train", fraction=0.2, seed=2))) == {"train": [1, 3]}


def test_stratified_splits_hold_each_value_in_its_share_and_never_overlap() -> None:
    found = drawn(
        DrawRule("train", fraction=0.6, stratify="label", seed=1),
        DrawRule("val", number=2, stratify="label", seed=1),
        REST,
    )
    assert indices(found) == {"train": [0, 1, 2, 3, 7, 8], "val": [6, 9], "test": [4, 5]}


def test_shares_that_come_out_even_are_exact_for_each_value() -> None:
    labels = ["x"] * 50 + ["y"] * 100 + ["z"] * 850
    rules = {"train": DrawRule("train", fraction=0.8, stratify="label", seed=3)}
    found = draw(rules, {}, rows=1000, column=lambda _: labels, indices=lambda _: [])["train"].indices
    assert [sum(labels[row] == label for row in found) for label in "xyz"] == [40, 80, 680]


def test_a_fraction_is_the_decimal_that_was_written() -> None:
    # As binary floats 0.7, 0.2 and 0.1 make 0.9999999999999999.
    found = drawn(
        DrawRule("train", fraction=0.7, seed=1),
        DrawRule("val", fraction=0.2, seed=1),
        DrawRule("test", fraction=0.1, seed=1),
    )
    assert {name: one.rows for name, one in found.items()} == {"train": 7, "val": 2, "test": 1}


def test_samples_are_drawn_from_a_split_or_from_all_rows_and_may_overlap() -> None:
    samples = (DrawRule("small", number=3, of="train"), DrawRule("few", fraction=0.25, seed=7))
    found = drawn(DrawRule("train", fraction=0.8, seed=1), samples=samples)
    assert indices(found) == {"train": [0, 1, 2, 3, 4, 6, 7, 8], "small": [2, 4, 6], "few": [0, 6, 9]}


def test_a_split_may_be_listed_in_a_file_and_the_rest_is_what_is_left() -> None:
    found = drawn(DrawRule("train", indices="train.txt"), REST, files={"train.txt": [9, 0, 5]})
    assert indices(found) == {"train": [0, 5, 9], "test": [1, 2, 3, 4, 6, 7, 8]}


def test_splits_with_different_seeds_that_share_rows_are_refused_with_the_rows() -> None:
    assert refusal(DrawRule("train", fraction=0.5, seed=1), DrawRule("val", fraction=0.5, seed=2)) == [
        "splits train and val share 4 rows (1, 3, 7, 8)"
    ]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert refusal(
        DrawRule("a", number=12),
        DrawRule("b", indices="b.txt"),
        DrawRule("c", number=1, seed=5, stratify="colour"),
        DrawRule("d", number=1, seed=6, stratify="colour"),
        samples=(DrawRule("s", fraction=0.01),),
        files={"b.txt": [1, 1, 10, 11, 12]},
    ) == [
        "split b: 3 rows (10, 11, 12) of b.txt are not there (0 to 9)",
        "split b: row 1 is in b.txt more than once",
        "split a asks for 12 rows, and there are 10",
        "split c: there is no column colour",
        "sample s would have no rows",
    ]


def test_fractions_of_more_than_all_rows_are_refused() -> None:
    assert refusal(DrawRule("train", fraction=0.8), DrawRule("val", fraction=0.3, seed=9)) == [
        "the splits' fractions are more than all rows: train 0.8 + val 0.3"
    ]


def test_counts_and_fractions_that_together_ask_for_too_much_are_refused() -> None:
    assert refusal(DrawRule("train", fraction=0.8), DrawRule("val", number=3)) == [
        "split train and val ask for 11 rows, and there are 10"
    ]


def test_a_rest_of_nothing_is_refused() -> None:
    assert refusal(DrawRule("train", fraction=1), REST) == ["split test would have no rows"]


def test_a_listed_sample_of_a_split_may_not_leave_it() -> None:
    sample = DrawRule("s", indices="s.txt", of="train")
    assert refusal(DrawRule("train", fraction=0.8, seed=1), samples=(sample,), files={"s.txt": [0, 5]}) == [
        "sample s: row 5 of s.txt is not in split train"
    ]


def test_a_file_of_row_numbers_names_its_wrong_lines() -> None:
    assert load_indices(b"3\r\n\n 7\n", where="rows.txt") == [3, 7]
    with pytest.raises(Refused, match=r"^rows.txt must hold one row number a line, from 0; not so in line 2, line 3$"):
        load_indices(b"1\n-1\n1.5\n", where="rows.txt")


def test_the_rows_of_a_table_are_its_records(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,label\n" + "".join(f"{row},{label}\n" for row, label in enumerate(LABELS)))
    rules = {"train": DrawRule("train", fraction=0.6, stratify="label", seed=1)}
    found = draw_from(tmp_path / "t.csv", rules, {}, root=tmp_path, what="t")
    assert list(found["train"].indices) == [0, 1, 2, 3, 7, 8]


def test_of_files_that_are_no_tables_each_is_a_row_and_its_folder_the_label(tmp_path: Path) -> None:
    for name in ("cat/1.pt", "cat/2.pt", "dog/1.pt", "dog/2.pt", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    rules = {"train": DrawRule("train", fraction=0.5, stratify="label")}
    found = draw_from(tmp_path, rules, {}, root=tmp_path, what="pets")
    assert list(found["train"].indices) == [1, 2]


def test_a_list_of_rows_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n2\n")
    rules = {"train": DrawRule("train", indices="rows.txt")}
    with pytest.raises(Refused) as error:
        draw_from(tmp_path / "t.csv", rules, {}, root=tmp_path, what="t")
    assert error.value.details == ("  split train: rows.txt cannot be read: No such file or directory",)
