"""The folder of a run in progress: whose it is when several commands want it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from gitexp import runfolder

RUN_ID = "kkkkllllmmmmnnnn"


def test_only_one_command_makes_the_folder_of_a_run(tmp_path: Path) -> None:
    folder, held = runfolder.create(str(tmp_path), RUN_ID)
    with pytest.raises(OSError, match="not empty"):
        runfolder.create(str(tmp_path), RUN_ID)
    assert [path.name for path in Path(runfolder.runs_folder(str(tmp_path))).iterdir()] == [RUN_ID]
    assert runfolder.is_held(folder, runfolder.RECORD_LOCK) is True
    os.close(held)


def test_the_lock_of_a_folder_that_was_recorded_meanwhile_is_not_that_of_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, held = runfolder.create(str(tmp_path), RUN_ID)
    os.close(held)
    next_one = []
    flock = fcntl.flock

    def slow_flock(fd: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        runfolder.remove(folder)
        next_one.append(runfolder.create(str(tmp_path), RUN_ID)[1])
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", slow_flock)
    assert runfolder.lock(folder, runfolder.RECORD_LOCK) is None
    os.close(next_one[0])
    lock = runfolder.lock(folder, runfolder.RECORD_LOCK)
    assert lock is not None
    os.close(lock)


def test_folders_in_folders_deeper_than_any_path_are_removed_and_nothing_behind_a_link(tmp_path: Path) -> None:
    folder, held = runfolder.create(str(tmp_path), RUN_ID)
    os.close(held)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    there = Path(folder, "saved")
    (there / "link").symlink_to(kept)
    Path(folder, ".moved-0").mkdir()  # left by a command that was killed
    Path(folder, ".moved-0", "file").write_text("x")
    at = os.open(there, os.O_RDONLY)
    for level in range(1500):
        os.mkdir("d" * 10, dir_fd=at)
        below = os.open("d" * 10, os.O_RDONLY, dir_fd=at)
        os.symlink(kept, "link", dir_fd=below)
        if level == 700:
            os.fchmod(at, 0o500)
        os.close(at)
        at = below
    os.close(at)
    runfolder.remove(folder)
    assert list(Path(runfolder.runs_folder(str(tmp_path))).iterdir()) == []
    assert (kept / "file").read_text() == "x"
