"""`gitexp test`: components have tests, the tests pass, and a short run gives the recorded metrics."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from harness import Lab, lives, written
from records import write_run

pytestmark = pytest.mark.long

RECIPE = """\
seed = 1
[loader]
use = "gitexp.training.testing:TenSamples"
fields = { input = [8], target = 2 }
[model]
use = "recipes/tiny/parts.py:Net"
[loss]
use = "torch.nn:CrossEntropyLoss"
[optimizer]
use = "torch.optim:SGD"
lr = 0.1
[train]
epochs = 9
"""
PARTS = """\
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 2)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, rows):
        return self.linear(rows)
"""
TEST = """\
from gitexp.training.testing import check_model, component, ten_samples


def test_the_net_gives_two_scores():
    check_model(component("recipes/tiny/parts.py:Net")(), ten_samples({"input": (8,)}).fields["input"], output=(2,))
"""
LIGHT_TEST = 'NAMES = "recipes/tiny/parts.py:Net"\n\ndef test_names():\n    assert NAMES\n'
# With all weights 0, both classes are equally likely: a loss of ln 2.
GOLDEN = """\
[golden]
set = ["train.epochs=1", "optimizer.lr=0.0"]
[golden.metrics]
"val.loss" = {loss}
"""


@pytest.fixture
def tiny(lab: Lab) -> Lab:
    """A repository with a small recipe that is made of components and has no tests."""
    lab.write("recipes/tiny/recipe.toml", RECIPE)
    lab.write("recipes/tiny/parts.py", PARTS)
    return lab


def without_pytest(lab: Lab) -> None:
    """Make the recipe run in an interpreter that has nothing installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", lab.path / "bare"], check=True)
    lab.write("recipes/tiny/recipe.toml", f'run.python = "bare/bin/python"\n{RECIPE}')


