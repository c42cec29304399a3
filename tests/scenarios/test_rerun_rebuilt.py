"""`gitexp rerun --env`: the recorded Python and packages, made again by uv from wheels that lie on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Lab, ran, wait_for
from wheels import develop, install, offline, venv, wheel, within

TRAIN = """\
import importlib.metadata, json, os, sys
import tool
from mine import loss
assert importlib.metadata.version("mine") == "0.1"
with open(os.environ["GITEXP_METRICS"], "a") as file:
    file.write(json.dumps({"step": 0, "loss": loss() * tool.factor}) + "\\n")
print(sys.prefix, loss.__code__.co_filename)
"""
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mine"
version = "0.1"
"""

pytestmark = pytest.mark.usefixtures("uv")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Two versions of a tool, one of which changes the result."""
    wheel(tmp_path / "wheels", "tool", "1.0", tool="factor = 1.0\n")
    wheel(tmp_path / "wheels", "tool", "2.0", tool="factor = 2.0\n")
    return tmp_path / "wheels"


@pytest.fixture
def developed(lab: Lab, wheels: Path, tmp_path: Path) -> tuple[Lab, str]:
    """A run with tool 1.0 and a package of the code in development mode; then tool 2.0 is what is here."""
    lab.write("train.py", TRAIN)
    lab.write("src/mine/__init__.py", "def loss():\n    return 0.5\n")
    lab.write("pyproject.toml", PROJECT)
    lab.write(".gitignore", "*.egg-info\nbuild\n")
    lab.commit("a package")
    pythons = [venv(tmp_path / "then"), venv(tmp_path / "now")]
    for python, version in zip(pythons, ("1.0", "2.0"), strict=True):
        install(python, f"tool=={version}", find=wheels)
        develop(python, lab)
    first = ran(within(lab, pythons[0], OMP_NUM_THREADS="1"), "--", "python", "train.py")
    return within(lab, pythons[1], OMP_NUM_THREADS="2", MKL_NUM_THREADS="3", **offline(wheels)), first


def environments(lab: Lab) -> list[Path]:
    return [*(lab.path / ".git" / "gitexp" / "environments").glob("*")]


def verdict(lab: Lab) -> dict[str, object]:
    return lab.toml("verdict.toml")


def test_the_recorded_environment_is_made_and_the_code_comes_from_the_record(developed: tuple[Lab, str]) -> None:
    lab, first = developed
    present = lab.gitexp("rerun", first)
    assert (present.exit_code, verdict(lab)["grade"]) == (1, "failed")
    lab.write("src/mine/__init__.py", "def loss():\n    return 99.0\n")
    done = lab.well("rerun", "--env", first)
    assert (verdict(lab)["grade"], verdict(lab).get("inputs")) == ("bitwise", None)
    [environment] = environments(lab)
    printed = lab.show("experiments:output.log").split()
    assert printed[0] == str(environment)
    assert printed[1].endswith("/src/mine/__init__.py")
    assert f"{lab.path}/src" not in printed[1]
    assert f"Python {sys.version.split()[0]} and 1 package would be installed by uv in {environment}" in done.stderr
    assert f"packages come from uv's cache, else from {lab.env['UV_FIND_LINKS']}" in done.stderr
    assert "mine comes from the code (src), without its commands" in done.stderr
    assert "env       as recorded" in done.stderr
    recorded = lab.toml("environment.toml")
    assert recorded["threads"] == {"OMP_NUM_THREADS": "1"}
    assert recorded["packages"]["tool"] == "1.0"
    assert "pythonpath" not in recorded["interpreter"]


def test_an_environment_is_made_once_and_needs_no_uv_after_that(developed: tuple[Lab, str], tmp_path: Path) -> None:
    lab, first = developed
    assert lab.gitexp("rerun", "--env", first).exit_code == 0
    [environment] = environments(lab)
    made = environment.stat().st_mtime_ns
    folders = [f for f in lab.env["PATH"].split(":") if not (Path(f) / "uv").exists()]
    links = tmp_path / "links"
    links.mkdir()
    for tool in ("gitexp", "git"):
        (links / tool).symlink_to(shutil.which(tool, path=lab.env["PATH"]) or "")
    bare = Lab(lab.path, {**lab.env, "PATH": f"{links}:{':'.join(folders)}"})
    done = bare.well("rerun", "--env", first)
    assert f"as they were built before in {environment}" in done.stderr
    assert environments(lab) == [environment]
    assert environment.stat().st_mtime_ns == made
    shutil.rmtree(environment)
    refused = bare.gitexp("rerun", "--env", first)
    assert refused.exit_code == 3
    assert refused.stderr.startswith("error: uv was not found on PATH\n")
    assert len(lab.runs()) == 3


def test_a_dry_run_says_what_would_be_installed_and_installs_nothing(developed: tuple[Lab, str]) -> None:
    lab, first = developed
    done = lab.gitexp("rerun", "--env", "--dry-run", first)
    assert (done.exit_code, "1 package would be installed by uv in " in done.stdout) == (0, True), done.stderr
    assert "differs" not in done.stdout
    assert environments(lab) == []
    assert len(lab.runs()) == 1


def test_what_uv_cannot_have_is_refused_before_anything_runs(developed: tuple[Lab, str], wheels: Path) -> None:
    lab, first = developed
    (wheels / "tool-1.0-py3-none-any.whl").unlink()
    done = lab.gitexp("rerun", "--env", first)
    assert done.exit_code == 3
    assert "tool==1.0" in done.stderr
    assert "error: uv could not make the recorded environment" in done.stderr
    assert environments(lab) == []
    assert [*(lab.path / ".git" / "gitexp" / "runs").glob("*")] == []
    assert len(lab.runs()) == 1


def test_two_at_once_have_one_environment(developed: tuple[Lab, str]) -> None:
    lab, first = developed
    command = ["gitexp", "rerun", "--env", first]
    both = [subprocess.Popen(command, cwd=lab.path, env=lab.env, stderr=subprocess.PIPE) for _ in range(2)]
    ended = [(process.communicate()[1].decode(), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    assert len(environments(lab)) == 1
    assert len(lab.runs()) == 3


def test_one_that_is_killed_while_it_builds_leaves_no_half_environment(
    developed: tuple[Lab, str], tmp_path: Path
) -> None:
    lab, first = developed
    slow = tmp_path / "slow"
    slow.mkdir()
    uv = shutil.which("uv", path=lab.env["PATH"])
    script = f'#!/bin/sh\ncase "$1" in pip) touch {tmp_path}/building; sleep 1;; esac\nexec {uv} "$@"\n'
    (slow / "uv").write_text(script)
    (slow / "uv").chmod(0o755)
    slowly = {**lab.env, "PATH": f"{slow}:{lab.env['PATH']}"}
    process = subprocess.Popen(["gitexp", "rerun", "--env", first], cwd=lab.path, env=slowly, stderr=subprocess.PIPE)
    wait_for(lambda: (tmp_path / "building").exists())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert environments(lab) == []
    lab.well("rerun", "--env", first)
    assert len(environments(lab)) == 1
    assert len(lab.runs()) == 2


def test_lines_that_gitexp_does_not_write_reach_nobody(developed: tuple[Lab, str], tmp_path: Path) -> None:
    lab, first = developed
    hostile = "--index-url http://127.0.0.1:9/simple\n-e /etc\ntool @ file:///etc/passwd\ntool==1.0 --config x\n"
    record = lab.git("rev-parse", "experiments").strip()
    blob = lab.git("hash-object", "-w", "--stdin", feed=hostile + "tool==1.0\n").strip()
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    forged = Lab(lab.path, {**lab.env, **index})
    forged.git("read-tree", record)
    forged.git("update-index", "--cacheinfo", f"100644,{blob},requirements.txt")
    message = forged.git("log", "-1", "--format=%B", record)
    tree = forged.git("write-tree").strip()
    commit = forged.git("commit-tree", tree, "-p", f"{record}^", "-m", message).strip()
    lab.git("update-ref", "refs/heads/experiments", commit)
    plan = lab.gitexp("rerun", "--env", "--dry-run", first)
    assert "lacking   not understood: --index-url http://127.0.0.1:9/simple" in plan.stdout
    assert "lacking   not understood: tool @ file:///etc/passwd" in plan.stdout
    assert "It would be asked for: " in plan.stdout
    asked = lab.gitexp("rerun", "--env", first)
    assert (asked.exit_code, "--yes" in asked.stderr, environments(lab)) == (3, True, [])
    assert lab.gitexp("rerun", "--env", "--yes", first).exit_code == 0
    [environment] = environments(lab)
    assert (environment / "gitexp-requirements.txt").read_text() == "tool==1.0\n"


def test_a_command_that_a_package_installs_is_the_recorded_environments(lab: Lab, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        main = f"def main():\n    print('METRIC version={version}')\n"
        wheel(tmp_path / "wheels", "tool", version, command="measure = tool:main", tool=main)
    pythons = [venv(tmp_path / name) for name in ("then", "now")]
    for python, version in zip(pythons, ("1.0", "2.0"), strict=True):
        install(python, f"tool=={version}", find=tmp_path / "wheels")
    first = ran(within(lab, pythons[0]), "--", "measure")
    there = within(lab, pythons[1], **offline(tmp_path / "wheels"))
    assert there.gitexp("rerun", first).exit_code == 1
    done = there.gitexp("rerun", "--env", first)
    assert (done.exit_code, "env       as recorded" in done.stderr) == (0, True), done.stderr
    recorded = lab.toml("environment.toml")
    assert recorded["probed"] == f"{environments(lab)[0]}/bin/python"
