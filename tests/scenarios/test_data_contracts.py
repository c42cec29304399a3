"""`gitexp data check` and `gitexp data describe`: what data must look like, held against what there is."""

from __future__ import annotations

import tomllib
from typing import Any

from harness import Lab

PETS = "label,size\n" + "cat,1\ndog,2\n" * 10
CATALOGUE = """
[datasets.pets]
path = "data/pets.csv"
[datasets.pets.splits]
train = { fraction = 0.5, stratify = "label", seed = 1 }
test = { rest = true }
"""
CONTRACT = """
[datasets.pets.contract.fields]
label = { values = ["cat", "dog"] }
size = { dtype = "int", max = 2 }
"""


def catalogue(lab: Lab, more: str = "") -> None:
    """Add datasets to gitexp.toml."""
    path = lab.path / "gitexp.toml"
    path.write_text(path.read_text() + CATALOGUE + more)


def test_data_that_keeps_its_contract_exits_with_0(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    catalogue(lab, CONTRACT)
    before = lab.state()
    result = lab.gitexp("data", "check", "pets")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "pets keeps its contract (20 rows)\n"
    assert lab.state() == before


def test_every_violation_is_listed_and_the_exit_code_is_3(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS + "cow,3\n\x1b[2J,x\n")
    catalogue(lab, CONTRACT)
    result = lab.gitexp("data", "check")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        'pets: pets.csv:22: label: "cow" is not one of values (row 20)',
        'pets: pets.csv:23: label: "\\u001b[2J" is not one of values (row 21)',
        'pets: pets.csv:23: size: expected int, got "x" (row 21)',
        "pets: pets.csv:22: size: 3 is above 2 (row 20)",
    ]
    assert "4 violations of the contract of pets" in result.stderr


def test_violations_and_counts_are_json(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS + "dog,3\n")
    catalogue(lab, CONTRACT)
    result = lab.gitexp("data", "check", "--json")
    assert result.exit_code == 3
    assert result.json["format"] == 1
    (pets,) = result.json["datasets"]
    assert (pets["name"], pets["found"]) == ("pets", 1)
    assert pets["counts"] == {"rows": 21, "label=cat": 10, "label=dog": 11}
    assert pets["violations"] == [
        {
            "file": "pets.csv",
            "row": 20,
            "column": "size",
            "rule": "max",
            "what": "3 is above 2",
            "line": 22,
            "more": 0,
        }
    ]


