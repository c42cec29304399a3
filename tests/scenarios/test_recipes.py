"""Recipes at the command line: bases, overrides, placeholders, data, the Python API, and all that can be wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness import Lab

BASE = """\
seed = 1

[run]
command = ["echo", "{optimizer.lr}", "{data.set-one}", "{seed}", "{layers}", "{{}}"]

[data]
set-one = "data/one.csv"

[optimizer]
lr = 0.1
name = "sgd"
"""


def with_recipe(lab: Lab, text: str = 'extends = ["../base.toml"]\nlayers = [8, 4]\n') -> None:
    """Commit `recipes/tiny.toml`, which extends base.toml, and the data that it names."""
    lab.write("base.toml", BASE)
    lab.write("recipes/tiny.toml", text)
    lab.write("data/one.csv", "1,2\n")
    lab.write(".gitignore", "__pycache__/\n")
    lab.commit("a recipe")


def test_a_recipe_extends_a_base_and_fills_placeholders(lab: Lab) -> None:
    with_recipe(lab)
    result = lab.well("run", "tiny")
    assert result.stdout == "0.1 data/one.csv 1 8 4 {}\n"
    run = lab.toml("run.toml")
    assert (run["recipe"], run["recipe_path"], run["seed"]) == ("tiny", "recipes/tiny.toml", 1)
    assert run["argv"] == ["echo", "0.1", "data/one.csv", "1", "8", "4", "{}"]
    recorded = lab.toml("recipe.toml")
    assert "extends" not in recorded
    assert recorded["optimizer"] == {"lr": 0.1, "name": "sgd"}
    assert recorded["run"]["command"][1] == "{optimizer.lr}"


def test_overrides_and_flags_win_over_files(lab: Lab) -> None:
    with_recipe(lab)
    result = lab.gitexp("run", "tiny", "-s", "optimizer.lr=1", "-s", "+optimizer.eps=1e-8", "--seed", "7")
    assert result.stdout == "1.0 data/one.csv 7 8 4 {}\n"
    assert lab.toml("recipe.toml")["optimizer"] == {"lr": 1.0, "name": "sgd", "eps": 1e-8}


def test_a_recorded_recipe_runs_again_as_it_is(lab: Lab) -> None:
    with_recipe(lab)
    first = lab.gitexp("run", "tiny", "-s", "optimizer.lr=0.5")
    lab.write("recipes/again.toml", lab.show("experiments:recipe.toml"))
    lab.commit("again")
    assert lab.gitexp("run", "again").stdout == first.stdout
    assert lab.git("rev-parse", "experiments:recipe.toml") == lab.git("rev-parse", "experiments~1:recipe.toml")


def test_a_recipe_is_found_by_name_file_and_folder_from_a_subfolder_too(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("recipes/big/recipe.toml", 'extends = "../../base.toml"\nlayers = [1]\n')
    lab.commit("a folder")
    data = lab.path / "data"
    assert lab.gitexp("run", "recipes/tiny.toml", cwd=data).stdout == "0.1 data/one.csv 1 8 4 {}\n"
    assert lab.gitexp("run", "../recipes/tiny.toml", cwd=data).stdout == "0.1 data/one.csv 1 8 4 {}\n"
    assert lab.gitexp("run", "big", cwd=data).stdout == "0.1 data/one.csv 1 1 {}\n"
    assert lab.gitexp("run", "recipes/big/").exit_code == 0
    assert lab.toml("run.toml")["recipe"] == "big"


def test_everything_wrong_is_said_at_once_and_nothing_runs(lab: Lab) -> None:
    with_recipe(
        lab,
        'extends = ["../base.toml", "nope.toml"]\n'
        '[run]\ncomand = ["true"]\ntimeout = "soon"\n[optimizer]\nlr = "0.1"\n[abuot]\nx = 1\n[about]\nsumary = "x"\n',
    )
    result = lab.gitexp("run", "tiny", "-s", "optimizer.nmae=adam")
    assert result.exit_code == 3
    assert result.stderr == (
        "error: 5 errors in the recipe; nothing ran\n"
        "recipes/tiny.toml:1: extends.1: there is no recipes/nope.toml\n"
        "recipes/tiny.toml:3: run.comand: unknown key; did you mean command?\n"
        'recipes/tiny.toml:4: run.timeout: expected a duration such as "90s", "15m" or "1h30m", got "soon"\n'
        "recipes/tiny.toml:10: about.sumary: unknown key; did you mean summary?\n"
        'recipes/tiny.toml:6: optimizer.lr: expected a float, got "0.1"; TOML writes 0.1 (base.toml:10 has 0.1)\n'
    )
    assert lab.runs() == []


def test_a_key_that_does_not_exist_cannot_be_overridden(lab: Lab) -> None:
    with_recipe(lab)
    result = lab.gitexp("run", "tiny", "-s", "optimizer.nam=x")
    assert result.exit_code == 3
    assert (
        "-s: optimizer.nam: no such key; did you mean optimizer.name? (-s +optimizer.nam=x adds one)" in result.stderr
    )


def test_a_circle_of_bases_is_an_error(lab: Lab) -> None:
    with_recipe(lab, 'extends = ["other.toml"]\n')
    lab.write("recipes/other.toml", 'extends = ["tiny.toml"]\n')
    lab.commit("a circle")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 3
    assert "recipes/tiny.toml → recipes/other.toml → recipes/tiny.toml" in result.stderr


def test_a_folder_without_a_recipe_is_named_as_such(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("recipes/half/train.py", "")
    result = lab.gitexp("run", "half")
    assert result.exit_code == 3
    assert "error: The folder recipes/half has no recipe.toml\n" in result.stderr


def test_a_recipe_outside_of_the_repository_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "out.toml").write_text('[run]\ncommand = ["true"]\n')
    result = lab.gitexp("run", "../out.toml")
    assert result.exit_code == 3
    assert "lies outside of the repository" in result.stderr
    assert "fix:   cp " in result.stderr


def test_check_explains_where_each_value_comes_from_and_why(lab: Lab) -> None:
    with_recipe(lab, 'extends = ["../base.toml"]\nlayers = [8]\n[why]\n"optimizer.lr" = "0.2 diverges"\n')
    plain = lab.well("check", "tiny")
    assert tomllib.loads(plain.stdout)["optimizer"]["lr"] == 0.1
    explained = lab.gitexp("check", "tiny", "--explain", "-s", "optimizer.name=adam").stdout.splitlines()
    words = [line.split() for line in explained]
    assert ["optimizer.lr", "0.1", "base.toml:10"] in words
    assert ["optimizer.name", '"adam"', "-s"] in words
    assert ["layers", "[8]", "recipes/tiny.toml:2"] in words
    assert ["0.2", "diverges"] in words


def test_data_that_is_missing_or_not_what_is_pinned_is_refused(lab: Lab) -> None:
    with_recipe(lab)
    missing = lab.gitexp("run", "tiny", "-s", "data.set-one=data/two.csv")
    assert missing.exit_code == 3
    assert "Dataset set-one: data/two.csv does not exist" in missing.stderr
    pin = 'data.set-one={ path = "data/one.csv", digest = "xxh128:00000000000000000000000000000000" }'
    pinned = lab.gitexp("run", "tiny", "-s", pin)
    assert pinned.exit_code == 3
    assert "Dataset set-one is not the one that is pinned" in pinned.stderr
    assert "pin what is there: digest = " in pinned.stderr
    lab.write("gitexp.toml", '[datasets.one]\npath = "data/one.csv"\n')
    lab.commit()
    digest = "xxh128:" + 32 * "0"
    catalogued = lab.gitexp("run", "tiny", "-s", f'data.set-one={{ name = "one", digest = "{digest}" }}')
    assert catalogued.exit_code == 3
    assert f"fix:   gitexp data get {digest} --to DIR    has what the recipe pins; or, in it, pin" in catalogued.stderr
    assert lab.runs() == []


def test_data_that_changes_during_the_run_is_a_defect(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("recipes/tiny.toml", '[run]\ncommand = ["sh", "-c", "echo 3 >> data/one.csv"]\n[data]\none = "data"\n')
    lab.commit("a program that writes where it reads")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1
    assert "warning: dataset one changed while the program ran: one.csv" in result.stderr
    assert lab.toml("run.toml")["defects"] == ["dataset one changed while the program ran: one.csv"]


def test_a_program_of_any_language_finds_its_data_and_recipe_in_the_environment(lab: Lab) -> None:
    with_recipe(lab)
    script = (
        'echo "$GITEXP_DATA_SET_ONE"; grep -c "lr = 0.1" "$GITEXP_RECIPE"; echo "{\\"x\\": 1}" >> "$GITEXP_METRICS"'
    )
    lab.write("go.sh", f'{script}\necho kept > "$GITEXP_OUTPUT/note"\necho "$GITEXP_STARTED" | grep -c "^[0-9]"\n')
    lab.commit("a shell script")
    result = lab.well("run", "tiny", "-s", 'run.command=["sh", "go.sh"]')
    assert result.stdout.splitlines() == [str(lab.path / "data" / "one.csv"), "1", "1"]
    assert lab.show("experiments:metrics.toml") == '"x" = 1\n'
    assert lab.show("experiments:artifacts.xxh128").endswith("  note\n")


TRAIN = """\
import gitexp

