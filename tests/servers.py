"""Real servers on loopback, and the S3 buckets in one."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class Server:
    """A process that prints its address, for as long as the context lasts."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            self._argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "NO_COLOR": "1"}
        )
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                # Nobody reads on: what a server says of each request would fill the pipe.
                self._drain = subprocess.Popen(["cat"], stdin=self._process.stdout, stdout=subprocess.DEVNULL)
                self._process.stdout.close()
                return found[0]
        raise AssertionError("".join(lines))

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._drain.wait()


@dataclass(frozen=True)
class Bucket:
    """A bucket of an S3 API, as whoever guards it sees it."""

    endpoint: str
    name: str
    client: Any

    def put(self, key: str, content: bytes) -> None:
        """Write an object, or write over it."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def keys(self) -> list[str]:
        """All objects."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def contents(self) -> list[bytes]:
        """What is in them, sorted."""
        return sorted(self.client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in self.keys())


def make_bucket(endpoint: str) -> Bucket:
    """An empty bucket."""
    client = import_module("boto3").client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    name = f"bucket-{os.urandom(6).hex()}"
    client.create_bucket(Bucket=name)
    return Bucket(endpoint, name, client)


def needs(package: str) -> None:
    """Skip visibly without a Python package."""
    if find_spec(package) is None:
        absent(f"{package} is not installed (pip install '.[test]')")


def absent(words: str) -> None:
    """Skip visibly, and fail under CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{words}, and under CI nothing may be skipped")
    pytest.skip(words)
