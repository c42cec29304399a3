"""Text from elsewhere: byte order marks, other encodings, and characters that Python takes for the end of a line."""

from __future__ import annotations

import os
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
    lab.well("run", "r")
    assert lab.gitexp("recipe", "card", "r").exit_code == 0


@pytest.mark.parametrize(("name", "encoding"), [("recipes/r.toml", "utf-16"), ("gitexp.toml", "latin-1")])
def test_toml_in_another_encoding_is_named_with_the_line_that_converts_it(lab: Lab, name: str, encoding: str) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n')
    lab.write(name, "").write_bytes('[run]\ncommand = ["é"]\n'.encode(encoding))
    result = lab.gitexp("check", "r")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: {name}:")
    (fix,) = [line for line in result.stderr.splitlines() if line.startswith("fix:")]
    lab.command("bash", "-c", fix.removeprefix("fix:   "))
    assert lab.path.joinpath(name).read_text() == '[run]\ncommand = ["é"]\n'


CATALOGUE = '[datasets.x]\npath = "x.csv"\ncontract = "c.d"\n'


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "itself"])
@pytest.mark.parametrize(
    ("place", "commands"),
    [
        ("gitexp.toml", ["log", "run r", "init", "recipe list"]),
        ("c.d", ["data check x"]),
        ("data.d", ["data list", "run r"]),
        ("recipes/x.toml", ["run x", "check x"]),
        ("recipes/r.toml", ["check e"]),
        ("recipes/f/expected.toml", ["recipe card f"]),
    ],
)
def test_what_is_no_file_is_named_for_what_it_is(lab: Lab, place: str, commands: list[str], kind: str) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n')
    lab.write("recipes/f/recipe.toml", '[run]\ncommand = ["true"]\n')
    lab.write("recipes/e.toml", 'extends = "r.toml"\n')
    lab.write("x.csv", "a\n1\n")
    lab.write("gitexp.toml", 'catalogue = "data.d"\n' if place == "data.d" else CATALOGUE)
    lab.commit()
    file = lab.path / place
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "device" else file.name)
    for command in commands:
        result = lab.gitexp(*command.split())
        assert (result.exit_code, f"error: {place} cannot be read: " in result.stderr) == (3, True), result.stderr


def test_a_list_of_recipes_waits_for_no_pipe(lab: Lab) -> None:
    names = ("recipes/x.toml", "recipes/comp.py", "recipes/comp.toml")
    for name in names:
        lab.write(name, "")
    lab.commit()
    for name in names:
        lab.path.joinpath(name).unlink()
        os.mkfifo(lab.path / name)
    assert lab.gitexp("recipe", "list").exit_code == 0
    assert lab.gitexp("recipe", "list", "--json").exit_code == 0


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


def test_metrics_are_found_below_a_folder_that_is_no_text(lab: Lab) -> None:
    folder = lab.path / os.fsdecode(b"d\xff")
    folder.mkdir()
    program = 'echo "{\\"loss\\": 0.5}" > out.jsonl'
    lab.well("run", "-s", "+metrics.files=['out.jsonl']", "--no-verify", "--", "sh", "-c", program, cwd=folder)
    assert lab.show("experiments:metrics.toml") == '"loss" = 0.5\n'
    run = lab.toml("run.toml")
    assert (run["cwd"], run.get("defects")) == ("d\\xff", None)


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
