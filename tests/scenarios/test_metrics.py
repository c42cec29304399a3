"""Metrics of programs, by the Python API, from files and from output; what does not parse costs nothing else."""

from __future__ import annotations

import os

import pytest
from harness import Lab, wait_for

RECIPE = """\
[run]
command = ["sh", "train.sh"]
"""


def defects(lab: Lab) -> list[str]:
    found: list[str] = lab.toml("run.toml").get("defects", [])
    return found


def trains(lab: Lab, recipe: str, script: str) -> None:
    """Commit a recipe called `tiny` and the script that it runs; whatever it writes to out/ is ignored."""
    lab.write("recipes/tiny.toml", RECIPE + recipe)
    lab.write("train.sh", script)
    lab.write(".gitignore", "out/\n")
    lab.commit("a recipe")


def test_metrics_come_from_json_json_lines_and_csv(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/end.json", "out/steps.jsonl", "out/steps.csv"]\n',
        "mkdir -p out\n"
        """echo '{"test": {"acc": 0.9}, "name": "x"}' > out/end.json\n"""
        """printf '{"step": 1, "loss": 0.5}\\n{"step": 2, "loss": 0.25}\\n' > out/steps.jsonl\n"""
        "printf 'step,lr\\n1,0.1\\n2,0.05\\n' > out/steps.csv\n",
    )
    lab.well("run", "tiny")
    assert lab.toml("metrics.toml") == {"test.acc": 0.9, "loss": 0.25, "lr": 0.05}
    assert lab.show("experiments:history.csv") == (
        "step,time_s,test.acc,loss,lr\n,,0.9,,\n1,,,0.5,\n2,,,0.25,\n1,,,,0.1\n2,,,,0.05\n"
    )


def test_metrics_come_from_output_with_colours_and_progress_bars(lab: Lab) -> None:
    trains(
        lab,
        "[metrics]\noutput = { loss = 'loss=(\\S+)', acc = 'acc (\\S+)' }\n"
        'goal = { acc = "max" }\nsummary = { loss = "min" }\n',
        r"printf '\033[31mloss=\033[1m0.5\033[0m\n\rloss=0.3 \racc 0.75\r'; echo 'loss=0.4 acc 0.5' >&2" + "\n",
    )
    result = lab.well("run", "tiny")
    assert lab.toml("metrics.toml") == {"loss": 0.3, "acc": 0.75}
    assert "acc 0.75  loss 0.3" in result.stderr


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 1", "sleep 60"])
def test_a_torn_last_line_of_output_is_no_metric_and_that_is_said(lab: Lab, end: str) -> None:
    trains(
        lab,
        "[metrics]\noutput = { loss = 'loss: (\\S+)' }\ngoal = { loss = \"min\" }\n",
        f"printf 'loss: 0.5\\nloss: 0.4\\nloss: 0.'\n{end}\n",
    )
    assert lab.gitexp("run", "tiny", "--timeout", "1s").exit_code == 4
    assert lab.toml("metrics.toml") == {"loss": 0.4}
    said = "the last line of the output, 'loss: 0.', has no line feed and may be torn: it was left out"
    assert f"loss: {said}" in defects(lab)


def test_what_does_not_parse_is_said_and_the_run_is_recorded_all_the_same(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/torn.json", "out/none.json"]\noutput = { loss = \'loss=(\\S+)\' }\n',
        "mkdir -p out\necho '{\"acc\": 0.9' > out/torn.json\necho loss=oops\necho loss=0.5\n",
    )
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1
    assert lab.toml("metrics.toml") == {"loss": 0.5}
    assert "warning: loss: 'oops' is not a number, in the line 'loss=oops'" in result.stderr
    assert "warning: out/torn.json: line 2 is not JSON" in result.stderr
    assert "warning: out/none.json: the program did not write a file of this name" in result.stderr
    assert len(defects(lab)) == 3


