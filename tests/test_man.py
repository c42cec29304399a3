"""The manual pages say what the commands' help says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("man", CHECKOUT / "scripts" / "man.py")
assert SPEC is not None and SPEC.loader is not None
man = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(man)


def test_there_is_a_page_for_each_command_and_no_other() -> None:
    assert sorted(path.name for path in man.FOLDER.iterdir()) == sorted(man.pages())


@pytest.mark.parametrize("name", sorted(man.pages()))
def test_a_page_is_what_the_help_says_now(name: str) -> None:
    # When this fails: python scripts/man.py
    assert (man.FOLDER / name).read_text(encoding="utf-8") == man.pages()[name]
