"""The stat cache on real folders: what is unchanged is not read, and what changed is never missed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.datasets.build import build_manifest, changed_since
from gitexp.datasets.statcache import StatCache
from gitexp.errors import Refused

FILES = 100  # fewer are not worth a cache
LONG_AGO = 1_000_000_000_000_000_000

# Prints the name of each file of the dataset that is opened, then the digest.
WATCHED = """
import os, sys
from pathlib import Path
from gitexp.datasets.build import build_manifest
from gitexp.datasets.statcache import StatCache
folder, cache = Path(sys.argv[1]), StatCache(Path(sys.argv[2]))
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
built = build_manifest(folder, cache=cache)
print(*sorted(name for name in opened if isinstance(name, str) and name.startswith("f-")))
print(built.digest)
"""


def opened(folder: Path, cache: StatCache) -> list[str]:
    """What a build in another process opens of the dataset."""
    argv = [sys.executable, "-c", WATCHED, str(folder), str(cache.folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].split()


def fill(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    for number in range(FILES - 2):
        (folder / f"f-{number:02}").write_bytes(b"%d" % number)
    (folder / "deep" / "f-deep").write_bytes(b"deep")
    (folder / "deep-").write_bytes(b"sorts before what is in the folder")
    return folder


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Datasets that were written long enough ago for their times to tell every change."""
    folders = iter([fill(tmp_path_factory.mktemp("settled") / "dataset") for _ in range(40)])
    time.sleep(2.1)
    return lambda: next(folders)


@pytest.fixture
def dataset(settled: Callable[[], Path]) -> Path:
    return settled()


@pytest.fixture
def cache(tmp_path: Path) -> StatCache:
    return StatCache(tmp_path / "common" / "statcache")


def test_what_did_not_change_is_not_opened(dataset: Path, cache: StatCache) -> None:
    assert len(opened(dataset, cache)) == FILES - 1  # all but `deep-`
    assert opened(dataset, cache) == []


def test_one_changed_file_costs_one_file(dataset: Path, cache: StatCache) -> None:
    build_manifest(dataset, cache=cache)
    (dataset / "f-07").write_bytes(b"!")
    assert opened(dataset, cache) == ["f-07"]


def test_young_files_are_hashed_again_until_they_are_old_enough(tmp_path: Path, cache: StatCache) -> None:
    folder = fill(tmp_path / "young")
    build_manifest(folder, cache=cache)
    assert len(opened(folder, cache)) == FILES - 1
    time.sleep(2.1)
    assert len(opened(folder, cache)) == FILES - 1
    assert opened(folder, cache) == []


def test_a_file_from_the_future_is_never_taken_for_unchanged(dataset: Path, cache: StatCache) -> None:
    os.utime(dataset / "f-03", ns=(4_000_000_000_000_000_000, 4_000_000_000_000_000_000))
    build_manifest(dataset, cache=cache)
    time.sleep(2.1)  # its ctime is old now, its mtime is not
    assert opened(dataset, cache) == ["f-03"]
    assert opened(dataset, cache) == ["f-03"]


