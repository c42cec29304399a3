"""Runs that go on: killed, stopped or out of time, resumed by hand or by a scheduler, and what is refused."""

from __future__ import annotations

import csv
import io
import os
import pickle
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Lab, Result, at_terminal, exit_code, make_lab, wait_for, world

pytest.importorskip("torch")

from records import write_run
from trainings import lay_out

pytestmark = [pytest.mark.torch, pytest.mark.long]

PATH = "recipes/tiny.toml"

HELD = '''

class Held(AdamW):
    """Before the step that HOLD_AT names it says who it is, and waits for a signal."""

    def step(self, closure=None):
        if os.environ.get("HOLD_AT") == str(self.done + 1):
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            signal.set_wakeup_fd(writing)
            name = os.environ["HOLD_IN"]
            with open(name + ".half", "w") as file:
                file.write(f"{os.getpid()} {os.getppid()}")
            os.rename(name + ".half", name)
            os.read(reading, 1)
        super().step(closure)
'''


@dataclass(frozen=True)
class Going:
    """A training that waits before one of its steps."""

    process: subprocess.Popen[str]
    program: int
    worker: int

    def ended(self) -> Result:
        stdout, stderr = self.process.communicate(timeout=60)
        return Result(self.process.returncode, stdout, stderr)


def with_recipe(lab: Lab, *changes: str) -> None:
    """Commit recipes/tiny.toml: 24 steps, a checkpoint after every third; and a dataset that git ignores."""
    laid = lay_out(lab.path.parent / "laid", lab.path.name, 'optimizer.use="parts.py:Held"', *changes)
    lab.write("parts.py", (laid.root / "parts.py").read_text() + HELD)
    lab.write("recipes/tiny.toml", f'{(laid.folder / "recipe.toml").read_text()}[data]\nrows = "./data/rows.csv"\n')
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a tiny recipe")


def held(lab: Lab, *args: str, at: int) -> Going:
    """A gitexp command whose training waits before this step."""
    mark = lab.path.parent / "held"
    mark.unlink(missing_ok=True)
    there = Lab(lab.path, {**lab.env, "HOLD_AT": str(at), "HOLD_IN": str(mark)})
    process = there.start(*args)
    wait_for(mark.exists)
    program, worker = mark.read_text().split()
    return Going(process, int(program), int(worker))


def set_up(path: Path, *changes: str) -> Lab:
    """A repository with gitexp and the recipe."""
    lab = make_lab(path / "lab", world(path / "home"))
    assert lab.gitexp("init").exit_code == 0
    with_recipe(lab, *changes)
    return lab


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A run from beginning to end, then one in a batch job that was killed before its ninth step."""
    lab = set_up(tmp_path_factory.mktemp("both"))
    lab.well("run", "tiny")
    assert lab.gitexp("run", "tiny", DIE_AT="step 9", SLURM_JOB_ID="1234", SLURM_RESTART_COUNT="0").exit_code == 4
    return lab


@pytest.fixture
def killed(both: Lab, tmp_path: Path) -> Lab:
    """A copy of it."""
    path = tmp_path / "copy"
    shutil.copytree(both.path, path, symlinks=True)
    lab = Lab(path, both.env)
    lab.git("status")
    return lab


def run_of(lab: Lab, run: str = "latest") -> dict[str, object]:
    """A run's run.toml and more, as `gitexp show --json` has it."""
    shown = lab.well("show", run, "--json")
    found: dict[str, object] = shown.json["run"]
    return found


def weights(lab: Lab, run: str) -> str:
    """The digest of its final weights."""
    return str(lab.toml("run.toml", run)["digests"]["weights"])


def history(lab: Lab, run: str = "experiments") -> list[tuple[str, str]]:
    """The step and the attempt of each row."""
    lines = lab.show(f"{run}:history.csv").splitlines()
    assert lines[0].startswith("step,time_s,attempt,")
    return [(line.split(",")[0], line.split(",")[2]) for line in lines[1:]]


