"""Servers that sources are tested against, each a process on loopback, and a store to fetch into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fetching import Opener

from gitexp.datasets.objects.store import ObjectStore

SERVER = Path(__file__).parent / "web_server.py"


@dataclass(frozen=True)
class Web:
    """A running web server. `/good/NAME` serves the file NAME of its folder; see web_server.py for other manners."""

    url: str
    folder: Path
    log: Path

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def asked(self) -> list[str]:
        """What was asked since the last call, each as METHOD PATH."""
        return [f"{line['method']} {line['path']}" for line in self.requests()]

    def requests(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        self.log.write_text("")
        return lines


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder, log = tmp_path / "web", tmp_path / "web.log"
    folder.mkdir()
    log.write_text("")
    process = subprocess.Popen([sys.executable, str(SERVER), str(folder), str(log)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield Web(f"http://127.0.0.1:{process.stdout.readline().strip()}", folder, log)
    process.kill()
    process.stdout.close()
    process.wait()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.fixture
def opened(store: ObjectStore) -> Opener:
    return Opener(store)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "sources"


@dataclass(frozen=True)
class S3Bucket:
    """A bucket of the server."""

    client: Any
    name: str

    def put(self, key: str, content: bytes, **more: str) -> str | None:
        """Write an object; its version."""
        version: str | None = self.client.put_object(Bucket=self.name, Key=key, Body=content, **more).get("VersionId")
        return version

    def put_in_parts(self, key: str, parts: list[bytes]) -> None:
        """Write an object as large ones are written: its ETag is no md5."""
        upload = {"Bucket": self.name, "Key": key}
        upload["UploadId"] = self.client.create_multipart_upload(**upload)["UploadId"]
        tags = [
            self.client.upload_part(**upload, PartNumber=number, Body=part)["ETag"]
            for number, part in enumerate(parts, 1)
        ]
        done = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})


@pytest.fixture
def s3_endpoint(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server, and credentials for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return moto


@pytest.fixture
def plain(s3_endpoint: str) -> S3Bucket:
    """An empty bucket without versions."""
    client = import_module("boto3").client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    name = f"plain-{os.urandom(6).hex()}"
    client.create_bucket(Bucket=name)
    return S3Bucket(client, name)


@pytest.fixture
def versioned(plain: S3Bucket) -> S3Bucket:
    """An empty bucket that keeps every version."""
    plain.client.put_bucket_versioning(Bucket=plain.name, VersioningConfiguration={"Status": "Enabled"})
    return plain
