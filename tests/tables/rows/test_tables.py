"""Files to rows: one order on every machine, one answer for everything that tables in the wild are broken by."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest
from tablefiles import file, npy

from gitexp.errors import Refused
from gitexp.spec.contract import Contract
from gitexp.tables.contracts.judging import check_contract
from gitexp.tables.rows.tables import column, kind_of, row_count


def violations(path: Path) -> list[str]:
    """What is wrong with a file that nothing is asked of."""
    return [one.text for one in check_contract(path, Contract()).violations]


# ---- which, and in what order


def test_the_reader_is_chosen_by_the_names_of_the_files(tmp_path: Path) -> None:
    file(tmp_path, "a/x.CSV.gz", b"")
    file(tmp_path, "a/README.md", b"")
    file(tmp_path, "a/.hidden.json", b"")
    file(tmp_path, "b/x.tsv", b"")
    file(tmp_path, "c/cat/1.JPG", b"")
    file(tmp_path, "d/model.pt", b"")
    file(tmp_path, "e/x.csv", b"")
    file(tmp_path, "e/y.npy", b"")
    kinds = {name: kind_of(tmp_path / name) for name in "abcde"}
    assert kinds == {"a": "csv", "b": "tsv", "c": "images", "d": None, "e": None}


def test_rows_follow_the_bytes_of_the_paths_and_then_the_file(tmp_path: Path) -> None:
    file(tmp_path, "d/b.csv", b"x,y\n3,c\n")
    file(tmp_path, "d/a/z.csv", b"y,x\nb,2\n")
    file(tmp_path, "d/Z.csv", b"x,y\n1,a\n")
    assert column(tmp_path / "d", "x") == ["1", "2", "3"]
    assert row_count(tmp_path / "d") == 3


def test_cells_are_given_as_they_stand(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b'\xef\xbb\xbfa,"b ""c"""\r\n03,"1\n2"\r\n\r\n,\xc3\xa4\r\n')
    assert column(path, "a") == ["03", ""]
    assert column(path, 'b "c"') == ["1\n2", "ä"]


def test_a_first_line_of_numbers_is_a_row(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"1,2\n3,4\n")
    assert column(path, "1") == ["2", "4"]
    assert row_count(path) == 2
    assert row_count(path, header=True) == 1


def test_semicolons_and_old_line_ends_are_understood(tmp_path: Path) -> None:
    assert column(file(tmp_path, "x.csv", b"a;b\r1,5;2\r3,5;4\r"), "a") == ["1,5", "3,5"]


def test_objects_in_json_lines_are_dotted_fields(tmp_path: Path) -> None:
    path = file(tmp_path, "x.jsonl", b'{"a": {"b": 1}}\n\n{"a": {"b": true, "c": null}}\n{"a": {}}\n')
    assert column(path, "a.b") == ["1", "true", ""]
    assert row_count(path) == 3


def test_the_label_of_a_picture_is_its_folder(tmp_path: Path) -> None:
    file(tmp_path, "train/dog/2.png", b"x")
    file(tmp_path, "train/cat/1.png", b"x")
    assert column(tmp_path, "label") == ["cat", "dog"]
    assert column(tmp_path, "file") == ["train/cat/1.png", "train/dog/2.png"]


def test_arrays_of_one_name_follow_one_another(tmp_path: Path) -> None:
    file(tmp_path, "y-1.npy", npy("|u1", "(2,)", b"\x02\x03"))
    file(tmp_path, "y-0.npy", npy(">i2", "(1,)", b"\x01\x00"))
    file(tmp_path, "x.npy", npy("<f4", "(3, 2)", bytes(24)))
    assert column(tmp_path, "y") == ["256", "2", "3"]
    assert row_count(tmp_path) == 3


def test_a_file_whose_name_is_not_utf8_is_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.csv")).write_bytes(b"a\n")
    file(tmp_path, "b.csv", b"b\n1\n")
    with pytest.raises(Refused) as caught:
        column(tmp_path, "a")
    assert caught.value.what == 'b.csv has no column "a"; it has b'