def leave_nothing(lab: Lab) -> None:
    """No run folder is left."""
    assert list((lab.path / ".git" / "gitexp" / "runs").iterdir()) == []


# ---- going on


def test_a_killed_run_goes_on_and_ends_as_if_it_never_was(killed: Lab) -> None:
    before, undisturbed = killed.state(), killed.runs()[1]
    first = run_of(killed)
    assert (first["status"], first["signal"], first["attempt"]) == ("failed", "SIGKILL", 1)
    result = killed.well("resume", "latest", "-m", "the node was taken away")
    assert "going on from step 6\n" in result.stdout
    run_id = str(first["id"])
    assert f"tiny {run_id}/2  commit " in result.stderr
    assert re.search(r"val\.loss \S+ \(\+0\)", result.stderr)  # against the run before, not the attempt before
    assert "\njob       slurm:1234\n" in killed.gitexp("show", f"{run_id}/1").stdout
    assert killed.show("experiments:metrics.toml") == killed.show(f"{undisturbed}:metrics.toml")
    assert weights(killed, "experiments") == weights(killed, undisturbed)
    assert killed.show("experiments:recipe.toml") == killed.show(f"{undisturbed}:recipe.toml")
    assert history(killed) == [
        *((step, "1") for step in ("2", "4", "6", "8")),
        *((step, "2") for step in ("8", "10", "12", "14", "16", "18", "20", "22", "24")),
    ]
    trailers = killed.git(
        "log", "-1", "--format=%(trailers:key=Gitexp-Run,key=Gitexp-Attempt,valueonly)", "experiments"
    )
    assert trailers.split() == [run_id, "2"]
    assert "the node was taken away" in killed.git("log", "-1", "--format=%B", "experiments")
    assert [run_of(killed, name)["attempt"] for name in (run_id, f"{run_id}/1", f"{run_id}/2")] == [2, 1, 2]
    assert len(killed.runs()) == 3
    listed = killed.gitexp("log", "--json").json["runs"]
    assert [(run["id"] == run_id, run["attempt"], run["status"]) for run in listed] == [
        (True, 2, "completed"),
        (True, 1, "failed"),
        (False, 1, "completed"),
    ]
    assert killed.state() == before
    leave_nothing(killed)


def test_what_went_on_and_is_killed_again_goes_on_once_more(killed: Lab) -> None:
    undisturbed = killed.runs()[1]
    assert killed.gitexp("resume", "latest", DIE_AT="step 5").exit_code == 4  # from step 6 on, the eleventh
    assert history(killed)[4:] == [("8", "2"), ("10", "2")]
    first = str(run_of(killed)["id"])
    result = killed.well("resume", f"{first}/1", "--json")  # whichever attempt is named, the newest goes on
    assert "going on from step 9\n" in result.stderr
    run = result.json["run"]
    assert (run["id"], run["attempt"], run["status"]) == (first, 3, "completed")
    assert weights(killed, "experiments") == weights(killed, undisturbed)
    assert killed.show("experiments:metrics.toml") == killed.show(f"{undisturbed}:metrics.toml")
    assert {attempt for _, attempt in history(killed)} == {"1", "2", "3"}


def test_killed_with_its_worker_and_gitexp_it_is_recorded_as_crashed_and_goes_on(killed: Lab) -> None:
    before, undisturbed = killed.state(), killed.runs()[1]
    going = held(killed, "run", "tiny", at=8)
    going.process.kill()
    os.kill(going.worker, signal.SIGKILL)
    os.kill(going.program, signal.SIGKILL)
    going.ended()
    result = killed.well("resume", "latest")
    assert "recorded tiny" in result.stderr
    assert "(crashed)" in result.stderr
    assert killed.toml("run.toml", "experiments~1")["status"] == "crashed"
    assert weights(killed, "experiments") == weights(killed, undisturbed)
    assert killed.show("experiments:metrics.toml") == killed.show(f"{undisturbed}:metrics.toml")
    assert killed.state() == before


