"""Data described: a first contract that the data keeps, whose comments say what is in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tablefiles import file, npy

from gitexp.errors import Refused
from gitexp.spec.contract import contract_problems, load_contract
from gitexp.tables.contracts.describe import describe
from gitexp.tables.contracts.firstcontract import contract_toml
from gitexp.tables.contracts.judging import check_contract

ROWS = "".join(f"{n},{'cat' if n % 4 else 'dog'},{n % 7}.5,{'' if n == 3 else '2020-01-02'}\n" for n in range(40))
TABLE = f"id,label,size,day\n{ROWS}40,cat,900,2021-01-01\n"


def test_a_first_contract_says_what_was_seen(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", TABLE.encode())
    description = describe(path, splits={"train": range(8), "test": range(8, 41)})
    assert contract_toml(description, "pets") == FIRST


FIRST = """\
# A first contract of pets, from 41 rows in 1 file.
# Tighten what must hold, drop what need not.
# Outliers are values more than 3 interquartile ranges below the first quartile or above the third (Tukey's far out).
# split train: 8 rows
# split test: 33 rows

[datasets.pets.contract]
format = "csv"
rows = { min = 36, max = 46 }  # 41 as described
extra_fields = "refuse"  # or "allow"

# ▇▅▇▅▇▅▇▅▇▅▇▅▇▅▇▇  0 to 40
# median 20, quartiles 10 and 30, mean 20, skew 0.00
[datasets.pets.contract.fields.id]
dtype = "int"
min = 0
max = 40
missing = 0.0
quantiles = { "0.5" = [16.0, 24.0] }
unique = true

# 2 different values
# labels: cat 31, dog 10
#   in split train: cat 6, dog 2
#   in split test: cat 25, dog 8
[datasets.pets.contract.fields.label]
dtype = "text"
missing = 0.0
values = ["cat", "dog"]
[datasets.pets.contract.fields.label.shares]  # of each label, lowest and highest
cat = [0.487, 1.0]
dog = [0.0, 0.513]

# █              ▁  0.5 to 900
# median 3.5, quartiles 1.5 and 5.5, mean 25.24, skew 6.16
# outliers: 1, the furthest 900 (x.csv:42 row 40)
[datasets.pets.contract.fields.size]
dtype = "float"
min = 0.5
max = 900.0
missing = 0.0
quantiles = { "0.5" = [2.5, 4.5] }

# 2 different values
# 1 missing (2.44%)
[datasets.pets.contract.fields.day]
dtype = "date"
min = 2020-01-02
max = 2021-01-01
missing = 0.025
"""


def kept(path: Path) -> tuple[str, ...]:
    """What the data breaks of the contract that it was described by."""
    text = contract_toml(describe(path))
    table = tomllib.loads(text)
    assert contract_problems(table) == []
    return tuple(one.text for one in check_contract(path, load_contract(table)).violations)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", TABLE.encode()),
        ("x.csv", b"a,b\n"),
        ("x.csv", b'"a.b ""\n",\xc3\xa4\n"x ""\n\x1b",\xc3\xa4\ny,\xc3\xa4\n'),
        ("x.csv", b"1,inf\n2,-inf\n3,nan\n"),
        ("x.csv", b"a,b\n1,true\nx,FALSE\n"),
        ("x.jsonl", b'{"a": [1, 2], "b": {"c": null}}\n{"a": [3, 4], "d": "x"}\n'),
        ("x.jsonl", b'{"a": 1, "b": [1], "c": 1}\n{"a": "x", "b": [1, 2], "c": ' + b"9" * 400 + b"}\n"),
        ("x.npy", npy("<f8", "(2, 2)", bytes.fromhex("000000000000f83f 000000000000f87f") * 2)),
        ("x.npy", npy("|b1", "(4,)", b"\x01\x00\x01\x00")),
        ("x.npy", npy("<U2", "(2,)", "ab".encode("utf-32-le") + "c\0".encode("utf-32-le"))),
        ("x.npy", npy("<f2", "(0,)", b"")),
    ],
)
def test_data_keeps_the_contract_that_it_was_described_by(tmp_path: Path, name: str, data: bytes) -> None:
    assert kept(file(tmp_path, name, data)) == ()


def test_nothing_in_the_text_can_move_a_cursor(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", "a\x1b[2J,b\u202e\n\x9b2J,\u200bx\n\x9b2J,\u200bx\n".encode())
    text = contract_toml(describe(path))
    assert not {"\x1b", "\x9b", "\u202e", "\u200b"} & set(text)
    assert tomllib.loads(text)["fields"].keys() == {"a\x1b[2J", "b\u202e"}


def test_damaged_data_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"x\.npy is not a \.npy file"):
        describe(file(tmp_path, "x.npy", b"what is this"))


def test_rows_that_cannot_be_read_are_counted_and_left_out(tmp_path: Path) -> None:
    description = describe(file(tmp_path, "x.csv", b"a,b\n1,2\n3\n5,6\n"))
    assert (description.rows, description.faults) == (3, 1)
    assert "# 1 row or cell could not be read: see gitexp data check." in contract_toml(description)
