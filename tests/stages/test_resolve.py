"""From RECIPE and flags to a resolved recipe: how it is found, how files lie over each other, all errors at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from gitexp.errors import GitexpError, RecipeErrors, Refused
from gitexp.record.metrics import MetricRules
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import Config, load_config
from gitexp.spec.recipe import Recipe, flatten, program_argv
from gitexp.stages.resolve import Request, command_name, resolve

DIGEST = "xxh128:00112233445566778899aabbccddeeff"
RUN = '[run]\ncommand = ["python", "train.py"]\n'


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def resolved(
    root: Path,
    *overrides: str,
    recipe: str = "x",
    cwd: Path | None = None,
    seed: int | None = None,
    timeout: str | None = None,
    config: str = "",
) -> Recipe:
    request = Request(cwd or root, recipe, overrides=overrides, seed=seed, timeout=timeout)
    return resolve(request, root=root, config=load_config(config))


def problems(
    root: Path, *overrides: str, seed: int | None = None, timeout: str | None = None, config: str = ""
) -> tuple[str, ...]:
    with pytest.raises(RecipeErrors) as caught:
        resolved(root, *overrides, seed=seed, timeout=timeout, config=config)
    assert caught.value.exit_code == 3
    return caught.value.problems


def refusal(root: Path, recipe: str, *, cwd: Path | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        resolved(root, recipe=recipe, cwd=cwd)
    assert caught.value.exit_code == 3
    return caught.value


def wrapped(root: Path, *argv: str, overrides: Sequence[str] = (), cwd: Path | None = None) -> Recipe:
    return resolve(Request(cwd or root, command=argv, overrides=overrides), root=root, config=Config())


# ---- finding a recipe


def test_a_name_means_a_file_under_recipes(tmp_path: Path) -> None:
    write(tmp_path, "recipes/tiny.toml", RUN)
    recipe = resolved(tmp_path, recipe="tiny")
    assert (recipe.name, recipe.path) == ("tiny", "recipes/tiny.toml")


def test_a_name_means_a_folder_under_recipes(tmp_path: Path) -> None:
    write(tmp_path, "recipes/digits/recipe.toml", RUN)
    recipe = resolved(tmp_path, recipe="digits")
    assert (recipe.name, recipe.path) == ("digits", "recipes/digits/recipe.toml")


@pytest.mark.parametrize("typed", ["recipes/digits", "recipes/digits/", "recipes/digits/recipe.toml"])
def test_a_folder_and_its_recipe_file_are_the_same_recipe(tmp_path: Path, typed: str) -> None:
    write(tmp_path, "recipes/digits/recipe.toml", RUN)
    recipe = resolved(tmp_path, recipe=typed)
    assert (recipe.name, recipe.path) == ("digits", "recipes/digits/recipe.toml")


def test_a_path_is_looked_for_where_the_user_is_and_then_at_the_root(tmp_path: Path) -> None:
    write(tmp_path, "recipes/a.toml", RUN)
    write(tmp_path, "sub/recipes/a.toml", RUN)
    write(tmp_path, "recipes/b.toml", RUN)
    sub = tmp_path / "sub"
    assert resolved(tmp_path, recipe="recipes/a.toml", cwd=sub).path == "sub/recipes/a.toml"
    assert resolved(tmp_path, recipe="recipes/b.toml", cwd=sub).path == "recipes/b.toml"
    assert resolved(tmp_path, recipe="../recipes/a.toml", cwd=sub).path == "recipes/a.toml"


def test_an_absolute_path_through_a_link_to_the_repository_is_inside_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "x.toml", RUN)
    (tmp_path / "link").symlink_to(root)
    assert resolved(root, recipe=str(tmp_path / "link/x.toml")).path == "x.toml"


def test_a_name_that_means_two_recipes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "recipes/a.toml", RUN)
    write(tmp_path, "recipes/a/recipe.toml", RUN)
    assert refusal(tmp_path, "a").what == "a could be recipes/a.toml and recipes/a/recipe.toml"


def test_an_unknown_recipe_lists_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, "recipes/digits-mlp/recipe.toml", RUN)
    write(tmp_path, "recipes/tiny.toml", RUN)
    error = refusal(tmp_path, "digits-mpl")
    assert error.what == "There is no recipe digits-mpl; did you mean digits-mlp?"
    assert error.details == ("Recipes in recipes/:", "  digits-mlp", "  tiny")


def test_an_unknown_recipe_where_there_are_none_says_how_to_begin(tmp_path: Path) -> None:
    error = refusal(tmp_path, "digits")
    assert error.what == "There is no recipe digits"
    assert error.fix == (
        "gitexp new    shows recipes to start from; or write recipes/NAME.toml\n"
        "to record a program as it is:  gitexp run -- CMD…"
    )


def test_a_program_is_no_recipe_and_the_error_says_how_to_run_it(tmp_path: Path) -> None:
    write(tmp_path, "train.py", "")
    error = refusal(tmp_path, "train.py")
    assert error.what == "train.py is not a recipe: those are TOML files"
    assert error.fix == "gitexp run -- python train.py    records a program as it is"


def test_a_folder_without_a_recipe_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path, "empty").what == "The folder empty has no recipe.toml"


def test_a_recipe_outside_of_the_repository_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(tmp_path, "x.toml", RUN)
    assert "lies outside of the repository" in refusal(root, "../x.toml").what


def test_an_unprintable_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "recipes/a\nb.toml", RUN)
    assert "unprintable" in refusal(tmp_path, "a\nb").what


def test_a_text_that_is_too_long_for_a_path_is_no_recipe(tmp_path: Path) -> None:
    assert refusal(tmp_path, "x" * 5000).what.startswith("There is no recipe xxx")


def test_an_empty_name_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "").what.startswith('"" is no recipe')


# ---- files over files


def test_tables_merge_arrays_replace_and_later_bases_win(tmp_path: Path) -> None:
    write(tmp_path, "base/a.toml", RUN + "[model]\nhidden = [1, 2, 3]\nact = 'relu'\n[optimizer]\nlr = 0.1\n")
    write(tmp_path, "base/b.toml", "[optimizer]\nlr = 0.2\nmomentum = 0.9\n")
    write(tmp_path, "recipes/x.toml", 'extends = ["../base/a.toml", "../base/b.toml"]\n[model]\nhidden = [8]\n')
    recipe = resolved(tmp_path)
    assert recipe.values == {
        "run": {"command": ["python", "train.py"]},
        "model": {"hidden": [8], "act": "relu"},
        "optimizer": {"lr": 0.2, "momentum": 0.9},
    }
    assert "extends" not in recipe.text


def test_a_base_may_be_named_without_an_array_or_by_its_folder_and_have_a_base_itself(tmp_path: Path) -> None:
    write(tmp_path, "recipes/root.toml", "depth = 0\n" + RUN + "[a]\nx = 1\n")
    write(tmp_path, "recipes/mid/recipe.toml", 'extends = "../root.toml"\n[a]\ny = 2\n')
    write(tmp_path, "recipes/x.toml", 'extends = "mid"\n[a]\nz = 3\n')
    assert resolved(tmp_path).values["a"] == {"x": 1, "y": 2, "z": 3}


def test_one_base_reached_by_two_ways_is_no_cycle(tmp_path: Path) -> None:
    write(tmp_path, "recipes/root.toml", RUN + "[a]\nx = 1\n")
    write(tmp_path, "recipes/left.toml", 'extends = "root.toml"\n')
    write(tmp_path, "recipes/right.toml", 'extends = "root.toml"\n')
    write(tmp_path, "recipes/x.toml", 'extends = ["left.toml", "right.toml"]\n')
    assert resolved(tmp_path).values["a"] == {"x": 1}


def test_a_cycle_is_shown_whole(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", '\nextends = "y.toml"\n' + RUN)
    write(tmp_path, "recipes/y.toml", 'extends = ["x.toml"]\n')
    assert problems(tmp_path) == (
        "recipes/y.toml:1: extends.0: a recipe cannot extend itself: recipes/x.toml → recipes/y.toml → recipes/x.toml",
    )


def test_a_missing_base_is_named_with_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", RUN)
    write(tmp_path, "recipes/x.toml", 'seed = 1\nextends = "bsae.toml"\n')
    assert problems(tmp_path) == (
        "recipes/x.toml:2: extends.0: there is no recipes/bsae.toml; did you mean base.toml?",
    )


def test_a_base_outside_of_the_repository_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, "base.toml", RUN)
    write(root, "recipes/x.toml", 'extends = "../../base.toml"\n')
    assert problems(root) == (
        'recipes/x.toml:1: extends.0: "../../base.toml" lies outside of the repository, so no record would hold it',
    )


def test_extends_must_be_files(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "extends = 3\n" + RUN)
    assert problems(tmp_path) == ("recipes/x.toml:1: extends: expected a file or an array of files, got 3",)


def test_broken_toml_in_two_files_is_named_in_both(tmp_path: Path) -> None:
    write(tmp_path, "recipes/a.toml", "x = 1\ny =\n")
    write(tmp_path, "recipes/b.toml", '\n\ny = """never closed\n')
    write(tmp_path, "recipes/x.toml", 'extends = ["a.toml", "b.toml"]\n' + RUN)
    first, second = problems(tmp_path)
    assert first.startswith("recipes/a.toml:2: Invalid value")
    assert second.startswith("recipes/b.toml:3: ")


