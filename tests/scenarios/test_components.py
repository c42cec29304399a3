"""Recipes that are made of components, at the command line: refused, tried, run, recorded, compared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from harness import Lab, lives, until_over, wait_for, written

import gitexp

pytestmark = pytest.mark.long

PARTS = '''\
import torch

from gitexp.training.data import Table


class Pairs:
    """Twelve rows to train on and four held out."""

    def __init__(self, path: str, *, batch_size: int = 4) -> None:
        rows = [[float(cell) for cell in line.split(",")] for line in open(path)]
        fields = {"input": torch.tensor(rows)[:, :2], "target": torch.tensor(rows)[:, 2:]}
        self.batch_size = batch_size
        self.splits = {
            "train": Table({name: field[:12] for name, field in fields.items()}),
            "val": Table({name: field[12:] for name, field in fields.items()}),
        }
'''
RECIPE = """\
seed = 1

[data]
pairs = "data/pairs.csv"

[metrics.goal]
"val.loss" = "min"

[reproducibility]
level = "bitwise"
threads = 1

[loader]
use = "recipes/line/parts.py:Pairs"
path = "{data.pairs}"

[model]
use = "torch.nn:Linear"
in_features = 2
out_features = 1

[loss]
use = "torch.nn:MSELoss"

[optimizer]
use = "torch.optim:SGD"
lr = 0.001

[train]
epochs = 2
"""


# Sleeps instead of training; asked about itself, it answers.
SLEEPING = f'test "$2" = gitexp.training && exec sleep 30; exec {sys.executable} "$@"'


def with_recipe(lab: Lab, text: str = RECIPE) -> None:
    """Commit `recipes/line/`: a linear model of sixteen pairs."""
    lab.write("recipes/line/recipe.toml", text)
    lab.write("recipes/line/parts.py", PARTS)
    lab.write("data/pairs.csv", "".join(f"{i},{16 - i},{i / 8}\n" for i in range(16)))
    lab.commit("a recipe made of components")


def interpreter(lab: Lab, script: str) -> None:
    """Commit `bin/python`, which the recipe may name as its interpreter."""
    lab.write("bin/python", f"#!/bin/sh\n{script}\n").chmod(0o755)
    lab.commit("an interpreter")


def folders(lab: Lab) -> list[Path]:
    """The runs in progress."""
    return list((lab.path / ".git" / "gitexp" / "runs").iterdir())


def waiting(lab: Lab) -> tuple[subprocess.Popen[str], int]:
    """A run whose interpreter has not begun, and the interpreter's process id."""
    process = lab.start("run", "line", "-s", "+run.python=bin/python")
    runs = lab.path / ".git" / "gitexp" / "runs"
    wait_for(lambda: [*runs.glob("[k-z]*/started.json")])
    [started] = runs.glob("[k-z]*/started.json")
    return process, int(started.read_text().partition('"pid":')[2].partition(",")[0].strip(" }"))


# ---- no training yet


def test_without_torch_a_run_is_refused_and_leaves_nothing(lab: Lab) -> None:
    with_recipe(lab)
    interpreter(lab, f'exec {sys.executable} -S "$@"')
    result = lab.gitexp("run", "line", "-s", "run.python=bin/python")
    assert result.exit_code == 3
    assert "-s: run.python: " in result.stderr
    assert "cannot train: No module named 'torch'; pip install torch" in result.stderr
    assert lab.runs() == []
    assert folders(lab) == []


def test_an_interpreter_that_dies_is_told_of_and_nothing_is_recorded(lab: Lab) -> None:
    with_recipe(lab)
    interpreter(lab, "echo no luck; exit 7")
    result = lab.gitexp("run", "line", "-s", "run.python=bin/python")
    assert result.exit_code == 3
    assert "The training program ended (exit code 7) before training began; nothing was recorded" in result.stderr
    assert lab.runs() == []
    checked = lab.gitexp("check", "line", "-s", "run.python=bin/python")
    assert checked.exit_code == 3
    assert "  no luck\n" in checked.stderr


def test_an_interpreter_that_is_missing_is_refused(lab: Lab) -> None:
    with_recipe(lab)
    result = lab.gitexp("run", "line", "-s", "run.python=bin/python")
    assert result.exit_code == 3
    assert "bin/python: command not found" in result.stderr


def test_ctrl_c_before_training_leaves_nothing(lab: Lab) -> None:
    with_recipe(lab)
    interpreter(lab, SLEEPING)
    process, _ = waiting(lab)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "line was stopped before training began; nothing was recorded" in stderr
    assert (lab.runs(), folders(lab)) == ([], [])


