"""`.dvc` files and DVC's cache, written out as DVC 3 and DVC 2 write them."""

from __future__ import annotations

import shutil
import sys

import pytest
from fetching import Opener, paths
from harness import Lab

from gitexp.datasets.sources.dvcfile import DvcOut, load_dvc
from gitexp.errors import Refused

HELLO = "outs:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: one.txt\n"
HELLO_MANIFEST = b"6bba86c7e069f56d5a10b435f1c8e49c  one.txt\n"
FOLDER = "outs:\n- md5: 6276640e1c033234fb6cd982c033005c.dir\n  size: 11\n  nfiles: 2\n  hash: md5\n  path: data\n"
FOLDER_LIST = (
    '[{"md5": "b202f333fba4fd38d4b8e5e693077aab", "relpath": "a.csv"}, '
    '{"md5": "9dd4e461268c8034f5c8564e155c67a6", "relpath": "sub \\u00e9/b \\"q\\".txt"}]'
)
A_CSV = "a,b\r\n1,2\r\n"


@pytest.fixture
def project(fresh: Lab) -> Lab:
    """A DVC project in a repository, with nothing in it."""
    fresh.write(".dvc/config", "")
    return fresh


@pytest.fixture
def cached(project: Lab) -> Lab:
    """One that has a file and a folder in DVC's cache, and neither in the working tree."""
    project.write("one.txt.dvc", HELLO)
    project.write("data.dvc", FOLDER)
    project.write(".dvc/cache/files/md5/b1/946ac92492d2347c6235b4d2611184", "hello\n")
    project.write(".dvc/cache/files/md5/62/76640e1c033234fb6cd982c033005c.dir", FOLDER_LIST)
    (project.write(".dvc/cache/files/md5/b2/02f333fba4fd38d4b8e5e693077aab", "")).write_bytes(A_CSV.encode())
    project.write(".dvc/cache/files/md5/9d/d4e461268c8034f5c8564e155c67a6", "x")
    return project


def test_a_file_comes_from_the_cache(cached: Lab, opened: Opener) -> None:
    fetched = opened(cached, "one.txt.dvc")
    assert fetched is not None
    assert fetched.manifest == HELLO_MANIFEST
    assert opened.store.path_of(HELLO_MANIFEST.decode()[:32]).read_bytes() == b"hello\n"


def test_a_folder_comes_from_the_cache(cached: Lab, opened: Opener) -> None:
    assert paths(opened(cached, "data.dvc")) == ["a.csv", 'sub é/b "q".txt']


def test_a_path_with_nothing_but_a_dvc_file_beside_it_is_that_dataset(cached: Lab, opened: Opener) -> None:
    assert paths(opened(cached, "data")) == ["a.csv", 'sub é/b "q".txt']


def test_the_working_tree_is_used_where_it_matches(project: Lab, opened: Opener) -> None:
    project.write("one.txt.dvc", HELLO)
    project.write("one.txt", "hello\n")
    fetched = opened(project, "one.txt.dvc")
    assert fetched is not None
    assert fetched.manifest == HELLO_MANIFEST


def test_a_folder_in_the_working_tree_needs_no_cache(project: Lab, opened: Opener) -> None:
    project.write("data.dvc", FOLDER)
    project.write("data/a.csv", "").write_bytes(A_CSV.encode())
    project.write('data/sub é/b "q".txt', "x")
    assert paths(opened(project, "data.dvc")) == ["a.csv", 'sub é/b "q".txt']


def test_a_changed_working_tree_gives_way_to_the_cache(cached: Lab, opened: Opener) -> None:
    cached.write("one.txt", "edited\n")
    fetched = opened(cached, "one.txt.dvc")
    assert fetched is not None
    assert fetched.manifest == HELLO_MANIFEST
    assert (cached.path / "one.txt").read_text() == "edited\n"


def test_the_cache_of_dvc_2_is_read(project: Lab, opened: Opener) -> None:
    project.write("one.txt.dvc", HELLO)
    project.write(".dvc/cache/b1/946ac92492d2347c6235b4d2611184", "hello\n")
    assert paths(opened(project, "one.txt.dvc")) == ["one.txt"]


def test_before_dvc_3_text_was_hashed_with_unix_line_ends(project: Lab, opened: Opener) -> None:
    project.write("one.txt.dvc", HELLO.replace("  hash: md5\n", ""))
    project.write(".dvc/cache/b1/946ac92492d2347c6235b4d2611184", "").write_bytes(b"hello\r\n")
    fetched = opened(project, "one.txt.dvc")
    assert fetched is not None
    assert fetched.size_bytes == 7


@pytest.mark.parametrize(("name", "line"), [("config", "../shared"), ("config.local", "../shared")])
def test_the_cache_may_lie_where_the_configuration_says(project: Lab, opened: Opener, name: str, line: str) -> None:
    project.write(
        f".dvc/{name}", f"[core]\n    remote = lab\n['remote \"lab\"']\n    url = x\n[cache]\n    dir = {line}\n"
    )
    project.write("one.txt.dvc", HELLO)
    project.write("shared/files/md5/b1/946ac92492d2347c6235b4d2611184", "hello\n")
    assert paths(opened(project, "one.txt.dvc")) == ["one.txt"]


def test_missing_bytes_are_named_with_what_brings_them(cached: Lab, opened: Opener) -> None:
    (cached.path / ".dvc/cache/files/md5/9d/d4e461268c8034f5c8564e155c67a6").unlink()
    with pytest.raises(Refused, match=r"The bytes of .*data are not here") as caught:
        opened(cached, "data.dvc")
    assert caught.value.details == ('  sub é/b "q".txt',)
    assert caught.value.fix == f"dvc pull {cached.path}/data.dvc    (then run the command again)"


