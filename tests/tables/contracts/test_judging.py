"""Data held against its contract: every violation at once, each with its file, line, row and column."""

from __future__ import annotations

import os
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tablefiles import file, npy

from gitexp.errors import Refused
from gitexp.spec.contract import contract_problems, load_contract
from gitexp.tables.contracts.judging import CheckResult, check_contract


def check(path: Path, text: str) -> CheckResult:
    table = tomllib.loads(text)
    assert contract_problems(table) == []
    return check_contract(path, load_contract(table))


def found(path: Path, text: str) -> list[str]:
    return [one.text for one in check(path, text).violations]


def optional(name: str) -> Any:
    """A package of an extra; under CI it must be there."""
    return import_module(name) if os.environ.get("CI") == "true" else pytest.importorskip(name)


def test_all_violations_come_at_once_with_their_places(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b'id,label,note\n1,0,"two\nlines"\n2,12,b\nx,1,\n2,,d\n')
    result = check(
        path,
        """
        rows = { min = 5 }
        fields.id = { dtype = "int", unique = true }
        fields.label = { dtype = "int", max = 9 }
        fields.note = { dtype = "text", pattern = "[a-z]+" }
        """,
    )
    assert [one.text for one in result.violations] == [
        'x.csv:5: id: expected int, got "x" (row 2)',
        "x.csv:6: id: 2 was there before (row 3)",
        "x.csv:6: label: is missing (row 3)",
        "x.csv:4: label: 12 is above 9 (row 1)",
        "x.csv:5: note: is missing (row 2)",
        'x.csv:2: note: "two\\nlines" does not match [a-z]+ (row 0)',
        "4 rows, and there must be at least 5",
    ]
    assert result.violations[1][:5] == ("x.csv", 3, "id", "unique", "2 was there before")
    assert result.found == 7
    assert result.counts == {"rows": 4}


def test_ten_violations_of_a_rule_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a\n" + b"7\n" * 20_000)
    result = check(path, "fields.a.max = 1")
    assert len(result.violations) == 10
    assert result.violations[9].text == "x.csv:11: a: 7 is above 1 (row 9), and 19,990 more like this"
    assert result.found == 20_000


def test_fields_must_be_there_and_others_must_not(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"lable,extra\n1,2\n")
    assert found(path, "fields.label = {}") == [
        "x.csv: label: there is no such column; did you mean lable?",
        "x.csv: lable: the contract knows no such field; did you mean label?",
        "x.csv: extra: the contract knows no such field",
    ]
    assert found(path, 'extra_fields = "allow"\nfields.lable = {}') == []


def test_labels_are_counted_and_their_shares_bounded(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"label\ncat\ncat\ncat\ndgo\n")
    result = check(path, 'fields.label = { values = ["cat", "dog"], shares = { cat = [0.4, 0.6], dog = [0.1, 1] } }')
    assert [one.text for one in result.violations] == [
        'x.csv:5: label: "dgo" is not one of values; did you mean dog? (row 3)',
        'label: 75 % are "cat", expected 40 % to 60 %',
        'label: 0 % are "dog", expected 10 % to 100 %',
    ]
    assert result.counts == {"rows": 4, "label=cat": 3, "label=dog": 0}


