import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("words", ["{}", '"{}"', """"$(dirname -- "$(realpath -- "$0")")"/'python'"""])
def test_a_script_whose_second_line_names_its_python_is_known_by_it(tmp_path: Path, words: str) -> None:
    """As pip and uv write it, where the path is long, or the environment may move."""
    python = script(tmp_path / "bin" / "python", "")
    lines = f"#!/bin/sh\n'''exec' {words.format(python)} \"$0\" \"$@\"\n' '''\nprint()\n"
    torchrun = script(tmp_path / "bin" / "torchrun", lines)
    found = interpreter.from_argv([str(torchrun)], {"PATH": ""}, str(tmp_path))
    assert found is not None
    assert (found.path, found.how) == (str(python), "shebang")


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


@pytest.mark.parametrize("name", ["Rscript", "R"])
def test_an_r_is_known_with_the_options_that_decide_what_it_reads(tmp_path: Path, name: str) -> None:
    r = script(tmp_path / name, "")
    found = interpreter.from_argv([name, "--vanilla", "--quiet", "train.R"], {"PATH": str(tmp_path)}, "/")
    assert found is not None
    assert (found.path, found.how, found.is_r, found.options) == (str(r), "argv", True, ["--vanilla"])


def test_two_names_of_one_virtual_environment_are_one_place(tmp_path: Path) -> None:
    python, other = venv(tmp_path / "a"), venv(tmp_path / "b")
    (python.parent / "python3").symlink_to("python")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    places = [str(python), f"{python}3", str(tmp_path / "link" / "bin" / "python")]
    assert len({interpreter.place_of(path) for path in places}) == 1
    assert interpreter.place_of(str(other)) != interpreter.place_of(str(python))


def test_a_process_is_called_by_its_own_path_in_its_own_folder(tmp_path: Path) -> None:
    python = venv(tmp_path / "venv")
    env = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(["python", "-c", "input()"], stdin=subprocess.PIPE, cwd=tmp_path, env=env)
    found = interpreter.from_process(process.pid, os.path.realpath(sys.executable), above=None)
    process.communicate(b"\n")
    assert found is not None
    assert (found.path, found.how, found.cwd) == (str(python), "process", str(tmp_path))
    assert found.env["PATH"].startswith(str(python.parent))


def test_a_process_with_a_title_of_its_own_is_the_interpreter_that_it_was_forked_from(tmp_path: Path) -> None:
    above = interpreter.from_argv([str(venv(tmp_path / "venv"))], {}, "/")
    exe = os.path.realpath(sys.executable)
    titled = subprocess.Popen(["ray::IDLE", "-c", "input()"], executable=exe, stdin=subprocess.PIPE)
    found = interpreter.from_process(titled.pid, exe, above=above)
    titled.communicate(b"\n")
    assert found is not None
    assert above is not None
    assert found.place == above.place


def test_a_program_that_is_neither_is_none() -> None:
    assert interpreter.from_process(os.getpid(), "/usr/bin/sleep", above=None) is None