@pytest.mark.parametrize(
    ("number", "exit_code", "name"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "SIGINT")]
)
def test_asked_to_stop_it_keeps_a_checkpoint_of_where_it_was(
    killed: Lab, number: int, exit_code: int, name: str
) -> None:
    undisturbed = killed.runs()[1]
    going = held(killed, "run", "tiny", at=8)
    going.process.send_signal(number)
    assert going.ended().exit_code == exit_code
    stopped = run_of(killed)
    assert (stopped["status"], stopped["stopped_by"]) == ("interrupted", name)
    assert "  checkpoints/step-00000008.pt\n" in killed.show("experiments:artifacts.xxh128")
    result = killed.well("resume", "latest")
    assert "going on from step 8\n" in result.stdout
    assert weights(killed, "experiments") == weights(killed, undisturbed)
    assert killed.show("experiments:metrics.toml") == killed.show(f"{undisturbed}:metrics.toml")


def test_out_of_time_it_goes_on_with_as_much_time_again(killed: Lab) -> None:
    undisturbed = killed.runs()[1]
    assert held(killed, "run", "tiny", "--timeout", "20s", at=8).ended().exit_code == 4
    assert run_of(killed)["status"] == "timed-out"
    result = killed.well("resume", "latest")
    assert "going on from step 8\n" in result.stdout
    assert weights(killed, "experiments") == weights(killed, undisturbed)


def test_two_processes_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    lab = set_up(tmp_path, "resources.processes=2")
    assert lab.gitexp("run", "tiny").exit_code == 0
    assert lab.gitexp("run", "tiny", DIE_AT="step 9", DIE_RANK="1").exit_code == 4
    result = lab.well("resume", "latest")
    assert "going on from step 6\n" in result.stdout
    assert weights(lab, "experiments") == weights(lab, "experiments~2")
    assert lab.show("experiments:metrics.toml") == lab.show("experiments~2:metrics.toml")


def test_a_run_that_kept_no_checkpoint_begins_anew_and_says_so(killed: Lab) -> None:
    undisturbed = killed.runs()[1]
    assert killed.gitexp("run", "tiny", DIE_AT="step 3").exit_code == 4
    result = killed.well("resume", "latest")
    assert "kept no checkpoint; it begins anew, as attempt 2\n" in result.stderr
    assert "going on from" not in result.stdout
    assert history(killed)[:2] == [("2", "1"), ("2", "2")]
    assert weights(killed, "experiments") == weights(killed, undisturbed)


