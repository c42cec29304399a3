"""Two histories, value by value: what is paired, what differs, and what cannot be told."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from harness import Lab
from records import run_toml, write_run

from gitexp.datasets.objects.store import ObjectStore
from gitexp.git.objectreader import ObjectReader
from gitexp.history.historyfile import whole_from
from gitexp.history.read import read_run
from gitexp.history.stepwise import Steps, compare_histories
from gitexp.record.verdict import Divergence, Rows

A, B = "kkkkllllmmmmnnnn", "zzzzoooowwwwxxxx"
HEADER = "step,time_s,loss,acc\n"

Compare = Callable[..., Steps]


def rows(*lines: str, header: str = HEADER) -> str:
    return header + "".join(f"{line}\n" for line in lines)


@pytest.fixture
def compared(fresh: Lab, reader: ObjectReader) -> Compare:
    """Of two texts of history.csv; `logged`: how many rows there were, where a text is a sample of them."""

    def of(a: str, b: str, *, logged: tuple[int | None, int | None] = (None, None), **keys: Any) -> Steps:
        runs = []
        for run_id, text, count in ((A, a, logged[0]), (B, b, logged[1])):
            kept = text.count("\n") - 1
            record = run_toml(run_id, finished="2026-11-20T10:00:00Z", recipe="digits", status="completed")
            digest = keys.get("digest", "xxh128:" + "1" * 32)
            record += f'[history]\nrows = {kept if count is None else count}\nkept = {kept}\ndigest = "{digest}"\n'
            runs.append(read_run(reader, write_run(fresh, run_id, files={"run.toml": record, "history.csv": text})))
        return compare_histories(
            reader, *runs, counts=lambda name: not name.endswith("_s"), whole=keys.get("whole", lambda run: None)
        )

    return of


def test_equal_values_at_other_times_are_equal(compared: Compare) -> None:
    found = compared(rows("1,0.5,0.9,", "2,1.0,0.8,0.1"), rows("1,0.7,0.9,", "2,1.4,0.8,0.1"))
    assert found == Steps(values=3, rows=Rows(2, 2, 2))


def test_the_first_value_that_differs_is_where_they_part(compared: Compare) -> None:
    found = compared(rows("1,,0.9,0.1", "2,,0.8,0.2", "3,,0.7,0.3"), rows("1,,0.9,0.1", "2,,0.8,0.25", "3,,0.6,0.3"))
    assert (found.values, found.different, found.divergence) == (6, 2, Divergence("acc", 2, 2, 0.2, 0.25))


def test_nan_and_other_spellings_of_a_number_are_the_same(compared: Compare) -> None:
    found = compared(rows("1,,nan,1.0", "2,,inf,0.00001"), rows("1,,nan,1", "2,,inf,1e-05"))
    assert (found.values, found.different) == (4, 0)


def test_columns_in_another_order_and_rows_put_together_otherwise_are_the_same(compared: Compare) -> None:
    a = rows("1,,0.9,", "1,,,0.1", "2,,0.8,", "2,,,0.2")
    b = rows("1,,0.1,0.9", "2,,0.2,0.8", header="step,time_s,acc,loss\n")
    assert (compared(a, b).values, compared(a, b).different) == (4, 0)


def test_a_value_that_only_one_side_logged_is_a_difference(compared: Compare) -> None:
    found = compared(rows("1,,0.9,", "2,,0.8,", "3,,0.7,"), rows("1,,0.9,", "3,,0.7,", "4,,0.6,"))
    assert (found.values, found.different, found.divergence) == (4, 2, Divergence("loss", 2, 2, 0.8, None))


def test_a_metric_that_only_one_side_has_is_a_difference(compared: Compare) -> None:
    found = compared(rows("1,,0.9,0.1"), rows("1,,0.9", header="step,time_s,loss\n"))
    assert (found.values, found.different, found.divergence) == (2, 1, Divergence("acc", 1, 1, 0.1, None))


def test_values_without_steps_are_paired_in_their_order(compared: Compare) -> None:
    found = compared(rows(",,0.9,", ",,0.8,"), rows(",,0.9,", ",,0.7,", ",,0.6,"))
    assert (found.values, found.different, found.divergence) == (3, 2, Divergence("loss", None, 2, 0.8, 0.7))


def test_what_does_not_count_is_named(compared: Compare) -> None:
    found = compared(rows("1,,1.0", header="step,time_s,fit_s\n"), rows("1,,2.0", header="step,time_s,fit_s\n"))
    assert (found.values, found.left_out) == (0, ("fit_s",))


def test_what_a_later_attempt_logged_again_counts_once(compared: Compare) -> None:
    header = "step,time_s,attempt,loss\n"
    a = rows("1,,1,0.9", "2,,1,0.8", "3,,1,0.75", "3,,2,0.7", "4,,2,0.6", header=header)
    b = rows("1,,0.9", "2,,0.8", "3,,0.7", "4,,0.6", header="step,time_s,loss\n")
    found = compared(a, b)
    assert (found.values, found.different, found.complete) == (4, 0, True)


def test_of_a_sample_only_steps_that_both_have_are_compared_and_that_is_said(compared: Compare) -> None:
    a = rows("0,,0.9,", "5,,0.4,", "9,,0.1,")
    b = rows(*(f"{step},,{0.9 if step == 0 else 0.1 if step == 9 else 0.4},0.5" for step in range(10)))
    found = compared(a, b, logged=(10, 10))
    assert (found.values, found.different, found.rows, found.complete) == (3, 0, Rows(10, 10, 3), False)
    [missing] = found.missing
    assert missing == (
        "all rows: the history of the original is a sample here, and the whole is not in this clone's object store;"
        " 3 of 10 rows were compared"
    )


def test_in_a_sample_several_values_to_a_step_cannot_be_told_apart(compared: Compare) -> None:
    found = compared(rows("1,,0.9,", "2,,0.8,"), rows("1,,0.9,", "1,,0.85,", "2,,0.7,"), logged=(3, 3))
    assert (found.values, found.different) == (0, 0)
    assert found.missing[1] == "samples of loss: several values belong to one step, or none has a step"
    found = compared(rows("1,,0.9,", "2,,0.8,"), rows("1,,0.9,", "2,,0.7,"), logged=(20, 20))
    assert (found.values, found.different) == (0, 0)


def test_the_whole_history_is_compared_where_it_is_at_hand(compared: Compare, tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "store")
    whole = rows(*(f"{step},,0.{step},0.5" for step in range(1, 5)))
    digest = store.put_bytes(whole.encode())
    found = compared(
        rows("1,,0.1,0.5", "4,,0.4,0.5"), whole.replace("3,,0.3", "3,,0.35"),
        logged=(4, 4), digest=digest, whole=whole_from(store),
    )  # fmt: skip
    assert (found.values, found.different, found.rows, found.complete) == (8, 1, Rows(4, 4, 4), True)
    assert found.divergence == Divergence("loss", 3, 3, 0.3, 0.35)
    store.path_of(digest).chmod(0o644)
    store.path_of(digest).write_text(whole.replace("0.2", "0.3"))
    found = compared(rows("1,,0.1,0.5"), whole, logged=(4, 4), digest=digest, whole=whole_from(store))
    assert not found.complete, "a damaged object was believed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with step,time_s"),
        ("a,b\n1,2\n", "does not begin with step,time_s"),
        ("step,time_s,=x\n1,,2\n", "does not begin with step,time_s"),
        ('step,time_s,"loss\n', "not valid CSV"),
        (rows("1,,0.9,", "2,,0.8"), "row 2 does not have 4 cells"),
        (rows("1,,0.9,", "2,,0.8,,,"), "row 2 does not have 4 cells"),
        (rows("1,,0.9,", f"2,,{'9' * 500},"), "a value is '9999"),
        (rows("1,,0.9,", "x,,0.8,"), "a step is 'x'"),
        (rows("1,,0.9,", "2,,\x00,"), "a value is"),
        (rows("1,,0.9,") + "2,,0.8,\n\n", "row 3 does not have 4 cells"),
    ],
)
def test_a_hostile_history_is_compared_up_to_its_damage(compared: Compare, text: str, words: str) -> None:
    for a, b in ((text, rows("1,,0.9,", "2,,0.8,")), (rows("1,,0.9,", "2,,0.8,"), text)):
        found = compared(a, b)
        assert not found.complete
        assert words in "; ".join(found.missing)


def test_a_number_of_400_digits_is_a_number(compared: Compare) -> None:
    found = compared(rows(f"1,,{'9' * 400},"), rows("1,,0.9,"))
    assert not found.complete or found.different == 1


def test_a_history_that_has_fewer_rows_than_the_record_says_is_not_whole(compared: Compare) -> None:
    a = rows("1,,0.9,")
    found = compared(a, a, whole=lambda run: BytesIO(a.encode()), logged=(2, None))
    assert (found.complete, found.values) == (False, 1)
    assert found.missing == ("history.csv of the original from there on: it has 1 rows, not 2",)


def test_many_rows_pass_through_little_memory(compared: Compare, tmp_path: Path) -> None:
    count = 100_000
    for name in ("a", "b"):
        lines = (
            f"{i},{i / 7}{name == 'b':d},0.{i},{0.25 if (i, name) == (count - 1, 'b') else 0.5}" for i in range(count)
        )
        (tmp_path / name).write_text(rows(*lines))
    files = iter([tmp_path / "a", tmp_path / "b"])
    tracemalloc.start()
    found = compared(rows(), rows(), logged=(count, count), whole=lambda run: next(files).open("rb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.values, found.different, found.complete) == (2 * count, 1, True)
    assert found.divergence == Divergence("acc", count - 1, count, 0.5, 0.25)
    assert peak < 12 << 20
