"""Completion in a real bash: names of ours where they belong, and everything else as without us."""

from __future__ import annotations

import shutil
import sys

import pytest
from harness import Lab

RECIPE = """
[run]
command = ["sh", "-c", "echo val.acc 0.5"]
[metrics]
output = { "val.acc" = 'val.acc (\\S+)' }
goal = { "val.acc" = "max" }
[data]
digits = "digits"
"""
CATALOGUE = '\n[datasets.digits]\npath = "digits.csv"\n[remotes.shelf]\nurl = "/nowhere"\n'
# What readline does on Tab: call the function with the words, and take the file names where it has none.
ASK = """
eval "$(_GITEXP_COMPLETE=bash_source gitexp)"
COMP_LINE=$1 COMP_POINT=${#1}
read -ra COMP_WORDS <<< "${1//:/ : }"
case $1 in *' ') COMP_WORDS+=("") ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_gitexp_completion gitexp
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(lab: Lab) -> Lab:
    """A repository with a recipe, a dataset, a remote and a recorded run."""
    (lab.path / "recipes").mkdir()
    (lab.path / "recipes/mine.toml").write_text(RECIPE)
    (lab.path / "digits.csv").write_text("a,b\n1,2\n")
    (lab.path / "train.py").write_text("print(1)\n")
    with (lab.path / "gitexp.toml").open("a") as file:
        file.write(CATALOGUE)
    lab.commit("a recipe")
    assert lab.gitexp("run", "mine").exit_code == 0
    return lab


def completed(lab: Lab, line: str) -> list[str]:
    result = lab.command("bash", "-c", ASK, "bash", line)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.split()


OURS = {
    "gitexp ini": ["init"],
    "gitexp data des": ["describe"],
    "gitexp run mi": ["mine"],
    "gitexp show lat": ["latest"],
    "gitexp diff latest best": ["best:val.acc"],
    "gitexp show best:v": ["val.acc"],  # bash took "best:" for a word of its own
    "gitexp log --sort v": ["val.acc"],
    "gitexp data check di": ["digits"],
    "gitexp get latest di": ["digits"],
    "gitexp data push --remote s": ["shelf"],
    "gitexp new digits-m": ["digits-mlp"],
    "gitexp run -- git-e": ["git-exp"],  # a program of PATH
}
LEFT_TO_BASH = ["gitexp run -- python tr", "gitexp run -- python --lr ", "gitexp log > la", "gitexp nothing tr"]


def test_names_of_ours_are_completed(shell: Lab) -> None:
    assert {line: completed(shell, line) for line in OURS} == OURS


def test_tags_of_runs_are_completed_and_what_is_no_run_is_not(shell: Lab) -> None:
    # No run's id begins with an "a".
    shell.git("tag", "a1", "experiments")
    shell.git("tag", "-a", "-m", "camera ready", "paper/v2", "experiments")
    shell.git("tag", "a0", "HEAD")
    assert completed(shell, "gitexp show a") == ["a1"]
    assert completed(shell, "gitexp diff latest paper/") == ["paper/v2"]


def test_the_folder_of_c_is_the_one_that_is_completed_for(shell: Lab, bare_world: Lab) -> None:
    assert completed(shell, f"gitexp -C {bare_world.path} run mi") == []
    assert completed(bare_world, f"gitexp -C {shell.path} run mi") == ["mine"]
    assert completed(bare_world, f"gitexp -C{shell.path} show lat") == ["latest"]


def test_a_learning_rate_is_no_metric_to_be_the_best_by(shell: Lab) -> None:
    shell.write("t.py", "import gitexp\ngitexp.log(step=1, lr=0.1, loss=1.0)\n")
    shell.commit()
    assert shell.gitexp("run", "--", sys.executable, "t.py").exit_code == 0
    assert completed(shell, "gitexp show best:l") == ["loss"]
    assert completed(shell, "gitexp log --sort l") == ["lr", "loss"]


def test_where_files_belong_bash_is_left_to_complete_them(shell: Lab) -> None:
    assert [completed(shell, line) for line in LEFT_TO_BASH] == [[], [], [], []]


def test_ids_of_runs_are_completed(shell: Lab) -> None:
    run = shell.gitexp("log", "--json").json["runs"][0]["id"]
    assert completed(shell, f"gitexp show {run[:4]}") == [run[:8]]


def test_a_tab_outside_of_a_repository_says_nothing(bare_world: Lab) -> None:
    assert completed(bare_world, "gitexp show lat") == []


def test_a_tab_records_nothing(shell: Lab) -> None:
    before = shell.git("rev-parse", "experiments")
    left = shell.path / ".git/gitexp/runs/left"
    left.mkdir(parents=True)
    completed(shell, "gitexp show lat")
    assert shell.git("rev-parse", "experiments") == before
    assert left.is_dir()


def test_tab_on_a_real_terminal_completes_the_programs_file(shell: Lab) -> None:
    pexpect = pytest.importorskip("pexpect")
    bash = pexpect.spawn(shutil.which("bash"), ["--norc", "-i"], cwd=str(shell.path), env=shell.env, encoding="utf-8")
    bash.sendline('bind "set enable-bracketed-paste off"; eval "$(_GITEXP_COMPLETE=bash_source gitexp)"; echo re""ady')
    bash.expect("ready")
    bash.send("gitexp run -- python tr\t")
    bash.expect("python train.py ")
    bash.sendintr()
    bash.close(force=True)