def test_any_label_is_counted_where_the_contract_asks_for_counts(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a\n2\n10\n2\n")
    assert check(path, 'fields.a = { dtype = "int", count = true }').counts == {"rows": 3, "a=10": 1, "a=2": 2}


def test_a_share_may_be_missing_and_no_more(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a,b\n1,x\nNaN,NA\nn/a,x\n4,x\n")
    assert found(path, 'fields.a = { dtype = "float", missing = 0.5 }\nfields.b = { dtype = "text" }') == []
    assert found(path, 'fields.a = { dtype = "float", missing = 0.4 }\nfields.b = {}') == [
        "a: 50 % are missing, and at most 40 % may be"
    ]


def test_quantiles_lie_within_their_bounds(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a\n" + b"".join(b"%d\n" % n for n in range(101)))
    assert found(path, 'fields.a.quantiles = { "0.5" = [50, 50], "0.95" = [95, 95], "1" = [100, 100] }') == []
    assert found(path, 'fields.a.quantiles = { "0.25" = [30, 40] }') == [
        "a: the 0.25 quantile is 25, expected 30 to 40"
    ]


@pytest.mark.parametrize(
    ("dtype", "right", "wrong"),
    [
        ("int", "-3", "3.0"),
        ("int", " 7 ", "1_000"),
        ("uint8", "255", "256"),
        ("int8", "-128", "-129"),
        ("float", "1e-3", "1,5"),
        ("float", "inf", "١"),
        ("bool", "TRUE", "yes"),
        ("date", "2020-02-29", "2021-02-29"),
        ("date", "2020-01-01T10:00:00+02:00", "01.02.2020"),
    ],
)
def test_a_cell_is_of_its_dtype(tmp_path: Path, dtype: str, right: str, wrong: str) -> None:
    path = file(tmp_path, "x.tsv", f"a\n{right}\n{wrong}\n".encode())
    result = check(path, f'fields.a.dtype = "{dtype}"')
    assert [(one.row, one.line) for one in result.violations] == [(1, 3)]


def test_dates_have_bounds_whatever_their_zone(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a\n2020-01-01T00:30:00+01:00\n2020-01-01\n2019-12-31T23:30:00-01:00\n")
    assert found(path, "fields.a.min = 2020-01-01") == [
        "x.csv:2: a: 2019-12-31T23:30:00+00:00 is below 2020-01-01 (row 0)"
    ]


def test_json_knows_its_types_and_what_a_row_lacks_is_missing(tmp_path: Path) -> None:
    path = file(
        tmp_path, "x.jsonl", b'{"a": {"n": 1}}\n{"a": {"n": "1"}}\n{"a": {"n": true}}\n{}\n{"b": 1, "a": {"n": 2}}\n'
    )
    assert found(path, 'fields."a.n".dtype = "int"') == [
        'x.jsonl:2: "a.n": expected int, got "1" (row 1)',
        'x.jsonl:3: "a.n": expected int, got true (row 2)',
        'x.jsonl:4: "a.n": is missing (row 3)',
        "x.jsonl:5: b: the contract knows no such field (row 4)",
    ]


def test_lists_have_a_shape(tmp_path: Path) -> None:
    path = file(tmp_path, "x.jsonl", b'{"a": [[1, 2]]}\n{"a": [[1], [2, 3]]}\n{"a": [[1, 99]]}\n{"a": [1]}\n')
    assert found(path, 'fields.a = { dtype = "int", shape = ["n", 1, 2], max = 9 }') == [
        "x.jsonl:2: a: the shape is ragged, expected (n, 1, 2) (row 1)",
        "x.jsonl:4: a: the shape is (n, 1), expected (n, 1, 2) (row 3)",
        "x.jsonl:3: a: 99 is above 9 (row 2)",
    ]
    assert found(path, 'fields.a.dtype = "int"')[0] == (
        'x.jsonl:1: a: expected int, got an array; if that is right, say its shape: shape = ["n", 1] (row 0)'
    )


def test_arrays_have_dtype_shape_bounds_and_as_many_rows_as_each_other(tmp_path: Path) -> None:
    file(tmp_path, "x.npy", npy("|u1", "(2, 2, 2)", bytes([1, 2, 3, 4, 5, 6, 200, 8])))
    file(tmp_path, "y.npy", npy("<i8", "(3,)", bytes(24)))
    contract = (
        'fields.x = { dtype = "uint8", shape = ["n", 2, 3], max = 16 }\nfields.y = { dtype = "int32" }\nfields.z = {}'
    )
    assert found(tmp_path, contract) == [
        "x.npy: x: the shape is (2, 2, 2), expected (n, 2, 3)",
        "x.npy: x: 200 is above 16 (row 1)",
        "y.npy: y: is int64, expected int32",
        "z: there is no such array",
        "the arrays have different numbers of rows: x has 2, y has 3",
    ]


def test_arrays_in_columns_order_name_the_row(tmp_path: Path) -> None:
    path = file(tmp_path, "x.npy", npy("|i1", "(3, 2)", bytes([1, 2, 3, 4, 99, 6]), order="True"))
    assert found(path, "fields.x.max = 9") == ["x.npy: x: 99 is above 9 (row 1)"]


def test_nan_in_an_array_is_missing(tmp_path: Path) -> None:
    path = file(tmp_path, "x.npy", npy("<f4", "(2,)", bytes.fromhex("0000803f 0000c07f")))
    assert found(path, 'fields.x.dtype = "float"') == ["x.npy: x: is missing (row 1)"]


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    pyarrow = optional("pyarrow")
    table = pyarrow.table(
        {
            "n": pyarrow.array([1, None, 300], pyarrow.int32()),
            "s": [{"name": "a"}, {"name": "b"}, {"name": None}],
            "when": pyarrow.array([1, 2, 3], pyarrow.timestamp("ns")),
            "f": [0.5, float("nan"), 2.0],
        }
    )
    import_module("pyarrow.parquet").write_table(table, tmp_path / "x.parquet")
    contract = """
        fields.n = { dtype = "int32", max = 9, missing = 0.4 }
        fields."s.name" = { values = ["a"], missing = 0.5 }
        fields.when.dtype = "int"
        fields.f.dtype = "float64"
    """
    assert found(tmp_path / "x.parquet", contract) == [
        "x.parquet: when: is date, expected int",
        "x.parquet: n: 300 is above 9 (row 2)",
        'x.parquet: "s.name": "b" is not one of values (row 1)',
        "x.parquet: f: is missing (row 1)",
    ]


def test_a_damaged_parquet_file_is_a_violation(tmp_path: Path) -> None:
    optional("pyarrow")
    (one,) = found(file(tmp_path, "x.parquet", b"PAR1" + os.urandom(100) + b"PAR1"), "")
    assert one.startswith("x.parquet: cannot be read as Parquet: ")


def test_without_pyarrow_the_fix_installs_pyarrow_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Refused) as error:
        found(file(tmp_path, "x.parquet", b"PAR1"), "")
    assert error.value.fix == "pip install pyarrow"


def test_without_pillow_the_fix_installs_pillow_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    file(tmp_path, "cat/1.png", b"a picture")
    with pytest.raises(Refused) as error:
        found(tmp_path, 'fields.image.dtype = "uint8"')
    assert error.value.fix == "pip install pillow"


def test_pictures_are_counted_by_label_and_opened_where_that_is_asked(tmp_path: Path) -> None:
    pillow = optional("PIL.Image")
    for name, mode, size in [("cat/1", "L", (8, 8)), ("cat/2", "RGB", (8, 8)), ("dog/1", "L", (9, 8))]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pillow.new(mode, size).save(tmp_path / f"{name}.png")
    whole = (tmp_path / "cat/1.png").read_bytes()
    file(tmp_path, "dog/2.png", whole[:-20])
    file(tmp_path, "dog/3.png", b"")
    unopened = check(tmp_path, "rows.max = 9")
    assert [one.text for one in unopened.violations] == ["dog/3.png: is empty"]
    assert unopened.counts == {"rows": 4, "label=cat": 2, "label=dog": 2}
    violations = found(
        tmp_path, 'fields.image = { shape = ["n", 8, 8], dtype = "uint8" }\nfields.label.values = ["cat"]'
    )
    assert violations[0] == "cat/2.png: image: the shape is (n, 8, 8, 3), expected (n, 8, 8) (row 0)"
    assert violations[1] == 'dog/1.png: label: "dog" is not one of values (row 0)'
    assert violations[2] == "dog/1.png: image: the shape is (n, 8, 9), expected (n, 8, 8) (row 0)"
    assert violations[3].startswith("dog/2.png: cannot be read as a picture: ")
    assert violations[4] == "dog/3.png: is empty"


def test_a_format_that_no_file_has_is_a_violation(tmp_path: Path) -> None:
    file(tmp_path, "x.csv", b"a\n1\n")
    assert found(tmp_path, 'format = "parquet"') == ["there are no files of the format parquet"]


def test_tables_of_several_kinds_are_refused_until_the_contract_says_which(tmp_path: Path) -> None:
    file(tmp_path, "x.csv", b"a\n1\n")
    file(tmp_path, "x.jsonl", b'{"a": 1}\n')
    assert found(tmp_path, 'format = "csv"') == []
    with pytest.raises(Refused, match="holds tables of several kinds: csv, jsonl") as caught:
        check(tmp_path, "")
    assert caught.value.fix == 'say in the contract which ones are meant: format = "csv"'


def test_a_broken_link_is_a_violation(tmp_path: Path) -> None:
    file(tmp_path, "x.csv", b"a\n1\n")
    (tmp_path / "y.csv").symlink_to("nowhere")
    assert found(tmp_path, "") == ["y.csv is a link to nothing"]
