"""What would fit into a recipe, from cards alone."""

from __future__ import annotations

from gitexp.spec.card import Card, load_cards
from gitexp.spec.fitting import Part, disagreements, problems_with

CARDS = load_cards(
    """
[Images]
slot = "loader"
version = "1.0"
gives.input = { shape = ["batch", 1, 8, 8], dtype = "uint8" }
gives.target = { shape = ["batch"], dtype = "int64" }

[Divide]
slot = "preprocess"
version = "1.0"
takes."{field}" = { shape = ["batch", "..."] }
gives."{field}" = { shape = ["batch", "..."], dtype = "float32" }

[Leaky]
slot = "preprocess"
version = "1.0"
fits_on = "test"

[Rotate]
slot = "preprocess"
version = "1.0"
takes.input = { shape = ["batch", 1, 8, 8], dtype = "uint8" }

[Bert]
slot = "preprocess"
version = "1.0"
takes.text = { shape = ["batch", "length"], dtype = "int64" }

[Flat]
slot = "model"
version = "1.3"
takes.input = { shape = ["batch", "..."], dtype = "float32" }
gives.output = { shape = ["batch", "classes"], dtype = "float32" }

[Wide]
slot = "model"
version = "2.0"
takes.input = { shape = ["batch", 1, 28, 28], dtype = "float32" }
gives.output = { shape = ["batch", "classes"], dtype = "float32" }

[Ten]
slot = "loss"
version = "1.0"
takes.output = { shape = ["batch", 10], dtype = "float32" }
takes.target = { shape = ["batch"], dtype = "int64" }
""",
    where="parts.toml",
)


def part(name: str, key: str, contract: str = "", **arguments: object) -> Part:
    card: Card = CARDS[name]
    return Part(key, card.slot, f"parts.py:{name}", card, arguments, contract=contract)


RECIPE = [
    part("Images", "loader"),
    part("Divide", "preprocess.scale", field="input"),
    part("Flat", "model", "1.2", classes=10),
    part("Ten", "loss"),
]


def fit(name: str, key: str) -> list[str]:
    return problems_with(Part(key, CARDS[name].slot, f"parts.py:{name}", CARDS[name]), RECIPE)


def test_a_recipe_whose_parts_agree_has_no_disagreement() -> None:
    assert list(disagreements(RECIPE)) == []


def test_a_model_that_takes_other_shapes_does_not_fit_and_both_are_named() -> None:
    recipe = [one._replace(contract="") for one in RECIPE]
    assert problems_with(Part("model", "model", "parts.py:Wide", CARDS["Wide"]), recipe) == [
        "model expects input [batch, 1, 28, 28] float32, preprocess.scale gives [batch, 1, 8, 8] float32"
    ]


def test_another_major_version_than_the_recipe_was_written_for_does_not_fit() -> None:
    [words] = fit("Wide", "model")
    assert "contract 1.2" in words
    assert "2.0" in words


def test_the_component_that_is_there_fits() -> None:
    assert fit("Flat", "model") == []


def test_arguments_decide_the_sizes() -> None:
    three = [one if one.key != "model" else part("Flat", "model", classes=3) for one in RECIPE]
    assert list(disagreements(three)) == ["loss expects output [batch, 10] float32, model gives [batch, 3] float32"]


def test_defaults_count_where_the_recipe_gives_no_argument() -> None:
    candidate = Part("model", "model", "other.py:Flat", CARDS["Flat"], defaults={"classes": 4})
    assert problems_with(candidate, RECIPE) == [
        "loss expects output [batch, 10] float32, model gives [batch, 4] float32"
    ]


def test_a_step_fits_where_there_is_a_place_for_it() -> None:
    assert fit("Rotate", "Rotate") == []  # before the images become floats
    assert fit("Bert", "Bert") == [
        "Bert expects text [batch, length] int64, preprocess.scale gives only input, target; did you mean target?"
    ]


def test_a_step_that_is_fitted_on_another_split_never_fits() -> None:
    [words] = fit("Leaky", "Leaky")
    assert 'is fitted on "test"' in words


def test_a_part_without_a_card_ends_what_is_known_and_disagrees_with_nobody() -> None:
    unknown = Part("preprocess.mystery", "preprocess", "x.py:M", None)
    assert list(disagreements([RECIPE[0], unknown, part("Wide", "model")])) == []