# ---- what is broken


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", ["x.csv:1: is empty: not even a header"]),
        (b"a,b\n", []),
        (b"a,b\n1\n1,2,3\n1,2\n", [
            "x.csv:2: 1 cell, and there are 2 columns (row 0)",
            "x.csv:3: 3 cells, and there are 2 columns (row 1)",
        ]),
        (b'a,b\n"1\n2",3\n1\n', ["x.csv:4: 1 cell, and there are 2 columns (row 1)"]),
        (b'a,b\n1,2\n3,"4\n5,6\n', ["x.csv:3: a quote that opens here is never closed (row 1)"]),
        (b'a,b\n1,"2"3\n5,6\n', ["x.csv:2: text behind a closing quote (row 0)"]),
        (b"a,a\n1,2\n", ["x.csv:1: a: 2 columns have this name; only the first is read"]),
        (b"a,b\n1,\xff\n", ["x.csv:2: b: holds a byte that is not UTF-8: 0xff (row 0)"]),
        (b"a,b\n1,\x00\n", ["x.csv:2: b: holds a NUL byte (row 0)"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_csv_is_named_with_its_line(tmp_path: Path, data: bytes, found: list[str]) -> None:
    assert violations(file(tmp_path, "x.csv", data)) == found


def test_utf_16_is_named_with_the_line_that_converts_it(tmp_path: Path) -> None:
    path = file(tmp_path, "it's.csv", "a,b\n1,2\n".encode("utf-16"))
    (one,) = violations(path)
    subprocess.run(one.partition("convert it: ")[2], shell=True, check=True, cwd=tmp_path)
    assert violations(tmp_path / "utf8-it's.csv") == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": 1}\n{"a": \n', ["x.jsonl:2: not JSON: Expecting value at column 6 (row 1)"]),
        (b"[1]\n", ["x.jsonl:1: not a JSON object (row 0)"]),
        (b"[" * 100_000, ["x.jsonl:1: nested too deeply (row 0)"]),
        (b'{"a":' * 50 + b"1" + b"}" * 50, ["x.jsonl:1: objects nested more than 32 deep (row 0)"]),
        (b'{"a": "\xff"}\n', ["x.jsonl:1: holds a byte that is not UTF-8: 0xff (row 0)"]),
        (b'{"a": ' + b"9" * 5000 + b"}", ["x.jsonl:1: not read: Exceeds the limit (4300 digits) for"]),
    ],
    ids=["torn", "array", "deep", "deep-objects", "bytes", "digits"],
)  # fmt: skip
def test_what_is_wrong_in_json_lines_is_named_with_its_line(tmp_path: Path, data: bytes, found: list[str]) -> None:
    (one,) = violations(file(tmp_path, "x.jsonl", data))
    assert one.startswith(found[0])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "x.npy: is empty"),
        (b"hello world", "x.npy: is not a .npy file"),
        (npy("|u1", "(3,)", b"12"), "x.npy: holds 2 bytes of data, and its header says 3"),
        (
            npy("|O", "(1,)", b"."),
            "x.npy: holds pickled Python objects, which gitexp never loads; save numbers or text",
        ),
        (npy("<c8", "(1,)", bytes(8)), "x.npy: has a dtype that contracts do not read: '<c8'"),
        (npy("|u1", "()", b"1"), "x.npy: is a single number, not an array of rows"),
        (npy("|u1", "(-1,)", b"1"), "x.npy: is damaged: its shape is (-1,)"),
        (npy("|u1", "exit()", b"1"), "x.npy: is damaged: its header cannot be read"),
        (b"\x93NUMPY\x01\x00\xff\x00{", "x.npy: is damaged: its header is not whole"),
    ],
)
def test_arrays_that_cannot_be_read_are_named_and_nothing_is_unpickled(tmp_path: Path, data: bytes, found: str) -> None:
    assert violations(file(tmp_path, "x.npy", data)) == [found]


def test_a_truncated_gzip_is_a_violation_and_no_column(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\n" + os.urandom(4000).hex().encode() + b"\n")
    path = file(tmp_path, "x.csv.gz", whole[:-300])
    assert violations(path) == ["x.csv.gz: is cut off: its gzip stream has no end"]
    with pytest.raises(Refused, match=r"cannot be read: x\.csv\.gz is cut off"):
        column(path, "a")
    path.write_bytes(whole[:100] + b"\0" * 50 + whole[150:])
    assert "its gzip stream cannot be unpacked" in violations(path)[0]


def test_a_column_with_a_broken_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b"a,b\n1,2\n3\n")
    assert row_count(path) == 2
    with pytest.raises(Refused, match=r"x\.csv:3: 1 cell, and there are 2 columns"):
        column(path, "a")


def test_a_cell_without_end_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", b'a\n"' + b"x" * 79 + b"\n" + (b"y" * 79 + b"\n") * 220_000)
    assert "a cell of more than 16 MiB: is a quote not closed?" in violations(path)[0]


def test_what_is_no_table_is_refused_with_the_names_that_are_known(tmp_path: Path) -> None:
    file(tmp_path, "model.pt", b"")
    with pytest.raises(Refused) as caught:
        row_count(tmp_path)
    assert caught.value.what.endswith("holds no table that gitexp can read")
    assert 'format = "csv"' in caught.value.fix
