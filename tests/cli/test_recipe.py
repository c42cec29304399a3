"""`gitexp recipe card` and `gitexp recipe list`: what recipes and components say of themselves, and nothing is run."""

from __future__ import annotations

import pytest
from harness import Lab

from gitexp.cli.recipepage import index_page
from gitexp.cli.render import Screen
from gitexp.pipelines.cards import Fit, Index
from gitexp.spec.card import Card
from gitexp.stages.index import Component

RECIPE = """\
seed = 3
[about]
summary = "Tells sevens from ones"
trade_offs = "Fast | not exact"
[why]
"model.width" = "Wider is not better"
[data]
digits = "digits"
[loader]
use = "recipes/sevens/parts.py:Images"
path = "{data.digits}"
[model]
use = "recipes/sevens/parts.py:Net"
contract = "1.2"
width = 16
[loss]
use = "torch.nn:SoftMarginLoss"
[optimizer]
use = "torch.optim:Rprop"
lr = 0.1
"""
PARTS = """\
raise RuntimeError("was imported")

class Images:
    def __init__(self, path): ...

class Net:
    def __init__(self, width=8, classes=2): ...

class Wide:
    def __init__(self, classes=2): ...

class Later:
    def __init__(self, classes=2): ...
"""
CARDS = """\
[Images]
slot = "loader"
version = "1.0"
owner = "Ada"
summary = "Images of one and seven"
gives.input = { shape = ["batch", 64], dtype = "float32" }
gives.target = { shape = ["batch"], dtype = "int64" }

[Net]
slot = "model"
version = "1.2"
owner = "Ada"
summary = "One layer"
failure_modes = "None \\u001b[31mknown"
takes.input = { shape = ["batch", "inputs"], dtype = "float32" }
gives.output = { shape = ["batch", "classes"], dtype = "float32" }
[Net.arguments]
width = { low = 1, high = 64, what = "units" }

[Wide]
slot = "model"
version = "1.3"
takes.input = { shape = ["batch", 1, 28, 28], dtype = "float32" }
gives.output = { shape = ["batch", "classes"], dtype = "float32" }

[Later]
slot = "model"
version = "2.0"
takes.input = { shape = ["batch", "inputs"], dtype = "float32" }
gives.output = { shape = ["batch", "classes"], dtype = "float32" }
"""
EXPECTED = 'time_s = 3.0\n[expected]\n"val.acc" = { value = 0.967, tolerance = 0.01 }\n'
CATALOGUE = '\n[datasets.digits]\npath = "digits.csv"\nlicense = "CC0"\nsource = "UCI"\nowner = "Bob"\n'


@pytest.fixture
def sevens(lab: Lab) -> Lab:
    """A repository with a recipe whose components are its own and cannot be imported."""
    lab.write("gitexp.toml", (lab.path / "gitexp.toml").read_text() + CATALOGUE)
    lab.write("recipes/sevens/recipe.toml", RECIPE)
    lab.write("recipes/sevens/parts.py", PARTS)
    lab.write("recipes/sevens/parts.toml", CARDS)
    lab.write("recipes/sevens/expected.toml", EXPECTED)
    return lab


def test_a_card_shows_recipe_data_components_contracts_reasons_and_what_to_expect(sevens: Lab) -> None:
    result = sevens.gitexp("recipe", "card", "sevens")
    assert result.exit_code == 0, result.stderr
    assert (
        result.stdout
        == """\
recipe sevens
summary     Tells sevens from ones
trade-offs  Fast | not exact
file        recipes/sevens/recipe.toml

Data
dataset  where       licence  source  owner
digits   digits.csv  CC0      UCI     Bob

Components  in the order in which they are used

loader
use        recipes/sevens/parts.py:Images
contract   1.0
owner      Ada
summary    Images of one and seven
arguments  path = {data.digits}

model
use            recipes/sevens/parts.py:Net
contract       1.2
owner          Ada
summary        One layer
failure modes  None \\x1b[31mknown
arguments      width = 16
  width        units; 1 to 64

loss
use   torch.nn:SoftMarginLoss
card  none: it says nothing of itself

optimizer
use        torch.optim:Rprop
card       none: it says nothing of itself
arguments  lr = 0.1

Contracts
component  takes                          gives
loader     -                              input [batch, 64] float32, target [batch] int64
model      input [batch, inputs] float32  output [batch, 2] float32

Why
model.width  16
             Wider is not better

Expected
time     3.0 s on two cores
val.acc  0.967, give or take 0.01
"""
    )


