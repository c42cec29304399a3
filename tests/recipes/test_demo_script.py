"""How `make demo` fails: at once, with what to type, and without having made anything. (CI runs the demo itself.)"""

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "scripts/demo.sh"


def demo(scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(scratch), "HOME": str(scratch), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["sh", str(DEMO), *arguments]
    return subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)


def test_without_a_folder_it_says_how_it_is_called(tmp_path):
    result = demo(tmp_path)
    assert result.returncode == 1
    assert result.stderr == "demo: usage: sh scripts/demo.sh BIN\n"


def test_a_missing_environment_is_named_before_anything_is_made(tmp_path):
    result = demo(tmp_path, ".venv/bin")
    assert result.returncode == 1
    assert result.stderr == "demo: there is no folder .venv/bin; type: make demo\n"
    assert list(tmp_path.iterdir()) == []


def test_an_environment_without_gitexp_is_named_before_anything_is_made(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    result = demo(tmp_path, "bin")
    assert result.returncode == 1
    assert result.stderr == f"demo: no gitexp in {tmp_path}/bin; type: make demo\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bin"]


def test_it_stops_at_the_first_command_that_fails_and_says_where(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    (tmp_path / "bin/gitexp").symlink_to("/bin/false")
    result = demo(tmp_path, "bin")
    assert result.returncode == 1
    assert result.stdout.endswith("gitexp moves in:\n\n$ gitexp init\n")
    assert result.stderr.startswith(f"demo: that ended with exit code 1; the folder is {tmp_path}/gitexp-demo.")
