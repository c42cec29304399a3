"""What the data commands say where something is amiss: each fix can be pasted, and none leads in a circle."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from harness import Lab

NOBODY = "xxh128:" + "1" * 32
PETS = '[datasets.pets]\npath = "data/pets"\n'
ONE_ROW = "label,size\ncat,1\n"


@pytest.fixture
def pets(lab: Lab) -> Lab:
    """A dataset that is ignored by git, named in the catalogue, and not pinned."""
    lab.write(".gitignore", "data/\n")
    lab.write("gitexp.toml", PETS)
    lab.write("data/pets/a.csv", ONE_ROW)
    lab.write("recipes/pets.toml", '[run]\ncommand = ["ls", "{data.pets}"]\n[data]\npets = "pets"\n')
    lab.commit("pets")
    return lab


def fix_of(stderr: str) -> str:
    return stderr.split("fix:   ")[1].rstrip("\n")


def test_what_was_saved_without_a_pin_is_shown_as_stored(pets: Lab) -> None:
    assert "does not hold it" in pets.gitexp("data", "show", "pets").stdout
    assert pets.gitexp("data", "save", "pets").exit_code == 0
    assert "holds it whole" in pets.gitexp("data", "show", "pets").stdout


@pytest.mark.parametrize("command", [["run", "pets"], ["data", "pull", "pets"]])
def test_the_fix_for_changed_data_brings_back_the_pinned_version(pets: Lab, command: list[str]) -> None:
    assert pets.gitexp("data", "pin", "pets").exit_code == 0
    assert pets.gitexp("data", "save", "pets").exit_code == 0
    pets.commit("pinned")
    pets.write("data/pets/a.csv", "other\n")
    result = pets.gitexp(*command)
    assert result.exit_code == 3
    bring_back, pin = fix_of(result.stderr).split("    or    ")
    assert bring_back == "mv data/pets data/pets.old && gitexp data pull pets"
    assert pin == "gitexp data pin pets"
    pasted = pets.command("sh", "-c", bring_back)
    assert pasted.exit_code == 0, pasted.stderr
    assert (pets.path / "data/pets/a.csv").read_text() == ONE_ROW
    assert pets.gitexp(*command).exit_code == 0


def test_a_misspelt_dataset_of_a_recipe_is_compared_with_the_catalogue(pets: Lab) -> None:
    pets.write("recipes/typo.toml", '[run]\ncommand = ["ls", "{data.cats}"]\n[data]\ncats = "pest"\n')
    pets.commit("a typo")
    result = pets.gitexp("run", "typo")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: Dataset cats: pest does not exist; did you mean pets?\n")


def test_a_pull_that_finds_the_bytes_nowhere_sends_nobody_back_to_pull(pets: Lab) -> None:
    pets.write("gitexp.toml", f'[datasets.cats]\npath = "data/cats"\ndigest = "{NOBODY}"\n')
    result = pets.gitexp("data", "pull", "cats")
    assert result.exit_code == 3
    assert fix_of(result.stderr) == "put it at data/cats, or ask who has it for:  gitexp data push cats"


def test_a_pin_of_what_is_not_there_speaks_of_the_catalogue(pets: Lab) -> None:
    pets.write("gitexp.toml", '[datasets.cats]\npath = "data/cats"\n')
    result = pets.gitexp("data", "pin", "cats")
    assert result.exit_code == 3
    assert fix_of(result.stderr) == "put it there, or correct path in [datasets.cats]"


def test_tables_to_be_added_are_shown_as_toml_that_can_be_pasted(pets: Lab) -> None:
    result = pets.gitexp("data", "push", "pets")
    assert result.stderr.endswith('[remotes.lab]\n       url = "s3://bucket/lab"\n')
    pets.write("gitexp.toml", "")
    assert pets.gitexp("data", "list").stderr.endswith('[datasets.NAME]\npath = "…"\n')
    assert pets.gitexp("data", "pull").stderr.endswith('[datasets.NAME]\n       path = "…"\n')


def test_an_unknown_remote_is_answered_with_those_that_there_are(pets: Lab) -> None:
    pets.write("gitexp.toml", PETS + '[remotes.lab]\nurl = "../lab"\n[remotes.vault]\nurl = "../vault"\n')
    result = pets.gitexp("data", "push", "pets", "--remote", "hub")
    assert "There is no [remotes.hub] in gitexp.toml; there are lab, vault" in result.stderr


def test_a_pull_says_what_it_passes_over(pets: Lab) -> None:
    pets.write("gitexp.toml", '[datasets.web]\nurl = "https://lab.example/web/"\n')
    result = pets.gitexp("data", "pull")
    assert (result.exit_code, result.stderr) == (0, "web  has no path in the catalogue; a run fetches it by itself\n")


def test_a_pin_of_nothing_and_a_pin_of_something_unknown_are_noted(pets: Lab) -> None:
    (pets.path / "data/none").mkdir()
    pets.write("gitexp.toml", PETS + '[datasets.none]\npath = "data/none"\n')
    assert "note: none has no files\n" in pets.gitexp("data", "pin", "none").stderr
    result = pets.well("data", "pin", "pets", "--digest", NOBODY)
    assert f"note: {NOBODY} is known neither to this clone's store nor to a run\n" in result.stderr


def test_names_and_all_are_not_given_together(pets: Lab) -> None:
    result = pets.gitexp("data", "pin", "pets", "--all")
    assert result.exit_code == 2
    assert "Give names or --all, not both" in result.stderr


def test_a_store_among_the_users_files_is_refused(pets: Lab) -> None:
    pets.git("config", "gitexp.store", "objects")
    before = pets.state()
    result = pets.gitexp("data", "save", "pets")
    assert result.exit_code == 1
    assert "git config gitexp.store is objects, a folder of the working tree" in result.stderr
    assert fix_of(result.stderr) == "git config --unset gitexp.store    or name a folder elsewhere, by its whole path"
    assert pets.state() == before


def test_no_run_starts_whose_bytes_could_not_be_stored(pets: Lab) -> None:
    pets.git("config", "gitexp.store", "objects")
    result = pets.gitexp("run", "--", "touch", "started")
    assert result.exit_code == 3
    assert "git config gitexp.store is objects, a folder of the working tree" in result.stderr
    assert not (pets.path / "started").exists()


def test_a_dataset_without_a_contract_is_an_expected_error_and_a_wrong_catalogue_refuses(pets: Lab) -> None:
    assert pets.gitexp("data", "check", "pets").exit_code == 1
    pets.write("gitexp.toml", '[datasets.pets]\npaht = "x"\n')
    assert pets.gitexp("data", "check", "pets").exit_code == 3


def test_commands_that_fetch_say_so(pets: Lab) -> None:
    for command in ("check", "describe"):
        assert "fetched" in pets.gitexp("data", command, "--help").stdout


def test_counts_and_names_are_spelled_as_they_are(pets: Lab) -> None:
    assert "from 1 row in 1 file." in pets.gitexp("data", "describe", "pets").stdout
    pets.write("gitexp.toml", PETS + "splits.train = { count = 5 }\n")
    result = pets.gitexp("data", "show", "pets", "--rows", "train")
    assert "dataset pets has 1 row." in result.stderr


@pytest.mark.parametrize("command", [["data", "list"], ["data", "history", "pets"], ["data", "runs", "PETS"]])
def test_on_forty_columns_words_are_whole(pets: Lab, tmp_path: Path, command: list[str]) -> None:
    assert pets.gitexp("data", "pin", "pets").exit_code == 0
    pets.commit("pinned")
    assert pets.gitexp("run", "pets").exit_code == 0
    digest = pets.gitexp("data", "list", "--json").json["datasets"][0]["digest"]
    typed = shlex.join(["gitexp", *(digest if word == "PETS" else word for word in command)])
    shown = pets.command("script", "-qec", f"stty cols 40; GIT_PAGER=cat {typed}", "/dev/null").stdout
    lines = shown.replace("\r", "").splitlines()
    assert len(lines) == 2
    assert "…" not in shown
    assert max(map(len, lines)) <= 40
