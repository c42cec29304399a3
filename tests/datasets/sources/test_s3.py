"""Objects in S3, as moto_server keeps them: with versions, and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fetching import Box, paths

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.sources.open import resolve
from gitexp.datasets.sources.resolution import SourceSettings
from gitexp.errors import Refused


@pytest.fixture
def box(store: ObjectStore, workspace: Path, s3_endpoint: str) -> Box:
    settings = SourceSettings(
        "digits",
        source="lab S3",
        owner="Jane <jane@lab.example>",
        endpoint=s3_endpoint,
        region="us-east-1",
        trusted=frozenset({f"aws {s3_endpoint}"}),
    )
    return Box(store, workspace, settings)


def test_an_object_in_a_versioned_bucket_is_named_by_its_version(box: Box, versioned: Any) -> None:
    version = versioned.put("v3/a.csv", b"1")
    resolution = box.resolve(f"s3://{versioned.name}/v3/a.csv")
    assert resolution.version == version
    assert resolution.resolved == f"s3://{versioned.name}/v3/a.csv?versionId={version}"
    assert box.fetch(resolution).manifest == b"df3ce784d856334d65cd25028f98f158  a.csv\n"


def test_what_was_resolved_is_read_although_it_was_overwritten(box: Box, versioned: Any) -> None:
    versioned.put("a.csv", b"1")
    resolution = box.resolve(f"s3://{versioned.name}/a.csv")
    versioned.put("a.csv", b"22")
    assert box.fetch(resolution).manifest == b"df3ce784d856334d65cd25028f98f158  a.csv\n"


def test_a_version_can_be_asked_for(box: Box, versioned: Any) -> None:
    first = versioned.put("a.csv", b"1")
    versioned.put("a.csv", b"22")
    url = f"s3://{versioned.name}/a.csv?versionId={first}"
    assert box.resolve(url).resolved == url
    assert box.get(url).manifest == b"df3ce784d856334d65cd25028f98f158  a.csv\n"


def test_without_versions_the_etag_is_the_version(box: Box, plain: Any) -> None:
    plain.put("a.csv", b"1")
    resolution = box.resolve(f"s3://{plain.name}/a.csv")
    assert resolution.version == "c4ca4238a0b923820dcc509a6f75849b"
    assert resolution.resolved == f"s3://{plain.name}/a.csv"


def test_an_unversioned_object_that_was_overwritten_is_refused(box: Box, plain: Any) -> None:
    plain.put("a.csv", b"1")
    resolution = box.resolve(f"s3://{plain.name}/a.csv")
    plain.put("a.csv", b"2")
    with pytest.raises(Refused, match="digits changed while it was being fetched: its ETag is another by now"):
        box.fetch(resolution)


def test_all_objects_below_a_prefix_are_a_dataset(box: Box, plain: Any) -> None:
    plain.put("v3/b/c.csv", b"1")
    plain.put("v3/a.csv", b"2")
    plain.put("v33/x.csv", b"3")
    plain.put("v3/empty", b"")
    plain.put("v3/folder/", b"")
    assert paths(box.get(f"s3://{plain.name}/v3/")) == ["a.csv", "b/c.csv", "empty"]


def test_names_are_taken_as_they_are(box: Box, plain: Any) -> None:
    plain.put("v3/a b.csv", b"1")
    plain.put("v3/ä%20#1.csv", b"2")
    plain.put("v3/x\\y", b"3")
    assert paths(box.get(f"s3://{plain.name}/v3/")) == [
        "a b.csv",
        " x\\\\y",
        "ä%20#1.csv",
    ]  # a line with an escape begins with \\


def test_a_prefix_that_is_unchanged_is_not_fetched_again(box: Box, plain: Any) -> None:
    plain.put("v3/a.csv", b"1")
    first = box.get(f"s3://{plain.name}/v3/")
    again = box.get(f"s3://{plain.name}/v3/")
    assert (first.bytes_fetched, again.bytes_fetched, again.cached) == (1, 0, True)


def test_of_a_changed_prefix_only_what_is_new_is_fetched(box: Box, plain: Any) -> None:
    plain.put("v3/a.csv", b"1")
    plain.put("v3/b.csv", b"2")
    box.get(f"s3://{plain.name}/v3/")
    plain.put("v3/b.csv", b"333")
    assert box.get(f"s3://{plain.name}/v3/").bytes_fetched == 3


def test_an_object_in_parts_has_no_md5_and_is_taken(box: Box, plain: Any) -> None:
    plain.put_in_parts("big", [b"1" * (5 << 20), b"2"])
    fetched = box.get(f"s3://{plain.name}/big")
    assert fetched.size_bytes == (5 << 20) + 1


def test_an_object_encrypted_with_a_key_of_its_own_is_taken(box: Box, plain: Any, s3_endpoint: str) -> None:
    plain.put("a.csv", b"1", ServerSideEncryption="aws:kms")
    resolution = box.resolve(f"s3://{plain.name}/a.csv")
    (file,) = resolution.files or ()
    lied = resolution._replace(files=(file._replace(md5="0" * 32),))
    assert box.fetch(lied).files == 1


def test_bytes_that_do_not_have_their_etag_are_refused(box: Box, plain: Any) -> None:
    plain.put("a.csv", b"1")
    resolution = box.resolve(f"s3://{plain.name}/a.csv")
    (file,) = resolution.files or ()
    lied = resolution._replace(files=(file._replace(md5="0" * 32),))
    with pytest.raises(Refused, match="digits arrived damaged, twice"):
        box.fetch(lied)


def test_an_object_that_is_not_there_is_named(box: Box, plain: Any) -> None:
    with pytest.raises(Refused, match=rf"digits is not at s3://{plain.name}/a\.csv"):
        box.resolve(f"s3://{plain.name}/a.csv")


def test_a_prefix_with_nothing_below_it_is_refused(box: Box, plain: Any) -> None:
    with pytest.raises(Refused, match="no object is below it"):
        box.resolve(f"s3://{plain.name}/v3/")


def test_every_object_that_could_not_be_had_is_named(box: Box, plain: Any) -> None:
    for key in ("v3/a", "v3/b", "v3/c"):
        plain.put(key, key.encode())
    resolution = box.resolve(f"s3://{plain.name}/v3/")
    plain.put("v3/a", b"changed")
    plain.client.delete_object(Bucket=plain.name, Key="v3/b")
    with pytest.raises(Refused, match="2 of 3 files of digits could not be fetched") as caught:
        box.fetch(resolution)
    assert sorted(caught.value.details) == [
        f"  digits is not at s3://{plain.name}/v3/b: it is not there",
        f"  its ETag is another by now (s3://{plain.name}/v3/a)",
    ]


def test_a_bucket_that_is_not_there_is_named(box: Box) -> None:
    with pytest.raises(Refused, match=r"digits is not at s3://no-such-bucket/v3/: there is no such bucket"):
        box.resolve("s3://no-such-bucket/v3/")


def test_a_key_that_leads_elsewhere_is_refused(box: Box, plain: Any) -> None:
    plain.put("v3/../a.csv", b"1")
    with pytest.raises(Refused, match="a key that cannot be a path"):
        box.resolve(f"s3://{plain.name}/v3/")


def test_a_name_that_is_file_and_folder_is_refused(box: Box, plain: Any) -> None:
    plain.put("v3/a", b"1")
    plain.put("v3/a/b", b"2")
    with pytest.raises(Refused, match="a is both a file and a folder there"):
        box.get(f"s3://{plain.name}/v3/")


def test_a_server_that_is_not_there_is_said_to_be(box: Box) -> None:
    settings = box.settings._replace(endpoint="http://127.0.0.1:9", trusted=frozenset({"aws http://127.0.0.1:9"}))
    with pytest.raises(Refused, match=r"digits could not be fetched: http://127\.0\.0\.1:9: it cannot be reached"):
        resolve("s3://lab/a.csv", settings=settings)


def test_credentials_are_shown_to_no_server_that_nobody_approved(box: Box) -> None:
    settings = box.settings._replace(endpoint="http://127.0.0.1:9")
    with pytest.raises(Refused) as caught:
        resolve("s3://lab/a.csv", settings=settings)
    assert caught.value.fix == "git config --add gitexp.trusted 'aws http://127.0.0.1:9'"


def test_without_credentials_the_owner_is_named(box: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(
        Refused, match="No access to digits: lab S3 answered nothing, for want of credentials"
    ) as caught:
        box.resolve("s3://lab/a.csv")
    assert "  owner   Jane <jane@lab.example>" in caught.value.details
    assert "AWS_ACCESS_KEY_ID" in caught.value.why
