"""What a rerun computes with: held against the record before anything starts, with its modules traced to the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Lab, make_lab, published, ran, world
from wheels import develop, install, venv, wheel, within

TRAIN = """\
import json, os
import mine
with open(os.environ["GITEXP_METRICS"], "a") as file:
    file.write(json.dumps({"step": 0, "loss": mine.loss()}) + "\\n")
"""
MINE = "def loss():\n    return 0.5\n"
SETUP = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mine"
version = "0.1"
[tool.setuptools]
"""


@pytest.fixture
def flat(lab: Lab) -> Lab:
    """A module beside the script."""
    lab.write("train.py", TRAIN)
    lab.write("mine.py", MINE)
    lab.commit("a program")
    return lab


@pytest.fixture
def editable(lab: Lab, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Lab, Path]:
    """A package of the code, installed in development mode by setuptools: by a .pth file, or by a finder."""
    base, options = request.param
    lab.write("scripts/train.py", TRAIN)
    lab.write(f"{base}mine/__init__.py", MINE)
    lab.write("pyproject.toml", SETUP + options)
    lab.write(".gitignore", "*.egg-info\nbuild\n")
    lab.commit("a package")
    python = venv(tmp_path / "env")
    develop(python, lab)
    return within(lab, python), python


PTH = ("src/", 'packages = ["mine"]\npackage-dir = { "" = "src" }\n')
FINDER = ("library/", 'packages = ["mine"]\npackage-dir = { "mine" = "library/mine" }\n')


@pytest.mark.parametrize("editable", [PTH, FINDER], ids=["pth", "finder"], indirect=True)
def test_a_package_of_the_code_that_is_installed_in_development_mode_is_said_to_come_from_elsewhere(
    editable: tuple[Lab, Path],
) -> None:
    lab, python = editable
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    assert list(site.glob("__editable__*.pth")), list(site.iterdir())
    first = ran(lab, "--", "python", "scripts/train.py")
    done = lab.gitexp("rerun", first)
    base = "src" if (lab.path / "src").exists() else "library"
    live = lab.path / base / "mine" / "__init__.py"
    words = f"mine would be imported from {live}, not from {base}/mine of the code"
    assert (done.exit_code, words in done.stderr) == (1, True)
    verdict = lab.toml("verdict.toml")
    assert (verdict["grade"], verdict["missing"]) == ("failed", [words])


COMMAND = '[project.scripts]\nlearn = "mine.cli:main"\n'


@pytest.mark.parametrize("base", ["src/", ""], ids=["src", "flat"])
def test_a_command_of_the_code_that_is_installed_in_development_mode_is_said_to_compute_elsewhere(
    lab: Lab, tmp_path: Path, base: str
) -> None:
    lab.write(f"{base}mine/__init__.py", MINE)
    lab.write(f"{base}mine/cli.py", "from . import loss\ndef main(): print(f'METRIC loss={loss()}')\n")
    options = f'packages = ["mine"]\npackage-dir = {{ "" = "{base or "."}" }}\n'
    lab.write("pyproject.toml", SETUP.replace("[tool.setuptools]", COMMAND + "[tool.setuptools]") + options)
    lab.write(".gitignore", "*.egg-info\nbuild\n")
    lab.commit("a package")
    python = venv(tmp_path / "env")
    develop(python, lab)
    there = within(lab, python)
    done = there.gitexp("rerun", ran(there, "--", "learn"))
    words = f"mine would be imported from {lab.path}/{base}mine/__init__.py, not from {base}mine of the code"
    assert (done.exit_code, words in done.stderr) == (1, True), done.stderr
    assert there.toml("verdict.toml")["grade"] == "failed"


@pytest.mark.parametrize("editable", [PTH], ids=["pth"], indirect=True)
def test_what_a_script_starts_proves_nothing_of_a_package_in_development_mode(editable: tuple[Lab, Path]) -> None:
    lab, _ = editable
    lab.write("train.sh", "python scripts/train.py; true\n")
    lab.commit("a script")
    lab.well("rerun", ran(lab, "--", "sh", "train.sh"))
    verdict = lab.toml("verdict.toml")
    words = f"whether mine came from the code: a script chose the interpreter, and there it is that of {lab.path}"
    assert (verdict["grade"], verdict["missing"]) == ("tolerance", [words])
    assert lab.gitexp("verify", "--all").exit_code == 0


def test_a_module_of_the_code_that_pythonpath_leads_elsewhere_is_named(lab: Lab, tmp_path: Path) -> None:
    lab.write("scripts/train.py", TRAIN)
    lab.write("lib/mine.py", MINE)
    lab.commit("a program")
    there = Lab(lab.path, {**lab.env, "PYTHONPATH": str(lab.path / "lib")})
    first = ran(there, "--", "python", "scripts/train.py")
    assert 'pythonpath = [\n    "lib",\n]' in lab.show("experiments:environment.toml")
    done = there.gitexp("rerun", first)
    assert f"mine would be imported from {lab.path}/lib/mine.py, not from lib/mine.py of the code" in done.stderr
    assert f"interpreter pythonpath lib → {lab.path}/lib" in done.stderr


