"""Many at once in one repository, and kills at any moment: every run that started is recorded, once, as itself."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from harness import Lab, until_over

PROGRAM = 'echo out {0}; echo \'{{"n": {0}}}\' >> "$GITEXP_METRICS"; echo kept {0} > "$GITEXP_OUTPUT/a"'


def start_runs(lab: Lab, numbers: range) -> list[subprocess.Popen[str]]:
    """Runs that all go at the same time; each prints, logs and keeps its own number."""
    return [lab.start("run", "-m", f"number {n}", "--", "sh", "-c", PROGRAM.format(n)) for n in numbers]


def kept(lab: Lab, run: str) -> str:
    """What a run kept by content; its record names the digest."""
    digest = lab.show(f"{run}:artifacts.xxh128").split()[0]
    return (lab.path / ".git" / "gitexp" / "objects" / "xxh128" / digest[:2] / digest[2:]).read_text()


def stories(lab: Lab) -> list[tuple[str, str, str, str]]:
    """Message, output, metrics and artifact of every run."""
    return sorted(
        (
            lab.git("log", "-1", "--format=%b", run).splitlines()[0],
            lab.show(f"{run}:output.log"),
            lab.show(f"{run}:metrics.toml"),
            kept(lab, run),
        )
        for run in lab.runs()
    )


def test_runs_at_once_in_several_worktrees_beside_gc_are_each_recorded_once_as_themselves(
    lab: Lab, tmp_path: Path
) -> None:
    lab.git("worktree", "add", "-q", "--detach", str(tmp_path / "second"))
    lab.git("worktree", "add", "-q", "--detach", str(tmp_path / "third"))
    before = lab.state()
    running = start_runs(lab, range(10, 16))
    running += start_runs(Lab(tmp_path / "second", lab.env), range(16, 19))
    running += start_runs(Lab(tmp_path / "third", lab.env), range(19, 22))
    for _ in range(3):
        lab.command("git", "gc", "-q")
        lab.command("git", "pack-refs", "--all")
    for process in running:
        process.communicate(timeout=60)
    assert lab.gitexp("status", "--json").json["runs"] == []  # and records what met gc at a bad moment
    assert stories(lab) == [(f"number {n}", f"out {n}\n", f'"n" = {n}\n', f"kept {n}\n") for n in range(10, 22)]
    assert "missing" not in lab.git("fsck", "--full")
    assert list((lab.path / ".git" / "gitexp" / "runs").iterdir()) == []
    assert lab.state() == before


def test_reading_while_others_record_never_fails_and_never_sees_half_a_run(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    running = start_runs(lab, range(10, 18))
    logs = [lab.gitexp("log", "-n", "100", "--json") for _ in range(6)]
    shows = [lab.gitexp("show", "--json") for _ in range(3)]
    for process in running:
        process.communicate(timeout=60)
    assert {(result.exit_code, result.stderr) for result in logs + shows} == {(0, "")}
    assert {run["status"] for result in logs for run in result.json["runs"]} == {"completed"}
    assert [len(result.json["runs"]) for result in logs] == sorted(len(result.json["runs"]) for result in logs)
    assert len(lab.gitexp("log", "-n", "100", "--json").json["runs"]) == 9


def test_killed_at_any_moment_a_run_that_started_is_recorded_once_and_nothing_is_left(lab: Lab, tmp_path: Path) -> None:
    before, noted = lab.state(), tmp_path / "noted"
    noted.touch()
    program = ["sh", "-c", f"echo $GITEXP_RUN_ID >> {noted}; sleep 0.05; echo done"]
    for moment_ms in range(20, 200, 15):
        process = lab.start("run", "--", *program)
        time.sleep(moment_ms / 1000)
        process.kill()
        process.communicate()
        assert "warning" not in lab.gitexp("status").stderr
    until_over(lab)
    assert lab.gitexp("run", "--", *program).exit_code == 0  # a slow machine may have started none of those above
    assert lab.gitexp("status", "--json").json["runs"] == []
    recorded = lab.git("log", "--format=%(trailers:key=Gitexp-Run,valueonly,separator=)", "experiments").split()
    assert sorted(recorded) == sorted(noted.read_text().split())
    assert {lab.show(f"{run}:output.log") for run in lab.runs()} == {"done\n"}
    assert "missing" not in lab.git("fsck", "--full")
    assert lab.state() == before
