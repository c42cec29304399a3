"""Cards: what a component says of itself, from the TOML beside it or its docstring, never by importing it."""

from __future__ import annotations

import pytest

from gitexp.errors import Refused
from gitexp.spec.card import Allowed, Card, docstring_cards, find_card, fits_on_problem, load_cards, version_problem
from gitexp.spec.fields import FieldSpec

SCALE = """\
[Scale]
slot = "preprocess"
version = "1.2"
owner = "The lab"
summary = "Scales a field."
rationale = "Equal units."
trade_offs = "Outliers move it."
suitable_use = "Measurements."
failure_modes = "Constant columns."
kind = "scaling"
fits_on = "train"
probability = 0.5
removes = ["{old}"]
[Scale.arguments]
epsilon = { low = 0.0, what = "added to the deviation" }
[Scale.takes]
"{field}" = { shape = ["batch", "features"], dtype = "float32" }
[Scale.gives]
"{field}" = { shape = ["batch", "features"], dtype = "float32", range = [-10.0, 10.0] }
"""


def problems(content: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        load_cards(content, where="parts.toml")
    return refused.value.details


def test_a_card_holds_everything_that_its_table_says():
    assert load_cards(SCALE, where="parts.toml") == {
        "Scale": Card(
            name="Scale",
            slot="preprocess",
            version="1.2",
            owner="The lab",
            summary="Scales a field.",
            rationale="Equal units.",
            trade_offs="Outliers move it.",
            suitable_use="Measurements.",
            failure_modes="Constant columns.",
            kind="scaling",
            fits_on="train",
            probability=0.5,
            arguments={"epsilon": Allowed(low=0.0, what="added to the deviation")},
            takes={"{field}": FieldSpec(("batch", "features"), ("float32",))},
            gives={"{field}": FieldSpec(("batch", "features"), ("float32",), (-10.0, 10.0))},
            removes=("{old}",),
            source="parts.toml",
        )
    }


def test_all_that_is_wrong_is_said_with_its_line():
    assert problems(
        '[A]\nslot = "model"\nversion = "1"\nprobability = 2\n'
        '[A.takes]\nx = { shape = ["batch", -1], dtype = "float 32", range = [2, 1] }\n'
        '[A.arguments]\nn = { lo = 1 }\n[B]\nsummary = "b"\n'
    ) == (
        'parts.toml:3: A.version: expected a version such as "1.0", got "1"',
        "parts.toml:4: A.probability: expected a number from 0 to 1, or the name of an argument, got 2",
        "parts.toml:6: A.takes.x.shape: expected names and numbers of dimensions",
        'parts.toml:6: A.takes.x.dtype: expected a dtype such as "float32", or an array of them, got "float 32"',
        "parts.toml:6: A.takes.x.range: expected [low, high], got [2, 1]",
        "parts.toml:8: A.arguments.n.lo: unknown key; did you mean low?",
        "parts.toml:9: B: slot is missing; it is one of"
        " loader, preprocess, model, loss, optimizer, scheduler, train, eval",
    )


def test_text_that_is_no_toml_is_refused_with_its_line():
    assert problems('[A]\nslot = "model\n') == ("parts.toml:2: Illegal character '\\n' (column 14)",)


def test_brackets_thousands_deep_are_refused_and_do_not_end_the_program():
    assert problems("a = " + "[" * 20_000)[0].startswith("parts.toml: nested too deeply")


def test_numbers_beyond_64_bits_are_refused():
    assert problems('[A]\nslot = "model"\nprobability = 0x' + "f" * 900) == (
        "parts.toml:3: A.probability: integers end at ±2^63, got 51048665143419455907108426515…",
    )


def test_a_file_of_a_megabyte_is_not_even_parsed():
    with pytest.raises(Refused, match=r"parts\.toml is too long for a file of cards"):
        load_cards("#" * 1_000_000, where="parts.toml")


def test_a_docstring_can_be_the_card():
    code = '''
class Net(Missing):
    """A net of
    two layers.

    Version: 2.1
    Owner: Me
    Rationale: small
        and fast
    Trade-offs: weak

    Suitable use: digits
    Failure modes: letters
    """
'''
    assert docstring_cards(code, where="parts.py") == {
        "Net": Card(
            name="Net",
            version="2.1",
            owner="Me",
            summary="A net of two layers.",
            rationale="small and fast",
            trade_offs="weak",
            suitable_use="digits",
            failure_modes="letters",
            source="parts.py",
        )
    }


def test_a_module_is_read_and_never_executed():
    assert list(docstring_cards('raise SystemExit\ndef make():\n    """Makes."""\n', where="parts.py")) == ["make"]


def test_the_table_beside_a_module_counts_and_its_docstring_fills_what_is_empty():
    files = {
        "recipes/x/parts.toml": '[Net]\nslot = "model"\nsummary = "From the table."\n',
        "recipes/x/parts.py": 'class Net:\n    """From the docstring.\n\n    Owner: Me\n    """\n',
    }
    card = find_card("recipes/x/parts.py:Net", files.get)
    assert card == Card(name="Net", slot="model", summary="From the table.", owner="Me", source="recipes/x/parts.toml")


def test_a_module_by_its_name_and_a_package_have_cards_too():
    files = {
        "lab/nets.py": 'class Net:\n    """A net."""\n',
        "lab/more/__init__.py": 'class Net:\n    """Another net."""\n',
    }
    assert find_card("lab.nets:Net", files.get) == Card("Net", summary="A net.", source="lab/nets.py")
    assert find_card("lab.more:Net", files.get) == Card("Net", summary="Another net.", source="lab/more/__init__.py")
    assert find_card("lab.nets:Other", files.get) is None
    assert find_card("elsewhere:Net", files.get) is None


def test_classes_of_torch_have_their_cards_in_the_file_that_ships():
    files = {"gitexp/training/torch.toml": '["torch.nn:MSELoss"]\nslot = "loss"\n'}
    card = find_card("torch.nn:MSELoss", files.get)
    assert card == Card("torch.nn:MSELoss", slot="loss", source="gitexp/training/torch.toml")
    assert find_card("torch.nn:Linear", files.get) is None


@pytest.mark.parametrize("contract", ["", "1.0", "1.2"])
def test_a_component_with_the_same_major_and_no_older_minor_fits(contract: str):
    assert version_problem(Card("Net", version="1.2"), contract, use="parts:Net") is None


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ("2.0", "the recipe is written for contract 2.0, parts:Net has the older 1.2, which breaks it"),
        ("0.9", "the recipe is written for contract 0.9, parts:Net has the newer 1.2, which breaks it"),
        ("1.10", "the recipe is written for contract 1.10, parts:Net has only 1.2"),
        ("one", 'contract is a version such as "1.0", not "one"'),
    ],
)
def test_a_breaking_version_is_refused_with_both_named(contract: str, words: str):
    assert version_problem(Card("Net", version="1.2"), contract, use="parts:Net") == words


