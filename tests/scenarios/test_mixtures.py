"""Reruns that have something of another run, or typed: what runs, and that the record says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Lab, ran

TRAIN = """\
import json, os, pathlib, sys
rows = [float(x) for x in pathlib.Path("data/rows.csv").read_text().split()]
lr, seed, code = float(sys.argv[1]), int(os.environ["GITEXP_SEED"]), 0
with open(os.environ["GITEXP_METRICS"], "a") as file:
    file.write(json.dumps({"code": code, "lr": lr, "rows": sum(rows), "seed": seed}) + "\\n")
"""
RECIPE = """\
seed = 1
[run]
command = ["python", "train.py", "{optimizer.lr}"]
[data]
rows = "./data/rows.csv"
[optimizer]
lr = 0.5
"""


@pytest.fixture
def two(lab: Lab) -> tuple[str, str]:
    """Runs that differ in code, a key, tracked data and the seed."""
    lab.write("train.py", TRAIN)
    lab.write("recipes/r.toml", RECIPE)
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    a = ran(lab, "r")
    lab.write("train.py", TRAIN.replace('"code": code', '"code": code + 10'))
    lab.write("recipes/r.toml", RECIPE.replace("0.5", "0.7").replace("seed = 1", "seed = 2"))
    lab.write("data/rows.csv", "1\n2\n3\n")
    lab.commit("all of it changes")
    return a, ran(lab, "r")


def rerun(lab: Lab, *args: str) -> dict[str, float]:
    before = lab.state()
    done = lab.gitexp("rerun", "--json", *args)
    assert done.exit_code == 0, done.stderr
    assert lab.state() == before
    return lab.toml("metrics.toml")


def test_the_code_of_another_run_meets_everything_else_of_this_one(lab: Lab, two: tuple[str, str]) -> None:
    a, b = two
    assert rerun(lab, a, "--code-of", b) == {"code": 10, "lr": 0.5, "rows": 3.0, "seed": 1}
    found = lab.toml("run.toml")
    assert (found["kind"], found.get("reproduces"), found["mixture"]) == ("rerun", None, {"of": a, "code": b})
    assert found["message"] == f"{a[:8]} with code of {b[:8]}"
    assert lab.git("rev-parse", "experiments:code") == lab.git("rev-parse", "experiments~1:code")


@pytest.mark.parametrize(
    ("swap", "input_", "metric", "values"),
    [
        (["--code-of"], {"kind": "code", "name": ""}, "code", (0, 10)),
        (["--data-of"], {"kind": "data", "name": "rows"}, "rows", (3.0, 6.0)),
        (["-s", "optimizer.lr=0.9"], {"kind": "recipe", "name": "optimizer.lr"}, "lr", (0.5, 0.9)),
        (["--seed", "5"], {"kind": "seed", "name": ""}, "seed", (1, 5)),
    ],
)
def test_a_mixture_is_held_against_its_original_and_counts_for_nothing(
    lab: Lab, two: tuple[str, str], swap: list[str], input_: dict[str, str], metric: str, values: tuple[float, float]
) -> None:
    a, b = two
    done = lab.gitexp("rerun", a, *swap, *([b] if swap[-1].endswith("-of") else []))
    assert (done.exit_code, f"held against {a}: different" in done.stderr) == (0, True), done.stderr
    verdict = lab.toml("verdict.toml")
    assert (verdict["run"], verdict["inputs_count"]) == (a, 1)
    [found] = verdict["inputs"]
    assert {"kind": found["kind"], "name": found.get("name", "")} == input_
    if found["kind"] == "code":  # two trees, as git abbreviates them
        assert f"inputs that differ: code {found['original'][:8]} → {found['rerun'][:8]}\n" in done.stderr
    parted = verdict["divergence"]
    assert (parted["metric"], parted["original"], parted["rerun"]) == (metric, *values)
    assert "Gitexp-Verdict" not in lab.git("log", "-1", "--format=%B", "experiments")
    assert "reproduced" not in lab.gitexp("show", a).stdout
    assert "different" in lab.gitexp("show", "latest").stdout


def test_the_recipe_the_data_and_the_seed_come_one_by_one_or_together(lab: Lab, two: tuple[str, str]) -> None:
    a, b = two
    assert rerun(lab, a, "--recipe-of", b) == {"code": 0, "lr": 0.7, "rows": 3.0, "seed": 1}
    assert lab.toml("run.toml")["mixture"] == {"of": a, "recipe": b}
    assert rerun(lab, a, "--data-of", b) == {"code": 0, "lr": 0.5, "rows": 6.0, "seed": 1}
    assert lab.toml("run.toml")["mixture"] == {"of": a, "data": {"rows": b}}
    assert "edited" not in lab.toml("run.toml")["code"]  # type: ignore[operator]
    assert rerun(lab, b, "--data-of", a, "--code-of", a, "--seed", "7") == {
        "code": 0,
        "lr": 0.7,
        "rows": 3.0,
        "seed": 7,
    }
    assert lab.toml("run.toml")["mixture"] == {"of": b, "code": a, "data": {"rows": a}, "seed": 7}


@pytest.mark.parametrize("how", ["--in", ""], ids=["an option", "a word"])
def test_a_command_that_names_its_data_reads_that_of_the_other_run(lab: Lab, tmp_path: Path, how: str) -> None:
    lab.write("count.py", "import sys; print('METRIC sum=' + open(sys.argv[-1].removeprefix('--in=')).read())\n")
    lab.write("data/one.txt", "1")
    lab.write("data/two.txt", "2")
    lab.commit("a program")
    (tmp_path / "three.txt").write_text("3")
    a, b, c = (
        ran(lab, "--data", f"d={place}", "--", "python", "count.py", *([how] if how else []), str(place))
        for place in ("data/one.txt", "data/two.txt", tmp_path / "three.txt")
    )
    assert rerun(lab, a, "--data-of", b) == {"sum": 2.0}
    assert rerun(lab, a, "--data-of", c) == {"sum": 3.0}
    assert rerun(lab, c, "--data-of", a) == {"sum": 1.0}
    assert lab.gitexp("verify", "--all").exit_code == 0


def test_a_key_may_be_typed_and_the_page_says_what_it_is(lab: Lab, two: tuple[str, str]) -> None:
    a, _ = two
    assert rerun(lab, a, "-s", "optimizer.lr=0.9")["lr"] == 0.9
    found = lab.toml("run.toml")
    assert found["mixture"] == {"of": a, "set": ["optimizer.lr=0.9"]}
    words = f"{a[:8]} with optimizer.lr=0.9"
    assert f"mixture   {words}" in lab.gitexp("show", "latest").stdout
    assert words in lab.gitexp("log").stdout
    assert f"B is a mixture: {words}" in lab.gitexp("diff", a, "latest").stdout
    assert lab.gitexp("show", "latest", "--json").json["run"]["mixture"]["of"] == a


def test_another_seed_alone_is_a_replicate(lab: Lab, two: tuple[str, str]) -> None:
    a, _ = two
    assert rerun(lab, a, "--seed", "5") == {"code": 0, "lr": 0.5, "rows": 3.0, "seed": 5}
    groups = lab.gitexp("log", "--group", "--json").json["groups"]
    assert sorted(len(group["runs"]) for group in groups) == [1, 2]


def test_what_would_be_swapped_is_said_before_it_runs(lab: Lab, two: tuple[str, str]) -> None:
    a, b = two
    plan = lab.gitexp("rerun", a, "--code-of", b, "--seed", "5", "--dry-run").stdout
    assert f"  mixture   {a[:8]} with code of {b[:8]}; seed 5\n" in plan


def test_what_is_the_same_is_not_swapped(lab: Lab, two: tuple[str, str]) -> None:
    a, _ = two
    rerun(lab, a, "--seed", "5")
    done = lab.gitexp("rerun", a, "--code-of", "latest")
    assert done.exit_code == 3
    assert "have the same code: nothing would be swapped" in done.stderr
    for typed in (["-s", "optimizer.lr=0.5"], ["--seed", "1"]):
        same = lab.gitexp("rerun", a, *typed)
        assert same.exit_code == 3
        assert "as it is: nothing would be swapped" in same.stderr
    typo = lab.gitexp("rerun", a, "-s", "optimizer.rl=1")
    assert typo.exit_code == 3
    assert "no such key" in typo.stderr


def test_a_command_takes_a_seed_where_it_has_it(lab: Lab) -> None:
    lab.write(
        "train.py", "import os, sys\nopen(os.environ['GITEXP_METRICS'], 'a').write('{\"x\": %s}\\n' % sys.argv[2])\n"
    )
    lab.commit("a program")
    ran(lab, "--", "python", "train.py", "--seed", "1")
    assert rerun(lab, "latest", "--seed", "4") == {"x": 4}
    assert json.dumps(lab.toml("run.toml")["argv"]).endswith('"--seed", "4"]')


@pytest.mark.parametrize("key", ["lr", "+lr"])
def test_a_key_is_no_argument_of_a_command(lab: Lab, key: str) -> None:
    lab.write("train.py", "")
    lab.commit("a program")
    refused = lab.gitexp("run", "-s", f"{key}=0.3", "--", "python", "train.py", "--lr", "0.1", "--name=a b")
    assert refused.exit_code == 3
    assert f"-s {key}=0.3: the command has --lr of its own, and -s changes no arguments\n" in refused.stderr
    assert "fix:   behind --, in place of that -s:  python train.py --lr 0.3 '--name=a b'\n" in refused.stderr
    assert "adds one" not in refused.stderr
    assert lab.gitexp("run", "--", "python", "train.py", "--lr", "0.1", "--name=a b").exit_code == 0
    refused = lab.gitexp("rerun", "latest", "-s", f"{key}=0.3")
    assert refused.exit_code == 3
    assert f"-s {key}=0.3: the command has --lr of its own, and -s changes no arguments\n" in refused.stderr
    line = """-s 'run.command=["python", "train.py", "--lr", "0.3", "--name=a b"]'"""
    assert f"fix:   in its place:  {line}\n" in refused.stderr
    assert lab.gitexp("rerun", "latest", "-s", line.split("'")[1]).exit_code == 0
    assert 'argv = [\n    "python",\n    "train.py",\n    "--lr",\n    "0.3",\n' in lab.show("experiments:run.toml")
    assert lab.gitexp("run", "-s", "+rate=0.3", "--", "python", "train.py", "--lr", "0.1").exit_code == 0


def test_two_seeds_are_refused(lab: Lab, two: tuple[str, str]) -> None:
    refused = lab.gitexp("rerun", two[0], "--seed", "4", "-s", "seed=5")
    assert (refused.exit_code, refused.stderr) == (2, "error: --seed got 4, and -s seed got 5; leave one out\n")


def test_a_seed_that_no_command_takes_is_said(lab: Lab) -> None:
    lab.write("train.py", "print(1)\n")
    lab.commit("a program")
    ran(lab, "--", "python", "train.py")
    assert "nothing in the command takes the seed 4" in lab.gitexp("rerun", "latest", "--seed", "4", "--dry-run").stdout


def test_a_link_in_the_code_leads_no_data_out_of_it(lab: Lab, two: tuple[str, str], tmp_path: Path) -> None:
    a, b = two
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "rows.csv").write_text("1\n2\n3\n")
    (lab.path / "data/rows.csv").unlink()
    (lab.path / "data").rmdir()
    (lab.path / "data").symlink_to(outside)
    lab.write("recipes/r.toml", RECIPE)
    lab.commit("data is a link")
    c = ran(lab, "r")
    done = lab.gitexp("rerun", b, "--code-of", c, "--data-of", a)
    assert done.exit_code != 0
    assert (outside / "rows.csv").read_text() == "1\n2\n3\n"