def test_a_damaged_cache_is_not_believed(cached: Lab, opened: Opener) -> None:
    cached.write(".dvc/cache/files/md5/b1/946ac92492d2347c6235b4d2611184", "hullo\n")
    with pytest.raises(Refused, match="are not here"):
        opened(cached, "one.txt.dvc")


def test_what_was_verified_once_is_not_needed_again(cached: Lab, opened: Opener) -> None:
    first = opened(cached, "data.dvc")
    shutil.rmtree(cached.path / ".dvc" / "cache")
    assert opened(cached, "data.dvc") == first


def test_a_list_of_files_that_leads_elsewhere_is_refused(project: Lab, opened: Opener) -> None:
    project.write("data.dvc", FOLDER.replace("6276640e1c033234fb6cd982c033005c", "6dfe1dd6184d90a33e2100a793e2a4b9"))
    listing = '[{"md5": "b202f333fba4fd38d4b8e5e693077aab", "relpath": "../../secret"}]'
    project.write(".dvc/cache/files/md5/6d/fe1dd6184d90a33e2100a793e2a4b9.dir", listing)
    with pytest.raises(Refused, match="names that cannot lie in a folder"):
        opened(project, "data.dvc")


def test_an_out_outside_of_the_repository_is_refused(project: Lab, opened: Opener) -> None:
    project.write("one.txt.dvc", HELLO.replace("one.txt", "../../one.txt"))
    with pytest.raises(Refused, match="names data outside of the repository"):
        opened(project, "one.txt.dvc")


def test_a_dvc_file_without_a_project_is_refused(fresh: Lab, opened: Opener) -> None:
    fresh.write("one.txt.dvc", HELLO)
    with pytest.raises(Refused, match="belongs to no DVC project"):
        opened(fresh, "one.txt.dvc")


# ---- the text of a .dvc file


def test_what_dvc_3_writes_is_read() -> None:
    assert load_dvc(FOLDER.encode(), where="data.dvc") == DvcOut(
        "data", "6276640e1c033234fb6cd982c033005c", is_folder=True, size=11, files=2, dos2unix=False
    )


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("': odd #name.txt'", ": odd #name.txt"),
        ("it's.txt", "it's.txt"),
        ("'123'", "123"),
        ("é.txt", "é.txt"),
        ("'it''s # quoted'", "it's # quoted"),
        ('"tab\\there"', "tab\there"),
        ("a long name \n    that goes on", "a long name that goes on"),
        ("plain # a comment", "plain"),
    ],
)
def test_names_are_read_as_yaml_means_them(written: str, path: str) -> None:
    assert load_dvc(HELLO.replace("one.txt", written).encode(), where="x.dvc").path == path


def test_an_md5_that_looks_like_a_number_is_read_as_text() -> None:
    text = HELLO.replace("b1946ac92492d2347c6235b4d2611184", "01234567012345670123456701234567")
    assert load_dvc(text.encode(), where="x.dvc").md5 == "01234567012345670123456701234567"


def test_without_pyyaml_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Refused, match="which is not installed") as refused:
        load_dvc(HELLO.encode(), where="x.dvc")
    assert refused.value.fix == "pip install pyyaml"


def test_what_else_stands_in_a_dvc_file_is_read_past() -> None:
    text = (
        "# added by hand\nmd5: 8d5d9ce1f5c0c5a1f4b1f8bd4f9a0b6e\nfrozen: true\nwdir: ..\nmeta:\n  team: vision\n"
        "deps:\n- path: https://data.example/one.txt\n  size: 6\n"
        + HELLO
        + "  desc: 'what it is'\n  labels:\n  - a\n  - b\n"
    )
    assert load_dvc(text.encode(), where="x.dvc").path == "../one.txt"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("outs: []\n", r"x\.dvc: names 0 outs; a dataset is one"),
        ("outs:\n- {md5: x}\n", r"x\.dvc: the out has no path"),
        (HELLO.replace("one.txt", "'one.txt"), r"x\.dvc:6: found unexpected end of stream"),
        (HELLO.replace("one.txt", '"\\q"'), r"x\.dvc:5: found unknown escape character 'q'"),
        (HELLO.replace("  size", "\tsize"), r"x\.dvc:3: "),
        (HELLO.replace("  size", "   size"), r"x\.dvc:"),
        (HELLO + HELLO.replace("outs:\n", ""), r"x\.dvc: names 2 outs; a dataset is one"),
        (HELLO.replace("hash: md5", "hash: blake3"), r"x\.dvc: a hash other than md5: blake3"),
        (HELLO.replace("b1946ac9", "B1946AC9"), r"x\.dvc: the out has no md5 of 32 hexadecimal digits"),
        (HELLO.replace("size: 6", "size: six"), r"x\.dvc: size is not a number: six"),
        (HELLO.replace("size: 6", "size: [6]"), r"x\.dvc: size is not a number: \['6'\]"),
        (HELLO + "  files:\n  - relpath: a\n", r"x\.dvc: cloud-versioned data \(files\) is not understood"),
        ("just text\n", r"x\.dvc: names no outs"),
        ("[" * 100_000, r"x\.dvc: is no YAML|x\.dvc is no YAML"),
        ("a: 1\n---\nb: 2\n", r"x\.dvc:2: but found another document"),
        ("? [a]\n: b\n", r"x\.dvc:1: found unhashable key"),
        ("", r"x\.dvc: names no outs"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, what: str) -> None:
    with pytest.raises(Refused, match=what):
        load_dvc(text.encode(), where="x.dvc")


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(Refused, match=r"x\.dvc is no YAML"):
        load_dvc(b"outs:\n- path: \xff\n", where="x.dvc")