def test_a_long_history_goes_on_whole(tmp_path: Path) -> None:
    lab = set_up(tmp_path, "train.log_every=1")
    lab.write("gitexp.toml", '[policy]\nhistory_limit = "1kB"\n')
    lab.commit("short histories")
    assert lab.gitexp("run", "tiny", DIE_AT="step 22").exit_code == 4
    assert lab.gitexp("resume", "latest").exit_code == 0
    whole = lab.toml("run.toml")["history"]
    assert whole["rows"] == 21 + 3
    assert whole["kept"] < whole["rows"]
    assert lab.gitexp("get", "latest", "history.csv", "--to", str(tmp_path / "got")).exit_code == 0
    lines = (tmp_path / "got" / "history.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == ["1"] * 21 + ["2"] * 3


def test_of_a_metrics_file_that_is_appended_to_each_attempt_has_its_own_lines(tmp_path: Path) -> None:
    lab = set_up(tmp_path, 'metrics.files=["data/log.jsonl"]')
    writes = """        with open("data/log.jsonl", "a") as file:
            file.write('{"seen": %d}\\n' % (self.done + 1))
        super().step(closure)
"""
    parts = (lab.path / "parts.py").read_text().rpartition("        super().step(closure)\n")
    lab.write("parts.py", parts[0] + writes)
    lab.commit("a logger that appends")
    lab.write("data/log.jsonl", '{"seen": 99}\n')
    assert lab.gitexp("run", "tiny", DIE_AT="step 9").exit_code == 4
    lab.well("resume", "latest")
    rows = list(csv.DictReader(io.StringIO(lab.show("experiments:history.csv"))))
    seen = [(row["attempt"], int(row["seen"])) for row in rows if row["seen"]]
    assert seen == [("1", n) for n in range(1, 10)] + [("2", n) for n in range(1, 19)]  # from step 7 on


def test_a_smoke_run_goes_on_as_a_smoke_run(tmp_path: Path) -> None:
    lab = set_up(tmp_path, "train.checkpoint_every=1")
    assert lab.gitexp("run", "tiny", "--smoke", DIE_AT="step 2").exit_code == 4
    run_id = lab.toml("run.toml")["id"]
    lab.well("resume", run_id)
    run = lab.toml("run.toml")
    assert (run["id"], run["attempt"], run["kind"]) == (run_id, 2, "smoke")


# ---- elsewhere


def test_another_clone_goes_on_with_what_the_first_one_left(tmp_path: Path) -> None:
    lab = set_up(tmp_path / "a")
    (tmp_path / "bytes").mkdir()
    lab.write("gitexp.toml", f'[remotes.lab]\nurl = "{tmp_path / "bytes"}"\n')
    lab.approve()
    lab.commit("a place for bytes")
    hub = Lab(tmp_path, lab.env)
    hub.git("init", "-q", "--bare", "hub.git")
    lab.git("remote", "add", "origin", str(tmp_path / "hub.git"))
    lab.git("push", "-q", "origin", "main")
    assert lab.gitexp("run", "tiny").exit_code == 0
    assert lab.gitexp("run", "tiny", DIE_AT="step 9").exit_code == 4
    lab.well("push")
    hub.git("clone", "-q", str(tmp_path / "hub.git"), "b")
    there = Lab(tmp_path / "b", world(tmp_path / "home of b"))
    assert there.gitexp("init").exit_code == 0
    there.write("data/rows.csv", "1\n2\n")
    (tmp_path / "bytes").rename(tmp_path / "away")
    result = there.gitexp("resume", "latest", "--yes")
    assert result.exit_code == 1
    assert "Not everything could be brought here" in result.stderr
    leave_nothing(there)
    (tmp_path / "away").rename(tmp_path / "bytes")
    before = there.state()
    result = there.well("resume", "latest", "--yes")
    assert "going on from step 6\n" in result.stdout
    assert there.state() == before
    there.approve()
    assert there.gitexp("push").exit_code == 0
    assert lab.gitexp("pull").exit_code == 0
    assert run_of(lab)["attempt"] == 2
    assert weights(lab, "experiments") == weights(lab, lab.runs()[2])


def test_a_working_tree_of_code_from_before_the_remote_goes_on_with_what_the_main_one_knows_of(tmp_path: Path) -> None:
    lab = set_up(tmp_path / "a")
    assert lab.gitexp("run", "tiny", DIE_AT="step 9").exit_code == 4
    older = lab.git("rev-parse", "HEAD").strip()
    (tmp_path / "bytes").mkdir()
    lab.write("gitexp.toml", f'[remotes.lab]\nurl = "{tmp_path / "bytes"}"\n')
    lab.approve()
    lab.commit("a place for bytes")
    assert lab.gitexp("data", "push").exit_code == 0
    shutil.rmtree(lab.path / ".git" / "gitexp" / "objects")
    lab.git("worktree", "add", "-q", str(tmp_path / "resumed"), older)
    resumed = Lab(tmp_path / "resumed", lab.env)
    resumed.write("data/rows.csv", "1\n2\n")
    result = resumed.well("resume", "latest", "--yes")
    assert "going on from step 6\n" in result.stdout


def test_without_the_bytes_of_the_checkpoint_nothing_runs(killed: Lab) -> None:
    shutil.rmtree(killed.path / ".git" / "gitexp" / "objects")
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 1
    assert "Not everything could be brought here" in result.stderr
    assert "checkpoints/step-00000006.pt" in result.stderr
    assert "gitexp.toml names no [remotes.NAME], so only this clone's object store was searched." in result.stderr
    assert len(killed.runs()) == 2
    leave_nothing(killed)


# ---- refused


def test_a_completed_run_does_not_go_on(killed: Lab) -> None:
    result = killed.gitexp("resume", "latest~1")
    assert result.exit_code == 3
    assert "is completed; there is nothing to go on with" in result.stderr
    assert "fix:   to do it once more:  gitexp run recipes/tiny.toml\n" in result.stderr


def test_a_completed_run_says_how_to_do_it_once_more_with_all_that_it_was_told(killed: Lab) -> None:
    told = ["-s", "train.epochs=1", "--seed", "3", "-s", "train.clip_norm=2.0"]
    assert killed.gitexp("run", "tiny", *told).exit_code == 0
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 3
    again = "gitexp run recipes/tiny.toml --seed 3 -s train.epochs=1 -s train.clip_norm=2.0"
    assert f"fix:   to do it once more:  {again}\n" in result.stderr
    assert killed.gitexp("run", "--", "sh", "-c", "exit 3").exit_code == 4
    result = killed.gitexp("resume", "latest")
    assert "fix:   start anew:  gitexp run -- sh -c 'exit 3'\n" in result.stderr


def test_an_unknown_run_does_not_go_on(killed: Lab) -> None:
    result = killed.gitexp("resume", "kkkkkkkkkkkkkkkk")
    assert result.exit_code == 3  # nothing ran
    assert "No run is called 'kkkkkkkkkkkkkkkk'" in result.stderr


def test_a_run_in_progress_does_not_go_on_a_second_time(killed: Lab) -> None:
    run_id = str(run_of(killed)["id"])
    going = held(killed, "resume", "latest", at=2)
    second = killed.gitexp("resume", run_id)
    assert second.exit_code == 3
    assert f"Run {run_id} is in progress here" in second.stderr
    going.process.send_signal(signal.SIGTERM)
    assert going.ended().exit_code == 143
    assert [run["attempt"] for run in killed.gitexp("log", "--json").json["runs"]] == [2, 1, 1]


def test_a_run_that_still_trains_for_the_first_time_does_not_go_on(killed: Lab) -> None:
    going = held(killed, "run", "tiny", at=2)
    [folder] = (killed.path / ".git" / "gitexp" / "runs").iterdir()
    result = killed.gitexp("resume", folder.name[:6])
    assert result.exit_code == 3
    assert f"Run {folder.name} is in progress here" in result.stderr
    going.process.send_signal(signal.SIGTERM)
    assert going.ended().exit_code == 143


def test_of_two_that_go_on_at_once_one_does_nothing(killed: Lab) -> None:
    started = [killed.start("resume", "latest") for _ in range(2)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert sorted(code for _, code in ended) == [0, 3]
    [words] = [stderr for stderr, code in ended if code == 3]
    assert "is in progress here" in words or "has gone on meanwhile" in words
    assert len(killed.runs()) == 3
    leave_nothing(killed)


def test_a_run_that_went_on_while_this_was_checked_does_not_go_on_twice(killed: Lab) -> None:
    hook = killed.path / ".git" / "hooks" / "gitexp-pre-run"
    hook.write_text("#!/bin/sh\n[ -e ../once ] || { touch ../once; gitexp resume latest; }\n")
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 3
    assert "has gone on meanwhile" in result.stderr
    assert [run["attempt"] for run in killed.gitexp("log", "--json").json["runs"]] == [2, 1, 1]
    leave_nothing(killed)


def test_one_that_was_killed_while_it_made_ready_is_not_in_the_way(killed: Lab) -> None:
    run_id = str(run_of(killed)["id"])
    folder = killed.path / ".git" / "gitexp" / "runs" / run_id
    (folder / "saved").mkdir(parents=True)
    (folder / "record.lock").touch()
    killed.well("resume", "latest")


def test_other_code_is_another_run(killed: Lab) -> None:
    ran = killed.git("rev-parse", "HEAD").strip()
    killed.write("parts.py", (killed.path / "parts.py").read_text() + "# one more line\n")
    killed.commit("other code")
    before = killed.state()
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 3
    assert "The code here is not that of run " in result.stderr
    run_id = run_of(killed)["id"]
    fix = f"git worktree add ../resumed {ran[:10]}  &&  cd ../resumed  &&  gitexp resume {run_id}"
    assert fix in result.stderr
    assert killed.state() == before
    leave_nothing(killed)
    there = Lab(killed.path.parent / "resumed", killed.env)
    killed.git("worktree", "add", "-q", str(there.path), ran[:10])
    there.write("data/rows.csv", "1\n2\n")
    there.well("resume", str(run_id))


def test_a_dirty_tree_is_refused_by_the_hook_and_by_what_ran(killed: Lab) -> None:
    killed.write("more.py", "")
    refused = killed.gitexp("resume", "latest")
    assert refused.exit_code == 3
    assert "?? more.py" in refused.stderr
    unverified = killed.gitexp("resume", "latest", "--no-verify")
    assert unverified.exit_code == 3
    assert "The code here is not that of run " in unverified.stderr
    leave_nothing(killed)


def test_other_data_is_another_run(killed: Lab) -> None:
    killed.write("data/rows.csv", "1\n2\n3\n")
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 3
    assert "The data here is not that of run " in result.stderr
    assert "  rows\n" in result.stderr
    assert f"gitexp get {run_of(killed)['id']} rows --to DIR" in result.stderr


def test_a_program_of_its_own_does_not_go_on(killed: Lab) -> None:
    killed.write("recipes/false.toml", '[run]\ncommand = ["false"]\n')
    killed.commit("a program")
    assert killed.gitexp("run", "false").exit_code == 4
    result = killed.gitexp("resume", "latest")
    assert result.exit_code == 3
    assert "false runs a program of its own, and gitexp cannot know how it would go on" in result.stderr
    assert "gitexp run recipes/false.toml" in result.stderr


# ---- what may come from strangers


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"recipe.toml": "[model"}, "recipe.toml is not valid TOML"),
        ({"recipe.toml": "[model]\nuse = 3\n"}, "error"),
        ({"recipe.toml": None}, "error"),
        ({"artifacts.xxh128": f"{'0' * 32}  ../x\n"}, "artifacts.xxh128"),
        ({"artifacts.xxh128": f"{'0' * 32}  /etc/x\n"}, "artifacts.xxh128"),
        ({"run.toml": "format = 1\n"}, "is damaged"),
    ],
)
def test_a_damaged_record_does_not_go_on(killed: Lab, files: dict[str, str | bytes | None], words: str) -> None:
    recipe = killed.show("experiments:recipe.toml")
    data = killed.show("experiments:data.toml")
    manifest = killed.show("experiments:data/rows.xxh128")
    given: dict[str, str | bytes | None] = {"recipe.toml": recipe, "data.toml": data, "data/rows.xxh128": manifest}
    commit = write_run(killed, "k" * 16, recipe="tiny", recipe_path=PATH, status="failed", files={**given, **files})
    result = killed.gitexp("resume", commit, "--yes")
    assert result.exit_code in (1, 3)
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    leave_nothing(killed)