def test_a_card_in_markdown_has_the_same_words_and_no_markup_of_theirs(sevens: Lab) -> None:
    hostile = RECIPE.replace(
        "Tells sevens from ones", "# <b>a</b> [x](http://evil.example) ![](y) `c` www.evil.example"
    )
    sevens.write("recipes/sevens/recipe.toml", hostile)
    result = sevens.gitexp("recipe", "card", "sevens", "--markdown")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "# sevens"
    assert lines[2] == (
        r"- **summary**: \# &lt;b&gt;a&lt;/b&gt; \[x\](http\://evil.example) !\[\](y) \`c\` www&#46;evil.example"
    )
    assert r"- **trade-offs**: Fast \| not exact" in lines
    assert "| digits | digits.csv | CC0 | UCI | Bob |" in lines
    assert r"| loader | \- | input \[batch, 64\] float32, target \[batch\] int64 |" in lines
    assert "| model.width | 16 | Wider is not better |" in lines
    assert "\x1b" not in result.stdout


def test_a_card_of_a_recipe_that_wraps_a_program_names_the_program(lab: Lab) -> None:
    lab.write("recipes/plain.toml", '[run]\ncommand = ["python", "train.py"]\n[model]\nuse = 7\n')
    result = lab.gitexp("recipe", "card", "plain")
    assert result.exit_code == 0, result.stderr
    assert 'command  ["python", "train.py"]\n' in result.stdout
    assert "Components" not in result.stdout


def test_a_wrong_card_is_refused_with_its_line(sevens: Lab) -> None:
    sevens.write("recipes/sevens/parts.toml", CARDS.replace('slot = "loader"', 'slot = "loder"'))
    result = sevens.gitexp("recipe", "card", "sevens")
    assert result.exit_code == 3
    assert "recipes/sevens/parts.toml:2: Images.slot: " in result.stderr
    assert 'did you mean "loader"?' in result.stderr


def test_the_list_has_recipes_and_the_components_of_the_repository_and_of_gitexp(sevens: Lab) -> None:
    result = sevens.gitexp("recipe", "list")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[1] == "sevens  Tells sevens from ones"
    assert any(line.split()[:3] == ["loader", "recipes/sevens/parts.py:Images", "1.0"] for line in lines)
    assert any(line.split()[:2] == ["preprocess", "gitexp.training.steps:Standardise"] for line in lines)


def test_a_slot_alone_lists_its_components_in_order_with_version_and_owner(sevens: Lab) -> None:
    found = sevens.gitexp("recipe", "list", "--slot", "model", "--json").json
    assert found["recipes"] == []
    assert [(one["use"], one["version"], one["owner"], one["where"]) for one in found["components"]] == [
        ("recipes/sevens/parts.py:Later", "2.0", None, "recipes/sevens/parts.toml"),
        ("recipes/sevens/parts.py:Net", "1.2", "Ada", "recipes/sevens/parts.toml"),
        ("recipes/sevens/parts.py:Wide", "1.3", None, "recipes/sevens/parts.toml"),
    ]


