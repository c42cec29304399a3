"""Files that an editor of Windows wrote: what is UTF-8 with a mark reads, and what is not UTF-8 is named."""

from __future__ import annotations

import pytest

from gitexp.text.bounded import load_recorded, load_toml
from gitexp.text.encoding import NotUtf8, decode
from gitexp.text.keylines import key_lines
from gitexp.text.tomledit import set_string


def test_a_byte_order_mark_is_no_part_of_toml() -> None:
    text = decode(b"\xef\xbb\xbf[a]\r\nb = 1\r\n")
    assert load_toml(text) == {"a": {"b": 1}}
    assert load_recorded(text) == {"a": {"b": 1}}
    assert key_lines(text) == {("a",): 1, ("a", "b"): 2}


def test_an_edit_keeps_the_byte_order_mark() -> None:
    assert set_string('\ufeff[a]\r\nb = "x"\r\n', ("a", "b"), "y") == '\ufeff[a]\r\nb = "y"\r\n'


@pytest.mark.parametrize(
    ("raw", "words", "encoding", "line"),
    [
        ("[a]\n".encode("utf-16"), "this is UTF-16, not UTF-8", "UTF-16", 1),
        ("[a]\n".encode("utf-16-le"), "this is UTF-16, not UTF-8", "UTF-16LE", 1),
        ("[a]\n".encode("utf-16-be"), "this is UTF-16, not UTF-8", "UTF-16BE", 1),
        (
            "[a]\nb = 'é'\n".encode("latin-1"),
            "here is the byte 0xE9, é in Latin-1, not UTF-8",
            "WINDOWS-1252",
            2,
        ),
    ],
    ids=["marked", "little", "big", "latin"],
)
def test_what_is_not_utf_8_is_named_for_what_it_is(raw: bytes, words: str, encoding: str, line: int) -> None:
    with pytest.raises(NotUtf8) as caught:
        decode(raw)
    assert (str(caught.value), caught.value.encoding, caught.value.line) == (words, encoding, line)
