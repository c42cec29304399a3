"""What a program writes into the working tree: kept, no change of the tree's, and out of the way where asked."""

from __future__ import annotations

import tomllib

import pytest
from harness import Lab, Result

MANIFEST = "experiments:artifacts.xxh128"


def run_toml(lab: Lab) -> dict[str, object]:
    return tomllib.loads(lab.show("experiments:run.toml"))


def kept(lab: Lab) -> list[str]:
    return [line.split("  ", 1)[1] for line in lab.show(MANIFEST).splitlines()]


def trains(lab: Lab, script: str, recipe: str = "") -> None:
    lab.write("train.sh", script)
    lab.write("recipes/tiny.toml", f'[run]\ncommand = ["sh", "train.sh"]\n{recipe}')
    lab.commit("a program")


def runs(lab: Lab, *words: str) -> Result:
    result = lab.gitexp("run", *words)
    assert result.exit_code == 0, result.stderr
    return result


def test_what_save_names_is_kept_and_a_second_run_is_not_refused(lab: Lab) -> None:
    trains(lab, "mkdir -p out/deep; echo w >out/deep/w.pt; echo x >model.ckpt\n")
    runs(lab, "--save", "out/", "--save", "*.ckpt", "--", "sh", "train.sh")
    assert kept(lab) == ["model.ckpt", "out/deep/w.pt"]
    runs(lab, "--save", "out/", "--save", "*.ckpt", "--", "sh", "train.sh")
    assert kept(lab) == ["model.ckpt", "out/deep/w.pt"]
    assert run_toml(lab)["code"]["clean"] is True  # type: ignore[index]
    assert "edited" not in run_toml(lab)["code"]  # type: ignore[operator]


def test_outputs_of_a_recipe_come_back_by_get(lab: Lab) -> None:
    trains(lab, "mkdir -p out; echo weights >out/w.pt\n", 'outputs = ["out/"]\n')
    runs(lab, "tiny")
    (lab.path / "out/w.pt").unlink()
    result = lab.gitexp("get", "latest", "--to", "back")
    assert result.exit_code == 0, result.stderr
    assert [path.read_text() for path in (lab.path / "back").rglob("w.pt")] == ["weights\n"]


def test_what_the_run_did_not_write_is_not_its_output(lab: Lab) -> None:
    trains(lab, "echo new >out/b.pt\n", 'outputs = ["out/"]\n')
    lab.write("out/a.pt", "old\n")
    runs(lab, "tiny")
    assert kept(lab) == ["out/b.pt"]
    trains(lab, "true\n", 'outputs = ["out/"]\n')
    assert lab.gitexp("run", "tiny").exit_code == 1
    said = "out/: this run wrote no such output, though there are some from before ([run] outputs)"
    assert run_toml(lab)["defects"] == [said]


def test_an_output_that_was_not_written_is_a_defect(lab: Lab) -> None:
    trains(lab, "true\n")
    result = lab.gitexp("run", "--save", "out/", "--", "sh", "train.sh")
    assert result.exit_code == 1
    assert run_toml(lab)["defects"] == ["out/: this run wrote no such output ([run] outputs)"]


def test_old_outputs_are_cleared_where_the_recipe_says_so_but_never_what_git_tracks(lab: Lab) -> None:
    lab.write("out/tracked.txt", "kept\n")
    trains(lab, "ls out >seen; mkdir -p out; echo w >out/w.pt\n", 'outputs = ["out/", "seen"]\nold_outputs = "clear"\n')
    lab.write("out/old/x.pt", "old\n")
    runs(lab, "tiny")
    assert (lab.path / "seen").read_text() == "tracked.txt\n"
    assert run_toml(lab)["notes"][0] == "old outputs: 1 file cleared before the run"  # type: ignore[index]


def test_old_outputs_are_moved_aside_where_the_recipe_says_so(lab: Lab) -> None:
    trains(lab, "mkdir out; echo w >out/w.pt\n", 'outputs = ["out/"]\nold_outputs = "version"\n')
    runs(lab, "tiny")
    runs(lab, "tiny")
    moved = list((lab.path / ".git/gitexp/old-outputs").rglob("w.pt"))
    assert len(moved) == 1
    assert str(moved[0].parents[1]) in run_toml(lab)["notes"][0]  # type: ignore[index]


def test_edited_code_is_not_excused_by_a_pattern(lab: Lab) -> None:
    trains(lab, "echo 1 >a.txt\n")
    lab.write("train.sh", "echo 2 >a.txt\n")
    result = lab.gitexp("run", "--save", "*.sh", "--", "sh", "train.sh")
    assert result.exit_code == 3
    assert "train.sh" in result.stderr


def test_a_tracked_output_that_is_named_makes_no_tree_dirty(lab: Lab) -> None:
    lab.write("metrics.json", "{}\n")
    trains(lab, """echo '{"acc": 0.5}' >metrics.json\n""")
    for _ in range(2):
        runs(lab, "--save", "metrics.json", "--metrics", "metrics.json", "--", "sh", "train.sh")
    assert tomllib.loads(lab.show("experiments:metrics.toml")) == {"acc": 0.5}
    assert lab.show("experiments:code/metrics.json") == "{}\n"


def test_links_are_not_followed(lab: Lab) -> None:
    trains(lab, "mkdir -p out; ln -s /etc out/etc; ln -s /etc/hostname out/h; echo w >out/w\n")
    runs(lab, "--save", "out/", "--", "sh", "train.sh")
    assert kept(lab) == ["out/w"]


