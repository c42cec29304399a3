"""What a training program said of itself, on its way into the record. It ran the user's code: anything may be there."""

from __future__ import annotations

import tomllib

from gitexp.spec.trained import digests_of, dump_components, dump_rank, facts_of, recipe_with_defaults

TYPED = 'seed = 1\n\n[model]\nuse = "torch.nn:Linear"\nout = 2\n'


def test_defaults_that_toml_cannot_hold_are_left_out() -> None:
    defaults = {
        "model": {"out": 9, "none": None, "many": [1, None], "large": 2**80, "x": float("inf"), "bad": "\ud800"}
    }
    text, seed = recipe_with_defaults(TYPED, defaults)
    assert text == TYPED + 'x = inf\nbad = "\\\\ud800"\n'
    assert seed == 1
    assert recipe_with_defaults(text, defaults)[0] == text


def test_defaults_that_are_no_table_change_nothing() -> None:
    assert recipe_with_defaults(TYPED, ["model"]) == (TYPED, 1)
    assert recipe_with_defaults(TYPED, {"model": 3})[0] == TYPED


def test_a_table_that_nobody_typed_follows_the_others() -> None:
    assert recipe_with_defaults(TYPED, {"train": {"use": "a:T"}})[0] == TYPED + '\n[train]\nuse = "a:T"\n'


def test_only_digests_are_taken_for_digests() -> None:
    digest = "sha256:00112233445566778899"
    stated = {"weights": digest, "a": 3, "b": "no digest", "c": f"{digest}\x1b[2J", "line\nfeed": digest}
    assert digests_of({"digests": stated}) == {"weights": digest}
    assert digests_of({"digests": [digest]}) == {}


def test_facts_are_a_flat_table() -> None:
    stated = {"level": "bitwise", "threads": 2, "tf32": False, "nested": {"a": 1}, "list": [1], "none": None}
    assert facts_of({"training": stated}) == {"level": "bitwise", "threads": 2, "tf32": False}
    assert facts_of({}) == {}


def test_components_and_ranks_are_toml_whatever_they_hold() -> None:
    document = {"format": 1, "components": {"model": {"use": "a:B", "fits_on": None}}, "flow": [{"after": "loader"}]}
    assert tomllib.loads(dump_components(document)) == {
        "components": {"model": {"use": "a:B"}},
        "flow": [{"after": "loader"}],
    }
    assert tomllib.loads(dump_components({"components": "nothing"})) == {}
    assert tomllib.loads(dump_rank({"rank": 1, "host": "\udcff", "pid": 2**70})) == {
        "rank": 1,
        "host": "\\xff",
        "pid": "1180591620717411303424",
    }