def test_words_of_a_record_cannot_command_the_terminal(killed: Lab) -> None:
    commit = write_run(killed, "k" * 16, recipe="tiny\u001b[2J", status="failed")
    result = killed.gitexp("resume", commit)
    assert result.exit_code == 3
    assert "\x1b" not in result.stderr


def from_a_stranger(killed: Lab, recipe: str, *, status: str = "failed", **keys: object) -> str:
    """A record as its author, who says to be Ada, wrote it; the rest is that of the run that was killed."""
    names = ("data.toml", "data/rows.xxh128", "history.csv", "artifacts.xxh128")
    files: dict[str, str | bytes | None] = {name: killed.show(f"experiments:{name}") for name in names}
    return write_run(
        killed, "k" * 16, recipe="tiny", recipe_path=PATH, status=status, files={**files, "recipe.toml": recipe}, **keys
    )


def an_interpreter(tmp_path: Path) -> Path:
    """It leaves a file when it is executed."""
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    program.chmod(0o755)
    return program


def test_a_strangers_run_is_shown_and_does_not_go_on_before_somebody_says_yes(killed: Lab, tmp_path: Path) -> None:
    recipe = killed.show("experiments:recipe.toml").replace("lr = 0.01", "lr = 0.5")
    commit = from_a_stranger(killed, f'{recipe}[run]\npython = "{an_interpreter(tmp_path)}"\n')
    before = killed.state()
    result = killed.gitexp("resume", commit)
    assert result.exit_code == 3
    assert "Run kkkkkkkkkkkkkkkk was not recorded in this clone, but by Ada <ada@example.org>" in result.stderr
    assert "  program   python -m gitexp.training\n" in result.stderr
    assert f"  in        {killed.path}\n" in result.stderr
    assert "  set       optimizer.lr = 0.5\n" in result.stderr
    assert f"  not used  the interpreter that the record names: {tmp_path}/evil\n" in result.stderr
    assert "fix:   gitexp resume kkkkkkkkkkkkkkkk --yes\n" in result.stderr
    assert killed.state() == before
    leave_nothing(killed)
    allowed = killed.well("resume", commit, "--yes")
    assert "  set       optimizer.lr = 0.5\n" in allowed.stderr
    assert not (tmp_path / "executed").exists()
    assert "python" not in killed.toml("recipe.toml").get("run", {})


