"""What is running or waits to be recorded, by the folders alone."""

from __future__ import annotations

from pathlib import Path

from gitexp import runfolder
from gitexp.stages.inprogress import runs_in_progress

RUN_ID = "klmnopqrstuvwxyz"


def submitted(common_dir: Path) -> Path:
    folder = Path(runfolder.runs_folder(str(common_dir)), RUN_ID)
    folder.mkdir(parents=True)
    runfolder.write_json(str(folder), runfolder.SUBMIT, {"recipe": "x", "argv": ["true"], "submitted": 1.0})
    return folder


def test_what_was_submitted_by_somebody_who_was_killed_before_the_program_started_is_no_run(tmp_path: Path) -> None:
    submitted(tmp_path)
    assert runs_in_progress(str(tmp_path)) == []


def test_a_program_that_started_and_that_nobody_watches_has_crashed(tmp_path: Path) -> None:
    folder = submitted(tmp_path)
    runfolder.write_json(str(folder), runfolder.STARTED, {"started": 2.0, "pid": 2**22 + 1, "host": "h"})
    (found,) = runs_in_progress(str(tmp_path))
    assert (found.id, found.state, found.started) == (RUN_ID, "crashed", 2.0)