def test_sigterm_ends_a_check_and_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    with_recipe(lab)
    interpreter(lab, 'echo $$ > "$GITEXP_FOLDER/../pid"; exec sleep 60')
    (tmp_path / "passing").mkdir()
    lab.env["TMPDIR"] = str(tmp_path / "passing")
    process = lab.start("check", "line", "-s", "run.python=bin/python")
    (pid,) = written(tmp_path / "passing" / "pid")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    assert not lives(pid)
    assert [path.name for path in (tmp_path / "passing").iterdir()] == ["pid"]


def test_components_that_cannot_be_read_end_a_check_and_hinder_no_later_command(lab: Lab) -> None:
    with_recipe(lab)
    deep = "[" * 450 + "]" * 450
    interpreter(lab, f"""echo '{{"defaults": {{"model": {{"x": {deep}}}}}}}' > "$GITEXP_FOLDER/components.json\"""")
    checked = lab.gitexp("check", "line", "-s", "run.python=bin/python")
    assert checked.exit_code == 3
    assert "error: components.json of the training program cannot be read: it is nested more than" in checked.stderr
    assert lab.gitexp("run", "line", "-s", "run.python=bin/python").exit_code == 1
    assert lab.gitexp("log").exit_code == 0
    assert "cannot be read: it is nested more than" in lab.show("experiments:run.toml")