def test_on_a_terminal_a_strangers_run_is_asked_for(killed: Lab) -> None:
    from_a_stranger(killed, killed.show("experiments:recipe.toml"))
    terminal = at_terminal(killed, "resume", "k" * 16)
    terminal.expect_exact("  program   python -m gitexp.training\r\n")
    terminal.expect_exact("Run it? [y/N]: ")
    terminal.sendline("n")
    terminal.expect_exact("Nothing was done")
    assert exit_code(terminal) == 3
    terminal = at_terminal(killed, "resume", "k" * 16)
    terminal.expect_exact("Run it? [y/N]: ")
    terminal.sendline("y")
    terminal.expect_exact("going on from step 6")
    assert exit_code(terminal) == 0


def test_an_address_out_of_a_strangers_record_is_not_asked(killed: Lab) -> None:
    recipe = killed.show("experiments:recipe.toml").replace('"./data/rows.csv"', '"http://127.0.0.1:9/rows.csv"')
    result = killed.gitexp("resume", from_a_stranger(killed, recipe), "--yes")
    assert result.exit_code == 3
    assert "reads dataset rows from an address that nothing here names\n  http://127.0.0.1:9/rows.csv" in result.stderr


def test_a_job_does_not_take_up_what_a_stranger_says_it_began(killed: Lab, tmp_path: Path) -> None:
    recipe = killed.show("experiments:recipe.toml")
    message = "tiny: completed\n\nGitexp-Run: {}\nGitexp-Status: completed\nGitexp-Job: slurm:77\n".format("k" * 16)
    from_a_stranger(killed, recipe, status="completed", job="slurm:77")
    tree = killed.git("rev-parse", "experiments^{tree}").strip()
    commit = killed.git("commit-tree", tree, "-p", "experiments~1", feed=message).strip()
    killed.git("update-ref", "refs/heads/experiments", commit)
    result = killed.well("run", "tiny", SLURM_JOB_ID="77", SLURM_RESTART_COUNT="1")
    assert "was completed by this job" not in result.stderr
    assert run_of(killed)["id"] != "k" * 16


