"""Waiting for the disk to have what git wrote."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType

from harness import Lab

from gitexp.git.objects import sync_code
from gitexp.git.repo import Repo


def waits(lab: Lab, commit: str) -> int:
    """How often the disk is waited for."""
    repo, seen = Repo(root=lab.path, git_dir=lab.path / ".git", common_dir=lab.path / ".git"), []
    (repo.common_dir / "gitexp").mkdir(exist_ok=True)

    def note(_: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called is os.fsync:
            seen.append(called)

    threading.setprofile(note)  # a disk that takes its time is asked by several
    sys.setprofile(note)
    try:
        sync_code(repo, commit)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return len(seen)


def test_a_commit_that_git_made_just_now_is_waited_for_once(lab: Lab) -> None:
    lab.write("new.py", "1\n")
    lab.commit()
    first = lab.git("rev-parse", "HEAD").strip()
    assert waits(lab, first) > 3  # the commit, its tree, the file, and the folders
    assert waits(lab, first) == 0
    lab.write("new.py", "2\n")
    lab.commit()
    assert waits(lab, lab.git("rev-parse", "HEAD").strip()) > 3
