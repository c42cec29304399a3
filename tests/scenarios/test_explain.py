"""Which difference between two runs moved the metric: planted causes, real trainings, and no cause without one."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from harness import Lab, left_behind, ran, wait_for
from records import write_run
from wheels import install, offline, venv, wheel, within

# `acc` is what the program makes of its inputs, and a noise that all of them and the seed decide.
TRAIN = """\
import json, os, pathlib, random, sys, time
rows = [float(x) for x in pathlib.Path("data/rows.csv").read_text().split()]
lr, width, code = float(sys.argv[1]), int(sys.argv[2]), 0
random.seed(repr((lr, width, rows, code, os.environ.get("GITEXP_SEED"))))
acc = ACC
with open(os.environ["GITEXP_METRICS"], "a") as file:
    file.write(json.dumps({"val.acc": acc + random.gauss(0, 0.001), "loss": 1 - acc}) + "\\n")
"""
RECIPE = """\
seed = 1
[run]
command = ["python", "train.py", "{optimizer.lr}", "{model.width}"]
[data]
rows = "./data/rows.csv"
[metrics.goal]
"val.acc" = "max"
[optimizer]
lr = 0.5
[model]
width = 3
"""


def two_runs(lab: Lab, acc: str) -> tuple[str, str]:
    """Runs that differ in code, two keys and a dataset that git tracks."""
    lab.write("train.py", TRAIN.replace("ACC", acc))
    lab.write("recipes/r.toml", RECIPE)
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    a = ran(lab, "r")
    lab.write("train.py", TRAIN.replace("ACC", acc).replace("code = 0.", "code = 1.").replace(", 0\n", ", 1\n"))
    lab.write("recipes/r.toml", RECIPE.replace("0.5", "0.7").replace("width = 3", "width = 4"))
    lab.write("data/rows.csv", "1\n2\n3\n")
    lab.commit("all of it changes")
    return a, ran(lab, "r")


def explained(lab: Lab, *args: str) -> Any:
    """The answer as JSON; nothing of the user's is touched, and nothing left behind."""
    before = lab.state()
    done = lab.gitexp("explain", *args, "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    assert lab.state() == before
    assert left_behind(lab) == []
    return done.json["explanation"]


def count(lab: Lab) -> int:
    return len(lab.runs())


def test_a_planted_cause_is_found_among_four_factors(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95 - 0.03 * (lr > 0.6)")
    found = explained(lab, a, b, "--repeat", "1")
    assert [one["name"] for one in found["factors"]] == ["code", "optimizer.lr", "model.width", "data.rows"]
    assert (found["how"], found["causes"]) == ("moved", ["optimizer.lr"])
    assert found["sentence"].startswith("optimizer.lr moved val.acc by -")
    assert count(lab) == 2 + 2 * 1 + 8 * 2  # one more seed of A and of B, two of each mixture
    again = lab.gitexp("explain", a, b, "--repeat", "1")  # all of it is there: nobody is asked
    assert again.exit_code == 0
    assert found["sentence"] in again.stdout
    assert count(lab) == 20


@pytest.mark.long
def test_an_interaction_of_two_is_reported_of_both(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95 - 0.03 * (code == 1 and len(rows) == 3)")
    found = explained(lab, a, b, "--repeat", "1")
    assert (found["how"], found["causes"]) == ("together", ["code", "data.rows"])
    assert found["sentence"].startswith("code and data.rows only together moved val.acc by -")


def test_noise_is_called_noise(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95")
    found = explained(lab, a, b, "--repeat", "1")
    assert (found["how"], found["causes"]) == ("noise", [])
    assert found["sentence"].startswith("within noise: val.acc differs by ")


def test_one_run_each_takes_eight_trainings_and_makes_no_claim(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95 - 0.03 * (lr > 0.6)")
    found = explained(lab, a, b)
    assert (count(lab), found["how"], found["causes"]) == (2 + 8, "none", [])
    assert found["sentence"].startswith(
        "no claim: one run of each shows no noise; in these runs val.acc is changed by "
    )
    assert explained(lab, a, b, "--metric", "loss")["metric"] == "loss"
    assert count(lab) == 10


def test_nothing_starts_before_somebody_says_yes(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95")
    plan = lab.gitexp("explain", a, b, "--dry-run")
    assert plan.exit_code == 0
    assert "8 trainings, about " in plan.stdout
    asked = lab.gitexp("explain", a, b)
    assert asked.exit_code == 3
    assert "8 trainings would be started" in asked.stderr
    assert "fix:   --yes starts them" in asked.stderr
    assert count(lab) == 2
    assert lab.gitexp("explain", a, b, "--dry-run", "--json").json["explanation"]["trainings"] == 8


def one_key(lab: Lab, *overrides: str) -> str:
    return ran(lab, "r", *[word for one in overrides for word in ("-s", one)])


@pytest.fixture
def simple(lab: Lab) -> Lab:
    lab.write("train.py", TRAIN.replace("ACC", "0.9 - 0.1 * lr"))
    lab.write("recipes/r.toml", RECIPE)
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    return lab


def test_one_factor_takes_no_training_and_two_take_two(simple: Lab) -> None:
    a, b, c = one_key(simple), one_key(simple, "optimizer.lr=0.7"), one_key(simple, "optimizer.lr=0.7", "model.width=4")
    assert len(explained(simple, a, b)["cells"]) == 2
    assert count(simple) == 3
    plan = simple.gitexp("explain", a, c, "--dry-run", "--json").json["explanation"]
    assert (len(plan["cells"]), plan["trainings"]) == (4, 1)  # b is one of them
    explained(simple, a, c)
    assert count(simple) == 4


def test_runs_of_another_lab_count_and_retracted_ones_do_not(simple: Lab) -> None:
    a, c = one_key(simple), one_key(simple, "optimizer.lr=0.7", "model.width=4")
    simple.git("clone", "-q", str(simple.path), "../bob")
    bob = Lab(simple.path.parent / "bob", {**simple.env, "GIT_AUTHOR_NAME": "Bob", "GIT_AUTHOR_EMAIL": "bob@b.example"})
    assert bob.gitexp("init").exit_code == 0
    b, d = one_key(bob, "optimizer.lr=0.7"), one_key(bob, "model.width=4")
    assert simple.gitexp("pull", str(bob.path)).exit_code == 0
    plan = simple.gitexp("explain", a, c, "--dry-run", "--json").json["explanation"]
    assert plan["trainings"] == 0
    assert [one["runs"] for one in plan["cells"]] == [[a], [c], [b], [d]]
    assert simple.gitexp("retract", b, "--why", "the wrong data").exit_code == 0
    assert simple.gitexp("explain", a, c, "--dry-run", "--json").json["explanation"]["trainings"] == 1


def test_replicates_that_exist_are_the_noise_of_all(simple: Lab) -> None:
    a, b = one_key(simple), one_key(simple, "optimizer.lr=0.7")
    for seed in ("2", "3", "4"):
        ran(simple, "r", "--seed", seed)
    found = explained(simple, a, b)
    assert (count(simple), found["noise"]["df"]) == (5, 3)
    assert found["sentence"].startswith("optimizer.lr moved val.acc by -")


def test_reruns_of_one_seed_are_no_replicates(simple: Lab) -> None:
    a, b = one_key(simple), one_key(simple, "optimizer.lr=0.7")
    for one in (a, "latest", a, b, b, "latest"):
        assert simple.gitexp("rerun", one).exit_code == 0
    found = simple.gitexp("explain", a, b)
    assert "no claim: one run of each shows no noise" in found.stdout
    assert "one run of each shows no noise" in simple.gitexp("explain", a, b, "--dry-run").stdout
    assert simple.gitexp("retract", b, "--why", "the wrong data").exit_code == 0
    assert f"! {b[:8]} is retracted: the wrong data\n" in simple.gitexp("explain", a, b).stdout


def test_the_seed_is_a_factor_until_there_are_replicates(simple: Lab) -> None:
    a, b = one_key(simple), ran(simple, "r", "--seed", "2", "-s", "optimizer.lr=0.7")
    alone = simple.gitexp("explain", a, b, "--dry-run", "--json").json["explanation"]
    assert [one["name"] for one in alone["factors"]] == ["optimizer.lr", "seed"]
    found = explained(simple, a, b, "--repeat", "2")
    assert [one["name"] for one in found["factors"]] == ["optimizer.lr"]
    assert [[each["seed"] for each in one["values"]] for one in found["cells"]] == [[1, 2, 3], [2, 1, 3]]
    assert count(simple) == 6
    c = ran(simple, "r", "--seed", "9")
    assert "differ in the seed alone" in simple.gitexp("explain", a, c, "--repeat", "2").stderr


@pytest.mark.long
def test_a_mixture_that_fails_is_a_cell_without_a_number(lab: Lab) -> None:
    acc = "0.95 - 0.03 * (lr > 0.6) if (code, len(rows)) != (1, 2) else sys.exit('wants the new data')"
    a, b = two_runs(lab, acc)
    found = explained(lab, a, b, "--repeat", "1")
    assert found["sentence"].endswith("; 2 cells without a number")
    assert (found["how"], found["causes"]) == ("moved", ["optimizer.lr"])
    problems = {one["words"]: one["problem"] for one in found["cells"] if one["problem"]}
    assert [*problems] == ["A with B's code", "B with A's data.rows"]
    assert all("did not complete (failed)" in words for words in problems.values())
    page = lab.gitexp("explain", a, b, "--yes").stdout
    assert "A with B's code: " in page


def test_what_is_trained_before_an_interrupt_stays_and_counts_the_next_time(lab: Lab) -> None:
    a, b = two_runs(lab, "0.95 if not time.sleep(0.5) else 0")
    process = lab.start("explain", a, b, "--metric", "loss", "--yes")
    wait_for(lambda: count(lab) >= 4)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "counts when the same is asked again" in words
    assert f"gitexp explain {a} {b} --metric loss\n" in words
    completed = [one for one in lab.gitexp("log", "--json").json["runs"] if one["status"] == "completed"]
    left = lab.gitexp("explain", a, b, "--dry-run", "--json").json["explanation"]["trainings"]
    assert left == 8 - (len(completed) - 2)
    assert left < 8


def test_nothing_of_a_record_reaches_the_terminal_unescaped(fresh: Lab) -> None:
    key = '"\\u001b[31m\\u202elr"'
    for run, value in (("kkkkllllmmmmnnnn", 1), ("zzzzoooowwwwxxxx", 2)):
        recipe = f'[run]\ncommand = ["sh", "{{x}}"]\n[a]\nx = "\\u001b[2J"\n[b]\n{key} = {value}\n'
        write_run(fresh, run, files={"recipe.toml": recipe.replace("{x}", "\\u001b]0;")}, metrics={"acc": 0.5})
    for words in ((), ("--dry-run",), ("--json",)):
        done = fresh.gitexp("explain", "kkkk", "zzzz", *words)
        assert done.exit_code == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        assert "\u202e" not in done.stdout + done.stderr


def test_data_that_is_nowhere_is_said_before_anything_is_trained(lab: Lab) -> None:
    lab.write("train.py", TRAIN.replace("ACC", "0.9 - 0.1 * lr"))
    lab.write("recipes/r.toml", RECIPE)
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    a, b = one_key(lab), one_key(lab, "optimizer.lr=0.7", "model.width=4")
    (lab.path / "data/rows.csv").unlink()
    done = lab.gitexp("explain", a, b, "--yes")
    assert done.exit_code == 3
    assert "rows: xxh128:" in done.stderr
    assert "training 1" not in done.stderr
    assert count(lab) == 2


def test_runs_that_are_alike_have_nothing_to_explain(simple: Lab) -> None:
    a, b = one_key(simple), one_key(simple)
    done = simple.gitexp("explain", a, b)
    assert done.exit_code == 1
    assert "have nothing to swap" in done.stderr
    assert f"A and B are one run, {a}" in simple.gitexp("explain", a, a[:8]).stderr
    failed = simple.gitexp("run", "--json", "r", "-s", 'run.command=["false"]').json["run"]["id"]
    assert "B did not complete" in simple.gitexp("explain", a, failed).stderr
    other = simple.gitexp("run", "--json", "r", "-s", 'run.command=["true"]').json["run"]["id"]
    for metric in ([], ["--metric", "loss"]):
        apart = simple.gitexp("explain", a, other, *metric)
        assert "A and B have no metric in common\n  A  " in apart.stderr
        assert "  B  none was logged\n" in apart.stderr
    unknown = simple.gitexp("explain", a, one_key(simple, "optimizer.lr=0.7"), "--metric", "val.ac")
    assert unknown.exit_code == 1
    assert "val.acc" in unknown.stderr


TOOL = """\
import json, os, sys, tool
with open(os.environ["GITEXP_METRICS"], "a") as file:
    file.write(json.dumps({"loss": float(sys.argv[1]) * tool.factor}) + "\\n")
"""


@pytest.fixture
def two_environments(lab: Lab, tmp_path: Path) -> tuple[Lab, Lab]:
    """The same person with tool 1.0, and with tool 2.0; uv has both."""
    labs = []
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", "tool", version, tool=f"factor = {version}\n")
        wheel(tmp_path / "wheels", "idle", version, idle="")
        python = venv(tmp_path / version)
        install(python, f"tool=={version}", f"idle=={version}", find=tmp_path / "wheels")
        labs.append(within(lab, python, **offline(tmp_path / "wheels")))
    lab.write("train.py", TOOL)
    lab.write(
        "recipes/r.toml", '[run]\ncommand = ["python", "train.py", "{lr}"]\n[x]\nlr = 1.0\n'.replace("{lr}", "{x.lr}")
    )
    lab.commit("a program")
    return labs[0], labs[1]


def test_mixtures_do_not_compute_with_other_packages(two_environments: tuple[Lab, Lab]) -> None:
    then, now = two_environments
    a, b = ran(then, "r"), ran(then, "r", "-s", "x.lr=2.0", "--seed", "1")
    done = now.gitexp("explain", a, b, "--yes")
    assert done.exit_code == 3
    assert f"error: What computes here is not what run {a} computed with" in done.stderr
    assert "  differs   package tool 1.0 → 2.0" in done.stderr
    assert count(now) == 2
    assert f"fix:   gitexp rerun {a}; gitexp rerun {b}; gitexp explain latest~1 latest" in done.stderr
    for run in (a, b):
        now.gitexp("rerun", run)
    found = explained(now, "latest~1", "latest")
    values = {one["words"]: [each["value"] for each in one["values"]] for one in found["cells"]}
    assert values == {"A": [2.0], "B": [4.0], "A with B's x.lr": [4.0], "A with B's seed": [2.0]}


def test_an_environment_is_a_factor_that_is_swapped_by_making_it_again(
    two_environments: tuple[Lab, Lab], uv: str
) -> None:
    then, now = two_environments
    a, b = ran(then, "r"), ran(now, "r", "-s", "x.lr=3.0")
    refused = now.gitexp("explain", a, b, "--yes")
    assert refused.exit_code == 3
    assert "fix:   --env    trains each mixture with those that belong to it" in refused.stderr
    found = explained(now, a, b, "--env")
    assert [one["name"] for one in found["factors"]] == ["x.lr", "environment"]
    values = {one["words"]: [each["value"] for each in one["values"]] for one in found["cells"]}
    assert values == {"A": [1.0], "B": [6.0], "A with B's x.lr": [3.0], "A with B's environment": [2.0]}
    assert count(now) == 4
    alone = now.gitexp("rerun", b, "--env-of", a, "--json")
    assert alone.exit_code == 0, alone.stderr
    assert alone.json["run"]["mixture"] == {"of": b, "environment": a}
    assert alone.json["run"]["metrics"]["loss"] == 3.0


def test_packages_are_factors_of_their_own_where_asked(two_environments: tuple[Lab, Lab], uv: str) -> None:
    then, now = two_environments
    a, b = ran(then, "r"), ran(now, "r")
    found = explained(now, a, b, "--env", "--by-package")
    assert [(one["name"], one["a"], one["b"]) for one in found["factors"]] == [
        ("package idle", "1.0", "2.0"),
        ("package tool", "1.0", "2.0"),
    ]
    values = {one["words"]: [each["value"] for each in one["values"]] for one in found["cells"]}
    assert values == {"A": [1.0], "B": [2.0], "A with B's package idle": [1.0], "A with B's package tool": [2.0]}
    mixture = now.gitexp("show", "latest", "--json").json["run"]["mixture"]
    assert mixture == {"of": a, "environment": b, "packages": ["tool"]}
    assert now.gitexp("explain", a, b, "--by-package", "--dry-run", "--json").json["explanation"]["trainings"] == 0
