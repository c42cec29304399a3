"""Outputs into a run's folder, again after an earlier attempt."""

from __future__ import annotations

from pathlib import Path

from gitexp.attempt import Ended, Submission
from gitexp.capture.whose import Whose
from gitexp.stages.outputs import gather, put_there_before


def test_an_output_of_the_attempt_before_is_replaced_and_what_the_program_saved_is_not(tmp_path: Path) -> None:
    folder, cwd = tmp_path / "run", tmp_path / "work"
    for path in (folder / "saved/out/w", folder / "saved/best", cwd / "out/w"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    put_there_before(folder, ["out/", "*.pt"])
    (cwd / "out/w").write_text("new")
    outcome = {"stop": None, "exit_code": 0}
    ended = Ended(folder, Submission(), started={}, outcome=outcome, environment={}, after=None)
    assert gather(ended, ["out/"], cwd=cwd, whose=Whose()) == ((), ())
    assert (folder / "saved/out/w").read_text() == "new"
    (cwd / "best").write_text("new")
    said = gather(ended, ["best"], cwd=cwd, whose=Whose())
    assert said == (("not kept: output best: the program saved a file of that name in $GITEXP_OUTPUT",), ())
    assert (folder / "saved/best").read_text() == "old"
