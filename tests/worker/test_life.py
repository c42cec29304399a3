"""Whose run folder is still worked on, where locks say nothing: by process on this machine, by silence on others."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitexp import runfolder
from gitexp.worker.life import recorder_life, worker_life


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "kkkkllllmmmmnnnn"
    folder.mkdir(parents=True)
    return folder


def held_by(folder: Path, *, ago_s: float = 0.0, **who: object) -> None:
    """A worker's lock that is free for us, of somebody who showed himself last some seconds ago."""
    path = folder / "worker.lock"
    path.write_text(json.dumps({**runfolder.identity(), **who}))
    for one in (path, *folder.iterdir()):
        os.utime(one, (time.time() - ago_s, time.time() - ago_s))


def test_a_process_of_this_machine_is_looked_for(folder: Path) -> None:
    held_by(folder, ago_s=9e6)
    life = worker_life(str(folder))
    assert life is not None
    assert not life.is_silent
    held_by(folder, since="1")  # its number is another's by now
    assert worker_life(str(folder)) is None


def test_a_dead_process_that_nobody_reaps_is_dead(folder: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held_by(folder, **runfolder.identity(child.pid))
    assert worker_life(str(folder)) is not None
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert worker_life(str(folder)) is None
    child.wait()


@pytest.mark.parametrize(
    ("ago_s", "ended", "silent"),
    [
        (5, False, False),
        (-3600, False, True),  # its clock, or the server's, is ahead
        (1800, False, True),
        (23 * 3600, False, True),
        (25 * 3600, False, None),
        (5, True, False),
        (300, True, True),
        (700, True, None),
    ],
)
def test_of_another_machine_silence_counts(folder: Path, ago_s: float, ended: bool, silent: bool | None) -> None:
    if ended:
        (folder / "outcome.json").write_text("{}")
    held_by(folder, host="node17", boot="another", ago_s=ago_s)
    life = worker_life(str(folder))
    assert (None if life is None else life.is_silent) == silent
    assert life is None or life.host == "node17"


def test_this_machine_before_it_started_anew_is_gone(folder: Path) -> None:
    held_by(folder, boot="the one before", ago_s=9e8)
    assert worker_life(str(folder)) is None
    held_by(folder, boot="of a machine with our name", ago_s=1)
    assert worker_life(str(folder)) is not None


def test_another_container_of_this_machine_is_gone_a_minute_after_its_lock(folder: Path) -> None:
    held_by(folder, space="pid:[1]", ago_s=5)
    assert worker_life(str(folder)) is not None
    held_by(folder, space="pid:[1]", ago_s=70)
    assert worker_life(str(folder)) is None


def test_who_takes_a_lock_says_who_he_is(folder: Path) -> None:
    lock = runfolder.lock(str(folder), runfolder.RECORD_LOCK)
    assert lock is not None
    assert json.loads((folder / "record.lock").read_text()) == runfolder.identity()
    assert recorder_life(str(folder)) is not None
    os.close(lock)


def test_a_lock_that_says_nothing_is_all_there_is(folder: Path) -> None:
    (folder / "worker.lock").touch()
    assert worker_life(str(folder)) is None
