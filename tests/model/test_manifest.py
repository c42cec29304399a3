"""Manifests and data.toml as text and back: exact for any name, safe for anything strangers send."""

from __future__ import annotations

import zlib

import pytest

from gitexp.model.manifest import (
    DatasetRecord,
    Entry,
    dataset_digest,
    dump_data,
    dump_manifest,
    load_data,
    manifest_differences,
    parse_manifest,
    split_parts,
)
from gitexp.model.run import Unreadable

A, B = "a" * 32, "b" * 32


def test_a_manifest_is_sorted_by_the_bytes_of_the_path() -> None:
    entries = [Entry(b"b", A), Entry("ä".encode(), A), Entry(b"B", B), Entry(b"a/c", B)]
    assert dump_manifest(entries) == f"{B}  B\n{B}  a/c\n{A}  b\n{A}  ä\n".encode()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (b"plain name", f"{A}  plain name\n".encode()),
        (b"line\nfeed", f"\\{A}  line\\nfeed\n".encode()),
        (b"return\r", f"\\{A}  return\\r\n".encode()),
        (b"back\\slash", f"\\{A}  back\\\\slash\n".encode()),
        (b"not \\n a feed", f"\\{A}  not \\\\n a feed\n".encode()),
        (b"latin \xff", A.encode() + b"  latin \xff\n"),
    ],
)
def test_every_name_survives(path: bytes, line: bytes) -> None:
    assert dump_manifest([Entry(path, A)]) == line
    assert parse_manifest(line) == [Entry(path, A)]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (f"{A}  /etc/passwd\n", "leads elsewhere"),
        (f"{A}  ../up\n", "leads elsewhere"),
        (f"{A}  a/../../up\n", "leads elsewhere"),
        (f"{A}  ./a\n", "leads elsewhere"),
        (f"{A}  b\n{A}  a\n", "manifest:2: the paths are not sorted"),
        (f"{A}  a\n{A}  a\n", "manifest:2: the path is listed twice"),
        (f"{A} a\n", "manifest:1: not a digest"),
        (f"{'A' * 32}  a\n", "manifest:1: not a digest"),
        (f"\\{A}  a\\x\n", "an escape other than"),
        (f"{A}  a", "cut off"),
    ],
)
def test_a_manifest_that_no_writer_would_write_is_refused(manifest: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parse_manifest(manifest.encode())


def test_the_digest_is_that_of_the_bytes() -> None:
    assert dataset_digest(b"") == "xxh128:99aa06d3014798d86001c324468d497f"


def test_a_short_manifest_stays_whole() -> None:
    manifest = dump_manifest(Entry(b"%05d" % n, A) for n in range(16_384))
    assert split_parts(manifest) is None


def test_the_parts_of_a_long_manifest_end_by_their_paths_alone() -> None:
    names = [b"%05d" % n for n in range(20_000)]
    manifest = dump_manifest(Entry(name, A) for name in names)
    parts = split_parts(manifest)
    assert parts is not None
    assert b"".join(parts) == manifest
    assert len(parts) == 1 + sum(zlib.crc32(name) % 2_048 == 0 for name in names)
    changed = split_parts(manifest.replace(A.encode() + b"  10000", B.encode() + b"  10000"))
    assert changed is not None
    assert sum(one != other for one, other in zip(parts, changed, strict=True)) == 1


def test_differences_name_what_was_added_removed_and_changed() -> None:
    old = dump_manifest([Entry(b"gone", A), Entry(b"kept", A), Entry(b"new \xff", A)])
    new = dump_manifest([Entry(b"added", A), Entry(b"kept", A), Entry(b"new \xff", B)])
    found = manifest_differences(old, new)
    assert (found.added, found.removed, found.changed) == (("added",), ("gone",), ("new \\xff",))


def test_data_toml_round_trips_and_ignores_what_it_does_not_know() -> None:
    records = [DatasetRecord(name="digits", path="d.csv", digest=f"xxh128:{A}", files=1, size_bytes=7)]
    text = dump_data(records)
    assert text == f'[digits]\npath = "d.csv"\nkind = "data"\ndigest = "xxh128:{A}"\nfiles = 1\nsize_bytes = 7\n'
    assert load_data(text + "colour = 1\n") == {"digits": records[0]}


@pytest.mark.parametrize("text", ["digits = 1\n", "[digits]\nfiles = 'x'\n", "[digits\n", "[digits]\nfiles = true\n"])
def test_data_toml_of_a_stranger_is_checked(text: str) -> None:
    with pytest.raises(Unreadable):
        load_data(text)
