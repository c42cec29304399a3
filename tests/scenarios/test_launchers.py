"""A program that another interpreter starts: what its record, `show` and `diff` say of the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import Lab

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no /proc")

TRAIN = "import time\nuntil = time.monotonic() + 0.5\nwhile time.monotonic() < until: pass\nprint('METRIC loss=0.5')\n"


def an_environment(folder: Path, **packages: str) -> str:
    """A virtual environment with these packages; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    for name, version in packages.items():
        (site / f"{name}-{version}.dist-info").mkdir()
    return str(folder / "bin" / "python")


def environment(lab: Lab, revision: str = "experiments") -> dict[str, Any]:
    return lab.toml("environment.toml", revision)


@pytest.fixture
def launched(lab: Lab, tmp_path: Path) -> Lab:
    """`./launch PROGRAM…` is a console script of one environment, which starts programs of another."""
    tool = an_environment(tmp_path / "tool", pipeline="1.0")
    an_environment(tmp_path / "lab", numpy="2.0.0")
    lab.write("launch", f"#!{tool}\nimport subprocess, sys\nsys.exit(subprocess.call(sys.argv[1:]))\n")
    (lab.path / "launch").chmod(0o755)
    lab.write("train.py", TRAIN)
    lab.commit()
    return lab


def test_the_environment_is_that_of_what_computed_and_the_launchers_stands_beside_it(
    launched: Lab, tmp_path: Path
) -> None:
    assert launched.gitexp("run", "--", "./launch", f"{tmp_path}/lab/bin/python", "train.py").exit_code == 0
    found = environment(launched)
    assert (found["probed"], found["packages"]) == (f"{tmp_path}/lab/bin/python", {"numpy": "2.0.0"})
    assert (found["launcher"]["path"], found["launcher"]["packages"]) == (
        f"{tmp_path}/tool/bin/python",
        {"pipeline": "1.0"},
    )
    assert "numpy==2.0.0" in launched.show("experiments:requirements.txt")
    assert "pipeline" not in launched.show("experiments:requirements.txt")
    assert f" · started by {tmp_path}/tool/bin/python\n" in launched.gitexp("show").stdout


def test_another_version_of_the_launcher_is_named_by_diff_as_the_launchers(launched: Lab, tmp_path: Path) -> None:
    program = ("run", "--", "./launch", f"{tmp_path}/lab/bin/python", "train.py")
    launched.gitexp(*program)
    [installed] = (tmp_path / "tool").rglob("pipeline-1.0.dist-info")
    installed.rename(installed.with_name("pipeline-2.0.dist-info"))
    launched.gitexp(*program)
    lines = [" ".join(line.split()) for line in launched.gitexp("diff").stdout.splitlines()]
    assert lines[lines.index("environment") + 1 :][:2] == ["launcher", "pipeline 1.0 → 2.0"]


@pytest.mark.skipif(
    shutil.which("Rscript") is None and os.environ.get("CI") != "true", reason="R (r-base-core) is not installed"
)
def test_r_says_which_it_is_and_two_of_its_runs_can_be_compared(lab: Lab) -> None:
    lab.write("train.R", "Sys.sleep(0.2)\n")
    lab.commit()
    for _ in range(2):
        assert lab.gitexp("run", "--", "Rscript", "train.R").exit_code == 0
    found = environment(lab)
    assert found["interpreter"]["implementation"] == "R"
    assert {"base", "stats"} < found["packages"].keys()
    assert lab.show("experiments:requirements.txt").startswith("# This run's R")
    assert "environment  identical" in lab.gitexp("diff").stdout


def test_of_a_language_that_nobody_can_ask_two_runs_are_never_said_to_be_identical(lab: Lab) -> None:
    lab.write("train.awk", "BEGIN { print 1 }\n")
    lab.commit()
    for _ in range(2):
        lab.gitexp("run", "--", "awk", "-f", "train.awk")
    assert environment(lab)["reason"] == "no Python or R was seen among the program's processes"
    assert "environment  not recorded" in lab.gitexp("diff").stdout