def test_a_file_that_is_not_utf_8_is_named_with_the_line(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "")
    (tmp_path / "recipes/x.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    assert refusal(tmp_path, "x").what == "recipes/x.toml:2: here is the byte 0xFF, ÿ in Latin-1, not UTF-8"


def test_nesting_without_end_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "a = " + "[" * 5000)
    assert problems(tmp_path) == ("recipes/x.toml: nested too deeply",)


# ---- types


def test_a_child_keeps_the_types_of_its_base(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", RUN + "[optimizer]\nlr = 0.01\n[model]\nsize = 3\nbias = true\nname = 'a'\n")
    write(
        tmp_path,
        "recipes/x.toml",
        'extends = "base.toml"\n[optimizer]\nlr = "0.1"\n[model]\nsize = 1.5\nbias = 1\nname = 3\n',
    )
    assert problems(tmp_path) == (
        'recipes/x.toml:3: optimizer.lr: expected a float, got "0.1"; TOML writes 0.1 (recipes/base.toml:4 has 0.01)',
        "recipes/x.toml:5: model.size: expected an integer, got 1.5 (recipes/base.toml:6 has 3)",
        "recipes/x.toml:6: model.bias: expected a boolean, got 1 (recipes/base.toml:7 has true)",
        "recipes/x.toml:7: model.name: expected a string, got 3; a string stands in quotes"
        ' (recipes/base.toml:8 has "a")',
    )


def test_an_integer_passes_for_a_float_and_becomes_one(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", RUN + "[o]\nlr = 0.5\nbetas = [0.9, 0.5]\n")
    write(tmp_path, "recipes/x.toml", 'extends = "base.toml"\n[o]\nlr = 1\nbetas = [1, 0]\n')
    recipe = resolved(tmp_path)
    assert "lr = 1.0\n" in recipe.text
    assert "betas = [\n    1.0,\n    0.0,\n]\n" in recipe.text


def test_true_is_no_integer_and_no_float(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + "[o]\nlr = 0.5\nn = 1\n")
    assert problems(tmp_path, "o.lr=true", "o.n=false") == (
        "-s: o.lr: expected a float, got true (recipes/x.toml:4 has 0.5)",
        "-s: o.n: expected an integer, got false (recipes/x.toml:5 has 1)",
    )


def test_patterns_of_metrics_are_arrays_of_strings(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[metrics]\nkeys = "val.*"\nignore = [""]\n')
    assert problems(tmp_path) == (
        'recipes/x.toml:4: metrics.keys: expected an array of strings, got "val.*"',
        'recipes/x.toml:5: metrics.ignore: expected names of metrics, or patterns such as val.*, got [""]',
    )
    write(tmp_path, "recipes/x.toml", RUN + '[metrics]\nkeys = ["val.*", "loss"]\nignore = ["*lr*"]\n')
    rules = resolved(tmp_path).metrics
    assert (rules.keys, rules.ignore) == (("val.*", "loss"), ("*lr*",))


def test_a_tolerance_is_a_distance_or_a_share(tmp_path: Path) -> None:
    rules = (
        '[metrics]\ntolerance = { acc = "close", loss = -1, f1 = true, mse = "5 %", "=x" = 1 }\nnot_compared = "*_s"\n'
    )
    write(tmp_path, "recipes/x.toml", RUN + rules)
    wanted = 'expected a distance such as 0.005, or a share such as "1%", got'
    assert problems(tmp_path) == (
        f'recipes/x.toml:4: metrics.tolerance.acc: {wanted} "close"',
        f"recipes/x.toml:4: metrics.tolerance.loss: {wanted} -1",
        f"recipes/x.toml:4: metrics.tolerance.f1: {wanted} true",
        'recipes/x.toml:4: metrics.tolerance."=x": not a metric\'s name:'
        " a name cannot start with = (spreadsheets would execute it)",
        'recipes/x.toml:5: metrics.not_compared: expected an array of strings, got "*_s"',
    )
    write(
        tmp_path, "recipes/x.toml", RUN + '[metrics]\ntolerance = { acc = 0, loss = "1.5%" }\nnot_compared = ["*_s"]\n'
    )
    assert resolved(tmp_path).text.endswith('[metrics.tolerance]\nacc = 0\nloss = "1.5%"\n')
    assert resolved(tmp_path, 'metrics.tolerance.acc="1%"').text.endswith('acc = "1%"\nloss = "1.5%"\n')


def test_a_table_is_not_replaced_by_a_value_nor_a_value_by_a_table(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", RUN + "[a]\nx = 1\n[b]\ny = 1\n")
    write(tmp_path, "recipes/x.toml", 'extends = "base.toml"\nb = 3\n[a.x]\nz = 1\n')
    assert problems(tmp_path) == (
        "recipes/x.toml:2: b: expected a table, got 3 (recipes/base.toml:5 has a table)",
        "recipes/x.toml:3: a.x: expected an integer, got a table (recipes/base.toml:4 has 1)",
    )


def test_integers_that_other_readers_cannot_hold_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + "[a]\nbig = 9223372036854775808\nlist = [1, -9223372036854775809]\n")
    assert problems(tmp_path) == (
        "recipes/x.toml:4: a.big: integers end at ±2^63, got 9223372036854775808",
        "recipes/x.toml:5: a.list: integers end at ±2^63, got -9223372036854775809",
    )


# ---- gitexp's own tables


def test_everything_wrong_is_said_at_once_and_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", RUN + "[metrics]\ngoals = {}\n")
    text = (
        'extends = "base.toml"\nseed = "one"\n[about]\nsumary = "x"\n[run]\ntimeout = "soon"\n'
        '[why]\n"optimizer.l" = "x"\n'
        '[metrics]\nfiles = "m.json"\noutput = { a = "(", b = "no group", "=c" = "(x)" }\ngoal = { a = "up" }\n'
        'summary = { b = "best", a = "mean" }\n[optimizer]\nlr = 0.1\n[resources]\ncpus = 0\nmemory = "lots"\n'
        '[reproducibility]\nlevel = "seed"\n'
    )
    write(tmp_path, "recipes/x.toml", text)
    found = problems(tmp_path, "optimizer.l=1", timeout="never")
    assert found == (
        "recipes/base.toml:4: metrics.goals: unknown key; did you mean goal?",
        'recipes/x.toml:2: seed: expected an integer, got "one"',
        "recipes/x.toml:4: about.sumary: unknown key; did you mean summary?",
        'recipes/x.toml:6: run.timeout: expected a duration such as "90s", "15m" or "1h30m", got "soon"',
        'recipes/x.toml:10: metrics.files: expected an array of strings, got "m.json"',
        "recipes/x.toml:11: metrics.output.a: not a regular expression: missing ), unterminated subpattern at position"
        ' 0, in "("',
        "recipes/x.toml:11: metrics.output.b: expected a group around the number, such as 'loss: (\\S+)', got"
        ' "no group"',
        'recipes/x.toml:11: metrics.output."=c": not a metric\'s name: a name cannot start with = (spreadsheets would'
        " execute it)",
        'recipes/x.toml:12: metrics.goal.a: expected "max" or "min", got "up"',
        'recipes/x.toml:13: metrics.summary.a: expected "last" or "best" or "min" or "max", got "mean"',
        "recipes/x.toml:17: resources.cpus: expected an integer from 1, got 0",
        'recipes/x.toml:18: resources.memory: expected a size such as "10MB" or "256KiB", got "lots"',
        'recipes/x.toml:20: reproducibility.level: expected "bitwise" or "seeded" or "off", got "seed"; did you mean'
        ' "seeded"?',
        "-s: optimizer.l: no such key; did you mean optimizer.lr? (-s +optimizer.l=1 adds one)",
        '--timeout: run.timeout: expected a duration such as "90s", "15m" or "1h30m", got "never"',
        'recipes/x.toml:8: why."optimizer.l": gives a reason for a key that does not exist; did you mean optimizer.lr?',
        'recipes/x.toml:13: metrics.summary.b: "best" needs to know which way: metrics.goal.b = "max" or "min"',
    )


def test_a_recipe_without_a_command_is_told_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "[optimizer]\nlr = 0.1\n")
    assert problems(tmp_path) == (
        'recipes/x.toml: run.command: missing; say what to run, such as  command = ["python", "train.py"]  or name '
        "components: [loader], [model], [loss] and [optimizer], each with its `use`",
    )


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ('"python train.py"', 'expected an array of strings such as ["python", "train.py"], got "python train.py"'),
        ("[]", 'expected an array of strings such as ["python", "train.py"], got []'),
        ('["python", 1]', 'expected an array of strings such as ["python", "train.py"], got ["python", 1]'),
        ('[""]', "the first element names the program and cannot be empty"),
        ('["a", "\\u0000"]', "an argument cannot hold a NUL character"),
    ],
)
def test_a_command_is_an_argv(tmp_path: Path, command: str, complaint: str) -> None:
    write(tmp_path, "recipes/x.toml", f"[run]\ncommand = {command}\n")
    assert f"recipes/x.toml:2: run.command: {complaint}" in problems(tmp_path)


