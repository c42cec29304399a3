import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import wait_for

from gitexp.worker import interpreter


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def venv(folder: Path) -> Path:
    """As far as a path can tell: bin/python is a link to a Python elsewhere."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    return folder / "bin" / "python"


def test_a_python_on_the_programs_path_is_named_by_where_it_was_found(tmp_path: Path) -> None:
    python = venv(tmp_path / "venv")
    found = interpreter.from_argv(["python", "train.py"], {"PATH": f"/nowhere:{python.parent}"}, "/")
    assert found is not None
    assert (found.path, found.how) == (str(python), "argv")


def test_a_relative_python_is_relative_to_the_programs_folder(tmp_path: Path) -> None:
    python = venv(tmp_path / ".venv")
    found = interpreter.from_argv([".venv/bin/python"], {}, str(tmp_path))
    assert found is not None
    assert found.path == str(python)


@pytest.mark.parametrize("shebang", ["#!{}", "#!/usr/bin/env python", "#!/usr/bin/env -S A=1 python -u"])
def test_a_script_is_known_by_its_shebang(tmp_path: Path, shebang: str) -> None:
    python = venv(tmp_path / "venv")
    torchrun = script(tmp_path / "torchrun", shebang.format(python) + "\nprint()\n")
    found = interpreter.from_argv([str(torchrun)], {"PATH": str(python.parent)}, "/")
    assert found is not None
    assert (found.path, found.how) == (str(python), "shebang")


def test_a_shell_script_and_a_missing_program_have_no_python(tmp_path: Path) -> None:
    shell = script(tmp_path / "train.sh", "#!/bin/sh\n")
    assert interpreter.from_argv([str(shell)], {}, "/") is None
    assert interpreter.from_argv(["python"], {"PATH": str(tmp_path)}, "/") is None
    assert interpreter.from_argv(["true"], dict(os.environ), "/") is None


def test_a_script_named_like_python_is_not_one(tmp_path: Path) -> None:
    assert interpreter.looks_like_python("/usr/bin/python3.12")
    assert interpreter.looks_like_python("pypy3")
    assert not interpreter.looks_like_python("python_tools.py")
    assert not interpreter.looks_like_python("/usr/bin/python3-config")


def test_a_python_below_a_shell_is_seen_with_its_own_path_and_folder(tmp_path: Path) -> None:
    python = venv(tmp_path / "venv")
    command = 'PATH="$1:$PATH"; python -c "input()"; exit 0'
    shell = subprocess.Popen(["sh", "-c", command, "sh", str(python.parent)], stdin=subprocess.PIPE, cwd=tmp_path)
    wait_for(lambda: interpreter.from_processes(shell.pid))
    found = interpreter.from_processes(shell.pid)
    shell.communicate(b"\n")
    assert found is not None
    assert (found.path, found.how, found.cwd) == (str(python), "process", str(tmp_path))
    assert found.env["PATH"].startswith(str(python.parent))


def test_processes_without_a_python_have_none() -> None:
    sleep = subprocess.Popen(["sleep", "60"])
    assert interpreter.from_processes(sleep.pid) is None
    sleep.kill()
    sleep.wait()
    assert interpreter.from_processes(sleep.pid) is None
