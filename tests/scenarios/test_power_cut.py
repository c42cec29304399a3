"""The machine loses power the moment a command has said that it is done: what it said is on the disk.

The disk is a file with ext4 on it; a copy of that file, taken while it is mounted, is what a power cut leaves.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import GITEXP, Lab, make_lab


class Disk:
    """A file system on a loop device below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.image, self.root, self.after = folder / "disk", folder / "m", folder / "s"
        for path in (self.root, self.after):
            path.mkdir()
        subprocess.run(["truncate", "-s", "128M", self.image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)

    def cut(self, lab: Lab) -> Lab:
        """The working tree as it is found when the power is back."""
        copy = self.image.with_name("copy")
        subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        subprocess.run(["mount", "-o", "loop", copy, self.after], check=True)
        return Lab(self.after / lab.path.relative_to(self.root), lab.env)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Needs root, a loop device and mkfs.ext4; elsewhere the test is skipped, also under CI, which may not mount."""
    try:
        found = Disk(tmp_path)
        subprocess.run(["mount", "-o", "loop", found.image, found.root], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield found
    subprocess.run(["umount", found.after], capture_output=True, check=False)
    subprocess.run(["umount", "-l", found.root], check=True)


@pytest.fixture
def lab(disk: Disk, env: dict[str, str]) -> Lab:
    """A repository on that disk, in which gitexp is set up; all of it is safe."""
    lab = make_lab(disk.root / "lab", env)
    assert lab.gitexp("init").exit_code == 0
    lab.commit("set up gitexp")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    os.sync()
    return lab


def whole(lab: Lab) -> bool:
    done = subprocess.run(["git", "fsck", "--no-dangling"], cwd=lab.path, env=lab.env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return True


def test_a_recorded_run_is_there_with_its_reflog_and_what_it_saved(disk: Disk, lab: Lab) -> None:
    made = "echo 0123456789 > $GITEXP_OUTPUT/model; seq 5000 > $GITEXP_OUTPUT/rows"
    assert lab.command("timeout", "60", GITEXP, "run", "--", "sh", "-c", made).exit_code == 0
    found = disk.cut(lab)
    assert len(found.runs()) == 2
    assert whole(found)
    assert found.git("reflog", "experiments").count("\n") == lab.git("reflog", "experiments").count("\n")
    assert found.gitexp("log").exit_code == 0
    found.well("get", "latest", "model", "--to", "out")
    assert (found.path / "out" / "model").read_text() == "0123456789\n"


def test_a_run_of_code_that_was_committed_a_moment_before_is_whole(disk: Disk, lab: Lab) -> None:
    lab.write("new.py", "x = 1\n")
    lab.commit("new code")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    found = disk.cut(lab)
    assert found.show("experiments:code/new.py") == "x = 1\n"
    assert len(found.runs()) == 2
    assert whole(found)


def test_a_run_of_a_dirty_tree_is_whole(disk: Disk, lab: Lab) -> None:
    for number in range(80):
        lab.write(f"new/{number}.py", f"x = {number}\n")
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    found = disk.cut(lab)
    assert found.show("experiments:code/new/79.py") == "x = 79\n"
    assert whole(found)


def test_runs_that_were_pulled_are_whole(disk: Disk, lab: Lab, tmp_path: Path) -> None:
    lab.git("clone", "-q", "--bare", ".", str(tmp_path / "hub"))
    other = Lab(tmp_path / "other", lab.env)
    lab.git("clone", "-q", str(tmp_path / "hub"), str(other.path))
    other.gitexp("init")
    assert other.gitexp("run", "--", "true").exit_code == 0
    assert other.gitexp("push").exit_code == 0
    lab.git("remote", "add", "origin", str(tmp_path / "hub"))
    assert lab.gitexp("run", "--", "true").exit_code == 0
    os.sync()
    assert lab.gitexp("pull").exit_code == 0
    found = disk.cut(lab)
    assert len(found.runs()) == 3
    assert whole(found)
