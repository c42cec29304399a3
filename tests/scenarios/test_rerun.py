"""Runs done once more from their record alone, in a working tree of their own that leaves nothing behind."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, Result

TRAIN = """\
import json, os, pathlib, subprocess
rows = [float(x) for x in pathlib.Path("data/rows.csv").read_text().split()]
seed = int(os.environ["GITEXP_SEED"])
with open(os.environ["GITEXP_METRICS"], "a") as file:
    for step in range(3):
        file.write(json.dumps({"step": step, "loss": sum(rows) / (step + seed)}) + "\\n")
pathlib.Path(os.environ["GITEXP_OUTPUT"], "weights.bin").write_bytes(repr(rows).encode())
print("at", subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout)
"""
RECIPE = """\
seed = 3
[run]
command = ["python", "train.py"]
[data]
rows = "./data/rows.csv"
"""


@pytest.fixture
def ready(lab: Lab) -> Lab:
    """A program with a recipe, and a dataset that git ignores."""
    lab.write("train.py", TRAIN)
    lab.write("recipes/r.toml", RECIPE)
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    return lab


def ran(lab: Lab, *args: str) -> str:
    """Record a run; its id."""
    done = lab.gitexp("run", "--json", *args)
    assert done.exit_code == 0, done.stderr
    found: str = done.json["run"]["id"]
    return found


def rerun(lab: Lab, *args: str) -> Result:
    """Do a run once more; nothing of it is left besides its record."""
    before = lab.state()
    done = lab.gitexp("rerun", *args)
    assert lab.state() == before
    assert left_behind(lab) == []
    return done


def left_behind(lab: Lab) -> list[Path]:
    git = Path(lab.git("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    return [*(git / "gitexp" / "runs").glob("*"), *git.glob("worktrees")]


def record(lab: Lab, rev: str = "experiments") -> dict[str, object]:
    return tomllib.loads(lab.show(f"{rev}:run.toml"))


def test_a_run_is_done_once_more_from_its_record_wherever_the_working_tree_stands(ready: Lab) -> None:
    first = ran(ready, "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.write("train.py", "raise SystemExit('the code of today')\n")
    ready.write("recipes/r.toml", "nonsense")
    ready.commit("all is different by now")
    ready.write("train.py", "raise SystemExit('what is being typed')\n")
    done = rerun(ready, first[:8])
    assert done.exit_code == 0, done.stderr
    again = record(ready)
    assert (again["kind"], again["reproduces"], again["seed"]) == ("rerun", first, 3)
    assert again["argv"] == record(ready, original)["argv"]
    assert again["code"] == record(ready, original)["code"]
    for same in ("code", "recipe.toml", "data.toml", "metrics.toml", "artifacts.xxh128"):
        assert ready.git("rev-parse", f"experiments:{same}") == ready.git("rev-parse", f"{original}:{same}")
    assert f"Gitexp-Reproduces: {first}\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert "defects" not in again
    verdict = tomllib.loads(ready.show("experiments:verdict.toml"))
    assert (verdict["run"], verdict["commit"], verdict["grade"]) == (first, f"sha1:{original}", "bitwise")
    assert "Gitexp-Verdict: bitwise\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert f"reproduces {first}: bitwise, " in done.stderr
    assert breaches(ready.path) == []


def test_a_rerun_that_comes_out_otherwise_says_so_and_exits_with_1(ready: Lab) -> None:
    ready.write("train.py", TRAIN.replace("(step + seed)", "(step + seed) * float(os.environ.get('FACTOR', 1))"))
    ready.commit("a program that listens")
    first = ran(ready, "r")
    done = rerun(Lab(ready.path, {**ready.env, "FACTOR": "2"}), first)
    assert done.exit_code == 1
    assert f"does not reproduce {first}: different, " in done.stderr
    assert rerun(ready, first).exit_code == 0


def test_a_failed_run_is_reproduced_when_it_fails_in_the_same_way(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "raise ValueError(os.environ.get('WORD', 'no rows'))\n")
    ready.commit("a program that fails")
    assert ready.gitexp("run", "r").exit_code == 4
    assert rerun(ready, "latest").exit_code == 0
    assert rerun(Lab(ready.path, {**ready.env, "WORD": "other"}), "latest~1").exit_code == 1


def test_a_rerun_of_what_has_gone_meanwhile_is_recorded_without_a_verdict(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "os.environ.get('GONE') and subprocess.run(os.environ['GONE'], shell=True)\n")
    ready.commit("a program")
    first = ran(ready, "r")
    commit = ready.git("rev-parse", "experiments:run.toml").strip()
    gone = f"rm {ready.path}/.git/objects/{commit[:2]}/{commit[2:]}"
    done = ready.gitexp("rerun", first, GONE=gone)
    assert done.exit_code == 1
    assert "there is no verdict, because the run that was done once more cannot be read" in done.stderr


def test_the_tree_of_a_dirty_run_is_dirty_in_the_same_way(ready: Lab) -> None:
    ready.write("helper.py", "x = 1\n")
    ready.write("train.py", TRAIN + "import helper\n")
    (ready.path / "README").unlink()
    first = ran(ready, "--no-verify", "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.git("checkout", "-q", "--", ".")
    (ready.path / "helper.py").unlink()
    done = rerun(ready, first)
    assert done.exit_code == 0, done.stderr
    again = record(ready)
    assert again["code"] == record(ready, original)["code"]
    assert ready.git("rev-parse", "experiments:code") == ready.git("rev-parse", f"{original}:code")
    assert "-dirty" in ready.show("experiments:output.log")