recipe = gitexp.recipe("recipes/tiny.toml")
print(recipe["optimizer"]["lr"], gitexp.data("set-one", "data/one.csv").read_text().strip())
gitexp.log({"train": {"loss": 0.5}}, step=1)
print(gitexp.save("train.py", name="code/train.py").read_text() == open("train.py").read())
"""


def test_the_python_api_works_in_a_run_and_without_one(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("train.py", TRAIN)
    lab.commit("training")
    run = lab.well("run", "tiny", "-s", 'run.command=["python", "train.py"]', "-s", "optimizer.lr=0.3")
    assert run.stdout == "0.3 1,2\nTrue\n"
    assert lab.show("experiments:metrics.toml") == '"train.loss" = 0.5\n'
    before = lab.state()
    plain = lab.command("python", "train.py")
    assert (plain.exit_code, plain.stdout, plain.stderr) == (0, "0.1 1,2\nTrue\n", "")
    assert lab.state() == before
    assert len(lab.runs()) == 1


def test_a_dry_run_of_a_recipe_tells_people_and_programs_what_would_run(lab: Lab) -> None:
    with_recipe(lab)
    lab.write("notes 1.txt", "x")
    said = lab.gitexp("run", "tiny", "--dry-run", "--no-verify", "-s", "optimizer.name=two words").stdout
    assert "  would run   echo 0.1 data/one.csv 1 8 4 '{}'\n" in said
    assert "  data        set-one: 1 file, 4 bytes, xxh128:" in said
    assert "(1 file differs from it)" in said
    document = lab.gitexp("run", "tiny", "--dry-run", "--no-verify", "--json").json
    assert document["format"] == 1
    assert document["dry_run"]["argv"] == ["echo", "0.1", "data/one.csv", "1", "8", "4", "{}"]
    assert document["dry_run"]["code"]["changed"] == ["notes 1.txt"]
    assert lab.runs() == []


def test_memory_that_is_asked_for_in_bytes_makes_a_record_that_can_be_read(lab: Lab) -> None:
    lab.write("recipes/r.toml", '[run]\ncommand = ["true"]\n[resources]\nmemory = 8000000000\n')
    lab.commit("a recipe")
    assert lab.gitexp("run", "r").exit_code == 0
    [run] = lab.gitexp("log", "--json").json["runs"]
    assert (run["status"], run["resources"]["memory_asked"]) == ("completed", "8000000000")