def rewrite_and_put_the_time_back(folder: Path) -> None:
    before = (folder / "f-05").stat()
    (folder / "f-05").write_bytes(b"x")
    os.utime(folder / "f-05", ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_a_file_of_the_same_size_and_time(folder: Path) -> None:
    before = (folder / "f-05").stat()
    (folder.parent / "other").write_bytes(b"x")
    os.utime(folder.parent / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder.parent / "other").rename(folder / "f-05")


def write_through_another_name(folder: Path) -> None:
    (folder.parent / "twin").hardlink_to(folder / "f-05")
    (folder.parent / "twin").write_bytes(b"x")


def swap_two(folder: Path) -> None:
    (folder / "f-05").rename(folder / "kept")
    (folder / "f-06").rename(folder / "f-05")
    (folder / "kept").rename(folder / "f-06")


def turn_a_file_into_a_folder(folder: Path) -> None:
    (folder / "f-05").unlink()
    (folder / "f-05").mkdir()
    (folder / "f-05" / "in it").write_bytes(b"x")


def turn_a_folder_into_a_file(folder: Path) -> None:
    (folder / "deep" / "f-deep").unlink()
    (folder / "deep").rmdir()
    (folder / "deep").write_bytes(b"x")


def change_all(folder: Path) -> None:
    for number in range(FILES - 2):
        (folder / f"f-{number:02}").write_bytes(b"changed")


CHANGES: list[tuple[Callable[[Path], object], list[str]]] = [
    (rewrite_and_put_the_time_back, ["f-05"]),
    (replace_by_a_file_of_the_same_size_and_time, ["f-05"]),
    (write_through_another_name, ["f-05"]),
    (swap_two, ["f-05", "f-06"]),
    (turn_a_file_into_a_folder, ["f-05", "f-05/in it"]),
    (turn_a_folder_into_a_file, ["deep", "deep/f-deep"]),
    (change_all, [f"f-{number:02}" for number in range(FILES - 2)]),
    (lambda folder: (folder / "f-05").unlink(), ["f-05"]),
    (lambda folder: (folder / "a").write_bytes(b""), ["a"]),
    (lambda folder: (folder / "zz").symlink_to("deep"), ["zz/f-deep"]),
    (lambda folder: (folder / "deep" / "f-deep").write_bytes(b"x"), ["deep/f-deep"]),
    (lambda folder: (folder / "deep").rename(folder / "f-50x"), ["deep/f-deep", "f-50x/f-deep"]),
    (lambda folder: (folder / "new").mkdir(), []),
    (lambda folder: (folder / "f-05").touch(), []),
]


@pytest.mark.parametrize(("change", "paths"), CHANGES)
def test_every_change_is_seen_by_the_next_build_and_after_the_run(
    dataset: Path, cache: StatCache, change: Callable[[Path], object], paths: list[str]
) -> None:
    build_manifest(dataset, cache=cache)
    built = build_manifest(dataset, cache=cache)
    change(dataset)
    assert changed_since(built) == paths
    again = build_manifest(dataset, cache=cache)
    assert again.manifest == build_manifest(dataset).manifest
    assert again.manifest == build_manifest(dataset, cache=cache).manifest
    assert (again.digest == built.digest) == (not paths)


def test_a_link_that_points_elsewhere_now_is_seen(dataset: Path, cache: StatCache) -> None:
    (dataset / "link").symlink_to("f-01")
    before = build_manifest(dataset, cache=cache)
    (dataset / "link").unlink()
    (dataset / "link").symlink_to("f-02")
    assert changed_since(before) == ["link"]
    assert b"\n" + build_manifest(dataset / "f-02").manifest[:32] + b"  link\n" in (
        build_manifest(dataset, cache=cache).manifest
    )


def test_names_of_any_bytes_are_kept_and_changed(dataset: Path, cache: StatCache) -> None:
    names = [b"line\nfeed", b"return\r", b"back\\slash", b"latin \xff", b"not \\n a feed", b"  two blanks"]
    for name in names:
        (dataset / os.fsdecode(name)).write_bytes(b"before")
    build_manifest(dataset, cache=cache)
    for name in names:
        (dataset / os.fsdecode(name)).write_bytes(b"after!")
    built = build_manifest(dataset, cache=cache)
    assert built.manifest == build_manifest(dataset).manifest
    assert built.manifest.count(b"5559bc254d86abe8a51f38f195186d7a  ") == 6
    assert {entry.path for entry in built.entries() if entry.size == 6} == set(names)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"statcache 1", b"statcache 2"),
        lambda content: b"something else",
    ],
)
def test_a_damaged_cache_is_built_anew(dataset: Path, cache: StatCache, damage: Callable[[bytes], bytes]) -> None:
    digest = build_manifest(dataset, cache=cache).digest
    [path] = (cache.folder / "paths").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert len(opened(dataset, cache)) == FILES - 1
    assert build_manifest(dataset, cache=cache).digest == digest
    assert opened(dataset, cache) == []


def test_a_damaged_manifest_is_written_anew(dataset: Path, cache: StatCache) -> None:
    built = build_manifest(dataset, cache=cache)
    kept = cache.manifest_file(built.digest)
    assert kept is not None
    kept.chmod(0o644)
    kept.write_bytes(built.manifest.replace(b"f-05", b"f-99"))
    assert build_manifest(dataset, cache=cache).manifest == built.manifest
    assert cache.read_manifest(built.digest) == built.manifest


def test_a_cache_that_cannot_be_written_is_no_error(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "common").write_bytes(b"a file where the folder should be")
    cache = StatCache(tmp_path / "common" / "statcache")
    built = build_manifest(dataset, cache=cache)
    cache.note_stored(built.digest, "a" * 40)
    assert built.digest == build_manifest(dataset).digest
    assert cache.stored_oid(built.digest) is None


