"""Remotes that lie, are broken, or are not there: each object says so, in a time that a person waits, and the store
stays as it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes import open_remote
from gitexp.datasets.remotes.protocol import Patience
from gitexp.datasets.remotes.transfer import fetch_objects, send_objects
from gitexp.errors import GitexpError
from gitexp.spec.config import RemoteSettings

ONE, TWO = "xxh128:df3ce784d856334d65cd25028f98f158", "xxh128:cb358fcee0dfde56fb95a7322f5da314"
MEGABYTE = "xxh128:408b717d132ab248ef02eeb2d3625399"
MANY = [f"xxh128:{number:032x}" for number in range(500)]
QUICK = Patience(connect_s=1, silence_s=0.5, sent_silence_s=0.5, retries=1, retry_s=2)

LIES = [
    ("broken", "server", "the server answered 500 Internal Server Error"),
    ("forbidden", "forbidden", "access is forbidden (403 Forbidden); a bucket that may not be listed says so too"),
    ("stranger", "forbidden", "it asks for credentials (401 Unauthorized)"),
    ("no-bucket", "bucket", "there is no such bucket: create it, or correct url in [remotes.liar]"),
    ("expired", "credentials", "the credentials have expired"),
    ("silent", "timeout", "it did not answer in time"),
    ("stalls", "timeout", "it did not answer in time"),
    ("cut", "cut", "the connection broke off before all bytes had come"),
    ("nothing", "missing", "it is not there"),
    ("short", "wrong", "it has other bytes under this name: 0 of them, xxh128:99aa06d3014798d86001c324468d497f"),
    ("other", "wrong", "it has other bytes under this name: 11 of them, xxh128:5838fa729bbb12ce5d8c4a9f5377f152"),
]


@pytest.mark.parametrize("scheme", ["http", "s3"])
@pytest.mark.parametrize(("lie", "kind", "words"), LIES, ids=[lie for lie, _, _ in LIES])
def test_each_lie_is_told_and_kept_out(liar, store: ObjectStore, lie: str, kind: str, words: str, scheme: str) -> None:
    remote = liar(lie, scheme=scheme)
    report = fetch_objects([remote], [ONE], store)
    assert [(one.key, one.kind, one.words) for one in report.failures] == [
        (ONE, kind, f"liar ({remote.shown}): {words}")
    ]
    assert list(store.objects()) == []


@pytest.mark.parametrize(("lie", "kind"), [("broken", "server"), ("forbidden", "forbidden"), ("silent", "timeout")])
def test_what_could_not_be_sent_is_told(liar, files: Path, lie: str, kind: str) -> None:
    report = send_objects(liar(lie, scheme="s3"), [ONE, TWO], {ONE: files / "one", TWO: files / "two"}.get)
    assert [(one.key, one.kind) for one in report.failures] == [(ONE, kind), (TWO, kind)]


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(liar, store: ObjectStore) -> None:
    assert fetch_objects([liar("cut-once")], [MEGABYTE], store).fetched == 1
    assert store.path_of(MEGABYTE).read_bytes() == b"x" * 1_000_000


def test_what_came_before_a_connection_broke_off_is_kept_for_the_next_time(liar, store: ObjectStore) -> None:
    first = fetch_objects([liar("drips")], [MEGABYTE], store)
    second = fetch_objects([liar("drips")], [MEGABYTE], store)
    assert [one.kind for one in first.failures] == ["cut"]
    assert second.fetched == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "s3://bucket/x", "ssh://127.0.0.1:1/x", "ssh://nowhere.invalid/x"]
)
def test_a_host_that_is_not_there_costs_no_minutes(url: str, credentials, store: ObjectStore, tmp_path: Path) -> None:
    remote = open_remote(RemoteSettings("lab", url, endpoint="http://127.0.0.1:1"), root=tmp_path, patience=QUICK)
    began = time.monotonic()
    report = fetch_objects([remote], MANY, store)
    assert time.monotonic() - began < 10
    assert len(report.failures) == 500
    assert {one.kind for one in report.failures} == {"unreachable"}


def test_a_broken_server_is_not_asked_for_everything(liar, store: ObjectStore) -> None:
    began = time.monotonic()
    report = fetch_objects([liar("silent")], MANY, store)
    assert time.monotonic() - began < 10
    assert {one.kind for one in report.failures} == {"timeout"}


def test_a_bucket_that_is_missing_is_told(
    moto: str, credentials, files: Path, store: ObjectStore, tmp_path: Path
) -> None:
    remote = open_remote(RemoteSettings("lab", "s3://no-such-bucket", endpoint=moto), root=tmp_path)
    assert [one.kind for one in fetch_objects([remote], [ONE], store).failures] == ["bucket"]
    assert [one.kind for one in send_objects(remote, [ONE], {ONE: files / "one"}.get).failures] == ["bucket"]
    assert [one.kind for one in send_objects(remote, MANY, lambda _: files / "one").failures] == ["bucket"] * 500


def test_a_folder_that_is_missing_is_told_and_not_made(files: Path, store: ObjectStore, tmp_path: Path) -> None:
    remote = open_remote(RemoteSettings("lab", "not-mounted"), root=tmp_path)
    assert [one.kind for one in fetch_objects([remote], [ONE], store).failures] == ["bucket"]
    assert [one.kind for one in send_objects(remote, [ONE], {ONE: files / "one"}.get).failures] == ["bucket"]
    assert not (tmp_path / "not-mounted").exists()


def test_a_folder_that_is_missing_over_ssh_is_told(ssh, sshd, files: Path, store: ObjectStore, tmp_path: Path) -> None:
    remote = open_remote(RemoteSettings("lab", f"ssh://127.0.0.1:{sshd[0]}/not/there"), root=tmp_path)
    assert [one.kind for one in fetch_objects([remote], [ONE], store).failures] == ["bucket"]
    assert [one.kind for one in send_objects(remote, [ONE], {ONE: files / "one"}.get).failures] == ["bucket"]


def test_a_key_that_ssh_does_not_take_is_told(ssh, sshd, store: ObjectStore, tmp_path: Path) -> None:
    remote = open_remote(RemoteSettings("lab", f"ssh://nobody@127.0.0.1:{sshd[0]}/tmp"), root=tmp_path)
    failure = fetch_objects([remote], [ONE], store).failures[0]
    assert failure.kind == "credentials"
    assert failure.words.endswith("ssh was not let in (no key or agent that it takes)")


def test_without_credentials_nothing_is_asked(no_cloud, tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    with pytest.raises(GitexpError, match="No credentials for s3://bucket/x") as raised:
        open_remote(RemoteSettings("lab", "s3://bucket/x"), root=tmp_path)
    assert raised.value.fix.startswith("export AWS_PROFILE=NAME")


@pytest.mark.parametrize("half", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_the_credentials_are_none(no_cloud, monkeypatch, tmp_path: Path, half: str) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv(half, "x")
    with pytest.raises(GitexpError, match="No credentials for s3://bucket/x") as raised:
        open_remote(RemoteSettings("lab", "s3://bucket/x"), root=tmp_path)
    assert raised.value.fix.startswith("export AWS_PROFILE=NAME")


def test_a_profile_brings_its_credentials(s3, moto: str, monkeypatch, store: ObjectStore, tmp_path: Path) -> None:
    s3.write("xxh128/df/3ce784d856334d65cd25028f98f158", b"1")
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    settings = RemoteSettings("lab", s3.remote.shown, endpoint=moto, auth="aws-profile lab")
    assert fetch_objects([open_remote(settings, root=tmp_path)], [ONE], store).fetched == 1


def test_a_profile_that_is_missing_names_the_file(no_cloud, monkeypatch, tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(GitexpError, match="The AWS profile lab has no access key") as raised:
        open_remote(RemoteSettings("lab", "s3://bucket", auth="aws-profile lab"), root=tmp_path)
    assert str(tmp_path / "credentials") in raised.value.why


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch%20x/lab",
        "ssh://-l@host/lab",
        "ssh://host/lab%0A!touch x",
        "ssh://user:password@host/lab",
        "ssh://host:port/lab",
        "ssh:///lab",
        "ftp://host/lab",
        "s3:///lab",
    ],
)
def test_an_address_that_could_be_an_option_or_a_command_is_refused(url: str, credentials, tmp_path: Path) -> None:
    with pytest.raises(GitexpError) as raised:
        open_remote(RemoteSettings("lab", url), root=tmp_path)
    assert "password@" not in raised.value.what


def test_nothing_is_sent_to_what_can_only_be_read(http, files: Path) -> None:
    with pytest.raises(GitexpError, match="it can only be read"):
        send_objects(http.remote, [ONE], {ONE: files / "one"}.get)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(local, store: ObjectStore) -> None:
    local.write("xxh128/df/3ce784d856334d65cd25028f98f158", b"1")
    Path(local.remote.shown).chmod(0)
    assert [one.kind for one in fetch_objects([local.remote], [ONE], store).failures] == ["forbidden"]


def test_what_a_bucket_cannot_be_opened_without_is_told(no_cloud, monkeypatch, tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(
        GitexpError, match="az://container/x cannot be opened: Generic MicrosoftAzure error: Account must be"
    ):
        open_remote(RemoteSettings("lab", "az://container/x"), root=tmp_path)
