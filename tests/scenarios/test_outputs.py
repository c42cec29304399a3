"""What a program writes into the working tree: kept, no change of the tree's, and out of the way where asked."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import time
from pathlib import Path

import pytest
from harness import Lab, Result, wait_for

MANIFEST = "experiments:artifacts.xxh128"


def kept(lab: Lab) -> list[str]:
    return [line.split("  ", 1)[1] for line in lab.show(MANIFEST).splitlines()]


def trains(lab: Lab, script: str, recipe: str = "") -> None:
    lab.write("train.sh", script)
    lab.write("recipes/tiny.toml", f'[run]\ncommand = ["sh", "train.sh"]\n{recipe}')
    lab.commit("a program")


def runs(lab: Lab, *words: str) -> Result:
    result = lab.well("run", *words)
    return result


def test_what_save_names_is_kept_and_a_second_run_is_not_refused(lab: Lab) -> None:
    trains(lab, "mkdir -p out/deep; echo w >out/deep/w.pt; echo x >model.ckpt\n")
    runs(lab, "--save", "out/", "--save", "*.ckpt", "--", "sh", "train.sh")
    assert kept(lab) == ["model.ckpt", "out/deep/w.pt"]
    runs(lab, "--save", "out/", "--save", "*.ckpt", "--", "sh", "train.sh")
    assert kept(lab) == ["model.ckpt", "out/deep/w.pt"]
    assert lab.toml("run.toml")["code"]["clean"] is True  # type: ignore[index]
    assert "edited" not in lab.toml("run.toml")["code"]  # type: ignore[operator]


def test_outputs_of_a_recipe_come_back_by_get(lab: Lab) -> None:
    trains(lab, "mkdir -p out; echo weights >out/w.pt\n", 'outputs = ["out/"]\n')
    runs(lab, "tiny")
    (lab.path / "out/w.pt").unlink()
    lab.well("get", "latest", "--to", "back")
    assert [path.read_text() for path in (lab.path / "back").rglob("w.pt")] == ["weights\n"]


def test_what_the_run_did_not_write_is_not_its_output(lab: Lab) -> None:
    trains(lab, "echo new >out/b.pt\n", 'outputs = ["out/"]\n')
    lab.write("out/a.pt", "old\n")
    runs(lab, "tiny")
    assert kept(lab) == ["out/b.pt"]
    trains(lab, "true\n", 'outputs = ["out/"]\n')
    runs(lab, "tiny")
    said = "out/: not kept, since this run did not write to what is there ([run] outputs)"
    assert lab.toml("run.toml")["notes"] == [said]


def test_an_output_that_was_not_written_is_a_defect(lab: Lab) -> None:
    trains(lab, "true\n")
    result = lab.gitexp("run", "--save", "out/", "--", "sh", "train.sh")
    assert result.exit_code == 1
    assert lab.toml("run.toml")["defects"] == ["out/: this run wrote no such output ([run] outputs)"]


def test_old_outputs_are_cleared_where_the_recipe_says_so_but_never_what_git_tracks(lab: Lab) -> None:
    lab.write("out/tracked.txt", "kept\n")
    trains(lab, "ls out >seen; mkdir -p out; echo w >out/w.pt\n", 'outputs = ["out/", "seen"]\nold_outputs = "clear"\n')
    lab.write("out/old/x.pt", "old\n")
    runs(lab, "tiny")
    assert (lab.path / "seen").read_text() == "tracked.txt\n"
    assert lab.toml("run.toml")["notes"][0] == "old outputs: 1 file cleared before the run"  # type: ignore[index]


def test_old_outputs_are_moved_aside_where_the_recipe_says_so(lab: Lab) -> None:
    trains(lab, "mkdir out; echo w >out/w.pt\n", 'outputs = ["out/"]\nold_outputs = "version"\n')
    runs(lab, "tiny")
    runs(lab, "tiny")
    moved = list((lab.path / ".git/gitexp/old-outputs").rglob("w.pt"))
    assert len(moved) == 1
    assert str(moved[0].parents[1]) in lab.toml("run.toml")["notes"][0]  # type: ignore[index]


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
    assert lab.toml("metrics.toml") == {"acc": 0.5}
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


ODD = ("out[1].txt", "a*b", "-dash", "br{ace}", "q'u", "nl\nx", os.fsdecode(b"\xff"), "o ut/x")


@pytest.mark.parametrize("name", ODD)
def test_the_lines_to_paste_and_init_keep_files_of_any_name(lab: Lab, name: str) -> None:
    lab.write("train.py", f"import os\nos.makedirs('o ut', exist_ok=True)\nopen({name!r}, 'w').write('w')\n")
    lab.commit("a program")
    told = runs(lab, "--", "python", "train.py").stderr
    line = next(one for one in told.splitlines() if "keep it:" in one).partition("gitexp ")[2]
    pasted = lab.gitexp(*shlex.split(line))
    assert pasted.exit_code in (0, 3), pasted.stderr  # it is there still
    (lab.path / name).unlink()
    assert lab.gitexp(*shlex.split(line)).exit_code == 0
    assert lab.toml("run.toml")["artifacts"]["files"] == 1  # type: ignore[index]
    (lab.path / name).unlink()
    runs(lab, "--", "python", "train.py")
    assert lab.gitexp("init", "--outputs").exit_code == 0
    lab.git("add", "gitexp.toml")
    lab.git("commit", "-qm", "outputs")
    runs(lab, "--", "python", "train.py")
    assert lab.toml("run.toml")["artifacts"]["files"] == 1  # type: ignore[index]


def test_init_names_what_a_run_in_a_subfolder_left_as_seen_from_there(lab: Lab) -> None:
    lab.write("sub/train.sh", "mkdir -p out; echo $$ >out/w\n")
    lab.commit("a program")
    assert lab.gitexp("run", "--", "sh", "train.sh", cwd=lab.path / "sub").exit_code == 0
    assert lab.gitexp("init", "--outputs").exit_code == 0
    assert 'outputs = ["out/"]' in (lab.path / "gitexp.toml").read_text()
    lab.commit("outputs")
    assert lab.gitexp("run", "--", "sh", "train.sh", cwd=lab.path / "sub").exit_code == 0
    assert kept(lab) == ["out/w"]


def test_init_names_nothing_that_was_written_after_the_run(lab: Lab) -> None:
    trains(lab, "mkdir -p out; echo w >out/w\n")
    runs(lab, "--", "sh", "train.sh")
    time.sleep(2.1)
    assert lab.gitexp("new", "mine", "--from", "latest").exit_code == 0
    assert lab.gitexp("init", "--outputs").exit_code == 0
    assert 'outputs = ["out/"]' in (lab.path / "gitexp.toml").read_text()


def test_output_stands_for_a_folder_of_the_runs_own(lab: Lab) -> None:
    lab.write("train.sh", 'echo w >"$1/w.pt"\n')
    lab.write("recipes/tiny.toml", '[run]\ncommand = ["sh", "train.sh", "{output}"]\n')
    lab.commit("a program")
    runs(lab, "tiny")
    assert kept(lab) == ["w.pt"]
    assert lab.toml("run.toml")["argv"] == ["sh", "train.sh", "$GITEXP_OUTPUT"]


def test_a_key_of_the_programs_own_called_output_stays_its_own(lab: Lab) -> None:
    lab.write("recipes/tiny.toml", 'output = "x"\n[run]\ncommand = ["echo", "{output}"]\n')
    lab.commit("a program")
    runs(lab, "tiny")
    assert lab.toml("run.toml")["argv"] == ["echo", "x"]


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
    lab.well("run", *words, "--", "sh", "train.sh", cwd=lab.path / "sub")
    recipe = lab.toml("recipe.toml")
    assert recipe["data"] == {"train": "data.csv"}
    assert recipe["metrics"] == {"files": ["m.csv"], "output": {"loss": r"step (?P<step>\d+): loss (\S+)"}}
    steps = [line.split(",")[0] for line in lab.show("experiments:history.csv").splitlines()]
    assert steps == ["step", "3", "1"]


def test_options_add_to_what_a_recipe_says(lab: Lab) -> None:
    trains(lab, "echo '{\"a\": 1}' >a.json; echo '{\"b\": 2}' >b.json\n", '[metrics]\nfiles = ["a.json"]\n')
    lab.write(".gitignore", "*.json\n")
    lab.commit("ignore")
    runs(lab, "tiny", "--metrics", "b.json")
    assert lab.toml("metrics.toml") == {"a": 1, "b": 2}


def test_variables_that_a_recipe_names_are_recorded_and_can_be_set(lab: Lab) -> None:
    lab.write("recipes/sets.toml", '[run]\ncommand = ["sh", "-c", "echo x=$RATE"]\nenv = { RATE = "0.1" }\n')
    lab.write("recipes/takes.toml", '[run]\ncommand = ["sh", "-c", "echo x=$RATE"]\nenv = ["RATE", "NOT_SET"]\n')
    lab.commit("recipes")
    assert "x=0.1" in runs(lab, "sets").stdout
    assert "x=0.3" in runs(lab, "sets", "-s", "run.env.RATE=0.3").stdout
    assert lab.gitexp("run", "takes", RATE="0.2").exit_code == 0
    assert lab.toml("recipe.toml")["run"]["env"] == {"RATE": "0.2"}


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
    assert lab.toml("run.toml")["defects"] == ["no column epoch, which [metrics] step names; looked in m.csv"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("data/", "Old output data/train.csv is not moved out of the way: it is dataset train"),
        ("recipes/", "Old output recipes/tiny.toml is not moved out of the way: it is gitexp's own"),
        ("lab/", "Old output lab/old.csv is not moved out of the way: it is dataset old"),
        ("other/out/", "Old output other/out/w is not moved out of the way: it lies in another repository"),
    ],
)
def test_old_outputs_that_are_more_than_that_are_not_cleared(lab: Lab, entry: str, said: str) -> None:
    lab.write(".gitignore", "data/\nother/\nlab/\nrecipes/\n")
    lab.write("gitexp.toml", '[datasets.old]\npath = "lab/old.csv"\n')
    lab.write("train.sh", "true\n")
    lab.commit("a program")
    for name in ("data/train.csv", "lab/old.csv", "other/out/w"):
        lab.write(name, "1\n")
    lab.git("init", "-q", "other")
    text = f'[run]\ncommand = ["sh", "train.sh"]\noutputs = ["{entry}"]\nold_outputs = "clear"\n'
    lab.write("recipes/tiny.toml", f'{text}[data]\ntrain = "data/train.csv"\n')
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 3
    assert said in result.stderr
    names = ("data/train.csv", "lab/old.csv", "other/out/w", "recipes/tiny.toml")
    assert [name for name in names if not (lab.path / name).exists()] == []


def test_gits_own_files_and_other_repositories_are_no_outputs(lab: Lab) -> None:
    trains(lab, "git init -q out/other; echo x >out/other/x; echo w >out/w\n")
    result = lab.gitexp("run", "--save", ".git/", "--", "sh", "train.sh")
    assert result.exit_code == 3
    assert '".git/" would cover git\'s own files' in result.stderr
    runs(lab, "--save", "out/", "--", "sh", "train.sh")
    assert kept(lab) == ["out/w"]


def test_links_that_a_pattern_covers_are_not_followed_either(lab: Lab) -> None:
    trains(lab, "ln -s /etc/hostname a.pt; echo w >b.pt\n")
    runs(lab, "--save", "*.pt", "--", "sh", "train.sh")
    assert kept(lab) == ["b.pt"]


def test_an_output_that_is_a_link_is_said_to_be_one(lab: Lab) -> None:
    (lab.path.parent / "elsewhere").mkdir()
    trains(lab, "ln -s ../elsewhere out; echo w >out/w\n")
    assert lab.gitexp("run", "--save", "out/", "--", "sh", "train.sh").exit_code == 1
    assert lab.toml("run.toml")["defects"] == ["out/: out is a link, and links are not followed ([run] outputs)"]


@pytest.mark.parametrize(
    "script",
    [
        "rm -r $GITEXP_OUTPUT; ln -s $PWD/../elsewhere $GITEXP_OUTPUT\n",
        "ln -s $PWD/../elsewhere $GITEXP_OUTPUT/out\n",
        "mkdir $GITEXP_OUTPUT/out; ln -s $PWD/../elsewhere/w $GITEXP_OUTPUT/out/w\n",
    ],
)
def test_nothing_is_written_through_links_that_the_program_left(lab: Lab, script: str) -> None:
    elsewhere = lab.path.parent / "elsewhere"
    elsewhere.mkdir()
    trains(lab, f"mkdir -p out; echo w >out/w; {script}")
    assert lab.gitexp("run", "--save", "out/", "--", "sh", "train.sh").exit_code == 1
    assert list(elsewhere.iterdir()) == []
    assert "not kept: output out/w: " in str(lab.toml("run.toml")["defects"])


def left_over(lab: Lab, *words: str) -> Path:
    """The folder of a run whose gitexp was killed while its program ran, which has ended."""
    process = lab.start("run", *words)
    wait_for((lab.path / "out/metrics.csv").exists)
    process.kill()
    process.communicate()
    (lab.path / "go").touch()
    folder = next((lab.path / ".git/gitexp/runs").iterdir())
    wait_for((folder / "outcome.json").exists)
    return folder


STEPS = "mkdir -p out; printf 'step,acc\\n1,'$1'\\n' >out/metrics.csv; while [ ! -e go ]; do sleep 0.05; done\n"


def test_a_run_that_is_recorded_late_has_nothing_that_a_later_run_wrote(lab: Lab) -> None:
    lab.write(".gitignore", "out/\ngo\n")
    trains(lab, STEPS)
    left_over(lab, "--save", "out/", "--", "sh", "train.sh", "0.25")
    time.sleep(2.1)
    runs(lab, "--save", "out/", "--", "sh", "train.sh", "0.75")
    late = next(one for one in lab.runs() if "0.25" in lab.show(f"{one}:run.toml"))
    assert lab.show(f"{late}:artifacts.xxh128") == ""
    known = lab.toml("run.toml", late)["defects"]
    assert "not kept: output out/metrics.csv: it was written to after the run had ended" in known


def test_what_a_killed_recorder_has_gathered_is_not_taken_for_the_programs_own(lab: Lab) -> None:
    lab.write(".gitignore", "out/\ngo\n")
    trains(lab, STEPS)
    folder = left_over(lab, "--save", "out/", "--", "sh", "train.sh", "0.25")
    (folder / "saved/out").mkdir()
    shutil.copy(lab.path / "out/metrics.csv", folder / "saved/out")
    (folder / "outputs.json").write_text('{"names": ["out/metrics.csv"]}')
    assert lab.gitexp("status").exit_code == 0
    assert kept(lab) == ["out/metrics.csv"]
    assert [one["path"] for one in lab.toml("run.toml")["seen"]] == ["out/metrics.csv"]  # type: ignore[attr-defined]


def test_outputs_that_may_be_of_another_run_are_kept_with_a_word(lab: Lab) -> None:
    lab.write(".gitignore", "out/\ngo*\n")
    trains(lab, "mkdir -p out; touch go$1; while [ ! -e go3 ]; do sleep 0.05; done; echo $1 >out/w\n")
    both = [lab.start("run", "--save", "out/", "--", "sh", "train.sh", number) for number in ("1", "2")]
    wait_for(lambda: (lab.path / "go1").exists() and (lab.path / "go2").exists())
    (lab.path / "go3").touch()
    for process in both:
        process.communicate(timeout=60)
    said = [defect for commit in lab.runs() for defect in lab.toml("run.toml", commit)["defects"]]
    assert any("output out/w may be of run " in defect for defect in said)


def test_outputs_of_a_run_that_is_not_recorded_are_not_cleared(lab: Lab) -> None:
    lab.write(".gitignore", "out/\ngo\n")
    trains(lab, STEPS, 'outputs = ["out/"]\nold_outputs = "clear"\n')
    folder = left_over(lab, "--save", "out/", "--", "sh", "train.sh", "0.25")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 3
    assert f"may be of run {folder.name}, which is not recorded yet" in result.stderr
    assert lab.gitexp("status").exit_code == 0
    assert kept(lab) == ["out/metrics.csv"]


def test_a_pattern_finds_outputs_in_a_folder_that_git_ignores_as_a_whole(lab: Lab) -> None:
    lab.write(".gitignore", "scratch/\n")
    lab.commit("ignored")
    lab.write("scratch/train.sh", "mkdir -p out; echo w >out/w.pt\n")
    lab.well("run", "--save", "out/*.pt", "--", "sh", "train.sh", cwd=lab.path / "scratch")
    assert kept(lab) == ["out/w.pt"]
    assert lab.toml("run.toml").get("defects") is None


def test_a_run_that_leaves_twenty_thousand_files_ends_soon(lab: Lab) -> None:
    trains(lab, "mkdir -p many; cd many; seq 20000 | xargs touch; cd ..; seq 20000 21000 | xargs touch\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    first = runs(lab, "--", "sh", "train.sh")
    second = runs(lab, "--save", "many/", "--save", "2*", "--", "true")
    assert "and 997 more in the working tree" in first.stderr
    assert "left" not in second.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10  # in seconds; it took half a minute


@pytest.mark.long
def test_a_snapshot_leaves_out_thousands_of_outputs(lab: Lab) -> None:
    lab.write("gitexp.toml", '[policy]\ndirty = "allow"\n')
    trains(lab, "true\n")
    folder = "a_folder_of_a_name_that_is_as_long_as_those_of_programs_are/checkpoints_of_the_model"
    for number in range(12_000):
        lab.write(f"{folder}/checkpoint_of_step_{number}_{'x' * 40}.pt", "")
    lab.write("helper.sh", "true\n")
    runs(lab, "--save", "a_folder_of_a_name_that_is_as_long_as_those_of_programs_are/", "--", "sh", "train.sh")
    assert "helper.sh" in lab.git("ls-tree", "--name-only", "experiments:code")
    assert "a_folder" not in lab.git("ls-tree", "--name-only", "experiments:code")


def test_sizes_are_in_the_record_also_where_the_bytes_are_not(lab: Lab) -> None:
    trains(lab, "mkdir -p out; printf $1 >out/w.pt\n")
    for weights in ("1", "four"):
        runs(lab, "--save", "out/", "--", "sh", "train.sh", weights)
    shutil.rmtree(lab.path / ".git/gitexp/objects")
    diff = lab.gitexp("diff", "latest~1", "latest", "--json").json
    assert [(one["a_size_bytes"], one["b_size_bytes"]) for one in diff["artifacts"]] == [(1, 4)]
    assert re.search(r"~  out/w.pt +1 B +→ +4 B", lab.gitexp("diff", "latest~1", "latest").stdout)
    assert re.search(r"out/w.pt +4 B +xxh128:", lab.gitexp("show").stdout)


def test_folders_in_folders_by_the_thousand_keep_no_run_from_being_recorded(lab: Lab) -> None:
    deep = "mkdir -p $(printf 'd/%.0s' $(seq 1200)); cd -P $(printf 'd/%.0s' $(seq 1200)); echo 1 >w.pt"
    script = f"mkdir -p out; cd out; {deep}; cd $GITEXP_OUTPUT; {deep}; echo 1 >$GITEXP_OUTPUT/top.pt\n"
    trains(lab, script, 'outputs = ["out/"]\n')
    ran = lab.gitexp("run", "tiny")
    left = list((lab.path / ".git/gitexp/runs").iterdir())
    lab.command("rm", "-rf", str(lab.path / "out"), *map(str, left))  # pytest has no stack for it
    assert (ran.exit_code, left) == (0, []), ran.stderr[-500:]
    assert kept(lab)[-1] == "top.pt"
