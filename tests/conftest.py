"""Fixtures named after states. Every scenario lives in a world of its own; the real HOME must not change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from harness import Gitexp, Lab, Result, have, make_lab, world
from servers import Bucket, Server, make_bucket, needs

from gitexp.cli.main import run_command


@pytest.fixture(scope="session", autouse=True)
def the_real_configuration_is_untouched() -> Iterator[None]:
    files = [Path.home() / name for name in (".gitconfig", ".config/git/config", ".config/gitexp")]
    before = [path.read_bytes() if path.is_file() else path.exists() for path in files]
    yield
    after = [path.read_bytes() if path.is_file() else path.exists() for path in files]
    assert after == before, "a test changed the real user's configuration"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of one person."""
    return world(tmp_path / "home")


@pytest.fixture
def bare_world(tmp_path: Path, env: dict[str, str]) -> Lab:
    """A folder that is no repository."""
    path = tmp_path / "nowhere"
    path.mkdir()
    return Lab(path, env)


@pytest.fixture
def fresh(tmp_path: Path, env: dict[str, str]) -> Lab:
    """A repository with one commit, without gitexp."""
    return make_lab(tmp_path / "lab", env)


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `lab` is a copy of."""
    folder = tmp_path_factory.mktemp("set-up")
    lab = make_lab(folder / "lab", world(folder / "home"))
    result = lab.gitexp("init")
    assert result.exit_code == 0, result.stderr
    lab.commit("set up gitexp")
    return lab.path


@pytest.fixture
def lab(set_up: Path, tmp_path: Path, env: dict[str, str]) -> Lab:
    """A repository in which gitexp is set up and committed."""
    copy = Lab(tmp_path / "lab", env)
    shutil.copytree(set_up, copy.path, symlinks=True)
    copy.git("update-index", "-q", "--refresh")  # the index knows the files it was written for, not their copies
    return copy


@pytest.fixture
def as_ada(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process, and git as it calls it, have as their environment."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def here(fresh: Lab, as_ada: None) -> Lab:
    """The repository `fresh`, which git calls of this process see as its own do."""
    return fresh


@pytest.fixture
def gitexp(here: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Gitexp:
    """The command line, run in this process inside the repository `fresh`."""
    monkeypatch.chdir(here.path)

    def run(*args: str) -> Result:
        capfd.readouterr()
        code = run_command(list(args))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def hub(tmp_path: Path, env: dict[str, str]) -> Lab:
    """A bare repository that everybody can reach."""
    path = tmp_path / "hub.git"
    path.mkdir()
    lab = Lab(path, env)
    lab.git("init", "-q", "--bare")
    return lab


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of an S3 API."""
    needs("obstore")
    needs("moto")
    with Server([sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"]) as found:
        yield found


@pytest.fixture
def bucket(moto: str, env: dict[str, str]) -> Bucket:
    """An empty bucket, and credentials for it."""
    env.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_EC2_METADATA_DISABLED="true")
    return make_bucket(moto)


@pytest.fixture
def xxhsum() -> str:
    """The real xxhsum."""
    return _tool("xxhsum", package="Debian's package xxhash")


@pytest.fixture
def chromium() -> str:
    """The real browser."""
    return _tool("chromium", package="Debian's package chromium")


@pytest.fixture
def strace() -> str:
    """A strace that may trace here."""
    name = _tool("strace", package="Debian's package strace")
    done = subprocess.run([name, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("strace may not trace here")
    return name


@pytest.fixture
def ssh_keygen() -> str:
    """The real ssh-keygen."""
    return _tool("ssh-keygen", package="Debian's package openssh-client")


@pytest.fixture
def keyring() -> Iterator[Path]:
    """An empty keyring for the real gpg, whose agent ends with the test. Its sockets need a short path."""
    _tool("gpg", package="Debian's package gnupg")
    with TemporaryDirectory(prefix="gpg-") as folder:
        yield Path(folder)
        env = {**os.environ, "GNUPGHOME": folder}
        subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False, capture_output=True)


@pytest.fixture
def uv() -> str:
    """uv, beside the Python of the tests or on PATH, where it runs: a shim of pyenv's may have none behind it."""
    name = _tool("uv", package="pip install uv")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(name, path=path) or name
    if subprocess.run([found, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{found} is a shim without a uv")
    return name


def _tool(name: str, *, package: str) -> str:
    there = have(name) or (Path(sys.executable).parent / name).exists()
    if not there:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing, and under CI nothing may be skipped ({package})")
        pytest.skip(f"{name} is not installed ({package})")
    return name