def test_a_small_dataset_leaves_no_cache(tmp_path: Path, cache: StatCache) -> None:
    (tmp_path / "one").write_bytes(b"1")
    build_manifest(tmp_path / "one", cache=cache)
    assert not cache.folder.exists()


def test_several_processes_at_once_agree(dataset: Path, cache: StatCache) -> None:
    argv = [sys.executable, "-c", WATCHED, str(dataset), str(cache.folder)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate()[0].splitlines()[1] for process in running]
    assert said == [build_manifest(dataset).digest] * 6
    assert opened(dataset, cache) == []
    assert [path.name for path in cache.folder.rglob(".*")] == []


def test_a_file_that_cannot_be_hashed_is_named_each_time(dataset: Path, cache: StatCache) -> None:
    os.mkfifo(dataset / "pipe")
    for _ in range(2):
        with pytest.raises(Refused, match="pipe is a socket, FIFO or device"):
            build_manifest(dataset, cache=cache)
    (dataset / "pipe").unlink()
    assert build_manifest(dataset, cache=cache).digest == build_manifest(dataset).digest


def test_a_dataset_by_a_link_shares_the_cache_of_the_real_path(dataset: Path, cache: StatCache, tmp_path: Path) -> None:
    build_manifest(dataset, cache=cache)
    (tmp_path / "link").symlink_to(dataset)
    assert opened(tmp_path / "link", cache) == []


def test_the_real_sha256sum_accepts_the_second_manifest_of_one_pass(dataset: Path, cache: StatCache) -> None:
    (dataset / "large").write_bytes(os.urandom(3_000_000))
    for _ in range(2):
        built = build_manifest(dataset, cache=cache, algorithms=("xxh128", "sha256"))
        assert built.sha256 is not None
        done = subprocess.run(
            ["sha256sum", "--strict", "-c", "-"], cwd=dataset, input=built.sha256, capture_output=True
        )
        assert done.returncode == 0, done.stdout
        assert done.stdout.count(b": OK") == FILES + 1
        assert built.manifest == build_manifest(dataset, cache=cache).manifest
    (dataset / "f-05").write_bytes(b"x")
    again = build_manifest(dataset, cache=cache, algorithms=("xxh128", "sha256"))
    assert again.sha256 is not None
    assert b"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  f-05\n" in again.sha256
    assert changed_since(again) == []


def test_the_object_that_holds_a_manifest_is_remembered(cache: StatCache) -> None:
    cache.note_stored("xxh128:" + "1" * 32, "a" * 40)
    assert cache.stored_oid("xxh128:" + "1" * 32) == "a" * 40
    assert cache.stored_oid("xxh128:" + "2" * 32) is None
    (cache.folder / "stored" / ("1" * 32)).write_bytes(b"no object id")
    assert cache.stored_oid("xxh128:" + "1" * 32) is None


def test_what_is_too_much_in_all_goes_what_was_written_longest_ago_first(
    settled: Callable[[], Path], cache: StatCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = settled(), settled(), settled()
    (one / "f-05").write_bytes(b"one")
    (two / "f-05").write_bytes(b"two")
    (three / "f-05").write_bytes(b"three")
    for at, folder in ((1, one), (2, two)):
        build_manifest(folder, cache=cache)
        for path in cache.folder.rglob("*"):
            if path.is_file() and path.stat().st_mtime_ns > 10:
                os.utime(path, ns=(at, at))
    room = sum(path.stat().st_size for path in cache.folder.rglob("*") if path.is_file())
    monkeypatch.setattr("gitexp.datasets.statcache.MOST_BYTES", room)
    built = build_manifest(three, cache=cache)
    assert cache.load(one) is None
    assert cache.load(three) is not None
    assert cache.manifest_file(built.digest) is not None
    assert sum(path.stat().st_size for path in cache.folder.rglob("*") if path.is_file()) <= room


def test_what_nobody_needs_any_more_goes_after_a_month(
    settled: Callable[[], Path], cache: StatCache, tmp_path: Path
) -> None:
    gone, stays, writes = settled(), settled(), settled()
    (gone / "f-05").write_bytes(b"gone")
    (stays / "f-05").write_bytes(b"stays")
    old = build_manifest(gone, cache=cache).digest
    kept = build_manifest(stays, cache=cache).digest
    gone.rename(tmp_path / "elsewhere")
    for path in cache.folder.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(LONG_AGO, LONG_AGO))
    build_manifest(writes, cache=cache)
    assert cache.load(gone) is None
    assert cache.manifest_file(old) is None
    assert cache.load(stays) is not None
    assert cache.manifest_file(kept) is not None