def test_an_interpreter_that_cannot_be_started_is_said_to_be_so(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("bin/python", "#!/no/such/interpreter\n").chmod(0o755)
    lab.commit("an interpreter without one")
    checked = lab.gitexp("check", "line", "-s", "run.python=bin/python")
    assert checked.exit_code == 3
    assert "error: The training program could not be started: No such file or directory; nothing" in checked.stderr


@pytest.mark.torch
def test_the_training_program_says_in_one_line_that_a_command_is_nothing_to_train(lab: Lab) -> None:
    result = lab.gitexp("run", "--", "python", "-m", "gitexp.training")
    assert result.exit_code == 4
    output = lab.show("experiments:output.log")
    assert output.endswith("has no [loader], so there is nothing to train. Type  gitexp run RECIPE\n")
    assert output.count("\n") == 1


def test_a_run_that_was_left_alone_before_training_began_is_no_run(lab: Lab) -> None:
    with_recipe(lab)
    interpreter(lab, SLEEPING)
    process, pid = waiting(lab)
    process.kill()
    process.communicate()
    os.kill(pid, signal.SIGKILL)
    until_over(lab)
    assert lab.gitexp("log").exit_code == 1
    assert (lab.runs(), folders(lab)) == ([], [])


def test_a_program_cannot_be_smoked(lab: Lab) -> None:
    lab.write("recipes/tiny.toml", '[run]\ncommand = ["true"]\n')
    lab.commit("a program")
    result = lab.gitexp("run", "tiny", "--smoke")
    assert result.exit_code == 3
    assert "tiny runs a program of its own" in result.stderr
    assert "--smoke is for recipes that are made of components." in result.stderr


def test_a_component_that_git_ignores_is_refused(lab: Lab) -> None:
    with_recipe(lab)
    lab.write(".gitignore", "/private\n")
    lab.write("private/parts.py", PARTS)
    lab.commit("hide something")
    result = lab.gitexp("run", "line", "-s", "loader.use=private/parts.py:Pairs")
    assert result.exit_code == 3
    assert "-s: loader.use: git ignores private/parts.py, so no record would hold it" in result.stderr
    by_module = lab.gitexp("run", "line", "-s", "loader.use=private.parts:Pairs")
    assert by_module.exit_code == 3
    assert "-s: loader.use: git ignores private/parts.py, so no record would hold it" in by_module.stderr


# ---- with torch


@pytest.mark.torch
def test_a_component_that_the_code_of_the_record_lacks_is_a_defect(lab: Lab) -> None:
    with_recipe(lab)
    lab.write(".gitignore", "/src/lab/made.py\n")
    lab.write("src/lab/__init__.py", "")
    lab.write("src/lab/made.py", PARTS)
    lab.write("src/lab/kept.py", PARTS)
    lab.commit("a package that is installed from here")
    source, path = str(lab.path / "src"), "+loader.path={data.pairs}"
    lab.well("run", "line", "-s", "loader.use=lab.kept:Pairs", "-s", path, PYTHONPATH=source)
    made = lab.gitexp("run", "line", "-s", "loader.use=lab.made:Pairs", "-s", path, PYTHONPATH=source)
    assert made.exit_code == 1, made.stderr
    assert lab.toml("run.toml")["defects"] == [
        "not in code/: src/lab/made.py, from which a component came; git ignores it, or it lies in another repository"
    ]


@pytest.mark.torch
def test_a_run_is_recorded_with_the_defaults_that_nobody_typed(lab: Lab) -> None:
    with_recipe(lab)
    lab.well("run", "line")
    recipe = lab.toml("recipe.toml")
    assert recipe["optimizer"]["momentum"] == 0
    assert recipe["loader"] == {"use": "recipes/line/parts.py:Pairs", "path": "{data.pairs}", "batch_size": 4}
    run = lab.toml("run.toml")
    assert (run["kind"], run["argv"][1:]) == ("run", ["-m", "gitexp.training"])
    assert run["digests"]["weights"].startswith("sha256:")
    components = lab.toml("components.toml")
    assert components["components"]["model"]["use"] == "torch.nn:Linear"
    assert components["flow"][0]["fields"]["input"] == {"shape": ["batch", 2], "dtype": "float32"}
    environment = lab.toml("environment.toml")
    assert environment["training"]["level"] == "bitwise"
    assert "torch" in environment["packages"]
    assert "pythonpath" not in environment["interpreter"]


@pytest.mark.torch
def test_what_python_compiles_does_not_make_the_tree_dirty(lab: Lab) -> None:
    with_recipe(lab)
    before = lab.state()
    lab.well("run", "line", "--smoke", PYTHONDONTWRITEBYTECODE="")
    assert lab.state() == before


@pytest.mark.torch
def test_a_recorded_recipe_runs_again_to_the_same_bits(lab: Lab) -> None:
    with_recipe(lab)
    lab.gitexp("run", "line")
    lab.write("recipes/line/recipe.toml", lab.show("experiments:recipe.toml"))
    lab.commit("as it was recorded")
    assert lab.gitexp("run", "line").exit_code == 0
    assert lab.show("experiments:recipe.toml") == lab.show("experiments~1:recipe.toml")
    found = lab.gitexp("diff", "latest~1", "latest", "--json").json
    assert [(change["name"], change["a"] == change["b"]) for change in found["digests"]] == [("weights", True)]
    page = lab.gitexp("diff", "latest~1", "latest").stdout
    assert "weights  the same, bit for bit (weights)" in page
    assert f"weights  {found['digests'][0]['b']}" in lab.gitexp("show").stdout


@pytest.mark.torch
def test_a_smoke_run_is_recorded_and_stays_out_of_the_log(lab: Lab) -> None:
    with_recipe(lab)
    lab.well("run", "line", "--smoke")
    run = lab.toml("run.toml")
    assert (run["kind"], run["variables"]["GITEXP_SMOKE"]) == ("smoke", "1")
    assert lab.git("log", "-1", "--format=%(trailers:key=Gitexp-Kind,valueonly)", "experiments").strip() == "smoke"
    assert lab.git("log", "-1", "--format=%s", "experiments").startswith("line: smoke, val.loss ")
    assert lab.gitexp("log", "--json").json["runs"] == []
    assert len(lab.gitexp("log", "--all", "--json").json["runs"]) == 1
    real = lab.gitexp("run", "line")
    assert "(+" not in real.stderr, "a real run is not compared with a smoke run"
    assert "(-" not in real.stderr, "a real run is not compared with a smoke run"


@pytest.mark.torch
def test_check_prints_the_defaults_and_what_flows(lab: Lab) -> None:
    with_recipe(lab)
    before = lab.state()
    result = lab.well("check", "line")
    assert tomllib.loads(result.stdout)["model"]["bias"] is True
    assert "loader gives input [batch, 2] float32, target [batch, 1] float32\n" in result.stderr
    explained = lab.gitexp("check", "line", "--explain").stdout
    assert "default of torch.optim:SGD" in explained
    dry = lab.gitexp("run", "line", "--dry-run").stdout
    assert "  flow        model gives output [batch, 1] float32\n" in dry
    assert lab.state() == before
    assert lab.runs() == []


@pytest.mark.torch
def test_what_does_not_fit_is_refused_with_its_line_before_anything_trains(lab: Lab) -> None:
    with_recipe(lab, RECIPE.replace("lr = 0.001", "lr = 0.001\nmomentun = 0.9").replace("in_features = 2\n", ""))
    result = lab.gitexp("run", "line")
    assert result.exit_code == 3
    assert "recipes/line/recipe.toml:27: optimizer.momentun: torch.optim:SGD takes no argument" in result.stderr
    assert "did you mean momentum?" in result.stderr
    assert "recipes/line/recipe.toml:17: model: torch.nn:Linear needs in_features" in result.stderr
    assert (lab.runs(), folders(lab)) == ([], [])


# ---- a loss that is no number


def test_a_training_whose_loss_is_lost_has_failed_and_the_record_names_the_step(lab: Lab) -> None:
    with_recipe(lab, RECIPE.replace("epochs = 2", "epochs = 40\ncheckpoint_every = 1"))
    before = lab.state()
    result = lab.gitexp("run", "line", "-s", "optimizer.lr=1e6")
    assert result.exit_code == 4
    record = lab.toml("run.toml")
    assert (record["status"], record["exit_code"]) == ("failed", 1)
    assert re.fullmatch(r"train\.loss is (nan|inf) at step \d+: the training stopped", record["defects"][-1])
    assert record["defects"][-1] in result.stderr
    assert "checkpoints/step-" in lab.show("experiments:artifacts.xxh128")
    assert lab.toml("recipe.toml")["train"]["on_nan"] == "stop"
    assert lab.state() == before


def test_check_says_that_the_first_loss_is_no_number_and_a_run_says_it_before_it_fails(lab: Lab) -> None:
    with_recipe(lab)
    lost = "class Lost:\n    def __call__(self, output, target):\n        return (output - target - 1e9).mean().log()\n"
    lab.write("recipes/line/lost.py", lost)
    lab.commit("a loss")
    typed = ("line", "-s", "loss.use=recipes/line/lost.py:Lost")
    checked = lab.gitexp("check", *typed)
    assert checked.exit_code == 3
    assert "loss gives nan for the first rows, before anything was learnt" in checked.stderr
    assert "everything fits" not in checked.stderr
    ran = lab.gitexp("run", *typed)
    assert ran.exit_code == 4
    assert "warning: loss gives nan for the first rows, before anything was learnt" in ran.stdout
    assert lab.toml("run.toml")["defects"] == [
        "val.loss, which the recipe names, was not logged; looked in GITEXP_METRICS; did you mean train.loss?",
        "train.loss is nan at step 1: the training stopped",
    ]


# ---- which gitexp, and which rows


def test_the_record_names_the_package_that_trained_by_a_digest_that_sha256sum_gives(lab: Lab) -> None:
    with_recipe(lab)
    assert lab.gitexp("run", "line").exit_code == 0
    training = lab.toml("environment.toml")["training"]
    where = "import gitexp, pathlib; print(pathlib.Path(gitexp.__file__).parent)"
    folder = lab.command(sys.executable, "-c", where).stdout.strip()  # the installed one, whose recipes are in it
    listed = "find . -name '*.py' -o -name '*.toml' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    told = subprocess.run(["sh", "-c", listed], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert training["gitexp_digest"] == f"sha256:{told.split()[0]}"
    assert training["gitexp"] == gitexp.__version__


def test_another_held_out_set_is_no_set_to_compare_with(lab: Lab) -> None:
    with_recipe(lab)
    turned = PARTS.replace("= 4)", "= 4, turned: bool = False)")
    turned = turned.replace("        fields =", "        rows = rows[::-1] if turned else rows\n        fields =")
    lab.write("recipes/line/parts.py", turned)
    lab.commit("other rows")
    assert lab.gitexp("run", "line", "--smoke").exit_code == 0
    assert "splits" not in lab.toml("run.toml")
    assert lab.gitexp("run", "line").exit_code == 0
    first = lab.toml("run.toml")["splits"]
    assert (first["val"]["rows"], first["val"]["by"], first["train"]["rows"]) == (4, "content", 12)
    again = lab.gitexp("run", "line", "-s", "optimizer.lr=0.002")
    assert "(+" in again.stderr or "(-" in again.stderr
    assert lab.toml("run.toml")["splits"] == first
    assert "held-out" not in lab.gitexp("diff").stdout
    assert "toward the goal" in lab.gitexp("diff").stdout or "against the goal" in lab.gitexp("diff").stdout
    other = lab.gitexp("run", "line", "-s", "loader.turned=true")
    assert "note: held-out rows differ from those of the run before: not comparable (val)\n" in other.stderr
    assert "(+" not in other.stderr and "(-" not in other.stderr
    assert "! held-out rows differ: not comparable (val)\n" in lab.gitexp("diff").stdout
    assert "goal" not in lab.gitexp("diff").stdout
    assert "held-out rows differ: not comparable" in lab.gitexp("log").stdout.splitlines()[1]
