import json

import pytest

from gitexp.worker import fastjson

DOCUMENT = {
    "text": 'quote " backslash \\ newline \n é 日本 \udc80',
    "numbers": [0, -1, 2**70, 0.1, 1e300, -2.5e-8],
    "constants": [True, False, None],
    "nested": {"a": {"b": []}, "": {}},
}


def test_writing_gives_what_the_json_module_reads() -> None:
    assert json.loads(fastjson.dumps(DOCUMENT)) == DOCUMENT


def test_reading_takes_what_the_json_module_writes() -> None:
    assert fastjson.loads(json.dumps(DOCUMENT, indent=2) + "\n") == DOCUMENT


def test_numbers_that_are_none_are_written_as_python_does() -> None:
    assert fastjson.dumps([float("inf"), float("-inf"), float("nan")]) == "[Infinity, -Infinity, NaN]"


def test_infinity_is_read() -> None:
    assert fastjson.loads("[Infinity, -Infinity]") == [float("inf"), float("-inf")]


@pytest.mark.parametrize("text", ["", "   ", "{", '{"a":}', "[1] [2]", "{'a': 1}", "tru"])
def test_what_is_no_document_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        fastjson.loads(text)