class Bomb:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_that_is_a_trap_is_not_sprung(killed: Lab, tmp_path: Path) -> None:
    undisturbed = killed.runs()[1]
    (tmp_path / "bomb").write_bytes(pickle.dumps(Bomb(tmp_path / "sprung")))
    killed.well("run", "--", "sh", "-c", f'cp {tmp_path / "bomb"} "$GITEXP_OUTPUT/bomb"')
    digest = killed.show("experiments:artifacts.xxh128").split()[0]
    first = killed.runs()[1]
    names = ("recipe.toml", "data.toml", "data/rows.xxh128", "history.csv")
    files: dict[str, str | bytes | None] = {name: killed.show(f"{first}:{name}") for name in names}
    files["artifacts.xxh128"] = f"{digest}  checkpoints/step-00000001.pt\n"
    commit = write_run(killed, "k" * 16, recipe="tiny", recipe_path=PATH, status="failed", files=files)
    result = killed.well("resume", commit, "--yes")
    assert "step-00000001.pt cannot be read; going back to the one before it" in result.stdout
    assert not (tmp_path / "sprung").exists()
    assert weights(killed, "experiments") == weights(killed, undisturbed)


# ---- schedulers


def test_a_batch_job_that_is_started_again_goes_on_with_what_it_began(killed: Lab) -> None:
    undisturbed = killed.runs()[1]
    run_id = run_of(killed)["id"]
    assert run_of(killed)["job"] == "slurm:1234"
    trailer = killed.git("log", "-1", "--format=%(trailers:key=Gitexp-Job,valueonly)", "experiments")
    assert trailer.strip() == "slurm:1234"
    requeued = {"SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "1"}
    result = killed.well("run", "tiny", **requeued)
    assert f"going on with {run_id}, which this job began\n" in result.stderr
    assert "going on from step 6\n" in result.stdout
    run = run_of(killed)
    assert (run["id"], run["attempt"], run["status"], run["job"]) == (run_id, 2, "completed", "slurm:1234")
    assert weights(killed, "experiments") == weights(killed, undisturbed)
    once_more = killed.well("run", "tiny", "--json", **requeued)
    assert f"tiny was completed by this job as {run_id}; nothing ran\n" in once_more.stderr
    assert once_more.json["run"]["id"] == run_id
    assert len(killed.runs()) == 3
    documented = killed.gitexp("run", "tiny", "-s", '+about.rationale="said later"', "--json", **requeued)
    assert documented.json["run"]["id"] == run_id, documented.stderr
    assert len(killed.runs()) == 3


def test_a_job_does_what_it_has_not_done_before(killed: Lab) -> None:
    began = run_of(killed)["id"]
    requeued = {"SLURM_JOB_ID": "1234", "SLURM_RESTART_COUNT": "2"}
    killed.well("run", "tiny", "-s", "optimizer.lr=0.02", **requeued)
    assert (run_of(killed)["id"] != began, run_of(killed)["attempt"]) == (True, 1)
    assert killed.gitexp("run", "--", "true", **requeued).exit_code == 0
    assert killed.gitexp("run", "--", "true", **requeued).exit_code == 0
    assert len(killed.runs()) == 5
    assert killed.gitexp("run", "tiny", SLURM_JOB_ID="123", SLURM_RESTART_COUNT="1").exit_code == 0
    assert run_of(killed)["attempt"] == 1
    killed.write("parts.py", (killed.path / "parts.py").read_text() + "# one more line\n")
    killed.commit("mended")
    assert killed.gitexp("run", "tiny", **requeued).exit_code == 0
    assert (run_of(killed)["id"] != began, run_of(killed)["attempt"]) == (True, 1)


def test_any_scheduler_can_name_its_job(killed: Lab) -> None:
    there = Lab(killed.path, {**killed.env, "GITEXP_JOB": "lsf:7[1]"})
    going = held(there, "run", "tiny", at=8)
    for pid in (going.process.pid, going.worker, going.program):
        os.kill(pid, signal.SIGKILL)
    going.ended()
    result = there.well("run", "tiny")
    run = run_of(killed)
    assert (run["attempt"], run["job"]) == (2, "lsf:7[1]")
    assert f"going on with {run['id']}, which this job began\n" in result.stderr
    refused = killed.gitexp("run", "tiny", GITEXP_JOB="two\nlines")
    assert refused.exit_code == 3
    assert "GITEXP_JOB cannot be a job's name" in refused.stderr
