"""Texts that cost tomllib minutes, gigabytes or the stack are refused before they are parsed; all others are read."""

from __future__ import annotations

import tomllib

import pytest

from gitexp.record.metrics import dump_metrics, load_metrics
from gitexp.text.bounded import OutOfBounds, load_recorded, load_toml

TOO_MUCH = {
    "a key of 80,000 parts": ("a." * 80_000 + "a = 1", "it has more than 32,768 keys and tables"),
    "a key of 40 parts": ("a." * 40 + "a = 1", "a key has more than 32 parts"),
    "a header of 40 parts": ("[" + "a . " * 40 + "a]", "a key has more than 32 parts"),
    "a key of 40 quoted parts": ('"a.b"\t.' * 40 + "a = 1", "a key has more than 32 parts"),
    "arrays in arrays": ("a = " + "[" * 40, "nested too deeply"),
    "tables in tables": ("a = " + "{ a = " * 40, "nested too deeply"),
    "deep keys in deep keys": ("x = " + ("{ " + "a." * 30 + "a = ") * 3 + "1" + " }" * 3, "nested too deeply"),
    "a million brackets": ("a = " + "[" * 1_000_000, "it has more than 32,768 keys and tables"),
    "a million tables": ("[a]\n" * 200_000, "it has more than 32,768 keys and tables"),
    "a million numbers": ("a = [" + "1," * 200_000 + "]", "it has more than 131,072 elements of arrays"),
    "a million lines": ("#\n" * 1_000_000, "it has more than 262,144 lines"),
    "a million escapes": ('a = "' + "\\n" * 1_000_000 + '"', "it has more than 131,072 escapes"),
    "a hexadecimal number without end": ("a = 0x" + "f" * 1_000_000, "a number has too many digits"),
    "a decimal number of 5,000 digits": ("a = " + "9" * 5000, "a number has too many digits"),
    "a fraction without end": ("a = 1." + "1" * 1_000_000, "a number has too many digits"),
    "a key without end": ("a" * 1_000_000 + " = 1", "a word has over 1,000 letters"),
    "ten megabytes": ('a = "' + "a" * 10_000_000 + '"', "it has more than 2,097,152 characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_text_that_would_cost_minutes_is_refused_before_it_is_parsed(name: str) -> None:
    text, words = TOO_MUCH[name]
    with pytest.raises(OutOfBounds) as refused:
        load_toml(text)
    assert str(refused.value) == words


WITHIN = {
    "dots and brackets in strings": 'a = "' + "a." * 5000 + "[" * 5000 + '"\n',
    "dots in a literal string": "a = '" + "a." * 5000 + "\\'\n",
    "brackets in a text of many lines": 'a = """\n' + ("[[[a.b.c = \\\"\\\"\\\" ''' #\n" * 5000) + '"""\n',
    "brackets in a literal text of many lines": "a = '''\n" + ('[[[a.b.c = \\ """ #\n' * 5000) + "'''\n",
    "brackets in comments": "# " + "[" * 5000 + "\n#" + "a." * 5000 + '\n# "\na = 1\n',
    "a text that ends with quotes": 'a = """' + "a." * 2000 + '"""""\nb = 1\n',
    "a key of 32 parts": "a." * 31 + "a = 1\n",
    "20,000 arguments": "argv = [\n" + '    "data/0000.csv",\n' * 20_000 + "]\n",
    "many digests": "a = [" + '"xxh128:' + "0" * 32 + '",' * 1 + "]\n" + 'b = "' + "0" * 5000 + '"\n',
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_stands_in_strings_and_comments_counts_for_nothing(name: str) -> None:
    assert load_recorded(WITHIN[name]) == tomllib.loads(WITHIN[name])


def test_ten_thousand_metrics_with_the_longest_names_are_read() -> None:
    metrics = {f"{number:0128}": number / 7 for number in range(10_000)}
    assert load_metrics(dump_metrics(metrics)) == metrics


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 20, "0b" + "1" * 64])
def test_an_integer_beyond_64_bits_is_refused_in_a_record(number: str) -> None:
    with pytest.raises(OutOfBounds, match="integers lie within"):
        load_recorded(f"[a]\nb = [{number}]\n")
    assert load_recorded("a = 9223372036854775807\nb = -9223372036854775808\n")["a"] == 2**63 - 1