def test_fits_lists_what_would_fit_and_json_says_why_the_rest_would_not(sevens: Lab) -> None:
    result = sevens.gitexp("recipe", "list", "--slot", "model", "--fits", "sevens")
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["model", "recipes/sevens/parts.py:Net", "1.2"],
        ["One", "layer", "(Ada)"],
    ]
    assert result.stderr == "note: 2 more would not fit; --json says why\n"
    later, net, wide = sevens.gitexp("recipe", "list", "--slot", "model", "--fits", "sevens", "--json").json[
        "components"
    ]
    assert [later["fits"], net["fits"], wide["fits"]] == [False, True, False]
    assert "contract 1.2" in later["problems"][0]
    assert "2.0" in later["problems"][0]
    assert wide["problems"] == ["model expects input [batch, 1, 28, 28] float32, loader gives [batch, 64] float32"]


def test_what_fits_into_a_recipe_that_wraps_a_program_is_no_question(lab: Lab) -> None:
    lab.write("recipes/plain.toml", '[run]\ncommand = ["true"]\n')
    result = lab.gitexp("recipe", "list", "--fits", "plain")
    assert result.exit_code == 1
    assert "error: plain wraps a program, so no component fits into it" in result.stderr


def test_a_wrong_card_is_a_warning_in_the_list_and_the_others_are_there(sevens: Lab) -> None:
    sevens.write("lab/net.py", "")
    sevens.write("lab/net.toml", '[Net]\nslot = "modle"\n')
    result = sevens.gitexp("recipe", "list")
    assert result.exit_code == 0
    assert "warning: lab/net.toml:2: Net.slot: " in result.stderr
    assert "recipes/sevens/parts.py:Net" in result.stdout


def test_toml_that_is_no_card_links_and_ignored_files_are_left_alone(sevens: Lab) -> None:
    sevens.write("settings.py", "")
    sevens.write("settings.toml", "[tool]\nname = 1\n")
    sevens.write(".gitignore", "build/\n")
    sevens.write("build/net.py", "")
    sevens.write("build/net.toml", CARDS.replace("Wide", "Ignored"))
    sevens.write("linked.py", "")
    (sevens.path / "linked.toml").symlink_to(sevens.path / "recipes" / "sevens" / "parts.toml")
    result = sevens.gitexp("recipe", "list", "--slot", "model")
    assert result.stderr == ""
    assert result.stdout.count("\nmodel ") == 3


def test_a_broken_recipe_is_listed_without_a_summary(sevens: Lab) -> None:
    sevens.write("recipes/broken.toml", "[about\n")
    result = sevens.gitexp("recipe", "list")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:3] == ["broken", "sevens  Tells sevens from ones"]


def test_a_file_of_cards_that_is_no_toml_is_a_warning_and_no_recipe(sevens: Lab) -> None:
    sevens.write("lab/net.py", "")
    sevens.write("lab/net.toml", '[Net]\nslot = "model"\nversion = \n')
    sevens.write("recipes/parts.py", PARTS)
    sevens.write("recipes/parts.toml", CARDS)
    result = sevens.gitexp("recipe", "list")
    assert "warning: lab/net.toml:3: " in result.stderr
    assert result.stdout.splitlines()[1:3] == ["sevens  Tells sevens from ones", ""]


def test_on_a_narrow_terminal_what_is_there_to_be_copied_stays_whole() -> None:
    card = Card("Standardise", slot="preprocess", version="1.0", owner="The gitexp authors", summary="Scales a field.")
    index = Index((Fit(Component("gitexp.training.steps:Standardise", card, {})),), (), ())
    assert index_page(index, on=Screen(75, None, False)).splitlines() == [
        "slot        use                                   contract",
        "preprocess  gitexp.training.steps:Standardise     1.0",
        "            Scales a field. (The gitexp authors)",
    ]
    assert index_page(index, on=Screen(55, None, False)).splitlines() == [
        "slot        use                                contract",
        "preprocess  gitexp.training.steps:Standardise  1.0",
        "            Scales a field. (The gitexp",
        "            authors)",
    ]


def test_an_unknown_command_below_recipe_names_the_nearest(lab: Lab) -> None:
    result = lab.gitexp("recipe", "crad")
    assert result.exit_code == 2
    assert "'crad' is not a gitexp recipe command. Did you mean 'card'?" in result.stderr
