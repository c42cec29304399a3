"""The worker's own trouble: whatever the machine refuses it, the program reaches its end, and its output is kept."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from harness import wait_for
from jobs import MAIN, job, outcome, start_unattended

from gitexp import runfolder
from gitexp.worker.output import read_output

pytestmark = pytest.mark.long

SPEAKS = r"""
touch ready
while [ ! -e go ]; do sleep 0.02; done
i=0; while [ $i -lt 30 ]; do echo loss=$i; i=$((i + 1)); sleep 0.01; done
"$PYTHON" -c 'import time; time.sleep(0.3)'
i=0; while [ $i -lt 4000 ]; do echo a line that says nothing; i=$((i + 1)); done
echo done > reached
exit 3
"""


def in_trouble(strace: str, folder: Path, *rules: str, temporary: Path) -> "subprocess.Popen[bytes]":
    """A worker in whose way these rules (as strace's inject= takes them) stand from the program's first words on."""
    environment = {**os.environ, "PYTHON": sys.executable, "TMPDIR": str(temporary)}
    worker = start_unattended(folder, env=environment)
    wait_for((folder / "ready").exists)
    wait_for((folder / "environment.json").exists)
    trace = ",".join(rule.partition(":")[0] for rule in rules)
    tracer = [strace, "-p", str(worker.pid), "-o", "/dev/null", "-e", f"trace={trace}"]
    tracing = subprocess.Popen(
        [*tracer, *(word for rule in rules for word in ("-e", f"inject={rule}"))], stderr=subprocess.PIPE
    )
    assert tracing.stderr is not None
    assert b"attached" in tracing.stderr.readline()
    (folder / "go").touch()
    worker.wait(60)
    tracing.communicate(timeout=60)
    return worker


TROUBLES = [
    f"{call}:error={error}:when={when}"
    for calls, errors in {
        ("utimensat",): ("ESTALE", "EIO", "EROFS"),
        ("pwrite64",): ("ENOSPC", "EIO", "ESTALE", "EROFS", "EDQUOT"),
        ("openat",): ("EMFILE", "EROFS", "ENOSPC", "ESTALE"),
        ("rename", "unlink", "close", "ftruncate"): ("EIO", "EROFS"),
        ("pipe2", "pselect6", "ioctl", "lseek"): ("EMFILE", "EIO"),
        ("clone", "wait4"): ("EAGAIN",),
        ("read",): ("EIO",),
    }.items()
    for call in calls
    for error in errors
    for when in ("1", "1+")
    if (call, when) not in {("wait4", "1+"), ("read", "1+")}  # with these nobody could ever know of its end
]

NO_PLACE_AT_ALL = {rule for rule in TROUBLES if rule.startswith(("openat", "rename", "close")) and rule.endswith("1+")}


@pytest.mark.parametrize("rule", TROUBLES)
def test_whatever_is_refused_to_the_worker_the_program_reaches_its_end(strace: str, tmp_path: Path, rule: str) -> None:
    folder = job(tmp_path / "kkkkllllmmmmnnnn", ["sh", "-c", SPEAKS], patterns={"loss": r"loss=(\S+)"})
    in_trouble(strace, folder, rule, temporary=tmp_path)
    assert (folder / "reached").exists()
    if rule in NO_PLACE_AT_ALL:
        return  # whoever attends gets the outcome by another way; a scenario says so
    runfolder.bring_back(str(folder))
    told = runfolder.read_json(str(folder), "outcome.json")
    assert told is not None
    assert (told["exit_code"], told["signal"], told["stop"]) == (3, None, None)


NOTHING_CAN_BE_WRITTEN = [f"{call}:error=ENOSPC:when=1+" for call in ("pwrite64", "utimensat")]


def test_what_a_full_disk_did_not_take_is_kept_elsewhere_and_brought_back(
    strace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = job(tmp_path / "kkkkllllmmmmnnnn", ["sh", "-c", SPEAKS], patterns={"loss": r"loss=(\S+)"})
    in_trouble(strace, folder, *NOTHING_CAN_BE_WRITTEN, temporary=tmp_path)
    assert len(read_output(str(folder))) == 0
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    runfolder.bring_back(str(folder))
    printed = read_output(str(folder))
    assert printed.startswith(b"loss=0\nloss=1\n")
    assert printed.endswith(b"a line that says nothing\n")
    assert len(printed) > 60_000
    rows = [json.loads(line) for line in (folder / "matched.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == list(range(30))
    [problem] = json.loads((folder / "outcome.json").read_text())["problems"]
    assert problem.startswith("gitexp could not write to the run's folder (No space left on device, first ")
    assert problem.endswith(" s after the start); what came was kept elsewhere until the run was recorded")
    assert list((tmp_path / f"gitexp-{os.getuid()}").iterdir()) == []


def test_what_a_disk_takes_again_is_written_in_its_place(strace: str, tmp_path: Path) -> None:
    folder = job(tmp_path / "kkkkllllmmmmnnnn", ["sh", "-c", SPEAKS], patterns={"loss": r"loss=(\S+)"})
    in_trouble(strace, folder, "pwrite64:error=EIO:when=2..9", temporary=tmp_path)
    rows = [json.loads(line) for line in (folder / "matched.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == list(range(30))
    assert read_output(str(folder)).startswith(b"loss=0\nloss=1\n")
    [problem] = json.loads((folder / "outcome.json").read_text())["problems"]
    assert "Input/output error" in problem
    assert problem.endswith("what came was kept in memory until it could be written")


def test_what_somebody_else_put_among_temporary_files_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = job(tmp_path / "kkkkllllmmmmnnnn", ["true"])
    planted = tmp_path / f"gitexp-{os.getuid()}" / folder.name
    planted.mkdir(parents=True)
    planted.parent.chmod(0o777)
    (planted / "outcome.json").write_text('{"exit_code": 0}')
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    runfolder.bring_back(str(folder))
    assert not (folder / "outcome.json").exists()


def test_a_worker_killed_before_it_opened_the_gate_leaves_no_run(strace: str, tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["touch", "made"])
    # Its writes are those of outcome.room and starting.json, and then the gate's.
    killed = [strace, "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", "inject=write:signal=KILL:when=3"]
    subprocess.run([*killed, sys.executable, "-I", "-S", str(MAIN), str(folder)], check=False, timeout=60)
    assert (folder / "starting.json").exists()
    assert not (folder / "started.json").exists()
    assert not (folder / "made").exists()


def test_a_start_that_its_program_could_note_is_that_of_a_run(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["cat", "started.json"])
    assert start_unattended(folder).wait(60) == 0
    assert json.loads(read_output(str(folder)))["pid"] > 0
    assert not (folder / "starting.json").exists()


def test_how_the_program_ended_is_known_where_the_module_that_measures_memory_cannot_be_loaded(
    strace: str, tmp_path: Path
) -> None:
    module = getattr(resource, "__file__", None)
    if module is None:
        pytest.skip("this Python has it built in")
    folder = job(tmp_path / "run", ["sh", "-c", "exit 3"])
    rules = ["-P", module, "-e", "trace=openat", "-e", "inject=openat:error=EMFILE"]
    worker = [sys.executable, "-I", "-S", str(MAIN), str(folder)]
    subprocess.run([strace, "-o", os.devnull, *rules, *worker], stdin=subprocess.DEVNULL, timeout=30, check=True)
    assert (outcome(folder)["exit_code"], outcome(folder)["peak_memory_bytes"]) == (3, None)