def test_the_lab_says_what_outputs_are_for_all(lab: Lab) -> None:
    trains(lab, "mkdir -p out; echo w >out/w\n")
    lab.write("gitexp.toml", '[run]\noutputs = ["out/"]\n')
    lab.commit("outputs")
    runs(lab, "--", "sh", "train.sh")
    runs(lab, "tiny")
    assert kept(lab) == ["out/w"]


def test_output_stands_for_a_folder_of_the_runs_own(lab: Lab) -> None:
    lab.write("train.sh", 'echo w >"$1/w.pt"\n')
    lab.write("recipes/tiny.toml", '[run]\ncommand = ["sh", "train.sh", "{output}"]\n')
    lab.commit("a program")
    runs(lab, "tiny")
    assert kept(lab) == ["w.pt"]
    assert run_toml(lab)["argv"] == ["sh", "train.sh", "$GITEXP_OUTPUT"]


def test_a_key_of_the_programs_own_called_output_stays_its_own(lab: Lab) -> None:
    lab.write("recipes/tiny.toml", 'output = "x"\n[run]\ncommand = ["echo", "{output}"]\n')
    lab.commit("a program")
    runs(lab, "tiny")
    assert run_toml(lab)["argv"] == ["echo", "x"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--metric", "loss"], "--metric: expected NAME=REGEX, such as loss='loss (\\S+)', got loss"),
        (["--metric", "loss=("], "--metric: metrics.output.loss: not a regular expression"),
        (["--metric", "loss=(?P<step>.)"], "expected a group around the number"),
        (["--data", "data.csv"], "--data: expected NAME=PATH, got data.csv"),
        (["--save", "/tmp/x"], '--save: run.outputs: "/tmp/x" lies outside of the working folder'),
        (["--save", "*"], '"*" would cover the code itself'),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(lab: Lab, options: list[str], error: str) -> None:
    result = lab.gitexp("run", *options, "--", "touch", "ran")
    assert result.exit_code == 3, result.stderr
    assert error in result.stderr
    assert not (lab.path / "ran").exists()


def test_options_say_of_a_command_what_a_recipe_says(lab: Lab) -> None:
    lab.write("data.csv", "1\n")
    lab.write("sub/train.sh", "echo 'step 3: loss 0.5'; echo step,acc >m.csv; echo 1,0.25 >>m.csv\n")
    lab.write(".gitignore", "m.csv\n")
    lab.commit("a program")
    words = ["--metric", r"loss=step (?P<step>\d+): loss (\S+)", "--metrics", "m.csv", "--data", "train=../data.csv"]
    result = lab.gitexp("run", *words, "--", "sh", "train.sh", cwd=lab.path / "sub")
    assert result.exit_code == 0, result.stderr
    recipe = tomllib.loads(lab.show("experiments:recipe.toml"))
    assert recipe["data"] == {"train": "data.csv"}
    assert recipe["metrics"] == {"files": ["m.csv"], "output": {"loss": r"step (?P<step>\d+): loss (\S+)"}}
    steps = [line.split(",")[0] for line in lab.show("experiments:history.csv").splitlines()]
    assert steps == ["step", "3", "1"]


def test_options_add_to_what_a_recipe_says(lab: Lab) -> None:
    trains(lab, "echo '{\"a\": 1}' >a.json; echo '{\"b\": 2}' >b.json\n", '[metrics]\nfiles = ["a.json"]\n')
    lab.write(".gitignore", "*.json\n")
    lab.commit("ignore")
    runs(lab, "tiny", "--metrics", "b.json")
    assert tomllib.loads(lab.show("experiments:metrics.toml")) == {"a": 1, "b": 2}


def test_variables_that_a_recipe_names_are_recorded_and_can_be_set(lab: Lab) -> None:
    lab.write("recipes/sets.toml", '[run]\ncommand = ["sh", "-c", "echo x=$RATE"]\nenv = { RATE = "0.1" }\n')
    lab.write("recipes/takes.toml", '[run]\ncommand = ["sh", "-c", "echo x=$RATE"]\nenv = ["RATE", "NOT_SET"]\n')
    lab.commit("recipes")
    assert "x=0.1" in runs(lab, "sets").stdout
    assert "x=0.3" in runs(lab, "sets", "-s", "run.env.RATE=0.3").stdout
    assert lab.gitexp("run", "takes", RATE="0.2").exit_code == 0
    assert tomllib.loads(lab.show("experiments:recipe.toml"))["run"]["env"] == {"RATE": "0.2"}


def test_a_column_can_be_the_step(lab: Lab) -> None:
    trains(
        lab,
        "printf 'epoch,step,loss\\n1,10,0.5\\n2,20,0.25\\n' >m.csv\n",
        '[metrics]\nfiles = ["m.csv"]\nstep = "epoch"\n',
    )
    lab.write(".gitignore", "*.csv\n")
    lab.commit("ignore")
    runs(lab, "tiny")
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n1,,0.5\n2,,0.25\n"


def test_a_column_that_is_the_step_and_is_not_there_is_a_defect(lab: Lab) -> None:
    trains(lab, "printf 'loss\\n0.5\\n' >m.csv\n", '[metrics]\nfiles = ["m.csv"]\nstep = "epoch"\n')
    lab.write(".gitignore", "*.csv\n")
    lab.commit("ignore")
    assert lab.gitexp("run", "tiny").exit_code == 1
    assert run_toml(lab)["defects"] == ["no column epoch, which [metrics] step names; looked in m.csv"]
