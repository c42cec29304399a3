"""What is approved in git config, and what is not."""

from __future__ import annotations

import pytest

from gitexp.git.repo import MANY, parse_config
from gitexp.spec.config import RemoteSettings
from gitexp.spec.trust import TRUSTED, Unapproved, credential_entry, remote_entry, require_remotes, trusted


def test_every_value_of_the_one_name_counts() -> None:
    settings = parse_config(b"gitexp.trusted\nenv:A https://a\0user.name\nAda\0gitexp.trusted\nremotes.lab s3://b/c\0")
    assert trusted(settings) >= {"env:A https://a", "remotes.lab s3://b/c"}
    assert MANY == TRUSTED


def test_a_remote_is_approved_with_all_that_decides_on_where_bytes_go() -> None:
    remote = RemoteSettings("lab", "s3://bucket/lab", "http://minio:9000", "eu-1", False, "aws-profile lab")
    assert remote_entry(remote) == (
        "remotes.lab s3://bucket/lab endpoint=http://minio:9000 region=eu-1 auth=aws-profile lab"
    )


def test_a_server_is_its_scheme_host_and_port() -> None:
    assert credential_entry("env:T", "https://user@Data.Example:8443/a?b") == "env:T https://data.example:8443"


def test_a_folder_may_be_read_and_not_written_to_before_it_is_approved() -> None:
    folder = RemoteSettings("lab", "../lab's")
    require_remotes([folder])
    with pytest.raises(Unapproved) as caught:
        require_remotes([folder], sending=True)
    assert caught.value.fix == """git config --add gitexp.trusted 'remotes.lab ../lab'"'"'s'"""
    require_remotes([folder._replace(approved=True)], sending=True)