def test_a_dataset_without_a_contract_is_told_how_to_get_one(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    catalogue(lab)
    result = lab.gitexp("data", "check", "pets")
    assert result.exit_code == 1
    assert "Dataset pets has no contract" in result.stderr
    assert "gitexp data describe pets" in result.stderr


def test_a_first_line_that_looks_like_values_is_asked_about_wherever_it_is_taken_for_a_header(lab: Lab) -> None:
    lab.write("data/pets.csv", "1,x\n2,y\n3,z\n4,w\n")
    catalogue(lab, "[datasets.pets.contract]\nrows = { min = 1 }\n")
    toml = lab.path / "gitexp.toml"
    toml.write_text(toml.read_text().replace(', stratify = "label"', ""))
    lab.commit("a table without a header")
    said = "warning: dataset pets: the first line of pets.csv was taken for its header, and is no row, though it has a"
    commands = (("data", "describe", "pets"), ("data", "check", "pets"), ("run", "-s", "+data.pets=pets", "--", "true"))
    for command in (*commands, commands[-1]):
        result = lab.well(*command)
        assert said in result.stderr
    for header, rows in (("false", 4), ("true", 3)):
        toml.write_text(toml.read_text().partition("[datasets.pets.contract]")[0])
        toml.write_text(toml.read_text() + f"[datasets.pets.contract]\nheader = {header}\n")
        lab.commit("it says what the first line is")
        assert said not in lab.gitexp(*commands[-1]).stderr
        split = lab.toml("data.toml")["pets"]["split"]
        assert split["train"]["rows"] + split["test"]["rows"] == rows


def test_what_describe_prints_is_a_contract_that_the_data_keeps(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    catalogue(lab)
    result = lab.well("data", "describe", "pets")
    assert "# labels: cat 10, dog 10\n#   in split train: cat 5, dog 5\n" in result.stdout
    catalogue_file = lab.path / "gitexp.toml"
    catalogue_file.write_text(catalogue_file.read_text() + result.stdout)
    checked = lab.gitexp("data", "check", "pets")
    assert (checked.exit_code, checked.stderr) == (0, "pets keeps its contract (20 rows)\n")


def test_a_contract_in_a_file_of_its_own_is_never_written_over(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    catalogue(lab)
    result = lab.well("data", "describe", "pets", "-o", "contracts/pets.toml")
    assert 'contract = "contracts/pets.toml"' in result.stderr
    path = lab.path / "contracts/pets.toml"
    assert tomllib.loads(path.read_text())["fields"]["size"]["dtype"] == "int"
    again = lab.gitexp("data", "describe", "pets", "-o", "contracts/pets.toml")
    assert again.exit_code == 1
    assert "contracts/pets.toml exists" in again.stderr
    text = (lab.path / "gitexp.toml").read_text()
    (lab.path / "gitexp.toml").write_text(text.replace('pets.csv"\n', 'pets.csv"\ncontract = "contracts/pets.toml"\n'))
    assert lab.gitexp("data", "check").exit_code == 0


def test_a_description_is_json_too(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    catalogue(lab)
    found = lab.gitexp("data", "describe", "pets", "--json").json
    assert found["description"]["rows"] == 20
    assert found["description"]["splits"]["train"]["label"] == {"cat": 5, "dog": 5}


def test_a_run_on_data_that_breaks_its_contract_is_refused_with_every_place(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS + "cow,3\n")
    catalogue(lab, CONTRACT)
    lab.write("recipes/count.toml", '[run]\ncommand = ["wc", "{data.pets}"]\n[data]\npets = "pets"\n')
    lab.commit()
    result = lab.gitexp("run", "count")
    assert result.exit_code == 3
    assert 'pets.csv:22: label: "cow" is not one of values (row 20)' in result.stderr
    assert "pets.csv:22: size: 3 is above 2 (row 20)" in result.stderr
    assert lab.runs() == []


# ---- what a run records of it

RECIPE = '[run]\ncommand = ["python", "program.py"]\n[data]\nanimals = "pets"\n'


def recorded(lab: Lab) -> dict[str, Any]:
    """data.toml of the newest run."""
    return lab.toml("data.toml")


def test_a_contract_is_looked_at_once_for_each_version_and_the_counts_are_recorded(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    lab.write("program.py", "")
    lab.write("recipes/pets.toml", RECIPE)
    catalogue(lab, CONTRACT)
    lab.commit()
    assert lab.gitexp("run", "pets").exit_code == 0
    first = recorded(lab)["animals"]
    assert first["counts"] == {"rows": 20, "label=cat": 10, "label=dog": 10}
    assert first["contract"].startswith("xxh128:")
    (note,) = (lab.path / ".git/gitexp/notes").glob("contract-*")
    note.write_text('{"rows": 21}')  # what is noted is believed: nothing is read again
    assert lab.gitexp("run", "pets").exit_code == 0
    assert recorded(lab)["animals"]["counts"] == {"rows": 21}
    lab.write("data/pets.csv", PETS + "dog,2\n")
    lab.commit()
    assert lab.gitexp("run", "pets").exit_code == 0
    assert recorded(lab)["animals"]["counts"] == {"rows": 21, "label=cat": 10, "label=dog": 11}


def test_splits_are_recorded_with_their_rule_and_a_program_gets_the_rows_of_the_recorded_digest(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    lab.write(
        "program.py",
        "import gitexp, pathlib, xxhash\n"
        "rows = gitexp.split('animals', 'train')\n"
        "text = ''.join(f'{row}\\n' for row in rows)\n"
        "print(len(rows), xxhash.xxh3_128_hexdigest(text.encode()))\n",
    )
    lab.write("recipes/pets.toml", RECIPE)
    catalogue(lab, "[datasets.pets.samples]\nfew = { count = 3, of = 'train' }\n")
    lab.commit()
    ran = lab.well("run", "pets")
    pets = recorded(lab)["animals"]
    train, digest = pets["split"]["train"], pets["split"]["train"].pop("digest")
    assert train == {"fraction": 0.5, "stratify": "label", "seed": 1, "rows": 10}
    assert pets["split"]["test"].keys() == {"rest", "rows", "digest"}
    assert pets["sampling"]["few"].pop("digest").startswith("xxh128:")
    assert pets["sampling"]["few"] == {"count": 3, "of": "train", "seed": 0, "rows": 3}
    assert ran.stdout == f"10 {digest.removeprefix('xxh128:')}\n"
    again = lab.gitexp("run", "pets")
    assert again.stdout == ran.stdout
    assert recorded(lab)["animals"]["split"]["train"]["digest"] == digest


def test_another_seed_draws_other_rows_from_the_same_version(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    lab.write("program.py", "")
    lab.write("recipes/pets.toml", RECIPE)
    catalogue(lab)
    lab.commit()
    assert lab.gitexp("run", "pets").exit_code == 0
    first = recorded(lab)["animals"]["split"]["train"]["digest"]
    lab.write("gitexp.toml", (lab.path / "gitexp.toml").read_text().replace("seed = 1", "seed = 2"))
    lab.commit()
    assert lab.gitexp("run", "pets").exit_code == 0
    assert recorded(lab)["animals"]["split"]["train"]["digest"] != first


def test_splits_that_share_rows_are_refused_and_an_index_file_that_changed_is_read_again(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    lab.write("program.py", "")
    lab.write("recipes/pets.toml", RECIPE)
    lab.write("train.txt", "0\n1\n2\n")
    lab.write("test.txt", "3\n4\n")
    catalogue(lab)
    text = (lab.path / "gitexp.toml").read_text().partition("[datasets.pets.splits]")[0]
    splits = '[datasets.pets.splits]\ntrain = { indices = "train.txt" }\ntest = { indices = "test.txt" }\n'
    lab.write("gitexp.toml", text + splits)
    lab.commit()
    assert lab.gitexp("run", "pets").exit_code == 0
    assert recorded(lab)["animals"]["split"]["test"]["rows"] == 2
    lab.write("test.txt", "2\n3\n4\n")
    lab.commit()
    result = lab.gitexp("run", "pets")
    assert result.exit_code == 3
    assert "The splits of dataset animals cannot be drawn: 1 problem" in result.stderr
    assert len(lab.runs()) == 1


def test_a_run_on_stale_derived_data_is_warned_about_and_recorded(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS)
    lab.write("data/clean.csv", "label\ncat\n")
    lab.write("program.py", "")
    lab.write("recipes/pets.toml", RECIPE.replace('"pets"', '"clean"'))
    old = "xxh128:" + "ab" * 16
    catalogue(
        lab,
        '[datasets.clean]\npath = "data/clean.csv"\n[datasets.clean.derived]\n'
        f'parents = {{ pets = "{old}" }}\ncommand = ["python", "clean.py"]\n',
    )
    lab.commit()
    assert lab.gitexp("data", "pin", "pets").exit_code == 0
    lab.commit()
    result = lab.well("run", "pets")
    assert "warning: dataset animals was made from another pets than the one there is now" in result.stderr
    assert recorded(lab)["animals"]["lineage"] == {
        "parents": {"pets": old},
        "command": ["python", "clean.py"],
        "stale": ["pets"],
    }


def test_a_contract_that_is_broken_names_the_dataset_as_the_catalogue_does_in_the_fix(lab: Lab) -> None:
    lab.write("data/pets.csv", PETS + "cow,1\n")
    lab.write("program.py", "")
    lab.write("recipes/pets.toml", RECIPE)
    catalogue(lab, CONTRACT)
    lab.commit()
    result = lab.gitexp("run", "pets")
    assert result.exit_code == 3
    assert "gitexp data check pets" in result.stderr
