"""Recipes that are made of components, as far as that can be told without importing any: tables, `use`, [space]."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import RecipeErrors
from gitexp.spec.assembly import components_in, filled, with_defaults
from gitexp.spec.config import load_config
from gitexp.spec.recipe import Recipe
from gitexp.stages.resolve import Request, resolve

PARTS = """\
seed = 1

[loader]
use = "recipes/x/parts.py:Images"
path = "{data.digits}"

[preprocess]
steps = ["impute", "scale"]

[preprocess.impute]
use = "gitexp.training.steps:Impute"

[preprocess.scale]
use = "gitexp.training.steps:Standardise"
epsilon = 1e-6

[model]
use = "torch.nn:Linear"
contract = "1.0"
in_features = 64
out_features = 10

[loss]
use = "torch.nn:CrossEntropyLoss"

[optimizer]
use = "torch.optim:AdamW"
lr = 0.01

[data]
digits = "digits.csv"
"""


def resolved(root: Path, text: str = PARTS, *overrides: str, more: dict[str, str] | None = None) -> Recipe:
    for name, content in {"x.toml": text, **(more or {})}.items():
        (root / "recipes").mkdir(exist_ok=True)
        (root / "recipes" / name).write_text(content)
    return resolve(Request(root, "x", overrides=overrides), root=root, config=load_config(""))


def problems(root: Path, text: str = PARTS, *overrides: str, more: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(RecipeErrors) as caught:
        resolved(root, text, *overrides, more=more)
    return caught.value.problems


def test_a_recipe_without_a_command_is_made_of_components(tmp_path: Path) -> None:
    recipe = resolved(tmp_path)
    assert recipe.made_of_components
    assert [".".join(path) for path, _ in components_in(recipe.values)] == [
        "loader",
        "preprocess.impute",
        "preprocess.scale",
        "model",
        "loss",
        "optimizer",
    ]


def test_a_recipe_with_a_command_keeps_tables_of_any_form(tmp_path: Path) -> None:
    text = '[run]\ncommand = ["true"]\n[model]\nuse = "anything at all"\nhidden = 3\n'
    recipe = resolved(tmp_path, text, "model.use=another thing")
    assert not recipe.made_of_components
    assert recipe.values["model"] == {"use": "another thing", "hidden": 3}


def test_slots_that_are_missing_or_misspelt_are_all_named(tmp_path: Path) -> None:
    text = '[model]\nuse = "torch.nn:Linear"\n[optimiser]\nuse = "torch.optim:SGD"\n'
    needed = "a recipe made of components needs [loader], [model], [loss], [optimizer], and may run a command instead"
    assert problems(tmp_path, text) == (
        f"recipes/x.toml: loader: missing; {needed}",
        f"recipes/x.toml: loss: missing; {needed}",
        f"recipes/x.toml: optimizer: missing; {needed}",
        'recipes/x.toml:3: optimiser: there is no slot "optimiser"; did you mean optimizer?',
    )


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        ("3", 'expected "package.module:Name" or "path/from/root.py:Name", got 3'),
        (
            '"torch.nn.Linear"',
            'expected "package.module:Name" or "path/from/root.py:Name", got "torch.nn.Linear"; '
            'did you mean "torch.nn:Linear"?',
        ),
        (
            '"../other/parts.py:Net"',
            '"../other/parts.py:Net" must lie inside the repository: its path counts from the root, without ..',
        ),
        (
            '"/opt/parts.py:Net"',
            '"/opt/parts.py:Net" must lie inside the repository: its path counts from the root, without ..',
        ),
        ('"parts.py"', 'expected "package.module:Name" or "path/from/root.py:Name", got "parts.py"'),
        ('"os:system(1)"', 'expected "package.module:Name" or "path/from/root.py:Name", got "os:system(1)"'),
    ],
)
def test_a_use_names_a_module_or_a_file_and_something_in_it(tmp_path: Path, use: str, complaint: str) -> None:
    text = PARTS.replace('"torch.nn:CrossEntropyLoss"', use)
    assert problems(tmp_path, text) == (f"recipes/x.toml:24: loss.use: {complaint}",)


def test_each_step_has_a_table_and_each_table_is_a_step(tmp_path: Path) -> None:
    text = PARTS.replace('["impute", "scale"]', '["impute", "scales", "impute"]')
    assert problems(tmp_path, text) == (
        "recipes/x.toml:13: preprocess.scale: no step: `steps` does not name scale",
        "recipes/x.toml:8: preprocess.steps: there is no table [preprocess.scales]; did you mean scale?",
        'recipes/x.toml:8: preprocess.steps: "impute" stands there twice; give the second one a name and a table of'
        " its own",
    )


def test_steps_that_an_override_leaves_out_leave_the_recipe(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, PARTS, 'preprocess.steps=["scale"]')
    assert list(recipe.values["preprocess"]) == ["steps", "scale"]


def test_placeholders_in_arguments_are_checked_where_they_stand(tmp_path: Path) -> None:
    text = PARTS.replace('"{data.digits}"', '"{data.digit}"').replace("1e-6", '["{optimizer.l}"]')
    assert problems(tmp_path, text) == (
        "recipes/x.toml:5: loader.path: {data.digit} is no dataset of this recipe; did you mean data.digits?",
        "recipes/x.toml:15: preprocess.scale.epsilon.0: {optimizer.l} is no key of this recipe; did you mean"
        " optimizer.lr?",
    )


def test_a_placeholder_that_is_the_whole_argument_keeps_its_values_type() -> None:
    values = {"model": {"sizes": [3, 4], "rate": 0.5}}
    arguments = {"a": "{model.sizes}", "b": ["x{model.rate}", "{seed}"], "c": {"use": "m:{x", "d": "{data.d}{{}}"}}
    assert filled(arguments, values=values, seed=7, data_paths={"d": "d.csv"}) == {
        "a": [3, 4],
        "b": ["x0.5", 7],
        "c": {"use": "m:{x", "d": "d.csv{}"},
    }


def test_a_number_may_take_the_place_of_a_placeholder_and_the_other_way_round(tmp_path: Path) -> None:
    text = PARTS + '[scheduler]\nuse = "a:S"\nspan = "{optimizer.lr}"\n'
    recipe = resolved(tmp_path, text, "scheduler.span=3", "model.in_features={seed}")
    assert (recipe.values["scheduler"]["span"], recipe.values["model"]["in_features"]) == (3, "{seed}")
    assert problems(tmp_path, text, "model.in_features=n{seed}") == (
        '-s: model.in_features: expected an integer, got "n{seed}" (recipes/x.toml:20 has 64)',
    )


# ---- another component in the place of one


def test_another_use_drops_the_arguments_of_the_one_before_and_keeps_the_contract(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, PARTS, "model.use=parts.py:Net", "+model.hidden=3", "model.depth=2")
    assert recipe.values["model"] == {"use": "parts.py:Net", "contract": "1.0", "hidden": 3, "depth": 2}


def test_the_same_use_drops_nothing(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, PARTS, "model.use=torch.nn:Linear")
    assert recipe.values["model"]["in_features"] == 64


def test_a_recipe_that_extends_another_replaces_a_component_whole(tmp_path: Path) -> None:
    text = (
        'extends = "base.toml"\n[preprocess.scale]\nuse = "a.b:C"\n[model]\nbias = false\nuse = "torch.nn:Bilinear"\n'
    )
    recipe = resolved(tmp_path, text, more={"base.toml": PARTS})
    assert recipe.values["preprocess"]["scale"] == {"use": "a.b:C"}
    assert recipe.values["model"] == {"use": "torch.nn:Bilinear", "contract": "1.0", "bias": False}


def test_a_nested_component_is_replaced_without_its_neighbours(tmp_path: Path) -> None:
    text = PARTS + '[model.encoder]\nuse = "a:Old"\nwidth = 3\n'
    recipe = resolved(tmp_path, text, "model.encoder.use=a:New", "model.encoder.height=4")
    assert recipe.values["model"]["encoder"] == {"use": "a:New", "height": 4}
    assert recipe.values["model"]["in_features"] == 64


def test_reasons_and_ranges_go_with_the_arguments_that_they_are_about(tmp_path: Path) -> None:
    text = PARTS + '[why]\n"model.in_features" = "8 × 8"\n"optimizer.lr" = "kept"\n'
    text += '[space]\n"model.in_features" = { low = 1, high = 99 }\n'
    recipe = resolved(tmp_path, text, "model.use=parts.py:Net")
    assert recipe.values["why"] == {"optimizer.lr": "kept"}
    assert "space" not in recipe.values


def test_an_argument_that_is_set_before_its_component_is_replaced_would_be_lost(tmp_path: Path) -> None:
    assert problems(tmp_path, PARTS, "model.in_features=3", "model.use=a:B") == (
        "-s: model.in_features: set before -s model.use=…, which drops it; write it after that",
    )


def test_any_argument_of_a_component_can_be_set_for_its_signature_says_which_there_are(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, PARTS, "optimizer.eps=1e-6", "train.patience=3")
    assert recipe.values["optimizer"] == {"use": "torch.optim:AdamW", "lr": 0.01, "eps": 1e-6}
    assert recipe.values["train"]["patience"] == 3


def test_a_key_outside_of_a_component_must_exist(tmp_path: Path) -> None:
    assert problems(tmp_path, PARTS, "optimiser.eps=1e-6") == (
        "-s: optimiser.eps: no such key; did you mean optimizer? (-s +optimiser.eps=1e-6 adds one)",
    )


# ---- defaults that nobody typed


def test_defaults_follow_what_was_typed_and_resolve_to_the_same_text(tmp_path: Path) -> None:
    recipe = resolved(tmp_path)
    defaults = {"optimizer": {"betas": [0.9, 0.999], "lr": 1e-3}, "train": {"use": "a:T", "form": "{}"}, "seed": 5}
    whole = with_defaults(recipe.values, defaults)
    assert whole["optimizer"] == {"use": "torch.optim:AdamW", "lr": 0.01, "betas": [0.9, 0.999]}
    assert whole["train"] == {"use": "a:T", "form": "{{}}"}
    assert whole["seed"] == 1
    assert with_defaults(whole, defaults) == whole


# ---- [space]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{ low = 1 }", "high missing; expected { low = 1e-5, high = 1e-1, log = true } or { choices = […] }"),
        ("{ low = 2, high = 1 }", "low must be less than high, got 2 and 1"),
        ("{ low = 0.0, high = 1, log = true }", "log needs low > 0, got 0.0"),
        ("{ choices = [1], low = 0 }", "choices stand alone, without low"),
    ],
)
def test_a_range_has_two_ends(tmp_path: Path, entry: str, complaint: str) -> None:
    text = f'a = 1\n[run]\ncommand = ["true"]\n[space]\na = {entry}\n'
    assert problems(tmp_path, text) == (f"recipes/x.toml:5: space.a: {complaint}",)


def test_a_value_outside_of_its_range_is_refused_where_it_stands(tmp_path: Path) -> None:
    text = PARTS + '[space]\n"optimizer.lr" = { low = 1e-5, high = 1e-3, log = true }\nsed = { choices = [1] }\n'
    text += "seed = { choices = [2, 3] }\n"
    assert problems(tmp_path, text) == (
        "recipes/x.toml:28: optimizer.lr: 0.01 lies outside of its range in [space], 1e-05 to 0.001"
        " (recipes/x.toml:33)",
        "recipes/x.toml:34: space.sed: gives a range for a key that does not exist; did you mean seed?",
        "recipes/x.toml:1: seed: 1 is none of the choices in [space]: [2, 3] (recipes/x.toml:35)",
    )


def test_programs_have_ranges_too(tmp_path: Path) -> None:
    text = '[run]\ncommand = ["true"]\n[net]\nact = "relu"\n[space]\n"net.act" = { choices = ["relu", "tanh"] }\n'
    assert resolved(tmp_path, text, "net.act=tanh").values["net"] == {"act": "tanh"}
    assert problems(tmp_path, text, "net.act=gelu") == (
        '-s: net.act: "gelu" is none of the choices in [space]: ["relu", "tanh"] (recipes/x.toml:6)',
    )


def test_a_key_below_a_plain_argument_is_no_key(tmp_path: Path) -> None:
    assert problems(tmp_path, PARTS, "+optimizer.lr.x=3") == (
        "-s: optimizer.lr: expected a float, got a table (recipes/x.toml:28 has 0.01)",
    )
    assert problems(tmp_path, PARTS, "optimizer.lr.use=3") == (
        "-s: optimizer.lr: expected a float, got a table (recipes/x.toml:28 has 0.01)",
    )
    assert problems(tmp_path, PARTS, "optimizer.lr.x=3") == (
        "-s: optimizer.lr: expected a float, got a table (recipes/x.toml:28 has 0.01)",
    )
