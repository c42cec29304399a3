"""Runs that other tools kept come onto the branch as what they are: their numbers whole, what is unknown unknown."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from contract.reader import breaches
from harness import Lab

CAPTURED = Path(__file__).parents[1] / "capture" / "samples"
SAMPLES = Path(__file__).parents[1] / "elsewhere" / "samples"
RESULTS = (
    "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    "b2c3d4e\t0.997900\t44.0\tkeep\tbaseline\n"
    "c3d4e5f\t1.005000\t44.2\tdiscard\tswitch to \x1b[31mGeLU\n"
    "d4e5f6a\t0.000000\t0.0\tcrash\tdouble width (OOM)\n"
)


def run_of(lab: Lab, row: dict[str, Any]) -> dict[str, Any]:
    return lab.toml("run.toml", row["commit"])


def listed(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.gitexp("log", "--json").json["runs"]
    return found


def database(path: Path, script: Path) -> Path:
    with sqlite3.connect(path) as made:
        made.executescript(script.read_text())
    made.close()
    return path


def test_each_row_of_a_loops_table_is_a_run(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(RESULTS)
    before = lab.state()
    done = lab.well("import", str(tmp_path / "results.tsv"))
    assert "metrics: val_bpb, memory_gb; of the run: commit, status, note" in done.stderr
    assert done.stdout.endswith("results.tsv: a table, 3 runs imported\n")
    rows = listed(lab)
    assert [row["metrics"]["val_bpb"] for row in rows] == [0.0, 1.005, 0.9979]
    assert [row["status"] for row in rows] == ["failed", "completed", "completed"]
    assert [row["kind"] for row in rows] == ["imported"] * 3
    record = run_of(lab, rows[1])
    assert record["imported"]["commit"] == "c3d4e5f"
    assert record["imported"]["status"] == "discard"
    assert record["message"] == "switch to  [31mGeLU"
    assert "commit" not in record["code"]
    assert lab.git("ls-tree", "--name-only", rows[0]["commit"], "code") == ""
    assert breaches(lab.path) == []
    assert lab.state() == before


def test_a_run_that_was_imported_before_is_skipped(lab: Lab, tmp_path: Path) -> None:
    table = tmp_path / "results.tsv"
    table.write_text(RESULTS)
    lab.gitexp("import", str(table))
    table.write_text(RESULTS + "e5f6a7b\t0.9\t44.0\tkeep\tmore\n")
    assert lab.gitexp("import", str(table)).stdout.endswith("1 run imported, 3 imported before\n")
    assert len(listed(lab)) == 4


def test_a_dry_run_records_nothing(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(RESULTS)
    done = lab.gitexp("import", "--dry-run", str(tmp_path / "results.tsv"))
    assert done.stdout.count("\n") == 3
    assert "3 runs would be imported" in done.stderr
    assert lab.runs() == []


def test_the_code_is_that_of_a_commit_that_the_tool_names(lab: Lab, tmp_path: Path) -> None:
    lab.write("train.py", "lr = 1\n")
    commit = lab.commit("a trial")
    lab.write("train.py", "lr = 2\n")
    lab.commit("later")
    (tmp_path / "results.csv").write_text(f"sha,acc\n{commit[:7]},0.5\n")
    lab.gitexp("import", str(tmp_path / "results.csv"))
    assert lab.show("experiments:code/train.py") == "lr = 1\n"
    assert "as table says; nobody has checked" in lab.gitexp("show").stdout
    assert breaches(lab.path) == []


def test_mlflows_folder_and_database_come_with_steps_times_and_params(lab: Lab, tmp_path: Path) -> None:
    assert lab.gitexp("import", str(CAPTURED / "mlflow" / "mlruns")).stdout.endswith("MLflow, 2 runs imported\n")
    rows = {row["message"]: row for row in listed(lab)}
    commit = rows["lr0.1"]["commit"]
    history = [line.split(",") for line in lab.show(f"{commit}:history.csv").splitlines()]
    assert [[row[0], row[2]] for row in history if row[2]][1:4] == [
        ["0", "0.1"],
        ["1", "0.05"],
        ["2", "0.03333333333333333"],
    ]
    assert all(row[1] for row in history)
    assert lab.toml("settings.toml", commit)["MLflow"]["lr"] == "0.1"
    path = database(tmp_path / "mlflow.db", CAPTURED / "mlflow" / "mlflow.sql")
    before = path.read_bytes()
    assert lab.gitexp("import", str(path)).stdout.endswith("MLflow, 2 runs imported\n")
    assert path.read_bytes() == before
    assert breaches(lab.path) == []


def test_trackios_project_comes_with_its_config(lab: Lab, tmp_path: Path) -> None:
    lab.gitexp("import", str(database(tmp_path / "digits.db", SAMPLES / "trackio" / "digits.sql")))
    rows = {row["message"]: row for row in listed(lab)}
    assert set(rows) == {"lr-0.1", "lr-0.01"}
    commit = rows["lr-0.1"]["commit"]
    history = lab.show(f"{commit}:history.csv").splitlines()
    assert history[0] == "step,time_s,loss,val.acc"
    values = [(*line.split(",")[:1], *line.split(",")[2:]) for line in history[1:]]
    assert values == [("0", "0.1", "0.5"), ("10", "0.05", "0.6"), ("20", "0.03333333333333333", "0.7")]
    assert lab.toml("settings.toml", commit) == {"trackio": {"lr": 0.1, "opt.name": "sgd"}}
    assert breaches(lab.path) == []


def test_wandb_and_tensorboard_and_a_table_of_steps_come(lab: Lab) -> None:
    lab.well("import", *(str(CAPTURED / name) for name in ("wandb", "tensorboard", "keras/training.csv")))
    rows = {run_of(lab, row)["imported"]["tool"]: row for row in listed(lab)}
    assert rows["W&B"]["metrics"]["best"] == 0.25
    assert rows["W&B"]["status"] == "completed"
    assert rows["TensorBoard"]["metrics"]["val/loss"] == 0.25
    assert (
        lab.show(f"{rows['TensorBoard']['commit']}:history.csv")
        .splitlines()[1]
        .startswith("0,,1.0,0.10000000149011612")
    )
    assert rows["table"]["metrics"]["accuracy"] == pytest.approx(0.9386, abs=1e-4)
    assert breaches(lab.path) == []


def test_nothing_of_imported_runs_is_called_identical(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(RESULTS)
    lab.gitexp("import", str(tmp_path / "results.tsv"))
    one, other = (row["id"] for row in listed(lab)[:2])
    page = lab.gitexp("diff", one, other).stdout
    assert "recipe  not recorded" in page
    assert "data  not recorded" in page
    assert "A was imported from table" in page
    assert "same inputs" not in lab.gitexp("log").stdout + page
    assert "it cannot go on" in lab.gitexp("resume", one).stderr
    assert "was imported from table" in lab.gitexp("explain", one, "latest").stderr


def test_what_an_imported_run_does_not_say_is_no_difference_to_a_real_one(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(RESULTS)
    lab.gitexp("import", str(tmp_path / "results.tsv"))
    lab.write("rows.csv", "1\n")
    lab.commit("data")
    lab.gitexp("run", "--data", "d=rows.csv", "--seed", "3", "--", "true")
    real, imported = (row["id"] for row in listed(lab)[:2])
    for pair in ((imported, real), (real, imported)):
        done = lab.gitexp("diff", *pair)
        assert "  d  not recorded\n" in done.stdout
        for word in ("different data", "different seeds", "added", "removed"):
            assert word not in done.stdout
        assert [one["state"] for one in lab.gitexp("diff", *pair, "--json").json["data"]] == ["not recorded"]


def test_columns_are_what_the_user_says(lab: Lab, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("name,lr,score,odd\na,0.1,1,x\nb,0.2,nan,y\nc,0.3\n\nd,0.4,oops,z\n")
    done = lab.gitexp("import", str(table), "--metric", "lr", "--setting", "score")
    assert "metrics: lr; settings: score, odd; of the run: name" in done.stderr
    assert "line 4 has 2 cells, the header has 4: it was left out" in done.stderr
    assert [row["metrics"] for row in listed(lab)] == [{"lr": 0.4}, {"lr": 0.2}, {"lr": 0.1}]
    assert lab.gitexp("import", str(table), "--metric", "acc").exit_code != 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"hello", "is no store that is known"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"0.1,0.2\n0.3,0.4\n", "line 1 must name the columns"),
        ("a.csv", b"name,acc\nM\xfcller,1\n", "a.csv:2 is not UTF-8"),
        ("a.db", b"SQLite format 3\0garbage", "cannot be read"),
    ],
)
def test_what_is_no_store_is_refused(lab: Lab, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = lab.gitexp("import", str(tmp_path / name))
    assert (done.exit_code, words in done.stderr) == (1, True), done.stderr
    assert lab.runs() == []


def test_a_pipe_is_refused_with_what_to_type_and_is_not_waited_for(lab: Lab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.tsv")
    for args in ([str(tmp_path / "rows.tsv")], ["--as", "csv", str(tmp_path / "rows.tsv")]):
        result = lab.gitexp("import", *args)
        assert result.exit_code == 1, result.stderr
        assert "is a FIFO, a socket or a device" in result.stderr
        assert "fix:   write it to a file first" in result.stderr


def test_a_table_of_another_encoding_is_converted_by_the_line_that_is_told(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "of last year.csv"
    path.write_bytes("loss,note\n0.5,süß\n".encode("latin1"))
    fix = lab.gitexp("import", str(path)).stderr.split("fix:   ")[1].strip()
    subprocess.run(["sh", "-c", fix], check=True, stdin=subprocess.DEVNULL)
    assert lab.gitexp("import", str(tmp_path / "of last year.utf8.csv")).exit_code == 0
    assert [run["metrics"] for run in listed(lab)] == [{"loss": 0.5}]


def test_damage_in_the_middle_costs_what_is_damaged(lab: Lab, tmp_path: Path) -> None:
    shutil.copytree(CAPTURED / "mlflow" / "mlruns", tmp_path / "mlruns")
    broken = next((tmp_path / "mlruns").glob("*/*/metrics/acc"))
    broken.write_bytes(b"\xff\xfe\n" + broken.read_bytes())
    done = lab.gitexp("import", str(tmp_path / "mlruns"))
    assert done.stdout.endswith("2 runs imported, 1 with defects\n")
    assert breaches(lab.path) == []


def test_an_import_that_is_killed_leaves_whole_runs_and_goes_on(lab: Lab, tmp_path: Path) -> None:
    rows = "".join(f"r{n},{n / 7}\n" for n in range(350))
    (tmp_path / "t.csv").write_text("name,acc\n" + rows)
    process = lab.start("import", str(tmp_path / "t.csv"))
    until = time.monotonic() + 60
    while not lab.git("rev-list", "--count", "experiments").strip() > "1" and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    there = len(lab.runs())
    assert there % 100 == 0
    assert lab.gitexp("import", str(tmp_path / "t.csv")).exit_code == 0
    assert len(lab.runs()) == 350
    assert len({row["id"] for row in listed(lab)}) == 350
    lab.git("fsck", "--strict")
    assert lab.git("for-each-ref", "refs/gitexp") == ""


def other_lab(lab: Lab, tmp_path: Path) -> Lab:
    (tmp_path / "other").mkdir()
    found = Lab(tmp_path / "other", lab.env)
    found.git("init", "-q")
    return found


def with_experiments(lab: Lab, refs: str = "refs/exps/*:refs/exps/*") -> Lab:
    lab.git("fetch", "-q", str(SAMPLES / "dvc" / "experiments.bundle"), refs)
    return lab


def history_of(lab: Lab, row: dict[str, Any]) -> list[str]:
    return lab.show(f"{row['commit']}:history.csv").splitlines()


def test_dvcs_experiments_come_with_params_series_and_final_metrics(lab: Lab, tmp_path: Path) -> None:
    other = with_experiments(other_lab(lab, tmp_path))
    before = other.git("for-each-ref")
    done = lab.gitexp("import", "--as", "dvc", str(other.path))
    assert done.stdout.endswith("DVC, 3 runs imported\n"), done.stderr
    rows = {row["message"]: row for row in listed(lab)}
    assert set(rows) == {"small", "ocher-robe", "without a pipeline"}
    assert rows["ocher-robe"]["metrics"] == {"acc": 0.8, "train/loss": 0.125, "final.acc": 0.8}
    assert history_of(lab, rows["ocher-robe"]) == [
        "step,time_s,acc,train/loss,final.acc",
        "0,,0.5,0.5,",
        "1,,0.6,0.25,",
        "2,,0.7,0.16666666666666666,",
        "3,,0.8,0.125,",
        ",,,,0.8",
    ]
    record = run_of(lab, rows["ocher-robe"])
    assert (record["seed"], record["user"], record["imported"]["name"]) == (2, "Ada", "ocher-robe")
    assert record["imported"]["artifacts"] == ["model.bin"]
    assert record["imported"]["tags"] == {"baseline": "098f70a204a170d6ef523f110be9e119ed7e3baa"}
    assert "commit" not in record["code"]
    settings = lab.toml("settings.toml", rows["ocher-robe"]["commit"])["DVC"]
    assert settings == {"seed": 2, "train.lr": 0.5, "train.layers": [8, 8]}
    live = rows["without a pipeline"]
    assert history_of(lab, live)[1:] == ["0,,0.6,,", "1,,0.7,,", "2,,0.8,0.8,", ",,,,0.8"]
    settings = lab.toml("settings.toml", live["commit"])["DVC"]
    assert (settings["lr"], settings["train.lr"]) == (0.2, 0.1)
    assert other.git("for-each-ref") == before
    assert breaches(lab.path) == []


def test_the_code_of_an_experiment_is_its_commit_where_this_repository_has_it(lab: Lab) -> None:
    with_experiments(lab)
    lab.write(".dvc/config", "")
    done = lab.gitexp("import", ".")
    assert done.stdout.endswith("DVC, 3 runs imported\n"), done.stderr
    assert "train.py" in lab.git("ls-tree", "--name-only", "-r", "experiments", "code")
    assert breaches(lab.path) == []


def test_metrics_that_are_in_dvcs_cache_alone_are_said(lab: Lab, tmp_path: Path) -> None:
    other = other_lab(lab, tmp_path)
    other.write("dvc.yaml", "stages:\n  a:\n    foreach: [x]\n    do: {metrics: ['${item}.json', b.json]}\n")
    other.write("dvc.lock", "stages: {a@x: {params: {params.yaml: {lr: 0.1}}, outs: [{path: b.json}]}}\n")
    other.write("params.yaml", "lr: 0.2\n")
    other.write("x.json", '{"acc": 0.5}')
    other.git("add", "-A")
    other.git("commit", "-q", "-m", "dvc: commit experiment")
    commit = other.git("rev-parse", "HEAD").strip()
    other.git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/one", commit)
    done = lab.gitexp("import", "--as", "dvc", str(other.path))
    assert done.stdout.endswith("1 run imported, 1 with defects\n")
    record = run_of(lab, listed(lab)[0])
    assert "b.json: is named in dvc.yaml and not in git (DVC's cache has it)" in record["defects"][0]
    assert "lr is 0.2, and dvc.lock has 0.1" in record["notes"][0]
    assert listed(lab)[0]["metrics"] == {"acc": 0.5}


def test_an_experiment_that_is_not_whole_is_read_without_asking_its_remote(lab: Lab, tmp_path: Path) -> None:
    other = with_experiments(other_lab(lab, tmp_path))
    ref = other.git("for-each-ref", "--format=%(refname)").split()[0]
    oid = other.git("rev-parse", f"{ref}:params.yaml").strip()
    other.git("repack", "-adq")
    for pack in (other.path / ".git/objects/pack").glob("*.pack"):
        with open(shutil.move(pack, tmp_path), "rb") as data:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=other.path, stdin=data, check=True)
    (other.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    other.git("config", "extensions.partialClone", "far")
    other.git("config", "core.repositoryFormatVersion", "1")
    other.git("config", "remote.far.url", str(tmp_path / "far"))
    other.git("config", "remote.far.promisor", "true")
    other.git("config", "remote.far.uploadpack", f"touch {tmp_path}/executed; false")
    done = lab.gitexp("import", "--as", "dvc", str(other.path))
    assert "3 runs imported, 1 with defects" in done.stdout, done.stderr
    assert not (tmp_path / "executed").exists()


def test_a_clone_without_its_experiments_says_how_to_fetch_them(lab: Lab, tmp_path: Path) -> None:
    other = with_experiments(other_lab(lab, tmp_path), "refs/heads/main")
    other.write(".dvc/config", "")
    done = lab.gitexp("import", str(other.path))
    assert done.exit_code == 1
    assert "has no experiments of DVC" in done.stderr
    assert "fetch origin 'refs/exps/*:refs/exps/*'" in done.stderr


def test_the_table_of_dvc_exp_show_comes_as_a_table(lab: Lab) -> None:
    done = lab.gitexp("import", str(SAMPLES / "dvc" / "exp-show.csv"))
    assert done.stdout.endswith("a table, 6 runs imported\n")
    rows = {run_of(lab, row)["imported"].get("name"): row for row in listed(lab)}
    assert rows["small"]["metrics"]["train.loss"] == 0.0025


def test_neptunes_export_comes_with_series_settings_and_tags(lab: Lab, tmp_path: Path) -> None:
    done = lab.gitexp("import", str(SAMPLES / "neptune"))
    assert done.stdout.endswith("Neptune, 2 runs imported\n"), done.stderr
    assert "1 run of the trash left out; --deleted takes these too" in done.stderr
    rows = {run_of(lab, row)["imported"]["id"]: row for row in listed(lab)}
    assert {name: row["status"] for name, row in rows.items()} == {"DIG-1": "completed", "DIG-2": "failed"}
    assert history_of(lab, rows["DIG-1"]) == [
        "step,time_s,train/loss,val/acc,test/acc",
        "0,1.0,0.5,0.5,",
        "10,2.0,0.25,0.625,",
        "20,3.0,0.125,,",
        ",,,,0.75",
    ]
    settings = lab.toml("settings.toml", rows["DIG-1"]["commit"])["Neptune"]
    assert settings == {"parameters/lr": 0.1, "parameters/layers": 2, "optimizer": "sgd"}
    record = run_of(lab, rows["DIG-1"])
    assert (record["user"], record["host"], record["duration_s"]) == ("ada", "box", 3.0)
    assert record["imported"]["artifacts"] == ["model"]
    shutil.copytree(SAMPLES / "neptune", tmp_path / "some")
    next((tmp_path / "some").glob("*/DIG-3*_part_1.parquet")).unlink()
    done = lab.gitexp("import", "--deleted", str(tmp_path / "some"))
    assert done.stdout.endswith("1 run imported, 2 imported before, 1 with defects\n")
    assert breaches(lab.path) == []


def test_what_is_no_file_of_neptunes_exporter_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a_part_0.parquet").write_bytes(b"PAR1 and no more")
    done = lab.gitexp("import", str(tmp_path))
    assert (done.exit_code, "cannot be read as Parquet" in done.stderr) == (1, True), done.stderr


def test_mlflows_tags_note_and_artifacts_come_and_its_trash_only_when_asked_for(lab: Lab) -> None:
    store = str(SAMPLES / "mlflow" / "mlruns")
    done = lab.gitexp("import", store)
    assert done.stdout.endswith("MLflow, 3 runs imported\n")
    assert "mlruns: 1 run of the trash left out" in done.stderr
    rows = {run_of(lab, row)["imported"]["name"]: row for row in listed(lab)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "lr0.1": "completed",
        "lr0.01": "completed",
        "broke": "failed",
    }
    record = run_of(lab, rows["lr0.1"])
    assert record["message"] == "a note\nof two lines"
    assert record["imported"]["tags"] == {"kept": "yes", "team": "vision"}
    assert sorted(record["imported"]["artifacts"]) == ["notes.txt", "tables/a.json"]
    assert record["imported"]["commit"] == "4f1c2ab" + "0" * 33
    assert lab.gitexp("import", "--deleted", store).stdout.endswith("1 run imported, 3 imported before\n")
    assert breaches(lab.path) == []


def test_an_mlflow_run_whose_id_is_digits_alone_is_one(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "1" / ("0" * 32)).mkdir(parents=True)
    (tmp_path / "1" / ("0" * 32) / "meta.yaml").write_text(f"run_id: {'0' * 32}\nstatus: 3\n")
    assert lab.gitexp("import", str(tmp_path)).stdout.endswith("MLflow, 1 run imported\n")
    assert run_of(lab, listed(lab)[0])["imported"]["id"] == "0" * 32


def test_wandbs_git_notes_and_tags_come(lab: Lab) -> None:
    lab.gitexp("import", str(SAMPLES / "wandb"))
    record = run_of(lab, listed(lab)[0])
    assert record["message"] == "a note\nof two lines"
    assert record["imported"]["commit"] == "c3a30d265bba748e94a0ac5df69b9e20de1d7380"
    assert record["imported"]["tags"] == {"group": "g1", "job_type": "train", "tags": "base, sgd"}
    assert listed(lab)[0]["metrics"] == {"best": 0.7, "loss": 0.1 / 3, "val.acc": 0.7}


def settings_of(lab: Lab, row: dict[str, Any], tool: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.toml("settings.toml", row["commit"])[tool]
    return found


def test_tensorboards_folders_of_splits_are_one_run_with_its_hparams(lab: Lab) -> None:
    done = lab.gitexp("import", str(SAMPLES / "tensorboard" / "runs"))
    assert done.stdout.endswith("TensorBoard, 2 runs imported\n")
    rows = {row["message"]: row for row in listed(lab)}
    metrics = rows["lr0.1"]["metrics"]
    assert metrics["train/epoch_loss"] == pytest.approx(0.1 / 3)
    assert metrics["validation/epoch_loss"] == pytest.approx(1 + 0.1 / 3)
    assert metrics["hparam/acc"] == pytest.approx(0.9)
    assert settings_of(lab, rows["lr0.1"], "TensorBoard") == {"lr": 0.1, "bsize": 8, "opt": "sgd", "nesterov": 1}
    assert breaches(lab.path) == []


def test_trials_of_one_tensorboard_writer_are_a_run_each(lab: Lab) -> None:
    done = lab.gitexp("import", str(SAMPLES / "tensorboard" / "trials"))
    assert done.stdout.endswith("TensorBoard, 3 runs imported\n")
    found = {settings_of(lab, row, "TensorBoard")["bsize"]: row["metrics"]["hparam/accuracy"] for row in listed(lab)}
    assert found == {0: 0.0, 1: 10.0, 2: 20.0}


def test_what_a_writer_has_in_its_wal_comes_too_and_nothing_is_changed(lab: Lab, tmp_path: Path) -> None:
    path = database(tmp_path / "digits.db", SAMPLES / "trackio" / "digits.sql")
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("UPDATE metrics SET metrics = replace(metrics, '0.1', '0.25')")
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    done = lab.gitexp("import", str(path))
    assert done.stdout.endswith("trackio, 2 runs imported\n"), done.stderr
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == before
    writer.close()
    rows = {row["message"]: row for row in listed(lab)}
    assert history_of(lab, rows["lr-0.1"])[1].split(",")[2] == "0.25"