def test_what_the_code_has_beside_its_script_comes_from_the_new_working_tree(flat: Lab) -> None:
    first = ran(flat, "--", "python", "train.py")
    done = flat.gitexp("rerun", first)
    assert (done.exit_code, "env       as recorded" in done.stderr) == (0, True), done.stderr
    assert "imported" not in done.stderr


def test_a_package_of_the_same_name_among_the_installed_ones_is_said_and_is_not_strange(
    lab: Lab, tmp_path: Path
) -> None:
    lab.write("scripts/train.py", TRAIN)
    lab.write("mine.py", MINE)
    lab.commit("a program")
    wheel(tmp_path / "wheels", "mine", "1.0", mine=MINE)
    python = venv(tmp_path / "env")
    install(python, "mine", find=tmp_path / "wheels")
    there = within(lab, python)
    first = ran(there, "--", "python", "scripts/train.py")
    done = there.gitexp("rerun", first)
    assert "mine would be imported from " in done.stderr
    assert "site-packages/mine.py, not from mine.py of the code" in done.stderr
    assert "verdict is failed" not in done.stderr


def test_folders_that_nothing_imports_are_nobodys_modules(flat: Lab, tmp_path: Path) -> None:
    flat.write("tests/test_it.py", "def test_it(): pass\n")
    flat.commit("tests")
    live = tmp_path / "live" / "tests"
    live.mkdir(parents=True)
    (live / "__init__.py").write_text("")
    there = Lab(flat.path, {**flat.env, "PYTHONPATH": str(live.parent)})
    done = there.gitexp("rerun", ran(there, "--", "python", "train.py"))
    assert (done.exit_code, "imported" in done.stderr) == (0, False), done.stderr


def test_a_package_without_a_file_of_its_own_is_followed_to_the_module_that_is_imported(
    lab: Lab, tmp_path: Path
) -> None:
    lab.write("scripts/train.py", TRAIN.replace("import mine", "import ours.mine as mine"))
    lab.write("ours/mine.py", MINE)
    lab.write("ours/other.py", MINE)
    lab.commit("a program")
    live = tmp_path / "live" / "ours"
    live.mkdir(parents=True)
    (live / "mine.py").write_text(MINE)
    there = Lab(lab.path, {**lab.env, "PYTHONPATH": f"{tmp_path}/live:."})
    done = there.gitexp("rerun", ran(there, "--", "python", "scripts/train.py"))
    assert f"ours.mine would be imported from {live}/mine.py, not from ours/mine.py of the code" in done.stderr
    assert "ours.other" not in done.stderr


def test_another_version_of_a_package_and_a_thread_count_are_named_before_the_start(flat: Lab, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", "tool", version, tool="")
    pythons = [venv(tmp_path / name) for name in ("a", "b")]
    install(pythons[0], "tool==1.0", find=tmp_path / "wheels")
    install(pythons[1], "tool==2.0", find=tmp_path / "wheels")
    first = ran(within(flat, pythons[0], OMP_NUM_THREADS="1"), "--", "python", "train.py")
    done = within(flat, pythons[1], OMP_NUM_THREADS="2").gitexp("rerun", first)
    told = [line for line in done.stderr.splitlines() if line.startswith("  differs")]
    assert told == ["  differs   package tool 1.0 → 2.0", "  differs   variable OMP_NUM_THREADS 1 → 2"]
    verdict = flat.toml("verdict.toml")
    assert (verdict["grade"], verdict["inputs"]) == (
        "bitwise",
        [
            {"kind": "packages", "name": "tool", "original": "1.0", "rerun": "2.0"},
            {"kind": "flags", "name": "OMP_NUM_THREADS", "original": "1", "rerun": "2"},
        ],
    )


def test_recorded_variables_that_the_shell_does_not_set_are_given(flat: Lab) -> None:
    first = ran(Lab(flat.path, {**flat.env, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}), "--", "python", "train.py")
    done = flat.gitexp("rerun", first)
    assert "given     OMP_NUM_THREADS=1, as recorded" in done.stderr
    assert "env       as recorded" in done.stderr
    again = flat.show("experiments:environment.toml")
    assert 'OMP_NUM_THREADS = "1"' in again
    assert 'PYTHONHASHSEED = "0"' in again


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot become fewer")
def test_fewer_cores_are_named(flat: Lab) -> None:
    first = ran(flat, "--", "python", "train.py")
    bound = f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}]); "
    go = f"os.execvp('gitexp', ['gitexp', 'rerun', {first!r}])"
    done = subprocess.run(
        [sys.executable, "-c", bound + go], cwd=flat.path, env=flat.env, capture_output=True, text=True
    )
    assert "  differs   hardware cpu cores " in done.stderr
    assert " → 1\n" in done.stderr


