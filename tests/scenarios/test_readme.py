"""What README.md and docs/guide tell people to type works as it stands there."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from harness import Lab

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")

TRAIN = """\
from pathlib import Path

Path("out").mkdir(exist_ok=True)
Path("out/metrics.csv").write_text("step,acc\\n1,0.5\\n")
print("loss 0.25")
"""


def page(name: str) -> str:
    """A page of the guide."""
    return (CHECKOUT / "docs" / "guide" / f"{name}.md").read_text(encoding="utf-8")


def commands(text: str, heading: str | None = None) -> list[str]:
    """The lines of the shell blocks of a page, or of the part below a heading, without their comments."""
    section = text if heading is None else text.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines()
    return [line.split("  #")[0].strip() for line in lines]


@pytest.fixture
def project(fresh: Lab, tmp_path: Path) -> Lab:
    """A project with the shipped recipes, a training script of its own and a remote."""
    shutil.copytree(CHECKOUT / "recipes", fresh.path / "recipes", ignore=shutil.ignore_patterns("__pycache__"))
    fresh.write("train.py", TRAIN)
    fresh.write("data.csv", "1,2\n")
    fresh.write(".gitignore", "build/\n__pycache__/\nout/\n")
    fresh.commit("recipes")
    fresh.git("init", "-q", "--bare", str(tmp_path / "origin.git"))
    fresh.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    return fresh


def type_in(project: Lab, lines: list[str]) -> None:
    for line in lines:
        result = project.command("sh", "-c", line)
        assert result.exit_code == 0, f"{line}\n{result.stdout}{result.stderr}"


@pytest.mark.torch
def test_every_command_of_the_readme_works(project: Lab) -> None:
    first = commands(README, "## One run")
    assert first[0] == "gitexp init"
    type_in(project, first)
    type_in(project, commands(README, "## One recipe"))
    assert len(project.runs()) == 2


@pytest.mark.long
@pytest.mark.torch
def test_every_command_about_running_recipes_and_results_works(project: Lab) -> None:
    type_in(project, commands(page("running")))
    type_in(project, commands(page("recipes")))
    type_in(project, commands(page("sharing"), "## Runs"))
    shown = commands(page("results"))
    assert shown[5] == "gitexp diff latest~1 latest --exit-code"
    type_in(project, [*shown[:5], f"{shown[5]} || true", *shown[6:]])


def test_every_data_command_of_the_users_guide_works(lab: Lab, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    lab.write("data/digits/a.csv", "label,pixel\n" + "".join(f"{row % 3},{row}\n" for row in range(30)))
    lab.write("data/clean.csv", "1\n")
    lab.write(".gitignore", "data/\nout/\nweights.pt\n")
    catalogue = page("data").split("```toml\n")[1].split("```")[0]
    for shown, ours in (
        ('url = "s3://bucket/digits/v3/"', ""),
        ('digest = "xxh128:…"', ""),
        ("rows = { min = 1000 }", "rows = { min = 10 }"),
        ("count = 100,", "count = 10,"),
        ("s3://bucket/lab", str(bucket)),
    ):
        assert shown in catalogue
        catalogue = catalogue.replace(shown, ours)
    lab.write("gitexp.toml", catalogue)
    lab.write("recipes/x.toml", '[run]\ncommand = ["sh", "x.sh", "{data.digits}"]\n[data]\ndigits = "digits"\n')
    lab.write("x.sh", 'cp "$1/a.csv" "$GITEXP_OUTPUT/weights.pt"\n')
    lab.commit("a catalogue")
    lab.git("init", "--bare", "-q", str(tmp_path / "hub.git"))
    lab.git("remote", "add", "origin", str(tmp_path / "hub.git"))
    typed = commands(page("data"))
    assert typed[1] == "gitexp data pin digits"
    type_in(lab, typed[:3])
    lab.commit("pinned")
    assert lab.gitexp("run", "x").exit_code == 0
    digest = tomllib.loads(lab.git("show", "experiments:data.toml"))["digits"]["digest"]
    type_in(lab, [line.replace("xxh128:8f3a…", digest).replace("s3://bucket/lab", str(bucket)) for line in typed[3:]])
    assert (lab.path / "out" / "weights.pt").read_bytes() == (lab.path / "data" / "digits" / "a.csv").read_bytes()
    lab.git("push", "-q", "origin", "main")
    lab.git("clone", "-q", "-b", "main", str(tmp_path / "hub.git"), str(tmp_path / "colleague"))
    colleague = Lab(tmp_path / "colleague", lab.env)
    for name in ("clean",):  # it was never saved: what is not to be had is said
        assert colleague.gitexp("data", "pull", name).exit_code != 0
    first = [line.replace("data pull", "data pull digits") for line in commands(page("sharing"), "## Bytes")]
    type_in(colleague, [line.replace("xxh128:8f3a…", digest).replace("--to data", "--to more") for line in first])
    assert (colleague.path / "data" / "digits" / "a.csv").exists()
    assert (colleague.path / "more" / "a.csv").exists()


def test_a_contract_as_in_the_guide_is_one_and_its_commands_work(lab: Lab) -> None:
    lab.write("data.csv", "label,pixel\n" + "".join(f"{row % 3},{row % 31}\n" for row in range(1200)))
    contract = page("contracts").split("```toml\n")[1].split("```")[0]
    lab.write("gitexp.toml", f'[datasets.digits]\npath = "data.csv"\n{contract}')
    describe, write, check = commands(page("contracts"))
    type_in(lab, [describe, check])
    lab.write("gitexp.toml", '[datasets.digits]\npath = "data.csv"\n')
    type_in(lab, [write, check])


@pytest.mark.long
@pytest.mark.torch
def test_a_recipe_made_of_components_is_started_checked_and_tried_as_shown(lab: Lab) -> None:
    typed = commands(page("components"))
    assert typed[-1] == "gitexp resume ID"
    untried = ("gitexp run mine", "gitexp test mine", typed[-1])  # as long as real runs are; other tests try them
    type_in(lab, [line for line in typed if line not in untried])
    record = lab.toml("recipe.toml")
    assert record["model"]["use"] == "recipes/digits-cnn/components.py:CNN"
    assert lab.toml("run.toml", "experiments~1")["kind"] == "smoke"


def test_every_name_for_a_run_is_understood(lab: Lab) -> None:
    lab.write("log.sh", 'echo \'{"val.acc": 0.5}\' >> "$GITEXP_METRICS"\n')
    lab.write("gitexp.toml", '[metrics]\ngoal = { "val.acc" = "max" }\n')
    lab.write("recipes/digits-mlp.toml", '[run]\ncommand = ["sh", "log.sh"]\n')
    lab.commit("a recipe")
    for _ in range(4):
        assert lab.gitexp("run", "digits-mlp").exit_code == 0
    lab.git("update-ref", "refs/remotes/origin/experiments", "experiments")
    oldest, *_, newest = reversed(lab.runs())
    named = {
        name: lab.gitexp("show", name, "--json").json["run"]["commit"]
        for name in (
            "latest",
            "latest~3",
            "best:val.acc@digits-mlp",
            "origin/latest",
            "origin/best:val.acc",
            "experiments~3",
            newest[:7],
        )
    }
    assert named["latest"] == named["origin/latest"] == named[newest[:7]] == newest
    assert named["latest~3"] == named["experiments~3"] == oldest
    assert named["best:val.acc@digits-mlp"] == named["origin/best:val.acc"]
    run_id = lab.gitexp("show", "--json").json["run"]["id"]
    assert lab.gitexp("show", run_id[:6], "--json").json["run"]["commit"] == newest


def test_every_command_is_in_the_readme_and_explains_itself(lab: Lab) -> None:
    listed = re.findall(r"^  ([a-z]+) ", lab.gitexp("--help").stdout.split("Commands:")[1], re.MULTILINE)
    assert listed == [
        *(
            "init",
            "run",
            "resume",
            "rerun",
            "check",
            "recipe",
            "new",
            "test",
            "log",
            "show",
            "plot",
            "report",
            "trace",
            "diff",
            "explain",
        ),
        *(
            "note",
            "tag",
            "baseline",
            "decide",
            "decisions",
            "retract",
            "drop",
            "verify",
            "status",
            "watch",
            "push",
            "pull",
            "bundle",
            "unbundle",
            "data",
            "import",
            "get",
        ),
    ]
    for name in listed:
        assert f"gitexp {name}" in README
        assert lab.gitexp(name, "--help").stdout.startswith(f"Usage: gitexp {name}")


def test_git_exp_is_gitexp(lab: Lab) -> None:
    assert lab.command("git", "exp", "--version").stdout == lab.gitexp("--version").stdout
