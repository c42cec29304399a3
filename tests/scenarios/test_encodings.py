"""Text from elsewhere: byte order marks, other encodings, and characters that Python takes for the end of a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import Lab, make_lab

MARK = "\ufeff"
STRANGE = ["a\nb", "a\u2028b", "a\x0bb", "a\x85b"]


def test_every_toml_that_is_read_may_begin_with_a_byte_order_mark(lab: Lab) -> None:
    lab.write("recipes/base.toml", f'{MARK}[run]\r\ncommand = ["{sys.executable}", "t.py"]\r\n')
    lab.write("recipes/r/recipe.toml", f'{MARK}extends = "../base.toml"\n[data]\nd = "d"\n')
    lab.write("recipes/r/expected.toml", f"{MARK}[golden.metrics]\nloss = {{ value = 1.5 }}\n")
    lab.write("t.py", "import gitexp; assert 'run' in gitexp.recipe('recipes/r/recipe.toml')\n")
    lab.write("gitexp.toml", f'{MARK}catalogue = "data.toml"\n')
    lab.write("data.toml", f'{MARK}[datasets.d]\npath = "d.csv"\ncontract = "d.contract.toml"\n')
    lab.write("d.contract.toml", f'{MARK}format = "csv"\n')
    lab.write("d.csv", "a\n1\n")
    lab.commit()
    assert lab.gitexp("data", "pin", "d").exit_code == 0
    assert lab.path.joinpath("data.toml").read_text().startswith(f"{MARK}[datasets.d]")
    lab.commit()
    result = lab.gitexp("run", "r")
    assert result.exit_code == 0, result.stderr
    assert lab.gitexp("recipe", "card", "r").exit_code == 0


@pytest.mark.parametrize(("name", "encoding"), [("recipes/r.toml", "utf-16"), ("gitexp.toml", "latin-1")])
def test_toml_in_another_encoding_is_named_with_the_line_that_converts_it(lab: Lab, name: str, encoding: str) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n')
    lab.write(name, "").write_bytes('[run]\ncommand = ["é"]\n'.encode(encoding))
    result = lab.gitexp("check", "r")
    assert result.exit_code in (1, 3)
    assert "UTF-8; convert it: iconv -f" in result.stderr
    assert name in result.stderr


@pytest.mark.parametrize("name", STRANGE)
def test_a_repository_and_its_files_may_have_any_name(tmp_path: Path, env: dict[str, str], name: str) -> None:
    lab = make_lab(tmp_path / name, env)
    assert lab.gitexp("init").exit_code == 0
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[data]\nd = "d"\n')
    lab.write(f"d/{name}", "x")
    lab.write(".gitignore", "d\n")
    lab.commit()
    lab.write(f"new {name}", "x")
    assert lab.gitexp("run", "r", "--no-verify", cwd=lab.path / "recipes").exit_code == 0
    assert len(lab.runs()) == 1
    assert f"code/new {name}" in lab.git("ls-tree", "-r", "-z", "--name-only", "experiments").split("\0")
    refused = lab.gitexp("run", "r")
    assert refused.exit_code == 3
    assert "?? new a" in refused.stderr


def test_a_remote_may_have_a_line_separator_in_its_name(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    lab.git("update-ref", "refs/remotes/a\u2028b/experiments", "experiments")
    assert lab.gitexp("show", "a\u2028b/latest").exit_code == 0
    assert lab.gitexp("log").exit_code == 0


def test_a_subject_with_a_line_separator_is_one_commit_between_two_runs(lab: Lab) -> None:
    lab.gitexp("run", "--", "true")
    lab.write("x", "1")
    lab.commit("work\u2028>deadbeef nobody's commit")
    lab.gitexp("run", "--", "true")
    between = lab.gitexp("diff", "latest~1", "latest", "--json").json["code"]["commits"]
    assert [one["subject"] for one in between] == ["work\u2028>deadbeef nobody's commit"]