def test_own_tables_become_fields(tmp_path: Path) -> None:
    text = (
        'seed = 3\n[run]\ncommand = ["sh", "-c", "true"]\ntimeout = "1h30m"\n[metrics]\nfiles = ["m.json"]\n'
        'output = { loss = "loss: (\\\\S+)" }\ngoal = { loss = "min" }\nsummary = { loss = "last" }\n'
        '[resources]\ncpus = 2\nmemory = "4GiB"\ngpus = 0\nprocesses = 1\n[reproducibility]\nlevel = "bitwise"\n'
        "[space]\nseed = { low = 1, high = 9 }\n"
    )
    write(tmp_path, "recipes/x.toml", text)
    recipe = resolved(tmp_path)
    assert recipe.seed == 3
    assert recipe.command == ("sh", "-c", "true")
    assert recipe.timeout_s == 5400
    rules = MetricRules(
        ("m.json",), output={"loss": "loss: (\\S+)"}, goal={"loss": "min"}, summary={"loss": "last"}, named=("loss",)
    )
    assert recipe.metrics == rules


def test_a_reason_may_stand_for_a_key_of_gitexps_that_is_not_set_or_for_a_table(tmp_path: Path) -> None:
    why = '[why]\nseed = "a"\n"run.timeout" = "b"\n"metrics.goal" = "c"\n\'metrics.goal."val.acc"\' = "d"\n'
    write(tmp_path, "recipes/x.toml", RUN + why + '[metrics.goal]\n"val.acc" = "max"\n')
    assert resolved(tmp_path).values["why"]["seed"] == "a"