def test_the_file_of_the_run_before_is_not_read_as_this_ones(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/metrics.json"]\n[train]\nwrites = true\n',
        'mkdir -p out\nif grep -q "writes = true" $GITEXP_RECIPE; then echo \'{"acc": 0.9}\' > out/metrics.json; fi\n',
    )
    assert lab.gitexp("run", "tiny").exit_code == 0
    result = lab.gitexp("run", "tiny", "-s", "train.writes=false")
    assert result.exit_code == 1
    assert lab.toml("metrics.toml") == {}
    assert "out/metrics.json: was not written by this run" in result.stderr
    assert lab.toml("metrics.toml", "experiments~1") == {"acc": 0.9}


def test_by_a_pattern_only_the_files_of_this_run_are_read(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/*.json"]\n',
        'mkdir -p out\necho "{\\"$GITEXP_SEED\\": 1}" > "out/$GITEXP_SEED.json"\n',
    )
    assert lab.gitexp("run", "tiny", "--seed", "7").exit_code == 0
    assert lab.gitexp("run", "tiny", "--seed", "8").exit_code == 0
    assert lab.toml("metrics.toml") == {"8": 1}


@pytest.mark.parametrize(
    "rotate",
    [
        "mv out/log.jsonl out/log-1.jsonl",
        "mv out/log.jsonl out/log-1.jsonl; echo '{}' >> out/log-1.jsonl",
        "cp -p out/log.jsonl out/log-1.jsonl; : > out/log.jsonl",
        "cp out/log.jsonl out/log-1.jsonl; echo '{}' >> out/log-1.jsonl; : > out/log.jsonl",
        "ln out/log.jsonl out/log-1.jsonl; rm out/log.jsonl",
    ],
)
def test_the_lines_of_earlier_runs_are_not_this_ones_under_another_name_either(lab: Lab, rotate: str) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/log*"]\n',
        f"mkdir -p out\nif [ -e out/log.jsonl ]; then {rotate}; fi\n"
        'echo "{\\"acc\\": 0.$GITEXP_SEED}" >> out/log.jsonl\n',
    )
    assert lab.gitexp("run", "tiny", "--seed", "7").exit_code == 0
    assert lab.gitexp("run", "tiny", "--seed", "8").exit_code == 0
    assert lab.show("experiments:history.csv") == "step,time_s,acc\n,,0.8\n"
    assert lab.toml("metrics.toml") == {"acc": 0.8}


def test_a_new_file_with_the_bytes_of_an_old_one_that_is_still_there_is_read(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/*.json"]\n',
        "mkdir -p out\necho '{\"acc\": 0.5}' > out/$GITEXP_SEED.json\n",
    )
    assert lab.gitexp("run", "tiny", "--seed", "7").exit_code == 0
    assert lab.gitexp("run", "tiny", "--seed", "8").exit_code == 0
    assert lab.toml("metrics.toml") == {"acc": 0.5}


def test_a_long_history_is_sampled_in_git_and_whole_in_the_store(lab: Lab) -> None:
    lab.write(
        "train.py", "import gitexp\nfor n in range(20000):\n    gitexp.log(step=n, loss=abs(n - 12345), acc=n / 7)\n"
    )
    lab.commit("training")
    lab.well("run", "--", "python", "train.py")
    history = lab.toml("run.toml")["history"]
    assert (history["rows"], history["kept"]) == (20000, 1000)
    rows = lab.show("experiments:history.csv").splitlines()
    assert len(rows) == 1001
    assert rows[1].startswith("0,") and rows[-1].startswith("19999,")
    assert any(row.startswith("12345,") and row.split(",")[2] == "0" for row in rows)
    digest = history["digest"].removeprefix("xxh128:")
    whole = (lab.path / ".git" / "gitexp" / "objects" / "xxh128" / digest[:2] / digest[2:]).read_text().splitlines()
    assert len(whole) == 20001
    assert whole[:2] == rows[:2]


def test_the_end_of_a_run_compares_its_metrics_with_the_run_before(lab: Lab) -> None:
    trains(
        lab,
        "[metrics]\noutput = { loss = 'loss=(\\S+)' }\ngoal = { loss = \"min\" }\n[train]\nloss = 0.5\n",
        'sed -n "s/^loss = \\([0-9.]*\\)/loss=\\1/p" "$GITEXP_RECIPE"\n',
    )
    assert "loss 0.5  " in lab.gitexp("run", "tiny").stderr
    assert "loss 0.25 (-0.25)" in lab.gitexp("run", "tiny", "-s", "train.loss=0.25").stderr


def test_a_link_to_nothing_that_a_pattern_matches_refuses_no_run(lab: Lab) -> None:
    trains(lab, '[metrics]\nfiles = ["out/*.json"]\n', """echo '{"acc": 0.5}' > out/a.json\n""")
    (lab.path / "out").mkdir()
    (lab.path / "out" / "latest.json").symlink_to("gone.json")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1, result.stderr
    assert lab.toml("metrics.toml") == {"acc": 0.5}
    assert defects(lab) == ["out/latest.json: cannot be read: No such file or directory"]


def test_a_metric_file_with_an_impossible_name_is_a_defect_of_the_run(lab: Lab) -> None:
    trains(lab, f'[metrics]\nfiles = ["{"x" * 300}"]\n', "true\n")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1, result.stderr
    assert defects(lab) == [f"{'x' * 300}: the program did not write a file of this name"]


def test_a_fifo_in_the_place_of_what_a_program_writes_stops_nobody(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/log.jsonl", "out/folder.json"]\n',
        "mkdir -p out $GITEXP_OUTPUT\n"
        "mkfifo $GITEXP_METRICS out/pipe $GITEXP_OUTPUT/model.pt $(dirname $GITEXP_METRICS)/progress.json\n"
        "ln -s pipe out/log.jsonl\nmkdir out/folder.json\n",
    )
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1, result.stderr
    assert defects(lab) == [
        "GITEXP_METRICS: cannot be read: it is a FIFO, a socket or a device",
        "out/log.jsonl: cannot be read: it is a FIFO, a socket or a device",
        "out/folder.json: cannot be read: it is a folder",
        "not kept: model.pt is a socket, FIFO or device: it has no content that could be recorded",
    ]
    assert lab.gitexp("status").exit_code == 0


def test_a_link_to_a_fifo_as_a_dataset_stops_nobody(lab: Lab) -> None:
    lab.write("recipes/tiny.toml", '[run]\ncommand = ["true"]\n[data]\nx = "pipe"\n')
    os.mkfifo(lab.path / "pipe")
    lab.write(".gitignore", "pipe\n")
    lab.commit("a recipe")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 3, result.stderr
    assert "FIFO" in result.stderr


def test_a_log_that_every_run_appends_to_gives_each_run_its_own_lines(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/log.jsonl"]\ngoal = { acc = "max" }\n',
        'mkdir -p out\necho "{\\"step\\": 1, \\"acc\\": 0.$GITEXP_SEED}" >> out/log.jsonl\n',
    )
    assert lab.gitexp("run", "tiny", "--seed", "9").exit_code == 0
    result = lab.well("run", "tiny", "--seed", "5")
    assert lab.toml("metrics.toml") == {"acc": 0.5}
    assert lab.show("experiments:history.csv") == "step,time_s,acc\n1,,0.5\n"
    said = "out/log.jsonl: read from byte 24 on: the lines before were there already"
    assert f"note: {said}" in result.stderr
    assert lab.toml("run.toml")["notes"][0].startswith(said)
    assert said in lab.gitexp("show").stdout


def test_a_file_removed_and_written_anew_with_the_same_first_rows_is_this_runs_as_a_whole(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/v.csv"]\ngoal = { acc = "max" }\n',
        "mkdir -p out\nrm -f out/v.csv\nprintf 'step,acc\\n1,0.5\\n2,0.9\\n' > out/v.csv\n"
        "if [ $GITEXP_SEED = 3 ]; then echo 3,0.7 >> out/v.csv; fi\n",
    )
    assert lab.gitexp("run", "tiny", "--seed", "2").exit_code == 0
    assert lab.gitexp("run", "tiny", "--seed", "3").exit_code == 0
    assert lab.toml("metrics.toml") == {"acc": 0.9}
    assert lab.show("experiments:history.csv") == "step,time_s,acc\n1,,0.5\n2,,0.9\n3,,0.7\n"


WAITS = (
    "mkdir -p out\n"
    "if [ $GITEXP_SEED = 1 ]; then touch out/began; while [ ! -e out/go ]; do sleep 0.05; done; fi\n"
    '[ $GITEXP_SEED = 3 ] || echo "{\\"loss\\": 0.$GITEXP_SEED}" >> FILE\n'
)


@pytest.mark.parametrize("seed", ["2", "3"], ids=["both write it", "only one writes it"])
@pytest.mark.parametrize(
    ("files", "other_files"),
    [("out/log.jsonl", "out/log.jsonl"), ("out/*.jsonl", "out/log.jsonl"), ("out/lo*.jsonl", "out/*g.jsonl")],
)
def test_two_runs_at_once_with_one_metric_file_take_no_numbers_from_it_and_say_so(
    lab: Lab, files: str, other_files: str, seed: str
) -> None:
    trains(lab, f'[metrics]\nfiles = ["{files}"]\ngoal = {{ loss = "min" }}\n', WAITS.replace("FILE", "out/log.jsonl"))
    first = lab.start("run", "tiny", "--seed", "1")
    wait_for((lab.path / "out/began").exists)
    second = lab.gitexp("run", "tiny", "--seed", seed, "-s", f'metrics.files=["{other_files}"]')
    (lab.path / "out/go").touch()
    first.communicate(timeout=60)
    assert first.returncode == 1
    runs = [lab.toml("run.toml", commit) for commit in ("experiments", "experiments~1")]
    said = "out/log.jsonl: was not read: run {} of this clone has it as a metric file too"
    assert any(line.startswith(said.format(runs[1]["id"])) for line in runs[0]["defects"])
    assert lab.toml("metrics.toml") == lab.toml("metrics.toml", "experiments~1") == {}
    if seed == "2":
        assert second.exit_code == 1
        assert said.format(runs[0]["id"]) in second.stderr
        assert "Use a file of the run's own ([metrics] files may name $GITEXP_OUTPUT/FILE)" in second.stderr


def test_two_runs_at_once_with_files_of_their_own_have_their_own_numbers(lab: Lab) -> None:
    script = WAITS.replace("FILE", '"$GITEXP_OUTPUT/log.jsonl"')
    trains(lab, '[metrics]\nfiles = ["$GITEXP_OUTPUT/log.jsonl"]\n', script)
    first = lab.start("run", "tiny", "--seed", "1")
    wait_for((lab.path / "out/began").exists)
    assert lab.gitexp("run", "tiny", "--seed", "2").exit_code == 0
    (lab.path / "out/go").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert (lab.toml("metrics.toml"), lab.toml("metrics.toml", "experiments~1")) == ({"loss": 0.1}, {"loss": 0.2})


def test_a_run_that_waited_to_be_recorded_does_not_get_the_lines_of_the_next(lab: Lab) -> None:
    trains(lab, '[metrics]\nfiles = ["out/log.jsonl"]\n', WAITS.replace("FILE", "out/log.jsonl"))
    first = lab.start("run", "tiny", "--seed", "1")
    wait_for((lab.path / "out/began").exists)
    first.kill()
    first.communicate(timeout=60)
    (lab.path / "out/go").touch()
    wait_for(lambda: list((lab.path / ".git/gitexp/runs").glob("*/outcome.json")))
    assert lab.gitexp("run", "tiny", "--seed", "2").exit_code == 0
    assert (lab.toml("metrics.toml", "experiments~1"), lab.toml("metrics.toml")) == ({"loss": 0.2}, {})
    assert "out/log.jsonl: was not read" in defects(lab)[0]


def test_the_summary_is_of_one_step_and_show_says_which(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/m.csv"]\ngoal = { acc = "max", loss = "min" }\n',
        "mkdir -p out\nprintf 'step,acc,loss\\n1,0.5,0.6\\n2,0.9,0.8\\n3,0.7,0.7\\n' > out/m.csv\n",
    )
    assert lab.gitexp("run", "tiny").exit_code == 0
    assert lab.toml("metrics.toml") == {"acc": 0.9, "loss": 0.8}
    run = lab.toml("run.toml")
    assert run["summary"] == {"by": "acc", "goal": "max", "row": 2, "step": 2}
    assert "metrics  of step 2, the best by acc" in lab.gitexp("show").stdout
    assert lab.gitexp("run", "tiny", "-s", "+metrics.monitor=loss").exit_code == 0
    assert lab.toml("metrics.toml") == {"acc": 0.5, "loss": 0.6}


def test_without_steps_show_says_which_row_the_summary_is_of(lab: Lab) -> None:
    trains(
        lab,
        '[metrics]\nfiles = ["out/m.csv"]\ngoal = { acc = "max" }\n',
        "mkdir -p out\nprintf 'acc,loss\\n0.5,0.6\\n0.9,0.8\\n0.7,0.7\\n' > out/m.csv\n",
    )
    assert lab.gitexp("run", "tiny").exit_code == 0
    assert lab.toml("run.toml")["summary"] == {"by": "acc", "goal": "max", "row": 2}
    assert "metrics  of row 2, the best by acc" in lab.gitexp("show").stdout
    assert lab.gitexp("log", "--json").json["runs"][0]["metrics"] == {"acc": 0.9, "loss": 0.8}


def test_what_the_lab_asks_of_every_recipe_is_not_missed_and_does_not_judge_first(lab: Lab) -> None:
    lab.write("gitexp.toml", '[metrics]\ngoal = { bpb = "min", acc = "max" }\n')
    trains(
        lab,
        '[metrics]\nfiles = ["out/m.jsonl"]\ngoal = { loss = "min" }\n',
        'mkdir -p out\nprintf \'{"acc": 0.9, "loss": 2}\\n{"acc": 0.5, "loss": 1}\\n\' > out/m.jsonl\n',
    )
    lab.well("run", "tiny")
    assert lab.toml("metrics.toml") == {"acc": 0.5, "loss": 1}


def test_a_pattern_that_matched_no_line_is_a_defect_of_the_run(lab: Lab) -> None:
    trains(lab, "[metrics]\noutput = { val_loss = 'val_loss: (\\S+)' }\n", "echo 'Val_Loss: 0.5'\n")
    result = lab.gitexp("run", "tiny")
    assert result.exit_code == 1
    assert defects(lab) == [
        "val_loss was not logged: no line of the output matched 'val_loss: (\\\\S+)' ([metrics] output)"
    ]


def test_a_full_disk_ends_no_training_and_the_record_tells(lab: Lab) -> None:
    lab.write(
        "train.py",
        "import gitexp, resource\n"
        "gitexp.log(loss=1.0)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))\n"
        "for _ in range(5): gitexp.log(loss=0.5)\n",
    )
    lab.commit("training")
    result = lab.gitexp("run", "--", "python", "train.py")
    assert result.exit_code == 1, result.stderr
    assert defects(lab) == [
        "GITEXP_METRICS: gitexp.log() or gitexp.save() could not write all of it; was the disk full?"
    ]


def test_a_program_whose_metric_ends_as_nan_is_warned_of_and_the_record_tells(lab: Lab) -> None:
    lab.write(
        "fit.sh", """echo '{"val.acc": 0.9}' >> "$GITEXP_METRICS"; echo '{"val.acc": NaN}' >> "$GITEXP_METRICS"\n"""
    )
    lab.write("recipes/fit.toml", '[run]\ncommand = ["sh", "fit.sh"]\n[metrics.goal]\n"val.acc" = "max"\n')
    lab.commit("a program that loses itself")
    result = lab.gitexp("run", "fit")
    assert "warning: val.acc, which has a goal, ended as nan\n" in result.stderr
    record = lab.toml("run.toml")
    assert (record["status"], record["defects"]) == ("completed", ["val.acc, which has a goal, ended as nan"])
