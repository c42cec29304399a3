"""Several people work in one clone (core.sharedRepository), and programs whose Python is told to warn."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import GITEXP, Lab, make_lab

GROUP, ADA, BOB = 4711, 4712, 4713


@pytest.mark.parametrize(
    ("shared", "folders", "files"), [("group", 0o70, 0o60), ("0660", 0o70, 0o60), ("all", 0o75, 0o64)]
)
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_all_below_git_gitexp_follows_core_shared_repository(
    fresh: Lab, shared: str, folders: int, files: int, umask: int
) -> None:
    fresh.git("config", "core.sharedRepository", shared)
    run = "gitexp init && git add -A && git commit -qm s && gitexp run -- sh -c 'umask; touch made'"
    done = fresh.command("sh", "-c", f"umask {umask:o}; {run}")
    assert done.exit_code == 0, done.stderr
    assert f"{umask:04o}\n" in done.stdout  # the program's own is the user's
    assert fresh.gitexp("log").exit_code == 0
    made = [path for path in (fresh.path / ".git" / "gitexp").rglob("*") if "objects" not in path.parts]
    assert made
    for path in made:
        wanted = folders if path.is_dir() else files
        assert path.stat().st_mode & wanted == wanted, path
    assert (fresh.path / "made").stat().st_mode & 0o777 == 0o666 & ~umask


# They may read everything, for Python may lie in root's home; what they may write is what is tested.
READS = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
TRUSTS = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
KILLED = "echo '{\"loss\": 1}' >>$GITEXP_METRICS; seq 9 >$GITEXP_OUTPUT/w; kill -9 $PPID"


@dataclass(frozen=True)
class Person:
    """Somebody of the group."""

    lab: Lab
    number: int

    def does(self, *argv: str, code: int = 0) -> None:
        person = [f"--reuid={self.number}", f"--regid={self.number}", f"--groups={GROUP}", *READS]
        done = self.lab.command("setpriv", *person, "sh", "-c", 'umask 022; "$@"', "sh", *argv)
        assert done.exit_code == code, done.stdout + done.stderr


def test_another_of_the_group_records_what_was_left_runs_and_collects_garbage(
    tmp_path: Path, env: dict[str, str]
) -> None:
    if os.geteuid() != 0 or subprocess.run(["setpriv", *READS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root and setpriv, to be two other people")
    for path in (tmp_path, *list(tmp_path.parents)[:3]):  # pytest's, which are for one user
        path.chmod(path.stat().st_mode | 0o055)
    lab = make_lab(tmp_path / "lab", env | TRUSTS)
    lab.git("init", "-q", "--shared=group")
    for path in (lab.path, *lab.path.rglob("*")):
        os.chown(path, ADA, GROUP)
        path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o60))
    ada, bob = Person(lab, ADA), Person(lab, BOB)
    ada.does(GITEXP, "init")
    ada.does("git", "add", "-A")
    ada.does("git", "commit", "-qm", "set up")
    ada.does("sh", "-c", '"$0" run -- sh -c "$1" & wait $!; true', GITEXP, KILLED)
    bob.does(GITEXP, "run", "--", "sh", "-c", "seq 99 >$GITEXP_OUTPUT/v")
    bob.does(GITEXP, "status")
    ada.does(GITEXP, "run", "--", "true")
    bob.does(GITEXP, "data", "gc")
    bob.does(GITEXP, "log")
    assert len(lab.runs()) == 3


@pytest.mark.long
@pytest.mark.parametrize("told", [{"PYTHONWARNINGS": "error"}, {"PYTHONWARNINGS": "default"}, {"PYTHONDEVMODE": "1"}])
def test_what_python_is_told_for_the_programs_sake_makes_us_say_nothing(lab: Lab, told: dict[str, str]) -> None:
    script = "import gitexp, warnings; gitexp.log(loss=1); open('/dev/null'); warnings.warn('mine', stacklevel=1)"
    done = lab.gitexp("run", "--", "python", "-c", script, **told)
    assert "mine" in done.stderr  # the program's own are the program's
    assert "subprocess" not in done.stderr
    for command in (
        ["run", "--", "true"],
        ["log"],
        ["status"],
        ["show", "latest"],
        ["data", "list"],
        ["diff"],
        ["data", "gc"],
    ):
        said = lab.gitexp(*command, **told)
        assert "Warning" not in said.stderr, said.stderr
        assert "Traceback" not in said.stderr, said.stderr
