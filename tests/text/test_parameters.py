"""Settings of programs as one flat table, within bounds."""

from __future__ import annotations

import pytest

from gitexp.text.parameters import parameters


def test_nested_settings_have_dotted_names() -> None:
    text = b"lr: 1e-4\noptim:\n  name: Adam\n  betas: [0.9, 0.999]\nlayers:\n- size: 8\n- size: 4\n"
    text += b"none:\nempty: {}\nd: 2026-01-02\n"
    assert parameters("config.yaml", text) == {
        "lr": 1e-4,
        "optim.name": "Adam",
        "optim.betas": [0.9, 0.999],
        "layers.0.size": 8,
        "layers.1.size": 4,
        "none": None,
        "empty": {},
        "d": "2026-01-02",
    }
    assert parameters("a.json", b'{"train": {"n": 3, "on": true}}') == {"train.n": 3, "train.on": True}
    assert parameters("a.toml", b"[train]\nn = 3\n") == {"train.n": 3}


def test_a_tag_of_yaml_makes_no_object() -> None:
    text = b"a: !!python/object/apply:os.system [echo oops]\nb: !!python/tuple [1, 2]\nc: !mine {d: 1}\n"
    text += b"e: !!python/name:os.system ''\n"
    assert parameters("hparams.yaml", text) == {"a": ["echo oops"], "b": [1, 2], "c.d": 1, "e": ""}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.yaml", b"- 1\n- 2\n"),
        ("a.yaml", b"a: [1\n"),
        ("a.yaml", b"\xff\xfe"),
        ("a.yaml", b""),
        ("a.json", b"[" * 60_000),
        ("a.yaml", b"{a: " * 13_000),
        ("a.toml", b"a = \n"),
        ("a.ini", b"a = 1\n"),
        ("a.yaml", b"a: 1\n" + b"#" * 2**16),
        ("a.json", b'{"a": {' + b", ".join(b'"%d": 1' % n for n in range(5000)) + b"}}"),
    ],
    ids=range(10),
)
def test_what_is_no_table_or_too_much_gives_nothing(name: str, data: bytes) -> None:
    assert parameters(name, data) is None


def test_aliases_upon_aliases_are_not_written_out() -> None:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]".encode() for n in range(1, 12)]
    assert parameters("a.yaml", b"\n".join(lines)) is None
    assert parameters("a.yaml", b"a: &a\n  b: *a\n") is not None


def test_merges_upon_merges_are_not_multiplied() -> None:
    lines = ["a0: &a0 {k: 1, l: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}], m: {n}}}" for n in range(1, 40)]
    found = parameters("a.yaml", "\n".join(lines).encode())
    assert found is not None
    assert (len(found), found["a39.k"], found["a39.m"]) == (2 + 39 * 3, 1, 39)
    assert parameters("a.yaml", b"a: &a {b: 1}\nc: {<<: [" + b"*a, " * 1000 + b"]}\n") is None
    assert parameters("a.yaml", b"a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\n") == {"a.b": 1, "a.c": 2, "d.b": 1, "d.c": 3}
    assert parameters("a.yaml", b"a: &a {<<: *a, b: 1}\n") == {"a.b": 1}