def test_a_program_whose_interpreter_nobody_knows_yet_is_not_said_to_be_the_same(flat: Lab) -> None:
    flat.write("run.sh", "python train.py\n")
    flat.commit("a script")
    done = flat.gitexp("rerun", ran(flat, "--", "sh", "run.sh"))
    assert "imports   not looked at" in done.stderr
    assert "interpreter and packages: which would compute is known once it runs" in done.stderr
    assert "as recorded" not in done.stderr


def test_a_run_whose_interpreter_is_not_here_takes_the_one_on_path(flat: Lab, tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    first = ran(flat, "--", str(python), "train.py")
    python.parent.parent.rename(tmp_path / "gone")
    done = flat.well("rerun", first)
    assert f"in place of {python}" in done.stderr


def test_an_environment_below_the_users_own_working_tree_is_found(flat: Lab) -> None:
    venv(flat.path / ".venv")
    flat.write(".gitignore", ".venv\n")
    flat.commit("ignore")
    first = ran(flat, "--", ".venv/bin/python", "train.py")
    done = flat.gitexp("rerun", first)
    assert (done.exit_code, "env       as recorded" in done.stderr) == (0, True), done.stderr
    assert f'probed = "{flat.path}/.venv/bin/python"' in flat.show("experiments:environment.toml")


def test_an_interpreter_that_is_part_of_the_code_is_not_started_to_be_asked(flat: Lab) -> None:
    flat.write("bin/python", "#!/bin/sh\necho started >>../started\nexec python3 train.py\n")
    (flat.path / "bin/python").chmod(0o755)
    flat.commit("an interpreter")
    first = ran(flat, "--", "bin/python", "-c", "")
    said = flat.gitexp("rerun", first).stderr
    assert "interpreter and packages: which would compute is known once it runs" in said


FAKE = f'#!/bin/sh\ntouch "$HOME/ran"\nexec {sys.executable} "$@"\n'
SITE = "import os, pathlib\npathlib.Path(os.environ['HOME'], 'ran').touch()\n"


@pytest.mark.parametrize(
    ("argv", "recipe_env", "shell"),
    [
        (["python3", "train.py"], {}, {"PYTHONPATH": ".:"}),
        (["python3", "train.py"], {"PYTHONPATH": "."}, {}),
        (["python3", "train.py"], {"PATH": "../../../../../tools:/usr/bin:/bin"}, {}),
        (["../../../../../tools/python3", "train.py"], {}, {}),
        (["./started", "train.py"], {}, {}),
    ],
    ids=["shell's PYTHONPATH", "recipe's PYTHONPATH", "recipe's PATH", "a path out of it", "a first line"],
)
def test_nothing_of_a_strangers_is_executed_before_a_yes(
    hub: Lab, tmp_path: Path, argv: list[str], recipe_env: dict[str, str], shell: dict[str, str]
) -> None:
    ada = make_lab(tmp_path / "ada/1/2/3/4/5", world(tmp_path / "home-ada"))
    names = ("tools/python3", "../../../../tools/python3", "../../../../../tools/python3")
    for name in names:  # in the code, and where Ada's command finds it
        ada.write(name, FAKE).chmod(0o755)
    ada.write("started", "#!../../../../../tools/python3\n").chmod(0o755)
    ada.write("train.py", "print('trained')\n")
    ada.write("sitecustomize.py", SITE)
    words = ", ".join(f'{name} = "{value}"' for name, value in recipe_env.items())
    ada.write("recipes/r.toml", f"[run]\ncommand = {argv}\nenv = {{ {words} }}\n".replace("'", '"'))
    ada.commit("a program")
    published(ada, hub)
    ada.well("run", "r", "--no-verify")
    ada.git("push", "-q", "--no-verify", "origin", "experiments")
    bea = Lab(tmp_path / "bea", {**world(tmp_path / "home-bea"), **shell})
    Lab(tmp_path, bea.env).git("clone", "-q", "-b", "main", str(hub.path), str(bea.path))
    (bea.path / "sitecustomize.py").unlink()  # gitexp itself would start with it
    done = bea.well("rerun", "latest", "--dry-run")
    assert not Path(bea.env["HOME"], "ran").exists(), done.stdout


def test_what_is_not_here_is_refused_before_anything_starts_and_anyway_tries(flat: Lab) -> None:
    flat.write("recipes/r.toml", '[run]\ncommand = ["python", "train.py"]\n[resources]\ngpus = 4\n')
    flat.commit("a recipe")
    there = within(flat, Path("/nowhere/python"), CUDA_VISIBLE_DEVICES="")
    assert there.gitexp("run", "r").exit_code == 0
    first = there.gitexp("log", "--json").json["runs"][0]["id"]
    done = there.gitexp("rerun", first)
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        f"error: Run {first} needs what is not here",
        "  its recipe asks for 4 GPUs, and there is none here",
        "fix:   run it where there is one, or let CUDA_VISIBLE_DEVICES name those that it may use",
        f"       to try all the same:  gitexp rerun {first} --anyway",
    ]
    assert len(there.runs()) == 1
    assert there.gitexp("rerun", first, "--anyway").exit_code == 0
