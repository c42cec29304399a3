"""Which interpreter computed, as the worker writes it down: real virtual environments, launchers and trainings."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobs import environment, job, run_unattended

from gitexp.worker.census import Census
from gitexp.worker.interpreter import from_argv

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no /proc")

TRAIN = """
import sys, time
clock = time.monotonic if "asleep" in sys.argv else time.process_time
until = clock() + float(sys.argv[1])
while clock() < until:
    time.sleep(0.01) if "asleep" in sys.argv else None
"""
LAUNCH = """#!{python}
import subprocess, sys, time
until = time.process_time() + {starts_for_s}
while time.process_time() < until:
    pass
subprocess.run(sys.argv[1:])
"""

Python = Callable[[str], str]
Told = Callable[..., dict[str, Any]]


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Make a virtual environment of this name, which has one package of the same name; its Python."""

    def make(name: str) -> str:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / name], check=True)
        [site] = (tmp_path / name / "lib").glob("python*/site-packages")
        (site / f"{name}-1.0.dist-info").mkdir()
        return str(tmp_path / name / "bin" / "python")

    return make


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Run a program with train.py in its folder: what environment.json says, interpreters by their packages."""

    def run(*argv: str, **changes: Any) -> dict[str, Any]:
        folder = job(tmp_path / "run", list(argv), **changes)
        (folder / "train.py").write_text(TRAIN)
        assert run_unattended(folder)["problems"] == []
        return environment(folder)

    return run


def launcher(folder: Path, interpreter: str, *, starts_for_s: float = 0.0) -> str:
    """A script as pip installs them."""
    path = folder / "launch"
    path.write_text(LAUNCH.format(python=interpreter, starts_for_s=starts_for_s))
    path.chmod(0o755)
    return str(path)


def packages(found: dict[str, Any]) -> list[str]:
    return list((found.get("result") or found).get("packages", {}))


def test_the_one_that_a_launcher_starts_is_recorded_and_the_launcher_beside_it(
    tmp_path: Path, python: Python, told: Told
) -> None:
    found = told(launcher(tmp_path, python("tool")), python("lab"), "train.py", "0.3")
    assert (packages(found), found["how"]) == (["lab"], "process")
    assert (packages(found["launcher"]), found["launcher"]["how"]) == (["tool"], "shebang")
    assert not {"others", "doubt"} & found.keys()


def test_a_launcher_that_takes_longer_to_start_than_what_it_starts_is_still_the_launcher(
    tmp_path: Path, python: Python, told: Told
) -> None:
    found = told(launcher(tmp_path, python("tool"), starts_for_s=1.2), python("lab"), "train.py", "0.6")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])


def test_who_sleeps_computes_more_than_who_waits_for_the_sleeper(tmp_path: Path, python: Python, told: Told) -> None:
    found = told(launcher(tmp_path, python("tool")), python("lab"), "train.py", "0.8", "asleep")
    assert packages(found) == ["lab"]


def test_a_shell_between_the_two_changes_nothing(tmp_path: Path, python: Python, told: Told) -> None:
    found = told(launcher(tmp_path, python("tool")), "sh", "-c", f"{python('lab')} train.py 0.4; true")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])


def test_a_launcher_that_becomes_what_it_starts_is_told_apart_though_both_are_one_file(
    tmp_path: Path, python: Python, told: Told
) -> None:
    (tmp_path / "become").write_text(f"#!{python('tool')}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])\n")
    (tmp_path / "become").chmod(0o755)
    found = told(str(tmp_path / "become"), python("lab"), "train.py", "0.5")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])


def test_a_launcher_that_first_asks_what_it_will_start_is_still_the_launcher(
    tmp_path: Path, python: Python, told: Told
) -> None:
    """As `poetry run` and tox do."""
    lab = python("lab")
    text = LAUNCH.format(python=python("tool"), starts_for_s=0.2)
    asking = "subprocess.run([sys.argv[1], 'train.py', '0.05'])\nwhile time.process_time() < 0.9:\n    pass\n"
    (tmp_path / "ask").write_text(text.replace("subprocess.run(sys", asking + "subprocess.run(sys"))
    (tmp_path / "ask").chmod(0o755)
    found = told(str(tmp_path / "ask"), lab, "train.py", "0.5")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])


def test_a_launcher_that_goes_on_afterwards_is_still_the_launcher(tmp_path: Path, python: Python, told: Told) -> None:
    """As snakemake does."""
    (tmp_path / "go_on").write_text(
        LAUNCH.format(python=python("tool"), starts_for_s=0.6)
        + "until += 0.4\nwhile time.process_time() < until:\n    pass\n"
    )
    (tmp_path / "go_on").chmod(0o755)
    found = told(str(tmp_path / "go_on"), python("lab"), "train.py", "0.5")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])


def test_a_training_that_asks_another_python_something_stays_the_one(python: Python, told: Told) -> None:
    helped = "import subprocess, sys; exec(open('train.py').read()); subprocess.run(sys.argv[2:]); until += 1\n"
    helped += "while clock() < until: pass"
    found = told(python("lab"), "-c", helped, "0.5", python("helper"), "train.py", "0.15")
    assert (packages(found), found["how"]) == (["lab"], "argv")
    assert "launcher" not in found
    assert [one["path"].split("/")[-3] for one in found.get("others", [])] == ["helper"]


def test_of_two_that_a_shell_starts_in_turn_it_is_the_one_that_took_longer(python: Python, told: Told) -> None:
    found = told("sh", "-c", f"{python('first')} train.py 0.2; {python('second')} train.py 0.7; true")
    assert packages(found) == ["second"]
    assert [one["path"].split("/")[-3] for one in found["others"]] == ["first"]


def test_many_short_ones_are_known_by_those_that_were_seen(tmp_path: Path, python: Python, told: Told) -> None:
    many = "import subprocess, sys\nfor _ in range(60): subprocess.run(sys.argv[1:])"
    found = told(python("tool"), "-c", many, python("lab"), "-c", "")
    assert (packages(found), packages(found["launcher"])) == (["lab"], ["tool"])
    assert "doubt" not in found


def test_what_a_program_forks_and_starts_of_its_own_kind_is_no_other(python: Python, told: Told) -> None:
    workers = (
        "import multiprocessing as m, time\nif __name__ == '__main__':\n"
        "    for how in ('fork', 'spawn'):\n        p = m.get_context(how).Process(target=time.sleep, args=(0.2,))\n"
        "        p.start(); p.join()\n"
    )
    found = told(python("lab"), "-c", workers)
    assert packages(found) == ["lab"]
    assert not {"launcher", "others", "doubt"} & found.keys()


def test_what_ended_before_it_was_looked_at_makes_the_launcher_doubtful(tmp_path: Path, python: Python) -> None:
    """Looks come too often to be sure of missing one, so here they are counted by hand."""
    argv = [launcher(tmp_path, python("tool"), starts_for_s=0.3), python("lab"), "-c", TRAIN, "0.3"]
    program = subprocess.Popen(argv)
    census = Census(program.pid, from_argv(argv, dict(os.environ), "/"), time.monotonic())
    census.look(time.monotonic())
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    census.end(time.monotonic())
    program.wait()
    assert census.leader is not None
    assert (census.leader.how, census.doubtful) == ("shebang", True)


def test_a_process_that_was_seen_is_followed_when_nobody_above_it_is_left(python: Python) -> None:
    shell = subprocess.Popen(["sh", "-c", f"{python('lab')} -c 'import time; time.sleep(60)' & exec sleep 60"])
    census = Census(shell.pid, None, time.monotonic())
    while census.leader is None:
        census.look(time.monotonic())
    shell.kill()
    shell.wait()
    census.look(time.monotonic())
    [pid] = census._processes
    assert pid != shell.pid
    os.kill(pid, 9)


def test_a_shim_is_the_python_that_it_leads_to(tmp_path: Path, python: Python, told: Told) -> None:
    shim = tmp_path / "shims" / "python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {python("lab")} "$@"\n')
    shim.chmod(0o755)
    found = told(str(shim), "train.py", "0.4")
    assert (found["probed"], found["how"], packages(found)) == (str(shim), "argv", ["lab"])
    assert not {"launcher", "others"} & found.keys()


@pytest.mark.skipif(
    shutil.which("Rscript") is None and os.environ.get("CI") != "true", reason="R (r-base-core) is not installed"
)
@pytest.mark.parametrize("argv", [["Rscript", "train.R"], ["sh", "-c", "Rscript train.R; true"]])
def test_r_says_its_version_and_packages(tmp_path: Path, told: Told, argv: list[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "train.R").write_text("Sys.sleep(0.5)\n")
    (tmp_path / "run" / ".Rprofile").write_text('cat("hello\\n")\n')
    found = told(*argv)["result"]
    version = subprocess.check_output(["Rscript", "-e", "cat(as.character(getRversion()))"], text=True)
    assert (found["interpreter"]["implementation"], found["interpreter"]["version"]) == ("R", version)
    assert found["packages"]["stats"] == version
    assert found["cpu"]["cores"]
    assert "threads" in found


def test_an_r_that_does_not_answer_is_unknown_and_the_machine_is_not(tmp_path: Path, told: Told) -> None:
    (tmp_path / "Rscript").write_text("#!/bin/sh\necho nothing\n")
    (tmp_path / "Rscript").chmod(0o755)
    found = told(str(tmp_path / "Rscript"), "train.R")
    assert (found["probed"], found["error"]) == (None, f"{tmp_path}/Rscript: the probe's answer is not complete")
    assert found["result"]["cpu"]
    json.dumps(found)
