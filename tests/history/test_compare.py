"""What differs between two runs, and whether the comparison is a fair one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from harness import Lab
from records import ENVIRONMENT, RECIPE, run_toml, write_run

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.codechange import CommitBetween, FileChange
from gitexp.history.compare import (
    Comparison,
    DigestChange,
    compare,
    metric_changes,
    same_number,
)
from gitexp.history.inputs import KeyChange
from gitexp.history.parameterchange import ParameterChange
from gitexp.history.read import read_run
from gitexp.record.arguments import ArgumentChange

A, B = "kkkkllllmmmmnnnn", "zzzzoooowwwwxxxx"
ONE, TWO = "1" * 32, "2" * 32

Compare = Callable[[str, str], Comparison]


@pytest.fixture
def compared(repo: Repo, reader: ObjectReader) -> Compare:
    return lambda a, b: compare(repo, reader, read_run(reader, a), b=read_run(reader, b), goals={})


def data_toml(digest: str) -> str:
    return f'[digits]\npath = "digits"\ndigest = "xxh128:{digest}"\nfiles = 2\nsize_bytes = 10\n'


def test_the_same_inputs_and_metrics_differ_in_nothing(fresh: Lab, compared: Compare) -> None:
    found = compared(write_run(fresh, A), write_run(fresh, B))
    assert (found.identical_inputs, found.unexplained, found.differs) == (True, False, False)
    assert (found.code.identical, found.recipe, found.environment, found.unfair) == (True, (), {}, ())


def test_the_same_inputs_with_different_metrics_are_unexplained(fresh: Lab, compared: Compare) -> None:
    found = compared(write_run(fresh, A, metrics={"val.acc": 0.9}), write_run(fresh, B, metrics={"val.acc": 0.8}))
    assert (found.identical_inputs, found.unexplained, found.differs) == (True, True, True)


def test_clocks_are_no_different_metrics(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, metrics={"val.acc": 0.9, "train_runtime": 12.5})
    b = write_run(fresh, B, metrics={"val.acc": 0.9, "train_runtime": 13.5, "it/s": 4.0})
    found = compared(a, b)
    assert (found.identical_inputs, found.same_metrics, found.unexplained, found.differs) == (True, True, False, False)
    assert [(m.name, m.clock, m.delta) for m in found.metrics] == [
        ("val.acc", False, 0.0),
        ("train_runtime", True, None),
        ("it/s", True, None),
    ]


def test_a_clock_with_a_goal_is_a_metric() -> None:
    [change] = metric_changes({"latency_ms": 3.0}, {"latency_ms": 2.0}, goals={"latency_ms": "min"})
    assert (change.clock, change.toward_goal) == (False, True)


@pytest.mark.parametrize(
    "circumstance",
    [
        {"status": "failed"},
        {"defects": ["data changed during the run"]},
        {"code_keys": {"edited": ["train.py"], "edited_count": 1}},
        {"files": {"environment.toml": None}},
    ],
    ids=["failed", "defects", "edited", "no environment"],
)
def test_what_explains_different_metrics_is_not_called_unexplained(
    fresh: Lab, compared: Compare, circumstance: dict[str, Any]
) -> None:
    found = compared(
        write_run(fresh, A, metrics={"val.acc": 0.9}), write_run(fresh, B, metrics={"val.acc": 0.8}, **circumstance)
    )
    assert found.identical_inputs
    assert not found.unexplained


def test_changed_keys_come_with_their_reasons(fresh: Lab, compared: Compare) -> None:
    b = RECIPE.replace("lr = 0.01", "lr = 0.02\nmomentum = 0.9")
    found = compared(write_run(fresh, A), write_run(fresh, B, files={"recipe.toml": b}))
    assert found.recipe == (
        KeyChange("optimizer.lr", 0.01, 0.02, "Settles within ten epochs."),
        KeyChange("optimizer.momentum", None, 0.9, None),
    )
    assert not found.identical_inputs


def test_reasons_alone_do_not_change_a_recipe(fresh: Lab, compared: Compare) -> None:
    b = RECIPE.replace("Settles within ten epochs.", "Another reason.")
    found = compared(write_run(fresh, A), write_run(fresh, B, files={"recipe.toml": b}))
    assert found.recipe == ()
    assert found.identical_inputs


def command(*argv: str) -> dict[str, str]:
    return {"recipe.toml": f"[run]\ncommand = {json.dumps(argv)}\n"}


def test_the_same_options_in_another_order_are_the_same_inputs(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files=command("python", "train.py", "--lr", "0.1", "--seed", "1"))
    b = write_run(fresh, B, files=command("python", "train.py", "--seed=1", "--lr", "0.1"))
    found = compared(a, b)
    assert (found.recipe, found.arguments, found.identical_inputs) == ((), (), True)


def test_options_that_differ_are_named_one_by_one(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files=command("python", "train.py", "--lr", "0.1", "--seed", "1"))
    b = write_run(fresh, B, files=command("python", "train.py", "--seed", "2", "--lr", "0.3"))
    found = compared(a, b)
    assert found.arguments == (ArgumentChange("--seed", "1", "2"), ArgumentChange("--lr", "0.1", "0.3"))
    assert not found.identical_inputs


def test_a_command_that_is_no_array_of_strings_is_another_value(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files={"recipe.toml": '[run]\ncommand = ["t", 1]\n'})
    b = write_run(fresh, B, files={"recipe.toml": '[run]\ncommand = ["t", 2]\n'})
    found = compared(a, b)
    assert (found.recipe, found.arguments) == ((KeyChange("run.command", ["t", 1], ["t", 2], None),), ())


def test_a_command_of_thousands_of_words_is_compared_as_a_whole(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files=command("t", *(f"--o{n}=1" for n in range(20_000))))
    b = write_run(fresh, B, files=command("t", *(f"--o{n}=2" for n in range(20_000))))
    found = compared(a, b)
    assert ([change.key for change in found.recipe], found.arguments) == (["run.command"], ())


def test_changed_files_of_the_code_are_counted_in_lines(fresh: Lab, compared: Compare) -> None:
    fresh.write("train.py", "one\ntwo\nthree\nfour\n")
    fresh.write("logo.png", "\0one")
    fresh.commit()
    a = write_run(fresh, A)
    fresh.git("mv", "train.py", "tr\tain.py")
    fresh.write("logo.png", "\0two")
    fresh.write("new.py", "x\n")
    fresh.commit()
    found = compared(a, write_run(fresh, B))
    assert set(found.code.files) == {
        FileChange("logo.png", None, None),
        FileChange("new.py", 1, 0),
        FileChange("tr\tain.py", 0, 0, old="train.py"),
    }
    assert found.code.identical is False


def in_code(lab: Lab, run_id: str, **files: str) -> str:
    """A run of code with these files."""
    for name, text in files.items():
        lab.write(name, text)
    lab.commit()
    return write_run(lab, run_id)


def test_parameter_files_differ_key_by_key(fresh: Lab, compared: Compare) -> None:
    old = {"params.yaml": "train:\n  n_est: 50\n  lr: 1e-3\nseed: 1\nnone: null\n", "conf/model/net.toml": "d = 64\n"}
    new = {"params.yaml": "seed: 1\ntrain: {n_est: 100, lr: 1e-3}\n", "conf/model/net.toml": "d = 64 # wide\n"}
    found = compared(in_code(fresh, A, **old), in_code(fresh, B, **new))
    assert found.parameters == (
        ParameterChange("conf/model/net.toml", ()),
        ParameterChange(
            "params.yaml", (KeyChange("train.n_est", 50, 100, None), KeyChange("none", "null", None, None))
        ),
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config.yaml", "a: 1\n", "a: [\n"),
        ("config.yaml", "a: 1\n", "a: 2\n" + "# long\n" * 20_000),
        ("config.json", '{"a": 1}', "[1, 2]"),
        ("config.yaml", "a: 1\n", "a: &a [x, *a]\n"),
    ],
)
def test_a_parameter_file_that_cannot_be_read_has_just_changed(
    fresh: Lab, compared: Compare, name: str, old: str, new: str
) -> None:
    found = compared(in_code(fresh, A, **{name: old}), in_code(fresh, B, **{name: new}))
    assert found.parameters == (ParameterChange(name, None),)
    assert [file.path for file in found.code.files] == [name]


def test_other_files_and_those_of_one_side_are_not_read_for_parameters(fresh: Lab, compared: Compare) -> None:
    a = in_code(fresh, A, **{"data.json": '{"a": 1}', "train.py": "config = 1\n", ".config.yaml": "a: 1\n"})
    new = {"data.json": '{"a": 2}', "train.py": "config = 2\n", ".config.yaml": "a: 2\n", "params.yaml": "a: 1\n"}
    assert compared(a, in_code(fresh, B, **new)).parameters == ()


def test_a_parameter_file_that_was_moved_is_compared_with_what_it_was(fresh: Lab, compared: Compare) -> None:
    same = "".join(f"key{n}: {n}\n" for n in range(20))
    a = in_code(fresh, A, **{"params.yaml": same + "lr: 1\n"})
    fresh.git("mv", "params.yaml", "config.yaml")
    found = compared(a, in_code(fresh, B, **{"config.yaml": same + "lr: 2\n"}))
    assert found.parameters == (ParameterChange("config.yaml", (KeyChange("lr", 1, 2, None),)),)


def test_the_commits_in_between_are_named_where_they_are_known(fresh: Lab, compared: Compare) -> None:
    old = fresh.git("rev-parse", "HEAD").strip()
    new = fresh.commit("a better loss")
    a = write_run(fresh, A, code_keys={"commit": f"sha1:{old}"})
    b = write_run(fresh, B, code_keys={"commit": f"sha1:{new}"})
    assert compared(a, b).code.commits == (CommitBetween("b", new, "a better loss"),)
    assert compared(b, a).code.commits == (CommitBetween("a", new, "a better loss"),)


@pytest.mark.parametrize("hint", ["sha1:" + "0" * 40, "sha1:--output=/tmp/x", "sha1:main"])
def test_a_commit_that_is_unknown_or_no_id_is_never_guessed(fresh: Lab, compared: Compare, hint: str) -> None:
    head = fresh.git("rev-parse", "HEAD").strip()
    a = write_run(fresh, A, code_keys={"commit": f"sha1:{head}"})
    b = write_run(fresh, B, code_keys={"commit": hint})
    assert not compared(a, b).code.commits


def test_changed_data_names_the_files(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files={"data.toml": data_toml(ONE), "data/digits.xxh128": f"{ONE}  a.csv\n{ONE}  b.csv\n"})
    b = write_run(fresh, B, files={"data.toml": data_toml(TWO), "data/digits.xxh128": f"{TWO}  b.csv\n{TWO}  c.csv\n"})
    [change] = compared(a, b).data
    assert (change.state, change.added, change.removed, change.changed) == (
        "changed",
        ("c.csv",),
        ("a.csv",),
        ("b.csv",),
    )
    assert compared(a, b).unfair == ("different data: digits",)


def test_a_manifest_in_parts_is_read_as_one(fresh: Lab, compared: Compare) -> None:
    whole = {"data.toml": data_toml(ONE), "data/digits.xxh128": f"{ONE}  a.csv\n{ONE}  b.csv\n"}
    parts = {
        "data.toml": data_toml(TWO),
        "data/digits.xxh128/000000": f"{ONE}  a.csv\n",
        "data/digits.xxh128/000001": f"{TWO}  b.csv\n",
    }
    [change] = compared(write_run(fresh, A, files=whole), write_run(fresh, B, files=parts)).data
    assert (change.added, change.removed, change.changed) == ((), (), ("b.csv",))


def in_parts(digest: str, *parts: str) -> dict[str, str | bytes | None]:
    return {
        "data.toml": data_toml(digest),
        **{f"data/digits.xxh128/{number:06}": part for number, part in enumerate(parts)},
    }


def forget(lab: Lab, name: str) -> None:
    """Remove one object, as from a clone that never had it."""
    oid = lab.git("rev-parse", name).strip()
    (lab.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()


def test_parts_of_a_manifest_that_both_runs_have_are_not_read(fresh: Lab, compared: Compare) -> None:
    same = f"{ONE}  a.csv\n"
    a = write_run(fresh, A, files=in_parts(ONE, same, f"{ONE}  b.csv\n", f"{ONE}  d.csv\n"))
    b = write_run(fresh, B, files=in_parts(TWO, same, f"{TWO}  b.csv\n{ONE}  c.csv\n{ONE}  d.csv\n"))
    forget(fresh, f"{a}:data/digits.xxh128/000000")
    [change] = compared(a, b).data
    assert (change.added, change.removed, change.changed) == (("c.csv",), (), ("b.csv",))


def test_a_part_that_is_not_there_is_a_problem_and_not_a_removed_file(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    a = write_run(fresh, A, files=in_parts(ONE, f"{ONE}  a.csv\n", f"{ONE}  b.csv\n"))
    b = write_run(fresh, B, files=in_parts(TWO, f"{ONE}  a.csv\n", f"{TWO}  b.csv\n"))
    missing = fresh.git("rev-parse", f"{b}:data/digits.xxh128/000001").strip()
    forget(fresh, f"{b}:data/digits.xxh128/000001")
    old, new = read_run(reader, a), read_run(reader, b)
    [change] = compare(repo, reader, old, b=new, goals={}).data
    assert (change.added, change.removed, change.changed) == (None, None, None)
    assert new.problems == [
        f"data/digits.xxh128: the part {missing} is too large to be read, or missing from this clone"
    ]


def test_rows_of_each_kind_and_split_are_compared(fresh: Lab, compared: Compare) -> None:
    counts = "[digits.counts]\nrows = {}\n'label=3' = {}\n'label=4' = 1\n"
    split = f"[digits.split.train]\nrows = {{}}\ndigest = 'xxh128:{ONE}'\n"
    a = write_run(fresh, A, files={"data.toml": data_toml(ONE) + counts.format(10, 4) + split.format(8)})
    b = write_run(fresh, B, files={"data.toml": data_toml(TWO) + counts.format(12, 6) + split.format(9)})
    [change] = compared(a, b).data
    assert change.counts == (("rows", 10, 12), ("label=3", 4, 6), ("split.train", 8, 9))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", "other rows were trained on: digits.train"),
        ("val", "held-out rows differ: not comparable (digits.val)"),
    ],
)
def test_another_split_of_the_same_files_is_another_input_and_no_other_data(
    fresh: Lab, compared: Compare, name: str, words: str
) -> None:
    split = f"[digits.split.{name}]\nrows = 8\ndigest = 'xxh128:%s'\n"
    a = write_run(fresh, A, files={"data.toml": data_toml(ONE) + split % ONE})
    b = write_run(fresh, B, files={"data.toml": data_toml(ONE) + split % TWO})
    found = compared(a, b)
    assert (found.data[0].state, found.identical_inputs) == ("other splits", False)
    assert found.unfair == (words,)


def splits_toml(run_id: str, *held_out: str, kind: str = "run") -> str:
    text = run_toml(run_id, finished="2026-11-20T10:00:00Z", recipe="digits", status="completed", kind=kind)
    return text + "\n".join(["[splits.train]", "rows = 10", 'by = "index"', f'digest = "sha256:{ONE * 2}"',
                             "[splits.val]", *held_out, ""])  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (("rows = 3", 'by = "index"', f'digest = "sha256:{ONE * 2}"'),
         ("rows = 3", 'by = "index"', f'digest = "sha256:{TWO * 2}"'), "held-out rows differ: not comparable (val)"),
        (("rows = 3",), ("rows = 2",), "held-out rows differ: not comparable (val)"),
        (("rows = 3",), ("rows = 3",), "whether the held-out rows are the same is not recorded: val"),
        (("rows = 3", 'by = "index"', f'digest = "sha256:{ONE * 2}"'),
         ("rows = 3", 'by = "content"', f'digest = "sha256:{TWO * 2}"'),
         "whether the held-out rows are the same is not recorded: val"),
    ],
)  # fmt: skip
def test_metrics_of_other_held_out_rows_are_not_comparable(
    fresh: Lab, compared: Compare, old: tuple[str, ...], new: tuple[str, ...], words: str
) -> None:
    a = write_run(fresh, A, metrics={"val.acc": 0.5}, files={"run.toml": splits_toml(A, *old)})
    b = write_run(fresh, B, metrics={"val.acc": 0.75}, files={"run.toml": splits_toml(B, *new)})
    found = compared(a, b)
    assert found.unfair == (words,)
    assert found.metrics[0].toward_goal is (None if "not comparable" in words else True)
    assert found.identical_inputs is ("not comparable" not in words)


def test_packages_that_nobody_could_ask_about_are_not_the_same(fresh: Lab, compared: Compare) -> None:
    shell = 'probed = "unknown"\n\n[cpu]\nmodel = "Example CPU"\ncores = 2\n'
    runs = [write_run(fresh, name, metrics={"val.acc": value}, files={"environment.toml": shell})
            for name, value in ((A, 0.5), (B, 0.75))]  # fmt: skip
    found = compared(*runs)
    assert (found.environment, found.identical_inputs, found.unexplained) == (None, True, False)
    other = write_run(fresh, B, files={"environment.toml": shell.replace("cores = 2", "cores = 4")})
    environment = compared(runs[0], other).environment
    assert environment == {"hardware": {"cpu cores": (2, 4)}, "packages": {"(all)": ("unknown", "unknown")}}


def test_packages_of_which_it_is_doubtful_that_they_computed_are_not_the_same(fresh: Lab, compared: Compare) -> None:
    doubtful = 'probed = "/a/bin/python"\ndoubt = "unseen"\n\n[packages]\nnumpy = "2.0.0"\n'
    runs = [write_run(fresh, name, metrics={"val.acc": value}, files={"environment.toml": doubtful})
            for name, value in ((A, 0.5), (B, 0.75))]  # fmt: skip
    found = compared(*runs)
    assert (found.environment, found.identical_inputs, found.unexplained) == (None, True, False)


def test_data_without_a_recorded_manifest_is_changed_and_its_files_unknown(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files={"data.toml": data_toml(ONE)})
    b = write_run(fresh, B, files={"data.toml": data_toml(TWO)})
    [change] = compared(a, b).data
    assert (change.state, change.added) == ("changed", None)


def hidden_toml(digits: str, key: str) -> str:
    return f'[digits]\npath = "digits"\ndigest = "hmac-sha256:{digits * 2}"\naccess = "restricted"\nkey = "{key}"\n'


def test_data_recorded_under_two_keys_is_neither_the_same_nor_different(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files={"data.toml": hidden_toml(ONE, "11111111")})
    b = write_run(fresh, B, files={"data.toml": hidden_toml(TWO, "22222222")})
    found = compared(a, b)
    assert (found.data[0].state, found.identical_inputs) == ("not comparable", False)
    assert found.unfair == ("data that cannot be compared, as its digests are under different keys or none: digits",)


def test_data_recorded_under_a_key_and_under_none_is_neither_the_same_nor_different(
    fresh: Lab, compared: Compare
) -> None:
    a = write_run(fresh, A, files={"data.toml": hidden_toml(ONE, "11111111")})
    b = write_run(fresh, B, files={"data.toml": data_toml(ONE)})
    assert [change.state for change in compared(a, b).data] == ["not comparable"]


def test_data_recorded_under_one_key_is_told_apart(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, files={"data.toml": hidden_toml(ONE, "11111111")})
    b = write_run(fresh, B, files={"data.toml": hidden_toml(TWO, "11111111")})
    assert compared(a, b).unfair == ("different data: digits",)


def test_what_makes_a_comparison_unfair_is_said(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, recipe="digits")
    b = write_run(fresh, B, recipe="other", seed=2, status="failed", clean=False, defects=["metrics.json: no"])
    assert compared(a, b).unfair == (
        "different recipes: digits and other",
        "different seeds: 1 and 2",
        "B did not complete (failed): its metrics are of where it stopped",
        "B ran code that was not committed; its record holds a snapshot of it",
        "B has a defect: metrics.json: no",
    )


def test_a_sampled_history_is_called_a_sample(fresh: Lab, compared: Compare) -> None:
    sampled = (
        'format = 1\nid = "zzzzoooowwwwxxxx"\nstatus = "completed"\nrecipe = "digits"\nargv = []\ncwd = "."\nseed = 1\n'
    )
    sampled += "started = 2026-11-20T10:00:00Z\nfinished = 2026-11-20T10:00:00Z\n[code]\nclean = true\n"
    sampled += '[history]\nrows = 20000\nkept = 1000\ndigest = "xxh128:00"\n'
    found = compared(write_run(fresh, A), write_run(fresh, B, files={"run.toml": sampled}))
    assert found.unfair == ("B's history is a sample: 1000 of 20000 rows",)


def test_a_different_environment_is_no_difference_of_inputs(fresh: Lab, compared: Compare) -> None:
    other = ENVIRONMENT.replace('numpy = "2.1.0"', 'numpy = "2.2.0"')
    found = compared(write_run(fresh, A), write_run(fresh, B, files={"environment.toml": other}))
    assert found.identical_inputs
    assert found.environment == {"packages": {"numpy": ("2.1.0", "2.2.0")}}


def test_different_metrics_in_a_different_environment_are_not_unexplained(fresh: Lab, compared: Compare) -> None:
    other = ENVIRONMENT.replace('numpy = "2.1.0"', 'numpy = "2.2.0"')
    b = write_run(fresh, B, metrics={"val.acc": 0.1}, files={"environment.toml": other})
    assert not compared(write_run(fresh, A), b).unexplained


def test_other_hardware_is_said(fresh: Lab, compared: Compare) -> None:
    other = ENVIRONMENT.replace("Example CPU", "Faster CPU")
    found = compared(write_run(fresh, A), write_run(fresh, B, files={"environment.toml": other}))
    assert found.unfair == ("different hardware: Example CPU · 2 cores and Faster CPU · 2 cores",)


TRAINING = '[training]\ndevice = "cpu"\ncpu_capability = "AVX2"\nthreads = 2\nrows_per_s = 100.5\nsteps = 9\n'


def test_what_a_training_measured_is_no_difference(fresh: Lab, compared: Compare) -> None:
    other = TRAINING.replace("100.5", "90.25").replace("steps = 9", "steps = 8")
    a = write_run(fresh, A, files={"environment.toml": ENVIRONMENT + TRAINING})
    found = compared(a, write_run(fresh, B, files={"environment.toml": ENVIRONMENT + other}))
    assert (found.environment, found.unfair) == ({}, ())


def test_trainings_on_other_devices_are_compared_with_a_warning(fresh: Lab, compared: Compare) -> None:
    other = TRAINING.replace('"cpu"', '"cuda"').replace("AVX2", "AVX512").replace("threads = 2", "threads = 1")
    a = write_run(fresh, A, files={"environment.toml": ENVIRONMENT + TRAINING})
    found = compared(a, write_run(fresh, B, files={"environment.toml": ENVIRONMENT + other}))
    assert found.unfair == (
        "different devices: cpu and cuda; the same arithmetic may give other results",
        "different CPU capabilities: AVX2 and AVX512; the same arithmetic may give other results",
        "different numbers of threads: 2 and 1; the same arithmetic may give other results",
    )
    assert found.environment == {
        "training": {"cpu_capability": ("AVX2", "AVX512"), "device": ("cpu", "cuda"), "threads": (2, 1)}
    }


def with_digests(lab: Lab, run_id: str, digests: str, **keys: Any) -> str:
    text = run_toml(run_id, finished="2026-11-20T10:00:00Z", recipe="digits", status="completed", **keys)
    return write_run(lab, run_id, files={"run.toml": f"{text}[digests]\n{digests}"})


def test_the_same_metrics_of_other_weights_are_unexplained(fresh: Lab, compared: Compare) -> None:
    a = with_digests(fresh, A, 'weights = "sha256:11111111"\n"preprocess.scale" = "sha256:33333333"\n')
    b = with_digests(fresh, B, 'weights = "sha256:22222222"\n"preprocess.scale" = "sha256:33333333"\n')
    found = compared(a, b)
    assert found.digests == (
        DigestChange("weights", "sha256:11111111", "sha256:22222222"),
        DigestChange("preprocess.scale", "sha256:33333333", "sha256:33333333"),
    )
    assert (found.same_metrics, found.same_digests, found.unexplained, found.differs) == (True, False, True, True)


def test_the_same_weights_are_said_to_be_the_same(fresh: Lab, compared: Compare) -> None:
    both = 'weights = "sha256:11111111"\n'
    found = compared(with_digests(fresh, A, both), with_digests(fresh, B, both))
    assert (found.same_digests, found.differs) == (True, False)
    assert compared(write_run(fresh, A), with_digests(fresh, B, both)).same_digests is None


def test_a_smoke_run_had_other_inputs(fresh: Lab, compared: Compare) -> None:
    found = compared(write_run(fresh, A), write_run(fresh, B, kind="smoke"))
    assert (found.identical_inputs, found.unfair) == (False, ("B is a smoke run",))


def test_damaged_parts_are_named_and_the_rest_is_compared(fresh: Lab, compared: Compare) -> None:
    a = write_run(fresh, A, metrics={"val.acc": 0.5})
    b = write_run(fresh, B, metrics={"val.acc": 0.75}, files={"recipe.toml": "= nothing"})
    found = compared(a, b)
    assert not found.identical_inputs
    assert found.metrics[0].delta == 0.25


def test_which_way_a_metric_moved_goes_by_its_goal() -> None:
    changes = metric_changes(
        {"loss": 0.3, "acc": 0.5, "lr": 1.0}, {"lr": 2.0, "acc": 0.75, "loss": 0.1}, goals={"acc": "max", "loss": "min"}
    )
    assert [(c.name, c.delta, c.toward_goal) for c in changes] == [
        ("acc", 0.25, True),
        ("loss", -0.2, True),
        ("lr", 1.0, None),
    ]


def test_a_metric_of_one_side_has_no_difference() -> None:
    [change] = metric_changes({"acc": 0.5}, {}, goals={"acc": "max"})
    assert (change.a, change.b, change.delta, change.percent, change.toward_goal) == (0.5, None, None, None, None)


def test_a_metric_that_is_not_finite_has_no_difference() -> None:
    nan, inf = float("nan"), float("inf")
    changes = metric_changes({"a": nan, "b": inf}, {"a": 1.0, "b": inf}, goals={})
    assert [change.delta for change in changes] == [None, None]
    assert same_number(nan, nan)
    assert not same_number(nan, 1.0)


def test_nothing_is_a_percentage_of_zero() -> None:
    [change] = metric_changes({"errors": 0}, {"errors": 3}, goals={"errors": "min"})
    assert (change.delta, change.percent, change.toward_goal) == (3, None, False)


def test_a_slice_goes_by_the_goal_of_its_metric_unless_it_has_its_own() -> None:
    a = {"acc[digit=3]": 0.5, "acc[digit=8]": 0.5, "loss[digit=3]": 0.5}
    b = {"acc[digit=3]": 0.25, "acc[digit=8]": 0.25, "loss[digit=3]": 0.25}
    found = metric_changes(a, b, goals={"acc": "max", "acc[digit=8]": "min"})
    assert {m.name: m.toward_goal for m in found} == {
        "acc[digit=8]": True,
        "acc[digit=3]": False,
        "loss[digit=3]": None,
    }
