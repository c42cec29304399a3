"""Real remotes on loopback: a folder, moto's S3, Python's http.server, OpenSSH's sshd with throw-away keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import wait_for
from servers import Server, absent, needs

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes import open_remote
from gitexp.datasets.remotes.protocol import Patience, Remote
from gitexp.spec.config import RemoteSettings

HERE = Path(__file__).parent
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass(frozen=True)
class There:
    """A remote, and the way to its bytes that nobody guards."""

    remote: Remote
    write: Callable[[str, bytes], None]
    read: Callable[[str], bytes]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of the user's with the files `one` and `two`, and a subfolder with an odd name that holds `three`."""
    folder = tmp_path / "files"
    (folder / "odd \"name' [x]*").mkdir(parents=True)
    (folder / "one").write_bytes(b"1")
    (folder / "two").write_bytes(b"2")
    (folder / "odd \"name' [x]*" / "three").write_bytes(b"3")
    return folder


@pytest.fixture
def no_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def credentials(no_cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that moto takes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def local(tmp_path: Path) -> There:
    root = tmp_path / "lab's folder"
    root.mkdir()
    return There(open_remote(RemoteSettings("lab", str(root)), root=tmp_path), *_folder(root))


@pytest.fixture
def s3(moto: str, credentials: None, tmp_path: Path) -> There:
    from obstore.store import S3Store  # noqa: PLC0415

    bucket = f"bucket-{os.urandom(6).hex()}"
    urllib.request.urlopen(urllib.request.Request(f"{moto}/{bucket}", data=b"", method="PUT")).close()
    settings = RemoteSettings("lab", f"s3://{bucket}/a/prefix", endpoint=moto)
    behind = S3Store(bucket, prefix="a/prefix", endpoint=moto, client_options={"allow_http": True})
    return There(
        open_remote(settings, root=tmp_path),
        lambda key, content: behind.put(key, content) and None,
        lambda key: bytes(behind.get(key).bytes()),
    )


@pytest.fixture
def http(tmp_path: Path) -> Iterator[There]:
    needs("obstore")
    root = tmp_path / "served"
    root.mkdir()
    with Server([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "-d", str(root), "0"]) as address:
        settings = RemoteSettings("lab", f"{address}/")
        yield There(open_remote(settings, root=tmp_path), *_folder(root))


@pytest.fixture
def ssh(sshd: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> There:
    port, programs = sshd
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    root = tmp_path / 'lab "over" ssh\' [x]*'
    root.mkdir()
    return There(open_remote(RemoteSettings("lab", f"ssh://127.0.0.1:{port}{root}"), root=tmp_path), *_folder(root))


@pytest.fixture(params=["local", "s3", "http", "ssh"])
def any_remote(request: pytest.FixtureRequest) -> There:
    """Each kind in turn."""
    found: There = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["local", "s3", "ssh"])
def writable(request: pytest.FixtureRequest) -> There:
    """Each kind that can be written to."""
    found: There = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of an sshd, and a folder with an `sftp` that has a configuration to reach it."""
    if not Path(SSHD).exists():
        absent("sshd is not installed (Debian's package openssh-server)")
    home = tmp_path_factory.mktemp("sshd")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    shutil.copy(home / "key.pub", home / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = _free_port()
    (home / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    (home / "ssh_config").write_text(
        f"IdentityFile {home}/key\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {home}/known\n"
        "StrictHostKeyChecking accept-new\nLogLevel ERROR\n"
    )
    programs = home / "programs"
    programs.mkdir()
    (programs / "sftp").write_text(f'#!/bin/sh\nexec {shutil.which("sftp")} -F {home}/ssh_config "$@"\n')
    (programs / "sftp").chmod(0o755)
    with (home / "log").open("w") as log:
        server = subprocess.Popen([SSHD, "-f", str(home / "sshd_config"), "-D", "-e"], stderr=log)
    try:
        wait_for(lambda: "listening" in (home / "log").read_text(), lambda: (home / "log").read_text())
        yield port, programs
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def liar(no_cloud: None, tmp_path: Path) -> Iterator[Callable[..., Remote]]:
    """A function from a lie of lying_server.py to a remote that tells it."""
    needs("obstore")
    with Server([sys.executable, "-u", str(HERE / "lying_server.py")]) as address:
        quick = Patience(connect_s=1, silence_s=0.5, sent_silence_s=0.5, retries=1, retry_s=2)

        def tells(lie: str, *, scheme: str = "http") -> Remote:
            url = f"{address}/{lie}" if scheme == "http" else f"s3://bucket/{lie}"
            settings = RemoteSettings("liar", url, endpoint=address, anonymous=True)
            return open_remote(settings, root=tmp_path, patience=quick)

        yield tells


def _folder(root: Path) -> tuple[Callable[[str, bytes], None], Callable[[str], bytes]]:
    def write(key: str, content: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).unlink(missing_ok=True)
        (root / key).write_bytes(content)

    return write, lambda key: (root / key).read_bytes()


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
