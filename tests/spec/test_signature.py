"""Defaults are read from source, and never by running it."""

from __future__ import annotations

from gitexp.spec.signature import literal_defaults

CODE = """
raise RuntimeError("was executed")

class Net(Base):
    def __init__(self, inputs: int, hidden=(8, 4), *, classes: int = 10, act=relu, bias=None) -> None:
        pass

    class Inner:
        def __init__(self, p: float = 0.5): ...

class Data:
    rows: int
    path: str = "data.csv"

def loader(size, batch_size=64, /, field="input"): ...
"""


def test_a_class_has_the_defaults_of_its_init() -> None:
    assert literal_defaults(CODE, "Net") == {"hidden": [8, 4], "classes": 10}


def test_a_class_without_init_has_its_fields() -> None:
    assert literal_defaults(CODE, "Data") == {"path": "data.csv"}


def test_a_function_and_a_class_inside_another_are_found() -> None:
    assert literal_defaults(CODE, "loader") == {"batch_size": 64, "field": "input"}
    assert literal_defaults(CODE, "Net.Inner") == {"p": 0.5}


def test_what_is_not_there_or_no_python_has_no_defaults() -> None:
    assert literal_defaults(CODE, "Nett") == {}
    assert literal_defaults("class Net(:", "Net") == {}
