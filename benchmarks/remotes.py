"""Sending and fetching 1,000 × 100 KB through a real S3 API on loopback, beside the same obstore calls made bare.

Bare is what the least careful program would do: 32 threads that put, or that get and write a file. Ours also asks what
is missing, verifies every byte, syncs it to disk, and never overwrites. moto's own time is most of both: what
we add shows more clearly as milliseconds than as a ratio.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from ratios import Row, pair
from world import Bench

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes import open_remote
from gitexp.datasets.remotes.transfer import fetch_objects, send_objects
from gitexp.spec.config import RemoteSettings

OBJECTS, OBJECT_BYTES, THREADS, ROUNDS = 1_000, 100_000, 32, 5
BUDGET = 1.5
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def remote_rows(bench: Bench) -> Iterator[Row]:
    """Push and pull, each round to a bucket and a store of its own."""
    if find_spec("obstore") is None or find_spec("moto") is None:
        print("obstore or moto is not installed (pip install '.[test]'): the S3 rows are left out", file=sys.stderr)
        return
    os.environ |= CREDENTIALS
    # With moto.server on the command line, Python would import the package twice.
    argv = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        address = next(found[0] for line in server.stdout if (found := re.search(r"http://127[^\s\x1b]+", line)))
        drain = subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL)
        yield from _both_ways(bench.root / "s3", address)
    finally:
        server.terminate()
        server.wait()
        drain.wait()


def _both_ways(root: Path, address: str) -> Iterator[Row]:
    store = ObjectStore(root / "objects")
    digests = [store.put_bytes(number.to_bytes(4, "big") + os.urandom(OBJECT_BYTES - 4)) for number in range(OBJECTS)]
    buckets = iter(range(1_000))
    last = ""

    def fresh() -> str:
        nonlocal last
        last = f"bucket-{next(buckets)}"
        urllib.request.urlopen(urllib.request.Request(f"{address}/{last}", data=b"", method="PUT")).close()
        return last

    def send() -> float:
        remote = open_remote(RemoteSettings("bench", f"s3://{fresh()}", endpoint=address), root=root)
        began = time.perf_counter()
        report = send_objects(remote, digests, store.path_of)
        assert report.sent == OBJECTS, report
        return time.perf_counter() - began

    def bare_send() -> float:
        bucket = _bucket(address, fresh())
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda digest: bucket.put(digest[7:], store.path_of(digest).read_bytes()), digests))
        return time.perf_counter() - began

    yield pair("S3, push 1,000 × 100 KB", "bare obstore puts", BUDGET, send, bare_send, rounds=ROUNDS)
    send()
    filled = last

    def fetch() -> float:
        into = ObjectStore(root / "fetched")
        remote = open_remote(RemoteSettings("bench", f"s3://{filled}", endpoint=address), root=root)
        began = time.perf_counter()
        report = fetch_objects([remote], digests, into)
        took = time.perf_counter() - began
        assert report.fetched == OBJECTS, report
        shutil.rmtree(into.root)
        return took

    def bare_fetch() -> float:
        bucket, into = _bucket(address, filled), root / "bare"
        into.mkdir()
        began = time.perf_counter()

        def one(digest: str) -> None:
            hexadecimal = digest[7:]
            answer = bucket.get(f"xxh128/{hexadecimal[:2]}/{hexadecimal[2:]}").bytes()
            (into / hexadecimal).write_bytes(answer)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, digests))
        took = time.perf_counter() - began
        shutil.rmtree(into)
        return took

    yield pair("S3, pull 1,000 × 100 KB", "bare obstore gets", BUDGET, fetch, bare_fetch, rounds=ROUNDS)


def _bucket(address: str, name: str):  # type: ignore[no-untyped-def]  # obstore is an extra
    from obstore.store import S3Store  # noqa: PLC0415

    return S3Store(name, endpoint=address, client_options={"allow_http": True})