@pytest.mark.torch
def test_a_recipe_whose_tests_and_golden_run_pass_is_said_to_pass(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", TEST)
    tiny.write("recipes/tiny/expected.toml", GOLDEN.format(loss=0.6931472))
    tiny.commit()
    before = tiny.state()
    result = tiny.well("test", "tiny", "--junit", "../report.xml")
    assert "1 passed" in result.stdout
    assert result.stderr.splitlines() == [
        "ok         model recipes/tiny/parts.py:Net",
        "ok         pytest recipes/tiny/tests",
        "ok         val.loss -s train.epochs=1 -s optimizer.lr=0.0",
        "passed",
    ]
    report = ElementTree.parse(tiny.path.parent / "report.xml").getroot()
    assert [suite.get("name") for suite in report] == ["tiny.components", "tiny.tests", "tiny.golden", "pytest"]
    assert [case.get("name") for case in report[3]] == ["test_the_net_gives_two_scores"]
    assert tiny.runs() == []
    assert tiny.state() == before


@pytest.mark.torch
def test_the_short_run_is_measured_against_the_baseline_and_that_is_no_verdict(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    tiny.write("recipes/tiny/expected.toml", GOLDEN.format(loss=0.6931472))
    tiny.commit()
    assert tiny.gitexp("init").exit_code == 0
    write_run(tiny, "k" * 16, recipe="tiny", metrics={"val.loss": 0.25, "mine": 1.0}, seed=7)
    assert tiny.gitexp("baseline", "k" * 16).exit_code == 0
    result = tiny.well("test", "tiny", "--junit", "../report.xml")
    assert result.stderr.splitlines()[-2:] == [
        "measured   against the baseline kkkkkkkk: val.loss 0.6931 against 0.25 (+0.443); one short run"
        " -s train.epochs=1 -s optimizer.lr=0.0 against one run, of seed 7: a difference, no verdict",
        "passed",
    ]
    report = ElementTree.parse(tiny.path.parent / "report.xml").getroot()
    assert "tiny.baseline" in [suite.get("name") for suite in report]
    assert tiny.gitexp("retract", "k" * 16, "--why", "a leak").exit_code == 0
    assert "measured" not in tiny.gitexp("test", "tiny").stderr


@pytest.mark.torch
def test_a_golden_run_that_gives_another_number_fails_and_both_are_shown(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    tiny.write("recipes/tiny/expected.toml", GOLDEN.format(loss='{ value = 0.5, tolerance = 0.1 }\n"val.acc" = 1.0'))
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "failed     val.loss -s train.epochs=1 -s optimizer.lr=0.0: is 0.693147" in result.stderr
    assert "; expected 0.5, give or take 0.1" in result.stderr
    assert "failed     val.acc -s train.epochs=1 -s optimizer.lr=0.0: was not logged; expected 1.0" in result.stderr
    assert result.stderr.endswith("2 of 4 failed\n")


@pytest.mark.torch
def test_a_golden_run_whose_components_do_not_fit_fails_and_is_in_the_report(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    wrong = GOLDEN.format(loss=0.6931472).replace("optimizer.lr=0.0", "+loss.weigth=1")
    tiny.write("recipes/tiny/expected.toml", wrong)
    result = tiny.gitexp("test", "tiny", "--junit", "report.xml")
    assert result.exit_code == 1
    assert "-s: loss.weigth: torch.nn:CrossEntropyLoss takes no argument weigth; did you mean weight?" in result.stderr
    report = ElementTree.parse(tiny.path / "report.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in report][2] == ("tiny.golden", "1")


@pytest.mark.torch
def test_a_golden_run_that_breaks_shows_its_last_lines_escaped(tiny: Lab) -> None:
    breaking = PARTS.replace(
        "return self", "assert not self.linear.weight.any(), 'broke \\x1b[31m'\n        return self"
    )
    tiny.write("recipes/tiny/parts.py", breaking)
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    tiny.write("recipes/tiny/expected.toml", GOLDEN.format(loss=0.6931472).replace("optimizer.lr=0.0", "seed=2"))
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "failed     golden run: the run ended with exit code 1" in result.stderr
    assert "broke \\u001B[31m" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_component_without_a_test_fails_though_all_tests_pass(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_other.py", "def test_nothing():\n    pass\n")
    result = tiny.gitexp("test", "tiny", "--junit", "report.xml")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "failed     model recipes/tiny/parts.py:Net: no test names Net; "
        "write one in recipes/tiny/tests/test_components.py",
        "ok         pytest recipes/tiny/tests",
        "left out   golden run: no expected.toml with [golden] beside the recipe, so no short run",
        "1 of 3 failed",
    ]
    report = ElementTree.parse(tiny.path / "report.xml").getroot()
    assert [(suite.get("name"), suite.get("failures"), suite.get("skipped")) for suite in report] == [
        ("tiny.components", "1", "0"),
        ("tiny.tests", "0", "0"),
        ("tiny.golden", "0", "1"),
        ("pytest", "0", "0"),
    ]


def test_a_test_that_fails_makes_it_fail(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST.replace("assert NAMES", "assert not NAMES"))
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "1 failed" in result.stdout
    assert "failed     pytest recipes/tiny/tests: pytest ended with exit code 1; what failed is above" in result.stderr


def test_no_tests_at_all_is_a_failure(tiny: Lab) -> None:
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "there are no tests; write recipes/tiny/tests/test_components.py" in result.stderr


def test_a_folder_of_tests_without_a_test_is_a_failure(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", "NET = 'Net'\n")
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "pytest finds no test in recipes/tiny/tests" in result.stderr


def test_an_interpreter_without_pytest_is_named_with_what_to_type(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    without_pytest(tiny)
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 1
    assert "error: bare/bin/python has no pytest, so the recipe's tests cannot run" in result.stderr
    assert "fix:   bare/bin/python -m pip install pytest" in result.stderr


def test_tests_see_the_gitexp_that_runs_them_and_no_run(tiny: Lab) -> None:
    text = (
        "import os, sys\nimport gitexp\n\ndef test_a():\n    'Net'\n"
        "    assert '/lib/gitexp/' in gitexp.__file__\n"
        "    assert not [name for name in os.environ if name.startswith('GITEXP_')]\n"
    )
    tiny.write("recipes/tiny/tests/test_parts.py", text)
    result = tiny.gitexp("test", "tiny", GITEXP_RUN_ID="klmnopqrstuvwxyz")
    assert "1 passed" in result.stdout, result.stdout


def test_a_wrong_expected_toml_is_refused_with_its_line_before_anything_runs(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    tiny.write("recipes/tiny/expected.toml", "[goldn]\n")
    result = tiny.gitexp("test", "tiny")
    assert result.exit_code == 3
    assert "recipes/tiny/expected.toml:1: goldn: unknown key; did you mean golden?" in result.stderr
    assert result.stdout == ""


def test_a_report_that_cannot_be_written_is_an_error_before_anything_runs(tiny: Lab) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    result = tiny.gitexp("test", "tiny", "--junit", "missing/report.xml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The report cannot be written to missing/report.xml: No such file or directory" in result.stderr


def test_a_recipe_that_wraps_a_program_has_its_tests_run_too(lab: Lab) -> None:
    lab.write("recipes/shell/recipe.toml", '[run]\ncommand = ["true"]\n[model]\nuse = 7\n')
    lab.write("recipes/shell/tests/test_shell.py", "def test_a():\n    pass\n")
    result = lab.well("test", "shell")
    assert "1 passed" in result.stdout


def test_testing_leaves_nothing_in_the_folder_for_passing_files(tiny: Lab, tmp_path: Path) -> None:
    tiny.write("recipes/tiny/tests/test_parts.py", LIGHT_TEST)
    (tmp_path / "passing").mkdir()
    tiny.gitexp("test", "tiny", TMPDIR=str(tmp_path / "passing"))
    assert [path.name for path in (tmp_path / "passing").iterdir() if path.name.startswith("gitexp")] == []


def test_a_golden_run_of_a_program_fails_and_the_report_is_written(lab: Lab) -> None:
    lab.write("recipes/shell/recipe.toml", '[run]\ncommand = ["true"]\n')
    lab.write("recipes/shell/tests/test_shell.py", "def test_a():\n    pass\n")
    lab.write("recipes/shell/expected.toml", GOLDEN.format(loss=0.5))
    result = lab.gitexp("test", "shell", "--junit", "report.xml")
    assert result.exit_code == 1
    assert "failed     golden run: shell wraps a program, and a golden run is for recipes" in result.stderr
    report = ElementTree.parse(lab.path / "report.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in report] == [
        ("shell.tests", "0"),
        ("shell.golden", "1"),
        ("pytest", "0"),
    ]


SLEEPING_TEST = """\
import os, subprocess, sys

def test_long():
    sleeper = subprocess.Popen(["sleep", "60"])
    with open("pids", "w") as file:
        file.write(f"{os.getpid()} {sleeper.pid}\\n")
    try:
        sleeper.wait()
    finally:
        sleeper.kill()
"""


def test_sigterm_ends_the_tests_and_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.write("recipes/shell/recipe.toml", '[run]\ncommand = ["true"]\n')
    lab.write("recipes/shell/tests/test_shell.py", SLEEPING_TEST)
    (tmp_path / "passing").mkdir()
    lab.env["TMPDIR"] = str(tmp_path / "passing")
    process = lab.start("test", "shell")
    pids = written(lab.path / "pids")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    assert [pid for pid in pids if lives(pid)] == []
    assert [path.name for path in (tmp_path / "passing").iterdir() if path.name.startswith("gitexp")] == []
