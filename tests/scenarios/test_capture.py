"""What programs write by themselves is seen without a word: which files are of this run, and what is said of others."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from harness import Lab, Result, until_over, wait_for

SAMPLES = Path(__file__).parents[1] / "capture" / "samples"


def trains(lab: Lab, script: str, ignored: str = "out*/\n*.csv\nruns/\nlogs/\n") -> None:
    lab.write("train.sh", script)
    lab.write(".gitignore", ignored)
    lab.commit("a program")


def runs(lab: Lab, *words: str, code: int = 0) -> Result:
    result = lab.gitexp("run", *words)
    assert result.exit_code == code, result.stderr
    return result


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def logs(folder: str, *rows: str) -> str:
    """What a shell types to write a logger's metrics.csv."""
    lines = "\\n".join(["epoch,step,loss", *rows])
    return f"mkdir -p {folder}; printf '{lines}\\n' >{folder}/metrics.csv\n"


def test_metrics_of_a_logger_are_seen_named_and_shown(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,10,0.5", "1,20,0.25"))
    result = runs(lab, "--", "sh", "train.sh")
    path = "out/version_0/metrics.csv"
    assert f"seen: 1 metric in 2 rows of Lightning's CSVLogger ({path})" in result.stderr
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n10,,0.5\n20,,0.25\n"
    assert lab.toml("run.toml")["seen"] == [{"kind": "Lightning's CSVLogger", "rows": 2, "metrics": 1, "path": path}]
    assert f"seen      1 metric in 2 rows of Lightning's CSVLogger ({path})" in lab.gitexp("show").stdout
    assert lab.gitexp("show", "--json").json["run"]["seen"][0]["rows"] == 2


def test_announced_lines_are_seen(lab: Lab) -> None:
    trains(lab, """echo METRIC loss=0.5 step=1; echo '__RESULT__ {"acc": 0.75}'\n""")
    assert "seen: 2 metrics in 2 rows of announced lines" in runs(lab, "--", "sh", "train.sh").stderr
    assert lab.toml("metrics.toml") == {"loss": 0.5, "acc": 0.75}


def test_what_was_there_before_is_of_no_run(lab: Lab) -> None:
    trains(lab, logs("out/version_1", "0,1,0.5"))
    lab.write("out/version_0/metrics.csv", "step,loss\n1,0.1\n")
    runs(lab, "--", "sh", "train.sh")
    assert [one["path"] for one in lab.toml("run.toml")["seen"]] == ["out/version_1/metrics.csv"]


def test_of_a_file_that_grows_only_what_is_new_is_read(lab: Lab) -> None:
    trains(lab, "echo 2,0.5 >>metrics.csv\n")
    lab.write("metrics.csv", "step,loss\n1,0.75\n")
    runs(lab, "--", "sh", "train.sh")
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n2,,0.5\n"
    said = "metrics.csv: read from byte 17 on: the lines before were there already. If this run wrote them anew, they"
    assert lab.toml("run.toml")["notes"][0].startswith(said)
    lab.write("train.sh", "echo 0,0.5 >>metrics.csv\n")
    lab.commit("begins again")
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("run.toml")["notes"] == ["metrics.csv: read from byte 23 on: the lines before were there already"]


def test_a_file_that_is_written_anew_is_read_whole(lab: Lab) -> None:
    trains(lab, "printf 'step,loss\\n1,0.5\\n2,0.25\\n' >metrics.csv\n")
    lab.write("metrics.csv", "step,loss\n1,0.75\n")
    runs(lab, "--", "sh", "train.sh")
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n1,,0.5\n2,,0.25\n"


def test_what_a_program_copied_aside_of_an_earlier_run_is_not_this_ones(lab: Lab) -> None:
    aside = "mkdir -p out/old; [ -f out/metrics.csv ] && cat out/metrics.csv >out/old/metrics.csv\n"
    trains(lab, aside + 'mkdir -p out; printf "step,loss\\n1,$1\\n2,$1\\n" >out/metrics.csv\n')
    runs(lab, "--", "sh", "train.sh", "100")
    result = runs(lab, "--", "sh", "train.sh", "7")
    assert lab.toml("metrics.toml") == {"loss": 7}
    why = "it has the bytes of a file that was there before the run"
    assert f"note: out/old/metrics.csv (metrics.csv) was not read: {why}" in result.stderr


def test_a_repeat_that_writes_the_same_bytes_anew_has_the_same_metrics(lab: Lab) -> None:
    trains(lab, "printf 'step,loss\\n1,0.5\\n' >metrics.csv\n")
    for _ in range(2):
        runs(lab, "--", "sh", "train.sh")
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n1,,0.5\n"
    assert "notes" not in lab.toml("run.toml")


def test_a_file_of_which_only_the_mode_changed_is_of_no_run(lab: Lab) -> None:
    trains(lab, "chmod 600 metrics.csv\n")
    lab.write("metrics.csv", "step,loss\n1,0.75\n")
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {}


def test_a_file_that_git_tracks_is_read_from_where_it_grew(lab: Lab) -> None:
    lab.write("metrics.csv", "step,loss\n1,0.75\n")
    lab.write("results.json", '{"acc": 0}\n')
    trains(lab, """echo 2,0.5 >>metrics.csv; echo '{"acc": 0.5}' >results.json\n""", "")
    assert "2 paths in the working tree changed while it ran" in runs(lab, "--", "sh", "train.sh").stderr
    assert lab.show("experiments:history.csv") == "step,time_s,loss,acc\n2,,0.5,\n,,,0.5\n"


def test_a_file_that_was_seen_empty_is_this_runs_though_it_begins_as_before(lab: Lab) -> None:
    rows = "step,loss\\n1,0.75\\n"
    trains(lab, f": >metrics.csv; sleep 0.5; printf '{rows}2,0.5\\n' >metrics.csv\n")
    lab.write("metrics.csv", "step,loss\n1,0.75\n")
    runs(lab, "--", "sh", "train.sh")
    assert lab.show("experiments:history.csv") == "step,time_s,loss\n1,,0.75\n2,,0.5\n"


def test_several_trainings_in_one_program_are_never_one_summary(lab: Lab) -> None:
    script = logs("out/version_0", "0,1,0.5") + logs("out/version_1", "0,1,0.25") + "echo METRIC acc=1\n"
    trains(lab, script)
    result = runs(lab, "--", "sh", "train.sh", code=1)
    assert lab.toml("metrics.toml") == {}
    said = "2 trainings in one program (out/version_0/, out/version_1/): none of their metrics is recorded"
    assert said in lab.toml("run.toml")["defects"][0]
    assert said in result.stderr


def test_the_files_of_one_of_several_trainings_can_be_named(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,1,0.5") + logs("out/version_1", "0,1,0.25"))
    runs(lab, "--metrics", "out/version_1/metrics.csv", "--", "sh", "train.sh", code=0)
    assert lab.toml("metrics.toml")["loss"] == 0.25


def test_one_of_several_trainings_can_be_chosen_by_its_folder(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,1,0.5") + logs("out/version_1", "0,1,0.25") + "echo METRIC acc=1\n")
    refused = runs(lab, "--", "sh", "train.sh", code=1)
    assert "Start each by itself, or say where the one is that counts: --metrics FOLDER/" in refused.stderr
    runs(lab, "--metrics", "out/version_1/", "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {"loss": 0.25}


def test_a_folder_without_metrics_is_a_defect(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,1,0.5"))
    runs(lab, "--metrics", "elsewhere/", "--", "sh", "train.sh", code=1)
    assert lab.toml("run.toml")["defects"] == ["elsewhere/: this run wrote no metrics there"]


def test_train_and_validation_beside_each_other_are_one_training(lab: Lab) -> None:
    trains(lab, logs("logs/train", "0,1,0.5") + logs("logs/validation", "0,1,0.25"))
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {"train/loss": 0.5, "validation/loss": 0.25}


def test_a_metric_in_two_kinds_of_files_is_taken_once(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,1,0.5") + """echo '{"loss": 0.4, "acc": 1}' >out/results.json\n""")
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {"loss": 0.5, "acc": 1}


def test_what_the_recipe_names_is_not_read_twice(lab: Lab) -> None:
    trains(lab, logs("out", "0,1,0.5"))
    runs(lab, "--metrics", "out/*.csv", "--", "sh", "train.sh")
    assert lab.show("experiments:history.csv").count("\n") == 2
    assert "seen" not in lab.toml("run.toml")


def test_files_in_the_runs_own_folder_are_seen(lab: Lab) -> None:
    trains(lab, logs('"$GITEXP_OUTPUT"/tb', "0,1,0.5"))
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("run.toml")["seen"][0]["path"] == "$GITEXP_OUTPUT/tb/metrics.csv"


def test_event_files_of_the_real_writer_are_seen(lab: Lab) -> None:
    files = sorted(path for path in SAMPLES.rglob("*tfevents*") if path.is_file())
    shutil.copy(files[0], lab.path / "sample")
    trains(lab, f"mkdir -p runs; cp sample runs/{files[0].name}\n")
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("run.toml")["seen"][0]["kind"] == "TensorBoard"
    assert lab.toml("metrics.toml")


def test_event_files_can_be_named(lab: Lab) -> None:
    files = sorted(path for path in SAMPLES.rglob("*tfevents*") if path.is_file())
    shutil.copy(files[0], lab.path / "sample")
    trains(lab, f"mkdir -p runs; cp sample runs/{files[0].name}\n")
    runs(lab, "--metrics", "runs/*", "--", "sh", "train.sh")
    assert "seen" not in lab.toml("run.toml")
    assert lab.toml("metrics.toml")


@pytest.mark.parametrize(
    "switch", ["files = false", "lightning = false", "printed = false\nfiles = false"], ids=["all", "one", "both"]
)
def test_what_is_switched_off_is_not_seen(lab: Lab, switch: str) -> None:
    lab.write("gitexp.toml", f"[capture]\n{switch}\n")
    trains(lab, logs("out/version_0", "0,1,0.5"))
    runs(lab, "--", "sh", "train.sh")
    assert "seen" not in lab.toml("run.toml")


def test_a_recipe_switches_off_and_on_what_the_lab_says(lab: Lab) -> None:
    lab.write("gitexp.toml", "[capture]\nprinted = false\n")
    command = '[run]\ncommand = ["sh", "train.sh"]\n'
    lab.write("recipes/off.toml", command)
    lab.write("recipes/on.toml", f"{command}[capture]\nprinted = true\n")
    trains(lab, "echo METRIC loss=1\n")
    runs(lab, "off")
    assert lab.toml("metrics.toml") == {}
    runs(lab, "on")
    assert lab.toml("metrics.toml") == {"loss": 1}


def test_a_dataset_is_no_metric(lab: Lab) -> None:
    trains(lab, "mkdir -p out; printf 'epoch,x\\n1,2\\n' >out/made.csv\n")
    lab.write("out/old.csv", "epoch,x\n1,1\n")
    runs(lab, "--data", "d=out", "--", "sh", "-c", "true")
    assert "seen" not in lab.toml("run.toml")


def test_a_table_that_is_no_log_is_left_alone(lab: Lab) -> None:
    trains(
        lab,
        "printf 'x,y\\n1,2\\n' >table.csv; printf 'no: table\\n' >train.log; echo '[]' >a.json\n",
        "*.csv\n*.log\n*.json\n",
    )
    result = runs(lab, "--", "sh", "train.sh")
    assert "seen" not in result.stderr
    assert "defects" not in lab.toml("run.toml")


def test_of_two_runs_at_once_each_takes_what_lies_below_the_folder_that_it_named(lab: Lab) -> None:
    wait = "while [ ! -e out-a/done ] || [ ! -e out-b/done ]; do sleep 0.05; done\n"
    script = 'mkdir -p "$1/version_0"; printf "step,loss\\n1,$2\\n" >"$1/version_0/metrics.csv"; touch "$1/done"\n'
    trains(lab, script + wait)
    both = [lab.start("run", "--", "sh", "train.sh", f"out-{name}", value) for name, value in (("a", "1"), ("b", "2"))]
    assert [ended(process) for process in both] == [0, 0]
    assert sorted(lab.toml("metrics.toml", commit)["loss"] for commit in lab.runs()) == [1, 2]


def test_of_two_runs_at_once_nobody_takes_what_may_be_the_others(lab: Lab) -> None:
    script = 'mkdir -p out/version_$1; printf "step,loss\\n1,$1\\n" >out/version_$1/metrics.csv; touch out/done-$1\n'
    trains(lab, script + "while [ ! -e out/done-1 ] || [ ! -e out/done-2 ]; do sleep 0.05; done\n")
    both = [lab.start("run", "--", "sh", "train.sh", number) for number in ("1", "2")]
    assert 1 in [ended(process) for process in both]
    said = [defect for commit in lab.runs() for defect in lab.toml("run.toml", commit).get("defects", [])]
    assert any("was at work here at the same time, so nobody knows whose it is" in defect for defect in said)
    assert all(lab.toml("metrics.toml", commit).get("loss") in (None, 1, 2) for commit in lab.runs())


def test_a_run_whose_command_was_killed_is_recorded_with_what_it_wrote(lab: Lab) -> None:
    trains(lab, logs("out/version_0", "0,1,0.5") + "touch out/go; while [ ! -e out/end ]; do sleep 0.05; done\n")
    running = lab.start("run", "--", "sh", "train.sh")
    wait_for((lab.path / "out/go").exists)
    running.kill()
    running.communicate()
    lab.write("out/end", "")
    until_over(lab)
    lab.gitexp("log")
    assert lab.toml("metrics.toml") == {"loss": 0.5}


def test_what_was_written_after_the_end_is_not_the_runs(lab: Lab) -> None:
    trains(lab, "mkdir -p out; touch out/go; while [ ! -e out/end ]; do sleep 0.05; done\n")
    running = lab.start("run", "--", "sh", "train.sh")
    wait_for((lab.path / "out/go").exists)
    running.kill()
    running.communicate()
    lab.write("out/end", "")
    until_over(lab)
    lab.write("out/version_0/metrics.csv", "step,loss\n1,0.5\n")
    lab.command("touch", "-d", "+1 hour", "out/version_0/metrics.csv")
    lab.gitexp("log")
    assert lab.toml("metrics.toml") == {}
    assert "it was written to after the run had ended" in lab.toml("run.toml")["defects"][0]


def test_what_a_run_leaves_lying_is_named_with_the_ways_on(lab: Lab) -> None:
    lab.write("train.sh", "mkdir -p out; echo w >out/w.pt; echo m >model.pt\n")
    lab.commit("a program")
    said = runs(lab, "--", "sh", "train.sh").stderr
    assert "note: it left model.pt, out/ in the working tree, and the next run would be refused for it" in said
    assert "keep it:    gitexp run --save model.pt --save out/ -- sh train.sh" in said
    assert "for all:    gitexp init --outputs\n" in said
    assert "ignore it:  printf '\\n%s' /model.pt /out/ '' >>.gitignore" in said
    named = lab.gitexp("init", "--outputs")
    assert named.stdout == 'wrote      gitexp.toml: [run] outputs = ["model.pt", "out/"]\n'
    lab.git("commit", "-qam", "outputs")
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("run.toml")["artifacts"]["files"] == 2
    again = lab.gitexp("init", "--outputs")
    assert again.stdout == "nothing that the latest run wrote lies in the way; gitexp.toml is as it was\n"


HYDRA = """mkdir -p outputs/day/time/.hydra
printf 'optim:\\n  lr: 0.1\\nname: x\\napi_key: hunter2hunter2\\n' >outputs/day/time/.hydra/config.yaml
"""


def test_settings_that_a_program_noted_are_recorded(lab: Lab) -> None:
    trains(lab, HYDRA, "outputs/\n")
    runs(lab, "--", "sh", "train.sh")
    settings = lab.toml("settings.toml")
    assert settings["Hydra"] == {"optim.lr": 0.1, "name": "x", "api_key": "[redacted:named]"}
    path = "outputs/day/time/.hydra/config.yaml"
    assert lab.toml("run.toml")["seen"] == [{"kind": "Hydra", "rows": 0, "metrics": 0, "path": path, "settings": 3}]
    assert f"seen      3 settings of Hydra ({path})" in lab.gitexp("show").stdout


def test_settings_that_toml_cannot_hold_are_text_and_cost_no_run(lab: Lab) -> None:
    digits = "f" * 9000
    lab.write("settings", f'x: 0x{digits}\ny: "\\ud800"\nz: 18446744073709551616\n')
    trains(lab, "mkdir -p out/.hydra; cp settings out/.hydra/config.yaml\n")
    runs(lab, "--", "sh", "train.sh")
    settings = lab.toml("settings.toml")
    assert settings["Hydra"] == {"x": f"0x{digits}", "y": r"\ud800", "z": "18446744073709551616"}


def test_what_a_damaged_database_holds_for_settings_costs_no_run(lab: Lab) -> None:
    lab.write(
        "train.py",
        "import sqlite3, time\n"
        "now = int(time.time() * 1000) + 5\n"
        "base = sqlite3.connect('mlflow.db')\n"
        "base.execute('CREATE TABLE runs(run_uuid, start_time)')\n"
        "base.execute('CREATE TABLE metrics(run_uuid, key, value, timestamp, step, is_nan)')\n"
        "base.execute('CREATE TABLE params(run_uuid, key, value)')\n"
        "base.execute('INSERT INTO runs VALUES (?, ?)', ('r', now))\n"
        "base.execute('INSERT INTO metrics VALUES (?, ?, 0.5, ?, 1, 0)', ('r', 'loss', now))\n"
        "base.execute('INSERT INTO params VALUES (?, ?, ?)', ('r', b'k', b'\\xff'))\n"
        "base.execute('INSERT INTO params VALUES (?, 7, NULL)', ('r',))\n"
        "base.commit()\n",
    )
    lab.write(".gitignore", "*.db\n")
    lab.commit("a program")
    runs(lab, "--", "python", "train.py")
    assert lab.toml("metrics.toml") == {"loss": 0.5}
    assert lab.gitexp("status").exit_code == 0


def test_links_are_not_read_as_what_a_program_wrote(lab: Lab) -> None:
    lab.write("../old.json", '{"acc": 0.5}\n')
    lab.write("../old.csv", "step,loss\n1,0.5\n")
    (lab.path / "results.json").symlink_to("../old.json")
    script = "ln -s $PWD/../old.csv $GITEXP_OUTPUT/metrics.csv; mkdir out; ln -s ../../old.csv out/metrics.csv\n"
    trains(lab, script, "out/\n*.json\n")
    result = runs(lab, "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {}
    assert "warning" not in result.stderr


def test_files_of_datasets_are_no_metrics_used_or_not(lab: Lab) -> None:
    lab.write("gitexp.toml", '[datasets.patients]\npath = "data/patients"\naccess = "restricted"\n')
    script = "mkdir -p data/patients; printf 'step,anna\\n1,5\\n' >data/patients/metrics.csv\n"
    trains(lab, script, "data/\n")
    result = runs(lab, "--save", "data/", "--", "sh", "train.sh", code=1)
    assert lab.toml("metrics.toml") == {}
    assert lab.show("experiments:artifacts.xxh128") == ""
    said = "not kept: output data/patients/metrics.csv: it lies in a dataset that is restricted"
    assert said in result.stderr


def test_an_old_file_that_nobody_looked_at_before_is_not_taken_for_new(lab: Lab) -> None:
    trains(lab, "rm -r data/many\n", "data/\n")
    lab.write("data/a/b/metrics.csv", "step,loss\n1,0.5\n")
    (lab.path / "data/many").mkdir()
    for number in range(20_001):
        (lab.path / f"data/many/{number}").touch()
    time.sleep(2.1)
    runs(lab, "--", "sh", "train.sh")
    assert lab.toml("metrics.toml") == {}


def test_settings_are_not_recorded_where_they_are_switched_off(lab: Lab) -> None:
    lab.write("gitexp.toml", "[capture]\nsettings = false\n")
    trains(lab, HYDRA, "outputs/\n")
    runs(lab, "--", "sh", "train.sh")
    assert "settings.toml" not in lab.git("ls-tree", "--name-only", "experiments")


def test_jobs_of_a_hydra_sweep_are_several_trainings(lab: Lab) -> None:
    trains(lab, HYDRA.replace("time", "0") + HYDRA.replace("time", "1") + "echo METRIC acc=1\n", "outputs/\n")
    runs(lab, "--", "sh", "train.sh", code=1)
    assert "2 trainings in one program (outputs/day/0/, outputs/day/1/)" in lab.toml("run.toml")["defects"][0]
    assert lab.toml("metrics.toml") == {}


def test_parameter_files_are_settings_as_they_were_before_the_run(lab: Lab) -> None:
    lab.write("params.yaml", "train:\n  n_est: 50\n")
    lab.write("train.sh", "echo 'train: {n_est: 7}' >params.yaml\n")
    lab.commit("a program")
    said = lab.gitexp("run", "--", "sh", "train.sh").stderr
    assert "seen: 1 setting of parameters (params.yaml)" in said
    assert lab.toml("settings.toml") == {"params.yaml": {"train.n_est": 50}}


def test_a_parameter_that_differs_is_named_once(lab: Lab) -> None:
    lab.write("train.sh", "true\n")
    for number in (50, 100):
        lab.write("params.yaml", f"n_est: {number}\n")
        lab.commit("a setting")
        runs(lab, "--", "sh", "train.sh")
    assert lab.gitexp("diff", "latest~1", "latest").stdout.count("n_est") == 1


def test_of_a_log_in_words_that_grows_nothing_is_said(lab: Lab) -> None:
    trains(lab, "echo more >>train.log; echo 3,4 >>table.csv\n", "*.log\n*.csv\n")
    lab.write("train.log", "words\n")
    lab.write("table.csv", "x,y\n1,2\n")
    result = runs(lab, "--", "sh", "train.sh")
    assert "train.log" not in result.stderr
    assert "table.csv" not in result.stderr


def test_two_runs_at_once_may_share_a_log_in_words(lab: Lab) -> None:
    trains(
        lab,
        "echo $1 >>train.log; touch done-$1; while [ ! -e done-1 ] || [ ! -e done-2 ]; do sleep 0.05; done\n",
        "*\n",
    )
    both = [lab.start("run", "--", "sh", "train.sh", number) for number in ("1", "2")]
    assert [ended(process) for process in both] == [0, 0]


def test_a_first_command_whose_metrics_were_seen_says_that_no_data_is_recorded(lab: Lab) -> None:
    trains(lab, "echo METRIC loss=1\n")
    said = runs(lab, "--", "sh", "train.sh").stderr
    assert "note: no data is recorded of this run\n" in said
    assert "      of what it reads:   gitexp run --data NAME=PATH -- sh train.sh\n" in said
    assert "no data is recorded" not in runs(lab, "--", "sh", "train.sh").stderr


def test_a_table_as_large_as_data_is_not_read_unless_it_is_named(lab: Lab) -> None:
    trains(lab, "(echo step,x; yes 1,2 | head -c 68000000) >metrics.csv\n")
    runs(lab, "--", "sh", "train.sh", code=1)
    [defect, *_] = lab.toml("run.toml")["defects"]
    assert defect.startswith("metrics.csv (metrics.csv) was not read: it has more than 64 MiB")
    assert lab.toml("metrics.toml") == {}


def test_a_loop_over_seeds_is_taken_apart_by_the_line_that_is_shown(lab: Lab) -> None:
    write = 'mkdir -p out/version_$seed; printf "step,loss\\n1,$seed\\n" >out/version_$seed/metrics.csv'
    lab.write("train.sh", f'shift\nfor seed in "$@"; do {write}; done\n')
    lab.commit("a program")
    refused = runs(lab, "--", "sh", "train.sh", "--seeds", "3", "4", code=1).stderr
    line = 'for seeds in 3 4; do gitexp run --save out/ -- sh train.sh --seeds "$seeds"; done'
    assert f"      one by one: {line}\n" in refused
    assert lab.command("sh", "-c", line).exit_code == 0
    assert [lab.toml("metrics.toml", commit).get("loss") for commit in lab.runs()] == [4, 3, None]
