"""Manifests as text and back: exact for any name, safe for anything strangers send."""

from __future__ import annotations

import zlib
from random import Random

import pytest

from gitexp.record.manifest import (
    Entry,
    dataset_digest,
    dump_manifest,
    dump_sizes,
    load_sizes,
    manifest_differences,
    parse_manifest,
    part_differences,
    split_parts,
)
from gitexp.text.bounded import Unreadable

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
    parts = list(split_parts(manifest) or ())
    assert b"".join(parts) == manifest
    assert len(parts) == 1 + sum(zlib.crc32(name) % 2_048 == 0 for name in names)
    changed = list(split_parts(manifest.replace(A.encode() + b"  10000", B.encode() + b"  10000")) or ())
    assert sum(one != other for one, other in zip(parts, changed, strict=True)) == 1


def test_differences_name_what_was_added_removed_and_changed() -> None:
    old = dump_manifest([Entry(b"gone", A), Entry(b"kept", A), Entry(b"new \xff", A)])
    new = dump_manifest([Entry(b"added", A), Entry(b"kept", A), Entry(b"new \xff", B)])
    found = manifest_differences(old, new)
    assert (found.added, found.removed, found.changed) == (("added",), ("gone",), ("new \\xff",))


NAMES = [b"%05d" % n for n in range(20_000)]
ENDS = [b"00389", b"01669", b"03102", b"04661", b"05381", b"12015", b"14296", b"15776"]  # of parts


def in_parts(entries: dict[bytes, str]) -> list[bytes]:
    manifest = dump_manifest(Entry(name, digest) for name, digest in entries.items())
    return list(split_parts(manifest) or [manifest])


def drawn(seed: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    some = Random(seed).sample(NAMES, 90)
    return [name + b"x" for name in some[:30]], some[30:60], some[60:]


@pytest.mark.parametrize(
    ("added", "removed", "changed"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([], [], [b"10000"], id="a line changed"),
        pytest.param([], [b"00389"], [], id="the end of a part removed"),
        pytest.param([b"00351x"], [], [], id="a new end of a part added"),
        pytest.param([], [], [b"00389"], id="the end of a part changed"),
        pytest.param([b"00389x"], [b"00390"], [b"00388", b"00391"], id="around the end of a part"),
        pytest.param([], ENDS, [], id="all ends removed"),
        pytest.param([], [b"01669", b"03102"], [b"02000", b"04000"], id="three parts made one"),
        pytest.param([], NAMES[390:1670], [], id="a whole part removed"),
        pytest.param([b"01669" + b"%d" % n for n in range(100, 1000)], [b"01669"], [], id="many lines added at an end"),
        pytest.param([b"-", b"20000"], [], [b"00000", b"19999"], id="both ends of the manifest"),
        pytest.param([], [b"00000", b"19999"], [], id="first and last removed"),
        pytest.param([b"00723\\0", b"01151\n0"], [], [b"00724"], id="names that are escaped and end a part"),
        pytest.param([b"new/" + name for name in NAMES], NAMES, [], id="everything moved to a folder"),
        pytest.param(*drawn(1), id="random 1"),
        pytest.param(*drawn(2), id="random 2"),
        pytest.param(*drawn(3), id="random 3"),
        pytest.param(*drawn(4), id="random 4"),
    ],
)
def test_differences_of_the_parts_that_differ_are_those_of_the_whole(
    added: list[bytes], removed: list[bytes], changed: list[bytes]
) -> None:
    old = dict.fromkeys(NAMES, A)
    new = dict.fromkeys({*NAMES} - {*removed} | {*added}, A) | dict.fromkeys(changed, B)
    a, b = in_parts(old), in_parts(new)
    assert len(a) == 9
    found = part_differences([part for part in a if part not in b], [part for part in b if part not in a])
    assert found.added == tuple(name.decode() for name in sorted(added))
    assert found.removed == tuple(name.decode() for name in sorted(removed))
    assert found.changed == tuple(name.decode() for name in sorted(changed))
    assert found == manifest_differences(b"".join(a), b"".join(b))


def test_a_manifest_that_grows_into_parts_differs_in_one_line() -> None:
    whole = in_parts(dict.fromkeys(NAMES[:16_384], A))
    parts = in_parts(dict.fromkeys(NAMES[:16_385], A))
    assert (len(whole), len(parts)) == (1, 9)
    assert part_differences(whole, parts) == (("16384",), (), ())
    assert part_differences(parts, whole) == ((), ("16384",), ())


def test_names_that_are_escaped_are_compared_as_they_are() -> None:
    old = dump_manifest([Entry(b"a\nb", A), Entry(b"back\\slash", A)])
    new = dump_manifest([Entry(b"a\nb", B), Entry(b"back\\slash", A), Entry(b"c\r", A)])
    assert manifest_differences(old, new) == (("c\r",), (), ("a\nb",))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (f"{A}  ../up\n", "leads elsewhere"),
        (f"{A} b\n", "not a digest"),
        ("short\n", "not a digest"),
        (f"\\{A}  b\\x\n", "an escape other than"),
        (f"{A}  b\n{A}  a\n", "not sorted"),
        (f"{A}  b\n{A}  b\n", "listed twice"),
        (f"{A}  b", "cut off"),
    ],
)
def test_differences_to_what_no_writer_would_write_are_not_told(manifest: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        manifest_differences(b"", manifest.encode())
    with pytest.raises(Unreadable, match=words):
        manifest_differences(manifest.encode(), f"{B}  a\n".encode())


def test_parts_that_are_not_in_order_are_not_compared() -> None:
    with pytest.raises(Unreadable, match="the parts are not in order"):
        part_differences([f"{A}  b\n".encode(), f"{A}  a\n".encode()], [])


def test_sizes_are_written_in_the_order_of_digests_and_read_as_far_as_they_are_sound() -> None:
    one, two = "a" * 32, "b" * 32
    assert dump_sizes({two: 7, one: 0}) == f"{one}  0\n{two}  7\n".encode()
    stated = f"{one}  0\n{two}  -1\n{two}  {'9' * 40}\nx  1\n{two}\n\n{two}  7\n{'c' * 32}  8\n".encode()
    assert load_sizes([stated], most=7) == {one: 0, two: 7}
