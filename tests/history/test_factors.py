"""What differs between two runs, as what can be swapped one at a time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from harness import Lab
from records import ENVIRONMENT, RECIPE, write_run

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.factors import Differing, Factor, factors, mixed_recipe
from gitexp.history.inputs import Inputs
from gitexp.history.read import read_run

A, B = "kkkkllllmmmmnnnn", "zzzzoooowwwwxxxx"

Differ = Callable[[str, str], Differing]


@pytest.fixture
def differ(reader: ObjectReader) -> Differ:
    return lambda a, b: factors(Inputs(read_run(reader, a), read_run(reader, b)))


def names(found: Differing) -> list[str]:
    return [one.name for one in found.factors]


def command(*argv: str) -> dict[str, str]:
    return {"recipe.toml": f"[run]\ncommand = {json.dumps(argv)}\n"}


def data_toml(digest: str) -> str:
    return f'[digits]\npath = "digits"\ndigest = "xxh128:{digest}"\nfiles = 2\nsize_bytes = 10\n'


def test_equal_runs_have_none(fresh: Lab, differ: Differ) -> None:
    assert differ(write_run(fresh, A), write_run(fresh, B)) == Differing((), ())


def test_code_keys_data_environment_and_seed_are_one_each(fresh: Lab, differ: Differ) -> None:
    a = write_run(fresh, A, files={"data.toml": data_toml("1" * 32)})
    fresh.write("train.py", "print(2)\n")
    fresh.commit()
    recipe = RECIPE.replace("lr = 0.01", "lr = 0.02").replace("seed = 1", "seed = 2")
    files = {
        "recipe.toml": recipe,
        "data.toml": data_toml("2" * 32),
        "environment.toml": ENVIRONMENT.replace("2.1.0", "2.2.0"),
    }
    found = differ(a, write_run(fresh, B, files=files, seed=2))
    assert names(found) == ["code", "optimizer.lr", "data.digits", "environment", "seed"]
    assert found.factors[1] == Factor("recipe", "optimizer.lr", (("optimizer", "lr"),), a=0.01, b=0.02)
    assert (found.factors[4].a, found.factors[4].b) == (1, 2)


def test_a_table_of_another_component_moves_as_a_whole(fresh: Lab, differ: Differ) -> None:
    old = '[optimizer]\nuse = "torch.optim:SGD"\nlr = 0.1\nmomentum = 0.9\n[model]\nwidth = 1\n'
    new = '[optimizer]\nuse = "torch.optim:AdamW"\nlr = 0.1\nbetas = [0.9, 0.99]\n[model]\nwidth = 2\n'
    a, b = (write_run(fresh, run, files={"recipe.toml": text}) for run, text in ((A, old), (B, new)))
    found = differ(a, b)
    assert names(found) == ["[optimizer]", "model.width"]
    assert {".".join(path) for path in found.factors[0].keys} == {
        "optimizer.use",
        "optimizer.betas",
        "optimizer.momentum",
    }


def test_tables_that_no_program_is_told_move_as_a_whole(fresh: Lab, differ: Differ) -> None:
    b = RECIPE.replace('[metrics.goal]\n"val.acc" = "max"', '[metrics]\nmonitor = "f1"\ngoal = { f1 = "max" }')
    assert names(differ(write_run(fresh, A), write_run(fresh, B, files={"recipe.toml": b}))) == ["[metrics]"]


def test_arguments_are_one_factor_each(fresh: Lab, reader: ObjectReader, differ: Differ) -> None:
    a = write_run(fresh, A, files=command("python", "train.py", "--lr", "0.1", "--seed", "1", "--wd=0", "x.csv"))
    b = write_run(
        fresh, B, files=command("python", "train.py", "--wd=0.5", "--lr", "0.3", "--amp", "--seed", "2", "y.csv")
    )
    found = differ(a, b)
    assert names(found) == ["--wd", "--lr", "run.command", "seed"]


def test_an_option_that_names_a_dataset_moves_with_it(fresh: Lab, differ: Differ) -> None:
    runs = []
    for run, place in ((A, "old"), (B, "../new")):
        text = f'[run]\ncommand = ["python", "train.py", "--in", "{place}/x.csv", "--lr", "{len(place)}"]\n'
        data = data_toml(str(len(place)) * 32).replace('"digits"', f'"{place}"')
        runs.append(write_run(fresh, run, files={"recipe.toml": text, "data.toml": data}))
    found = differ(*runs)
    assert [(one.name, one.options) for one in found.factors] == [("--lr", ("--lr",)), ("data.digits", ("--in",))]


def test_a_mixed_command_has_the_options_that_were_taken(fresh: Lab, reader: ObjectReader, differ: Differ) -> None:
    a = write_run(fresh, A, files=command("python", "train.py", "--lr", "0.1", "--seed", "1", "--wd=0"))
    b = write_run(fresh, B, files=command("python", "train.py", "--wd=0.5", "--lr", "0.3", "--amp", "--seed", "2"))
    found = differ(a, b)
    assert names(found) == ["--wd", "--lr", "--amp", "seed"]
    runs = read_run(reader, a), read_run(reader, b)

    def mixed(*wanted: str) -> str:
        taken = [one for one in found.factors if one.name in wanted]
        return " ".join(mixed_recipe(runs[0].recipe or {}, runs[1].recipe or {}, taken)["run"]["command"])

    assert mixed() == "python train.py --lr 0.1 --seed 1 --wd=0"
    assert mixed("--lr") == "python train.py --lr 0.3 --seed 1 --wd=0"
    assert mixed("--amp", "--wd") == "python train.py --lr 0.1 --seed 1 --wd=0.5 --amp"
    assert mixed("seed") == "python train.py --lr 0.1 --seed 2 --wd=0"


def test_another_script_takes_the_words_with_it_and_leaves_the_options(
    fresh: Lab, reader: ObjectReader, differ: Differ
) -> None:
    a = write_run(fresh, A, files=command("python", "train.py", "small", "--lr", "0.1"))
    b = write_run(fresh, B, files=command("python", "tune.py", "large", "--lr", "0.3"))
    found = differ(a, b)
    assert names(found) == ["--lr", "run.command"]
    old, new = read_run(reader, a), read_run(reader, b)
    assert mixed_recipe(old.recipe or {}, new.recipe or {}, [found.factors[1]])["run"]["command"] == [
        "python",
        "tune.py",
        "large",
        "--lr",
        "0.1",
    ]
    assert mixed_recipe(old.recipe or {}, new.recipe or {}, [found.factors[0]])["run"]["command"] == [
        "python",
        "train.py",
        "small",
        "--lr",
        "0.3",
    ]


def test_a_key_that_one_recipe_lacks_comes_and_goes(fresh: Lab, reader: ObjectReader, differ: Differ) -> None:
    a = write_run(fresh, A)
    b = write_run(fresh, B, files={"recipe.toml": RECIPE + "momentum = 0.9\n"})
    found = differ(a, b)
    old, new = read_run(reader, a), read_run(reader, b)
    assert mixed_recipe(old.recipe or {}, new.recipe or {}, found.factors)["optimizer"] == {"lr": 0.01, "momentum": 0.9}
    assert mixed_recipe(new.recipe or {}, old.recipe or {}, found.factors)["optimizer"] == {"lr": 0.01}


def test_ranges_and_reasons_go_with_their_keys_and_are_no_factor(
    fresh: Lab, reader: ObjectReader, differ: Differ
) -> None:
    ranges = '[space]\n"optimizer.lr" = { low = 0.001, high = 0.1 }\n'
    a = write_run(fresh, A, files={"recipe.toml": RECIPE + ranges})
    new = RECIPE.replace("lr = 0.01", "rate = 5.0") + '[space]\n"optimizer.rate" = { low = 1.0, high = 9.0 }\n'
    b = write_run(fresh, B, files={"recipe.toml": new.replace('"optimizer.lr" = "', '"optimizer.rate" = "')})
    found = differ(a, b)
    assert names(found) == ["optimizer.rate", "optimizer.lr"]
    assert len(found.untold) == 1
    assert found.untold[0].startswith("nothing is computed by space.")
    old, new_run = read_run(reader, a), read_run(reader, b)
    mixed = mixed_recipe(old.recipe or {}, new_run.recipe or {}, [found.factors[1]])
    assert ("space" in mixed, "why" in mixed) == (False, False)
    mixed = mixed_recipe(old.recipe or {}, new_run.recipe or {}, [found.factors[0]])
    assert mixed["space"] == {
        "optimizer.lr": {"low": 0.001, "high": 0.1},
        "optimizer.rate": {"low": 1.0, "high": 9.0},
    }


def test_other_hardware_cannot_be_swapped_and_is_said(fresh: Lab, differ: Differ) -> None:
    b = write_run(fresh, B, files={"environment.toml": ENVIRONMENT.replace("cores = 2", "cores = 64")})
    found = differ(write_run(fresh, A), b)
    assert found == Differing((), ("the hardware differs, and cannot be swapped: gitexp diff says in what",))


def test_an_environment_that_is_not_recorded_is_said(fresh: Lab, differ: Differ) -> None:
    b = write_run(fresh, B, files={"environment.toml": None})
    assert differ(write_run(fresh, A), b).untold == ("whether the environments are the same is not recorded",)


@pytest.mark.parametrize("keys", [{"files": {"recipe.toml": None}}, {"kind": "smoke"}])
def test_a_run_whose_inputs_are_not_recorded_is_not_explained(
    fresh: Lab, differ: Differ, keys: dict[str, object]
) -> None:
    with pytest.raises(GitexpError):
        differ(write_run(fresh, A), write_run(fresh, B, **keys))  # type: ignore[arg-type]