# ---- data


def test_a_dataset_is_a_path_or_a_table(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", f'{RUN}[data]\na = "d/a.csv"\nb = {{ path = "../b", digest = "{DIGEST}" }}\n')
    assert resolved(tmp_path).data == {
        "a": DatasetRef("a", path="d/a.csv"),
        "b": DatasetRef("b", path="../b", digest=DIGEST),
    }


CATALOGUE = f'[datasets.digits]\npath = "data/digits"\ndigest = "{DIGEST}"\n'


def test_a_plain_name_means_the_catalogues_dataset(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[data]\nd = "digits"\n')
    recipe = resolved(tmp_path, config=CATALOGUE)
    assert recipe.data == {"d": DatasetRef("d", path="data/digits", digest=DIGEST, entry="digits")}
    assert '[data.d]\nname = "digits"\n' in recipe.text


def test_a_dot_and_slash_forces_a_path(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[data]\nd = "./digits"\n')
    recipe = resolved(tmp_path, config=CATALOGUE)
    assert recipe.data == {"d": DatasetRef("d", path="digits")}
    assert 'd = "./digits"\n' in recipe.text


def test_a_path_that_could_be_a_name_later_is_recorded_as_a_path(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[data]\nd = "digits"\n')
    assert 'd = "./digits"\n' in resolved(tmp_path).text


def test_another_source_drops_the_digest_and_a_digest_alone_is_added(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", f'{RUN}[data]\na = {{ path = "a", digest = "{DIGEST}" }}\nb = "b.csv"\n')
    write(tmp_path, "recipes/x.toml", f'extends = "base.toml"\n[data]\na = "c.csv"\nb = {{ digest = "{DIGEST}" }}\n')
    assert resolved(tmp_path).data == {
        "a": DatasetRef("a", path="c.csv"),
        "b": DatasetRef("b", path="b.csv", digest=DIGEST),
    }


def test_what_is_wrong_with_data_is_said(tmp_path: Path) -> None:
    text = (
        '[data]\nA = "x"\nnul = "x"\na-b = "x"\na_b = "x"\nc = { digest = "xxh128:0" }\n'
        'd = { path = "x", name = "digits" }\n'
        'e = { name = "digit" }\nf = { url = "ftp://x" }\ng = 3\nh = ""\ni = { pth = "x" }\n'
    )
    write(tmp_path, "recipes/x.toml", RUN + text)
    found = problems(tmp_path, config=CATALOGUE)
    name = "not a dataset's name: use a-z, 0-9, _ and -, at most 64, starting with a letter or digit"
    assert f"recipes/x.toml:4: data.A: {name}" in found
    assert "recipes/x.toml:5: data.nul: not a dataset's name: Windows keeps it for a device" in found
    assert "recipes/x.toml:7: data.a_b: it and a-b would both be GITEXP_DATA_A_B to the program; rename one" in found
    assert (
        'recipes/x.toml:8: data.c.digest: expected a digest such as "xxh128:" and 32 hexadecimal digits, got '
        in str(found)
    )
    assert "recipes/x.toml:9: data.d: expected one of path, url and name, got path and name" in found
    assert 'recipes/x.toml:10: data.e.name: no dataset "digit" in gitexp.toml; did you mean digits?' in found
    assert "recipes/x.toml:11: data.f.url: cannot fetch from ftp://; known: s3, https, http, hf" in found
    assert "recipes/x.toml:12: data.g: expected a path, got 3" in found
    assert "recipes/x.toml:13: data.h: expected a path, got an empty one" in found
    assert "recipes/x.toml:14: data.i.pth: unknown key; did you mean path?" in found


# ---- goals of gitexp.toml


def test_goals_of_the_configuration_are_the_lowest_layer_and_are_recorded(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[metrics.goal]\nloss = "max"\n')
    recipe = resolved(tmp_path, config='\n[metrics]\ngoal = { "val.acc" = "max", loss = "min" }\n')
    assert recipe.metrics.goal == {"val.acc": "max", "loss": "max"}
    assert '[metrics.goal]\nloss = "max"\n"val.acc" = "max"\n' in recipe.text  # its own first: they judge
    assert recipe.where(("metrics", "goal", "val.acc")) == "gitexp.toml:3"
    assert recipe.where(("metrics", "goal", "loss")) == "recipes/x.toml:4"


# ---- overrides


def test_the_right_side_is_toml_and_else_a_string(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[a]\nf = 0.5\ni = 1\ns = "x"\nl = [1]\nb = true\n')
    recipe = resolved(
        tmp_path, "a.f=1e-3", "a.i=1_000", "a.s=hello world=2", "a.l=[2, 3]", "a.b=false", "+a.n.m={ x = 1 }"
    )
    assert recipe.values["a"] == {
        "f": 0.001,
        "i": 1000,
        "s": "hello world=2",
        "l": [2, 3],
        "b": False,
        "n": {"m": {"x": 1}},
    }


def test_a_line_break_in_a_value_cannot_bring_in_another_key(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[a]\ns = "x"\n')
    assert resolved(tmp_path, "a.s=1\nother = 2").values["a"] == {"s": "1\nother = 2"}


def test_the_last_of_two_overrides_wins_and_flags_win_over_the_recipe(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "seed = 1\n" + RUN + "[a]\nn = 1\n")
    recipe = resolved(tmp_path, "a.n=2", "a.n=3", seed=9, timeout="1m")
    assert (recipe.values["a"]["n"], recipe.seed, recipe.timeout_s) == (3, 9, 60)
    assert recipe.where(("a", "n")) == "-s"
    assert recipe.where(("seed",)) == "--seed"
    assert recipe.where(("run", "timeout")) == "--timeout"
    assert recipe.where(("run", "command")) == "recipes/x.toml:3"


def test_a_flag_and_an_override_of_the_same_key_that_differ_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "seed = 1\n" + RUN)
    assert problems(tmp_path, "seed=5", "run.timeout=5s", seed=4, timeout="1m") == (
        "--seed: seed: got 4, and -s seed got 5; leave one out",
        '--timeout: run.timeout: got "1m", and -s run.timeout got "5s"; leave one out',
    )
    assert resolved(tmp_path, "seed=4", seed=4).seed == 4


def test_own_keys_exist_before_they_are_set(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN)
    recipe = resolved(tmp_path, "seed=4", "run.timeout=90", "about.summary=hi", "resources.cpus=2")
    assert recipe.seed == 4
    assert recipe.timeout_s == 90
    assert recipe.values["resources"] == {"cpus": 2}


def test_keys_that_the_user_chooses_are_added_with_a_plus_and_quoted_where_they_have_dots(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN)
    recipe = resolved(tmp_path, '+metrics.goal."val.acc"=max', "+data.d=d.csv")
    assert recipe.metrics.goal == {"val.acc": "max"}
    assert recipe.data == {"d": DatasetRef("d", path="d.csv")}


def test_overrides_that_cannot_be_are_all_named(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[optimizer]\nlr = 0.1\non = true\n[metrics.goal]\n"val.acc" = "max"\n')
    found = problems(
        tmp_path,
        "optimizer.lrr=1",
        "lr=1",
        "optimizer.on=True",
        "metrics.goal.val.acc=min",
        "+run.tiemout=3",
        "optimizer",
        "=3",
        "a..b=1",
        "extends=x",
        "optimizer=3",
        "optimizer={ lr = 0.2, new = 1 }",
        "run.timeout=x\udcff",
    )
    assert found == (
        "-s: optimizer.lrr: no such key; did you mean optimizer.lr? (-s +optimizer.lrr=1 adds one)",
        "-s: lr: no such key; did you mean optimizer.lr? (-s +lr=1 adds one)",
        '-s: optimizer.on: expected a boolean, got "True"; TOML writes true (recipes/x.toml:5 has true)',
        '-s: metrics.goal.val.acc: no such key; did you mean metrics.goal."val.acc"?',
        "-s: run.tiemout: unknown key; did you mean timeout?",
        '-s: expected key.path=value, got "optimizer"',
        '-s: expected key.path=value, got "=3"',
        '-s: expected key.path=value, got "a..b=1"',
        "-s: extends: this is what a file is built on; it cannot be set here",
        "-s: optimizer: expected a table, got 3 (recipes/x.toml:3 has a table)",
        "-s: optimizer.new: no such key (-s '+optimizer={ lr = 0.2, new = 1 }' adds one)",
        '-s: expected UTF-8, got "run.timeout=x\\uDCFF"',
    )


def test_an_override_that_no_plus_could_add_is_not_offered_one(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN)
    assert problems(tmp_path, "run.timeot=5", "data.d=x.csv") == (
        "-s: run.timeot: no such key; did you mean run.timeout?",
        "-s: data.d: no such key (-s +data.d=x.csv adds one)",
    )


def test_an_override_of_a_string_is_the_text_as_it_was_typed(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[a]\nt = "3.9"\n')
    typed = (
        "3.10",
        "1e-4",
        "007.50",
        "1#2",
        "1 # two",
        "True",
        "None",
        "2024-01-01",
        "0x10",
        "[1,2]",
        "{a=1}",
        "",
        "=",
    )
    assert [resolved(tmp_path, f"a.t={text}").values["a"]["t"] for text in typed] == list(typed)
    assert resolved(tmp_path, 'a.t="3.10"').values["a"] == {"t": "3.10"}
    assert resolved(tmp_path, "a.t='\"'").values["a"] == {"t": '"'}
    assert resolved(tmp_path, 'a.t="x').values["a"] == {"t": '"x'}
    assert resolved(tmp_path, "about.version=1.10", "+data.d=2024").values["about"] == {"version": "1.10"}


def test_blanks_around_the_equals_sign_are_no_part_of_a_value(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + '[a]\nt = "x"\nn = 1\n')
    assert resolved(tmp_path, "a.t = y z", "a.n = 2").values["a"] == {"t": "y z", "n": 2}
    assert resolved(tmp_path, "a.t= y").values["a"] == {"t": " y", "n": 1}


def test_what_follows_a_hash_is_part_of_a_value_and_not_dropped(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN)
    assert resolved(tmp_path, "+tag=1#2").values["tag"] == "1#2"
    assert resolved(tmp_path, '+tags=["a#b"]').values["tags"] == ["a#b"]
    assert resolved(tmp_path, "+n=[1, # one\n2]").values["n"] == [1, 2]


def test_hydras_two_plusses_add_or_override(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + "[a]\nlr = 0.1\n")
    assert resolved(tmp_path, "++a.lr=0.5", "++a.new=1").values["a"] == {"lr": 0.5, "new": 1}
    assert problems(tmp_path, "+++a.lr=1", "~a.lr", "~a.lr=0.1", "a.lr:=1", "a.lr+=1") == (
        '-s: expected key.path=value, got "+++a.lr=1"',
        '-s: a key cannot be removed here, only set; got "~a.lr"',
        '-s: a key cannot be removed here, only set; got "~a.lr=0.1"',
        '-s: expected key.path=value, got "a.lr:=1"',
        '-s: expected key.path=value, got "a.lr+=1"',
    )


def test_what_only_looks_like_a_value_is_refused_with_what_was_typed(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN)
    assert problems(
        tmp_path, "+a=False", "+b=None", "+c=.5", "+d=[x,y]", "+e=007", "+f=1e400", "+g=1e-400", "+h=٣"
    ) == (
        """-s: a: got "False"; TOML writes false; if it is text: -s '+a="False"'""",
        """-s: b: got "None"; TOML has no null; if it is text: -s '+b="None"'""",
        """-s: c: got ".5"; TOML writes 0.5; if it is text: -s '+c=".5"'""",
        """-s: d: got "[x,y]"; text in an array or table stands in quotes; if it is text: -s '+d="[x,y]"'""",
        """-s: e: got "007"; TOML writes 7; if it is text: -s '+e="007"'""",
        """-s: f: got "1e400"; no double holds this number; if it is text: -s '+f="1e400"'""",
        """-s: g: got "1e-400"; no double holds this number; if it is text: -s '+g="1e-400"'""",
        """-s: h: got "٣"; TOML writes 3; if it is text: -s '+h="٣"'""",
    )
    assert resolved(tmp_path, '+a="False"', '+c=".5"', "+e=yes", "+f={a}-{b}").values["a"] == "False"


def test_a_value_of_another_type_is_refused_as_it_was_typed(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", RUN + "[a]\nf = 0.5\ni = 1\nb = true\n")
    assert problems(tmp_path, "a.i=1e3", "a.f=.5", "a.b=on", "seed=3.10", "a.f=9007199254740993", "a.i.x=1") == (
        "-s: a.i: expected an integer, got 1e3 (recipes/x.toml:5 has 1)",
        '-s: a.f: expected a float, got ".5"; TOML writes 0.5 (recipes/x.toml:4 has 0.5)',
        '-s: a.b: expected a boolean, got "on"; TOML writes true (recipes/x.toml:6 has true)',
        "-s: seed: expected an integer, got 3.10",
        "-s: a.f: expected a float, got 9007199254740993 (recipes/x.toml:4 has 0.5)",
        "-s: a.i.x: no such key",
    )


def test_a_command_that_is_wrong_is_not_called_missing_too(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", '[run]\ncommand = "python train.py"\n')
    assert problems(tmp_path) == (
        "recipes/x.toml:2: run.command: expected an array of strings such as"
        ' ["python", "train.py"], got "python train.py"',
    )


def test_a_missing_base_is_not_confused_with_one_that_shares_its_suffix_only(tmp_path: Path) -> None:
    write(tmp_path, "recipes/p.toml", RUN)
    write(tmp_path, "recipes/x.toml", 'extends = ["nope.toml"]\n' + RUN)
    assert problems(tmp_path) == ("recipes/x.toml:1: extends.0: there is no recipes/nope.toml",)


def test_overrides_are_not_blamed_for_keys_of_a_base_that_could_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, "recipes/base.toml", "[optimizer\nlr = 1\n")
    write(tmp_path, "recipes/x.toml", 'extends = "base.toml"\n' + RUN)
    (problem,) = problems(tmp_path, "optimizer.lr=2")
    assert problem.startswith("recipes/base.toml:1: ")


# ---- placeholders


def test_placeholders_are_kept_in_the_record_and_filled_in_the_argv(tmp_path: Path) -> None:
    write(
        tmp_path,
        "recipes/x.toml",
        'seed = 5\n[run]\ncommand = ["python", "t.py", "--lr={o.lr}", "{data.d}", "--seed", "{seed}", "{o.layers}"]\n'
        '[data]\nd = "d.csv"\n[o]\nlr = 0.1\nlayers = [1, 2]\n',
    )
    recipe = resolved(tmp_path)
    assert recipe.command[2] == "--lr={o.lr}"
    argv = program_argv(recipe, data_paths={"d": "data/d.csv"})
    assert argv == ("python", "t.py", "--lr=0.1", "data/d.csv", "--seed", "5", "1", "2")


def test_placeholders_that_cannot_be_filled_are_all_named_with_their_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        "recipes/x.toml",
        '[run]\ncommand = [\n  "python", "{o.lrr}", "{o}",\n  "{seed}", "{data.d}", "{"\n]\n[o]\nlr = 0.1\n',
    )
    assert problems(tmp_path) == (
        "recipes/x.toml:2: run.command: argument 1: {o.lrr} is no key of this recipe; did you mean o.lr?",
        "recipes/x.toml:2: run.command: argument 2: {o} is a table; name one of its keys",
        "recipes/x.toml:2: run.command: argument 3: {seed} has no value: type --seed 1, or write seed = 1 at the top of"
        " the recipe",
        "recipes/x.toml:2: run.command: argument 4: {data.d} is no dataset of this recipe",
        'recipes/x.toml:2: run.command: argument 5: a { that is never closed in "{"; a literal one is written {{',
    )


def test_a_program_that_a_placeholder_leaves_empty_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", '[run]\ncommand = ["{a.none}", "{a.text}"]\n[a]\nnone = []\ntext = ""\n')
    assert problems(tmp_path) == ("recipes/x.toml:2: run.command: the program: its placeholders leave nothing to run",)


# ---- the recorded text

EVERYTHING = (
    '[zeta]\nb = 1\n[zeta.deep]\nx = [[1, 2], [3.5]]\n"odd key" = "\\u009b ä \\t \\"q\\""\n[[steps]]\nn = 1\n'
    "[[steps]]\nn = 2\n"
    "long = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'\n"
    "[reproducibility]\nlevel = 'off'\n[alpha]\nwhen = 2024-05-01T10:00:00Z\nday = 2024-05-01\nat = 10:00:00.5\n"
    "empty = {}\nnone = []\nspecial = [inf, -inf, nan, 1e300, -0.0]\n[metrics]\n"
    "summary = { loss = 'best' }\ngoal = { loss = 'min' }\nfiles = []\n"
    "[space]\n'zeta.b' = { low = 1, high = 2 }\n[run]\ntimeout = 5\npython = 'py'\n"
    "command = ['a', '{zeta.b}', '{{literal}}']\n[data]\nplain = 'd'\nfile = 'd/e.csv'\nnamed = 'digits'\n"
    f"pinned = {{ digest = '{DIGEST}', path = 'p' }}\n[why]\n'zeta.b' = 'long\\n\\ntext'\n[about]\nowner = 'me'\n"
    'summary = """\nseveral\nlines "quoted" \\\\ and a backslash"""\n'
)


@pytest.mark.parametrize(
    "text",
    [
        RUN,
        "top = 1\nseed = 2\n" + RUN,
        "z = 'é'\n" + EVERYTHING,
        RUN + "[a]\n[b.c.d]\n[b]\nx = 1\n",
        "list = [{a = 1}, {b = [1, 2]}]\nmixed = [1, 'a', {c = 1}]\n" + RUN,
        RUN + '[about]\nsummary = "carriage\\r\\nreturn\\n"\n',
        RUN + '["" ]\n"" = 1\n["a.b"."c d"]\n"e\\nf" = 1\n',
        RUN.replace("\n", "\r\n"),
    ],
)
def test_a_recorded_recipe_is_a_recipe_that_resolves_to_the_same_bytes(tmp_path: Path, text: str) -> None:
    config = CATALOGUE + "[metrics]\ngoal = { first = 'max', loss = 'max' }\n"
    write(tmp_path, "recipes/x.toml", text)
    once = resolved(tmp_path, seed=3, timeout="1h", config=config)
    write(tmp_path, "elsewhere/deep/y.toml", once.text)
    twice = resolved(tmp_path, recipe="elsewhere/deep/y.toml", config=config)
    assert twice.text == once.text
    assert twice.data == once.data
    assert (twice.seed, twice.command, twice.timeout_s) == (once.seed, once.command, once.timeout_s)
    assert repr(sorted(flatten(twice.values).items())) == repr(sorted(flatten(once.values).items()))


def test_the_recorded_text_has_a_fixed_order(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "z = 'é'\nseed = 1\n" + EVERYTHING)
    tables = [line for line in resolved(tmp_path, config=CATALOGUE).text.splitlines() if line.startswith("[")]
    assert tables == [
        "[about]",
        "[why]",
        "[run]",
        "[data]",
        "[data.named]",
        "[data.pinned]",
        "[metrics]",
        "[metrics.goal]",
        "[metrics.summary]",
        '[space."zeta.b"]',
        "[reproducibility]",
        "[zeta]",
        "[zeta.deep]",
        "[[steps]]",
        "[[steps]]",
        "[alpha]",
        "[alpha.empty]",
    ]
    assert resolved(tmp_path, config=CATALOGUE).text.startswith('seed = 1\nz = "é"\n')


# ---- gitexp run -- CMD


def test_a_command_is_recorded_as_a_recipe_that_means_it(tmp_path: Path) -> None:
    recipe = wrapped(tmp_path, "awk", "{print $1}", "{}", "a b")
    assert recipe.path is None
    assert recipe.text == ('[run]\ncommand = [\n    "awk",\n    "{{print $1}}",\n    "{{}}",\n    "a b",\n]\n')
    assert program_argv(recipe, data_paths={}) == ("awk", "{print $1}", "{}", "a b")
    write(tmp_path, "recipes/x.toml", recipe.text)
    again = resolved(tmp_path)
    assert again.text == recipe.text
    assert program_argv(again, data_paths={}) == ("awk", "{print $1}", "{}", "a b")


def test_an_argument_that_is_not_utf_8_runs_as_it_is_and_is_recorded_escaped(tmp_path: Path) -> None:
    argument = os.fsdecode(b"caf\xe9")
    recipe = wrapped(tmp_path, "cat", argument)
    assert program_argv(recipe, data_paths={}) == ("cat", argument)
    assert '"caf\\\\xe9"' in recipe.text


def test_a_command_takes_overrides_data_and_metrics(tmp_path: Path) -> None:
    recipe = wrapped(tmp_path, "sh", "t.sh", overrides=["+note=hi", "+data.d=d.csv", "+metrics.output.loss='l=(.+)'"])
    assert recipe.values["note"] == "hi"
    assert recipe.data == {"d": DatasetRef("d", path="d.csv")}
    assert recipe.metrics.output == {"loss": "l=(.+)"}


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["python", "train.py", "other.py"], "train"),
        (["python3.11", "-u", "src/fit.model.py", "--x"], "fit.model"),
        ([".venv/bin/python", "train.py"], "train"),
        (["python", "-m", "pkg.train", "train.py"], "pkg.train"),
        (["torchrun", "--nproc-per-node", "2", "train.py"], "train"),
        (["uv", "run", "train.py"], "train"),
        (["env", "A=1", "python", "train.py"], "train"),
        (["python", "-c", "print(1)", "train.py"], "python"),
        (["python3.11", "missing.py"], "python3.11"),
        (["sh", "-c", "echo hi"], "sh"),
        (["./run.sh", "train.py"], "run"),
        (["wc", "-l", "train.py"], "wc"),
        (["true"], "true"),
        (["env", "A=" + "x" * 5000, "true"], "env"),
        (["/opt/my tool/ünit"], "nit"),
        (["..."], "command"),
    ],
)
def test_a_command_is_named_after_its_script(tmp_path: Path, argv: list[str], name: str) -> None:
    for file in ("train.py", "other.py", "src/fit.model.py", "run.sh"):
        write(tmp_path, file, "")
    assert command_name(argv, cwd=tmp_path) == name


def test_every_error_here_is_one_that_the_command_line_prints() -> None:
    assert issubclass(RecipeErrors, GitexpError)
    assert RecipeErrors(["a", "b"]).what == "2 errors in the recipe; nothing ran"


def test_a_number_of_thousands_of_digits_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    write(tmp_path, "recipes/x.toml", "a = " + "9" * 5000)
    assert problems(tmp_path) == ("recipes/x.toml: a number has too many digits",)
