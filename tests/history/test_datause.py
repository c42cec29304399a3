"""Which runs used which bytes, from records that plain git wrote, some of them damaged on purpose."""

from __future__ import annotations

import pytest
from harness import Lab
from records import write_run
from xxhash import xxh3_128_hexdigest

from gitexp.errors import GitexpError
from gitexp.git.branch import find_tips, tip_to_read
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.datause import Hit, find_bytes, manifest_at, manifest_of, uses, uses_of, wanted_digest
from gitexp.history.listing import Runs
from gitexp.history.row import Row
from gitexp.history.versions import versions_of

A, B, C = "kkkkllllmmmmnnnn", "llllooooppppxxxx", "zzzzoooowwwwxxxx"
CAT, DOG, BIRD = "ca" * 16, "d0" * 16, "b1" * 16
ONE = f"{CAT}  a.png\n{DOG}  b.png\n".encode()
TWO = f"{CAT}  a.png\n\\{BIRD}  b\\nc.png\n".encode()
DIGEST_ONE, DIGEST_TWO = f"xxh128:{xxh3_128_hexdigest(ONE)}", f"xxh128:{xxh3_128_hexdigest(TWO)}"


def rows(repo: Repo, reader: ObjectReader) -> list[Row]:
    return Runs(repo, tip_to_read(find_tips(repo, "experiments"), remote=None), reader=reader).all()


def with_data(
    manifest: bytes, *, name: str = "pets", entry: str = "", artifacts: str = ""
) -> dict[str, str | bytes | None]:
    stated = f'entry = "{entry}"\n' if entry else ""
    data = f'[{name}]\n{stated}path = "data"\ndigest = "xxh128:{xxh3_128_hexdigest(manifest)}"\nfiles = 2\n'
    return {"data.toml": data, f"data/{name}.xxh128": manifest, "artifacts.xxh128": artifacts}


@pytest.fixture
def three_runs(fresh: Lab) -> None:
    """Two runs on one version of `pets`, the second of which calls it `train`, and a run on the next version."""
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", files=with_data(ONE))
    renamed = with_data(ONE, name="train", entry="pets", artifacts=f"{DOG}  w.pt\n")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files=renamed)
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", files=with_data(TWO))


def found(repo: Repo, reader: ObjectReader, digest: str) -> list[tuple[str, str, str, str | None]]:
    hits = find_bytes(repo, reader, rows(repo, reader), [wanted_digest(digest)])
    return [(hit.row.id, hit.role, hit.name, hit.path) for hit in hits]


@pytest.mark.usefixtures("three_runs")
def test_a_dataset_is_found_by_its_name_in_the_catalogue_and_in_the_recipe(repo: Repo, reader: ObjectReader) -> None:
    everything = rows(repo, reader)
    assert [use.row.id for use in uses_of(repo, reader, everything, "pets")] == [C, B, A]
    assert [use.row.id for use in uses_of(repo, reader, everything, "train")] == [B]
    assert uses_of(repo, reader, everything, "nothing") == []


@pytest.mark.usefixtures("three_runs")
def test_versions_are_listed_newest_first_with_their_runs(repo: Repo, reader: ObjectReader) -> None:
    found = versions_of(uses_of(repo, reader, rows(repo, reader), "pets"))
    assert [(one.digest, [row.id for row in one.runs], one.since) for one in found] == [
        (DIGEST_TWO, [C], 1795176000.0),
        (DIGEST_ONE, [B, A], 1795168800.0),
    ]


@pytest.mark.usefixtures("three_runs")
def test_runs_are_found_by_the_digest_of_a_dataset_or_its_beginning(repo: Repo, reader: ObjectReader) -> None:
    assert found(repo, reader, DIGEST_ONE) == [(B, "dataset", "train", None), (A, "dataset", "pets", None)]
    assert found(repo, reader, DIGEST_TWO.removeprefix("xxh128:")[:6]) == [(C, "dataset", "pets", None)]


@pytest.mark.usefixtures("three_runs")
def test_runs_are_found_by_a_single_file_and_by_an_artifact(repo: Repo, reader: ObjectReader) -> None:
    assert found(repo, reader, f"xxh128:{DOG}") == [
        (B, "artifact", "w.pt", None),
        (B, "file", "train", "b.png"),
        (A, "file", "pets", "b.png"),
    ]


@pytest.mark.usefixtures("three_runs")
def test_a_file_whose_name_is_escaped_in_the_manifest_is_found(repo: Repo, reader: ObjectReader) -> None:
    assert found(repo, reader, BIRD[:8]) == [(C, "file", "pets", "b\nc.png")]


def test_digits_in_a_path_are_no_digest(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, files=with_data(f"{CAT}  {DOG}\n".encode()))
    assert found(repo, reader, DOG) == []


def test_a_file_is_found_in_a_manifest_that_lies_in_parts(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    first, second = ONE.splitlines(keepends=True)
    files = with_data(ONE)
    del files["data/pets.xxh128"]
    commit = write_run(fresh, A, files={**files, "data/pets.xxh128/000000": first, "data/pets.xxh128/000001": second})
    assert found(repo, reader, DOG) == [(A, "file", "pets", "b.png")]
    assert manifest_at(reader, commit, "pets", digest=DIGEST_ONE) == ONE


def test_a_sha256_is_found_where_the_record_has_them(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, files={**with_data(ONE), "data/pets.sha256": f"{'5a' * 32}  a.png\n"})
    assert found(repo, reader, f"sha256:{'5a' * 32}") == [(A, "file", "pets", "a.png")]
    assert found(repo, reader, f"xxh128:{'5a' * 16}") == []


@pytest.mark.usefixtures("three_runs")
def test_a_manifest_is_given_back_from_any_run(repo: Repo, reader: ObjectReader) -> None:
    assert manifest_of(repo, reader, branch="experiments", digest=DIGEST_ONE) == ONE
    assert manifest_of(repo, reader, branch="experiments", digest=f"xxh128:{'0' * 32}") is None


def test_a_manifest_that_is_not_what_its_record_claims_is_not_believed(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    commit = write_run(fresh, A, files={**with_data(ONE), "data/pets.xxh128": TWO})
    assert manifest_at(reader, commit, "pets", digest=DIGEST_ONE) is None
    assert manifest_of(repo, reader, branch="experiments", digest=DIGEST_ONE) is None
    write_run(fresh, B, files=with_data(ONE))
    assert manifest_of(repo, reader, branch="experiments", digest=DIGEST_ONE) == ONE


def test_damaged_records_used_nothing_and_hide_no_others(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", files=with_data(ONE))
    broken = {"data.toml": "[pets\n", "data/pets.xxh128": f"{DOG} torn", "artifacts.xxh128": None}
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files=broken)
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", files={"data.toml": b"\xff", "data": "a file"})
    assert [use.row.id for use in uses(repo, reader, rows(repo, reader))] == [A]
    assert found(repo, reader, DOG) == [(A, "file", "pets", "b.png")]


@pytest.mark.parametrize("text", ["", "12345", "xyzxyz", "md5:123456", f"xxh128:{'0' * 33}", "xxh128:12 456"])
def test_what_is_no_digest_is_said_to_be_none(text: str) -> None:
    with pytest.raises(GitexpError, match="is no digest"):
        wanted_digest(text)


def test_a_hit_names_the_whole_digest(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, files=with_data(ONE))
    [row] = rows(repo, reader)
    hits = find_bytes(repo, reader, [row], [wanted_digest(CAT[:6])])
    assert hits == [Hit(row, f"xxh128:{CAT}", "file", "pets", "a.png")]
