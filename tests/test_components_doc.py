"""What docs/guide/components.md tells authors is what the code does."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from gitexp.spec.card import KINDS, load_cards
from gitexp.spec.expected import load_expected
from gitexp.spec.recipe_shape import SLOTS

pytest.importorskip("torch")
from gitexp.training import testing
from gitexp.training.loop import Train

pytestmark = pytest.mark.torch
GUIDE = (Path(__file__).parents[1] / "docs" / "guide" / "components.md").read_text(encoding="utf-8")
DOC = GUIDE.split("# Writing components")[1]
TOML = re.findall(r"```toml\n(.*?)```", DOC, re.DOTALL)


def test_the_card_in_the_guide_is_one():
    card = load_cards(TOML[0], where="docs/guide/components.md")["Standardise"]
    assert (card.slot, card.version, card.fits_on, card.removes) == ("preprocess", "1.0", "train", ("old",))
    assert card.takes["{field}"].words() == "[batch, features] float32"


def test_the_guide_names_every_slot_and_every_kind_of_step():
    named = re.findall(r"^\| `\[(\w+)", DOC, re.MULTILINE)
    assert sorted(named) == sorted(SLOTS)
    assert ", ".join(KINDS) in TOML[0]


def test_the_expected_results_in_the_guide_are_understood():
    expected = load_expected(TOML[1], where="docs/guide/components.md")
    assert expected.time_s == 3.0


def test_the_loop_has_every_setting_that_the_guide_names():
    section = DOC.split("## The loop")[1].split("## ")[0].split(".\n")[0]
    named = set(re.findall(r"`(\w+)(?: = [^`]*)?`", section)) - {"train"}
    assert named == set(inspect.signature(Train).parameters)


def test_the_test_in_the_guide_uses_what_there_is():
    code = re.search(r"```python\n(.*?)```", DOC, re.DOTALL).group(1)
    imported = next(node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom))
    assert [alias.name for alias in imported.names if not hasattr(testing, alias.name)] == []
    for name in ("check_step", "check_loader", "TenSamples", "LinearStub", "RecordingOptimizer"):
        assert f"`{name}`" in DOC
        assert hasattr(testing, name)
