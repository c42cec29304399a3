"""A remote's settings to the remote: what it is called before people, and what it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitexp.datasets.remotes import open_remote
from gitexp.errors import GitexpError
from gitexp.spec.config import RemoteSettings


def test_a_relative_folder_is_shown_by_the_path_that_it_really_has() -> None:
    assert open_remote(RemoteSettings("lab", "../bucket/"), root=Path("/home/ada/work")).shown == "/home/ada/bucket"


def test_without_obstore_the_fix_installs_obstore_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(GitexpError) as error:
        open_remote(RemoteSettings("lab", "s3://bucket"), root=Path("/"))
    assert error.value.what == "s3://, gs://, az:// and remotes on https:// need obstore, which is not installed"
    assert error.value.fix == "pip install obstore"
