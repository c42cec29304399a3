"""Contracts as text: what they may say, what contradicts itself, what is meant by what is not said."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest

from gitexp.errors import Refused
from gitexp.spec.config import load_config
from gitexp.spec.contract import Bounds, Contract, FieldRule, contract_problems, load_contract

WHOLE = """\
format = "csv"
header = true
rows = { min = 1000, max = 2000 }
extra_fields = "allow"
[fields.label]
dtype = "uint8"
max = 9
missing = 0.01
values = [0, 1, 2]
shares = { "0" = [0.05, 0.15] }
quantiles = { "0.5" = [3, 5.0] }
unique = true
count = true
[fields.when]
dtype = "date"
min = 2020-01-01
[fields.name]
pattern = "[a-z]+"
"""


def test_every_key_of_a_contract_is_read() -> None:
    table = tomllib.loads(WHOLE)
    assert contract_problems(table) == []
    assert load_contract(table) == Contract(
        format="csv",
        header=True,
        rows=Bounds(1000, 2000),
        extra_fields="allow",
        fields={
            "label": FieldRule(
                "label",
                dtype="uint8",
                family="int",
                bounds=Bounds(0, 9),  # a uint8 is never below 0
                missing=0.01,
                values=(0, 1, 2),
                shares={"0": Bounds(0.05, 0.15)},
                quantiles={"0.5": Bounds(3, 5.0)},
                unique=True,
                counted=True,
            ),
            "when": FieldRule("when", dtype="date", family="date", bounds=Bounds(datetime(2020, 1, 1, tzinfo=UTC))),
            "name": FieldRule("name", family="text", pattern="[a-z]+"),
        },
    )


def test_an_empty_contract_checks_only_that_the_data_can_be_read() -> None:
    assert load_contract({}) == Contract(None, None, Bounds(None, None), "refuse", {})


@pytest.mark.parametrize(
    ("text", "path", "complaint"),
    [
        ("rwos = 1", "rwos", "unknown key; did you mean rows?"),
        ("fields.a.quantile = {}", "fields.a.quantile", "unknown key; did you mean quantiles?"),
        ('fields.a.dtype = "integer"', "fields.a.dtype", 'got "integer"'),
        ("fields.a.missing = 5", "fields.a.missing", "expected a share from 0 to 1, got 5"),
        ("fields.a.min = 2\nfields.a.max = 1", "fields.a.min", "min is above max: 2 > 1"),
        ("rows = { min = 2, max = 1 }", "rows.min", "min is above max: 2 > 1"),
        ("fields.a.min = nan", "fields.a.min", "expected a number or a date, got nan"),
        ('fields.a.dtype = "text"\nfields.a.min = 2', "fields.a.min", "2 is no bound of text"),
        ('fields.a.dtype = "int"\nfields.a.max = 2.5', "fields.a.max", "2.5 is no bound of an integer"),
        ('fields.a.dtype = "int"\nfields.a.values = ["x"]', "fields.a.values", '"x" is not an integer'),
        ('fields.a.values = [1, "x"]', "fields.a.values", "values are of different types: a string and an integer"),
        ("fields.a.values = []", "fields.a.values", "expected an array with at least one value, got []"),
        ('fields.a.pattern = "("', "fields.a.pattern", "not a regular expression: "),
        ('fields.a.quantiles."50" = [1, 2]', "fields.a.quantiles.50", 'not a quantile: use a number from "0" to "1"'),
        ('fields.a.quantiles."0.5" = [2, 1]', "fields.a.quantiles.0.5", "the lowest is above the highest: [2, 1]"),
        ('fields.a.values = ["x"]\nfields.a.shares.y = [0, 1]', "fields.a.shares.y", "not one of values"),
        ("fields.a.shares = { x = [0.6, 1], y = [0.6, 1] }", "fields.a.shares", "the lowest shares sum to more than 1"),
        ('fields.a.shape = ["n", -1]', "fields.a.shape", 'expected a shape such as ["n", 8, 8], rows first'),
        ('format = "csv"\nfields.a.shape = ["n", 8]', "fields.a.shape", "a cell of csv has no shape"),
        (
            'fields.a.dtype = "date"\nfields.a.quantiles."0.5" = [1, 2]',
            "fields.a.quantiles",
            "only numbers have quanti",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_key(text: str, path: str, complaint: str) -> None:
    ((at, what),) = contract_problems(tomllib.loads(text))
    assert ".".join(at) == path
    assert complaint in what


def test_errors_in_the_catalogue_name_the_line() -> None:
    with pytest.raises(Refused) as caught:
        load_config('[datasets.d]\npath = "d.csv"\n[datasets.d.contract.fields.label]\nmin = 1\nmx = 2\n')
    assert caught.value.details == (
        "gitexp.toml:5: datasets.d.contract.fields.label.mx: unknown key; did you mean max?",
    )
