"""What records say they are made for is true: xxhsum, pip, TOML readers and spreadsheets take them as they are."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from harness import Lab

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def blob(lab: Lab, name: str) -> bytes:
    """A file of the latest record, byte for byte."""
    done = subprocess.run(
        ["git", "cat-file", "blob", f"experiments:{name}"], cwd=lab.path, env=lab.env, capture_output=True, check=True
    )
    return done.stdout


def checked(xxhsum: str, listing: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """What `xxhsum --strict -c` says of a manifest, in a folder."""
    return subprocess.run([xxhsum, "--strict", "-c"], input=listing, cwd=folder, capture_output=True, check=False)


@pytest.fixture
def with_data(lab: Lab) -> Lab:
    """A lab whose recipe `data` reads the folder `data`, which git ignores."""
    lab.write(".gitignore", "data/\n")
    lab.write("recipes/data.toml", '[run]\ncommand = ["true"]\n[data]\nd = "data"\n')
    lab.commit("a recipe")
    return lab


# xxhsum


def test_xxhsum_accepts_the_manifest_of_a_file_and_sees_a_change(lab: Lab, xxhsum: str) -> None:
    lab.write("recipes/one.toml", '[run]\ncommand = ["true"]\n[data]\nreadme = "README"\n')
    lab.commit("a recipe")
    assert lab.gitexp("run", "one").exit_code == 0
    listing = blob(lab, "data/readme.xxh128")
    assert checked(xxhsum, listing, lab.path).stdout == b"README: OK\n"
    lab.write("README", "changed\n")
    assert checked(xxhsum, listing, lab.path).returncode == 1


def test_xxhsum_accepts_the_manifest_of_a_folder(with_data: Lab, xxhsum: str) -> None:
    with_data.write("data/a", "1")
    with_data.write("data/deep/er/caf\u00e9 \udcff", "2")
    with_data.write("data/empty", "")
    assert with_data.gitexp("run", "data").exit_code == 0
    done = checked(xxhsum, blob(with_data, "data/d.xxh128"), with_data.path / "data")
    assert (done.returncode, done.stdout.count(b": OK\n")) == (0, 3)


def test_xxhsum_accepts_the_joined_parts_of_a_large_folder(with_data: Lab, xxhsum: str) -> None:
    (with_data.path / "data").mkdir()
    for number in range(16_385):
        os.close(os.open(with_data.path / "data" / f"{number:05d}", os.O_CREAT | os.O_WRONLY))
    assert with_data.gitexp("run", "data").exit_code == 0
    with_data.git("worktree", "add", "-q", "--detach", "../record", "experiments")
    command = 'cat "$1"/data/d.xxh128/* | xxhsum --strict -c | grep -c ": OK$"'
    done = with_data.command("sh", "-c", command, "sh", "../../record", cwd=with_data.path / "data")
    assert done.stdout == "16385\n"


def test_xxhsum_accepts_the_artifacts(lab: Lab, xxhsum: str) -> None:
    script = (
        "mkdir $GITEXP_OUTPUT/a && echo 1 > $GITEXP_OUTPUT/a/b && echo 2 > $GITEXP_OUTPUT/c && cp -r $GITEXP_OUTPUT out"
    )
    lab.write(".gitignore", "out/\n")
    lab.commit("ignored output")
    assert lab.gitexp("run", "--", "sh", "-c", script).exit_code == 0
    assert checked(xxhsum, blob(lab, "artifacts.xxh128"), lab.path / "out").stdout == b"a/b: OK\nc: OK\n"


def test_names_are_escaped_as_coreutils_does_it(with_data: Lab) -> None:
    for name in ("line\nfeed", "back\\slash", "return\r", "all\\\n\r\\n", "plain \udcff"):
        with_data.write(f"data/{name}", "1")
    assert with_data.gitexp("run", "data").exit_code == 0
    command = ["sh", "-c", "LC_ALL=C; export LC_ALL; md5sum *"]
    theirs = subprocess.run(command, cwd=with_data.path / "data", capture_output=True, check=True).stdout
    digests = rb"(?m)^(\\?)[0-9a-f]{32}"
    assert re.sub(digests, rb"\1", blob(with_data, "data/d.xxh128")) == re.sub(digests, rb"\1", theirs)


def test_xxhsum_accepts_escaped_names_from_0_8_2_and_says_by_its_exit_code_that_it_cannot_before(
    with_data: Lab, xxhsum: str
) -> None:
    with_data.write("data/line\nfeed", "1")
    with_data.write("data/plain", "1")
    assert with_data.gitexp("run", "data").exit_code == 0
    done = checked(xxhsum, blob(with_data, "data/d.xxh128"), with_data.path / "data")
    told = subprocess.run([xxhsum, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"xxhsum (\S+)", told.stdout + told.stderr)
    assert version is not None
    assert b"plain: OK\n" in done.stdout
    assert (done.returncode == 0) == (version[1] >= "0.8.2")


# pip


def wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel of one module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(
            f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        file.writestr(f"{name}-{version}.dist-info/WHEEL", WHEEL)
        file.writestr(f"{name}-{version}.dist-info/RECORD", "")
    return path


def pip(*args: str) -> subprocess.CompletedProcess[str]:
    """The real pip, which takes nothing from an index."""
    options = ["--isolated", "--disable-pip-version-check", "--no-cache-dir"]
    return subprocess.run([sys.executable, "-m", "pip", *options, *args], capture_output=True, text=True, check=False)


def test_pip_accepts_what_was_recorded_of_the_programs_own_environment(lab: Lab, tmp_path: Path) -> None:
    wheels, theirs, again = tmp_path / "wheels", tmp_path / "theirs", tmp_path / "again"
    wheels.mkdir()
    venv.create(theirs)
    for name, version in (("one", "1.0+cpu"), ("two", "2.0rc1")):
        [site] = theirs.glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel(wheels, name, version)) as file:
            file.extractall(site)
    wheel(wheels, "one", "1.0")  # what the index has
    lab.well("run", "--", str(theirs / "bin" / "python"), "-c", "import one, two")
    recorded = tmp_path / "requirements.txt"
    recorded.write_bytes(blob(lab, "requirements.txt"))
    assert recorded.read_text().splitlines()[2:] == ["one==1.0  # it was 1.0+cpu", "two==2.0rc1"]
    venv.create(again)
    where = ["--python", str(again / "bin" / "python"), "install", "--no-index", "--find-links", str(wheels)]
    done = pip(*where, "--dry-run", "--no-deps", "-r", str(recorded))
    assert done.returncode == 0, done.stderr
    assert "Would install one-1.0 two-2.0rc1" in done.stdout.replace("+cpu", "")


# TOML and spreadsheets


def test_tomllib_reads_every_toml_file_of_an_awkward_run(lab: Lab) -> None:
    lab.write(
        "recipes/odd.toml",
        '[run]\ncommand = ["sh", "-c", "exit 0", "\\u007f \\\\ \\""]\n["a b"."c.d"]\n"" = [[1], {}]\n',
    )
    lab.write("na\u00efve \U0001f600.txt", "x")
    lab.git("config", "user.name", 'A "B" \\')
    assert lab.gitexp("run", "odd", "--no-verify", "-m", "\x1b[1m\u2028 \\u0000 '''\"\"\"\r\n\x7f").exit_code == 0
    names = [name for name in lab.git("ls-tree", "--name-only", "experiments").split() if name.endswith(".toml")]
    tables = {name: lab.toml(name) for name in names}
    assert sorted(tables) == ["data.toml", "environment.toml", "metrics.toml", "recipe.toml", "run.toml"]
    assert tables["run.toml"]["argv"] == ["sh", "-c", "exit 0", '\x7f \\ "']
    assert tables["run.toml"]["code"]["changed"] == ["na\u00efve \U0001f600.txt", "recipes/odd.toml"]


def test_a_spreadsheet_finds_nothing_to_execute_in_the_history(lab: Lab) -> None:
    lab.write(
        "train.py",
        "import json, os\n"
        "names = ['=1+1', '+x', '-y', '@z', 'a,\"b\"', 'loss', '\\t=1', ' =1', 'x\\r=1']\n"
        "line = json.dumps({name: -0.5 for name in names}) + '\\n'\n"
        "open(os.environ['GITEXP_METRICS'], 'w').write(line)\n",
    )
    lab.commit("hostile names")
    assert lab.gitexp("run", "--", "python", "train.py").exit_code == 1
    rows = list(csv.reader(io.StringIO(lab.show("experiments:history.csv"), newline=""), strict=True))
    assert rows == [["step", "time_s", 'a,"b"', "loss", " =1"], ["", "", "-0.5", "-0.5", "-0.5"]]
    assert len(lab.toml("run.toml")["defects"]) == 4