def test_a_component_without_a_version_cannot_stand_in_where_one_is_asked_for():
    assert version_problem(None, "1.0", use="torch.nn:Linear") == (
        "the recipe is written for contract 1.0, and torch.nn:Linear states no version; give it a card,"
        " or leave contract out if you know that it fits"
    )


def test_a_step_that_is_fitted_on_the_test_split_is_refused():
    assert fits_on_problem(Card("Scale", fits_on="train"), use="parts:Scale") is None
    assert fits_on_problem(Card("Scale", fits_on="test"), use="parts:Scale") == (
        'parts:Scale is fitted on "test", says its card; what is fitted may see the train split alone'
    )


def test_a_field_whose_name_would_multiply_is_refused():
    assert problems('[A]\nslot = "model"\nremoves = ["{a}{a}{a}"]\n[A.takes]\n"{a}{b}{c}" = {}\n') == (
        "parts.toml:3: A.removes: expected a field's name, at most 200 characters and two {arguments}",
        'parts.toml:5: A.takes."{a}{b}{c}": expected a field\'s name, at most 200 characters and two {arguments}',
    )


def test_digits_of_other_scripts_are_no_version():
    assert problems('[A]\nslot = "model"\nversion = "١.٠"\n') == (
        'parts.toml:3: A.version: expected a version such as "1.0", got "١.٠"',
    )


def test_all_errors_are_counted_and_the_first_fifty_listed():
    content = "".join(f"[Part{number}]\n" for number in range(73))
    with pytest.raises(Refused, match="73 errors in the cards") as refused:
        load_cards(content, where="parts.toml")
    assert len(refused.value.details) == 50
