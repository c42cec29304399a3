"""Colours only where they are wanted: not in files, not with NO_COLOR."""

from __future__ import annotations

import re

import pexpect
import pytest
from harness import GITEXP, Lab


def on_a_terminal(lab: Lab, *args: str, **env: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    child = pexpect.spawn(
        GITEXP, list(args), cwd=str(lab.path), env={**lab.env, "TERM": "xterm", **env}, dimensions=(24, 80), timeout=30
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before.decode())


@pytest.mark.parametrize("args", [("run", "--", "sh", "-c", "exit 1"), ("show", "nonsense"), ("log",), ("diff",)])
def test_no_color_means_no_colour(lab: Lab, args: tuple[str, ...]) -> None:
    lab.gitexp("run", "--", "true")
    lab.gitexp("run", "--", "true")
    colour = "\x1b[3"
    assert colour in on_a_terminal(lab, *args)
    assert colour not in on_a_terminal(lab, *args, NO_COLOR="1")


def test_what_goes_into_a_file_has_no_colour(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    for args in (("log",), ("show",), ("status",), ("show", "nonsense")):
        result = lab.gitexp(*args, TERM="xterm")
        assert "\x1b" not in result.stdout + result.stderr


def test_a_described_contract_in_colours_is_the_contract(lab: Lab) -> None:
    lab.write("data/pets.csv", "name,weight\n" + "".join(f"{'tom, ' * n}tom,{n}\n" for n in range(5)))
    lab.write("gitexp.toml", '[datasets.pets]\npath = "data"\n')
    plain = lab.gitexp("data", "describe", "pets").stdout
    coloured = on_a_terminal(lab, "data", "describe", "pets")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).replace("\r\n", "\n") == plain
    assert "\x1b[2m#" in coloured
    assert "\x1b" not in on_a_terminal(lab, "data", "describe", "pets", NO_COLOR="1")
