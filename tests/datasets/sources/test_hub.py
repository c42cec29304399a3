"""Repositories of a hub, by its HTTP API as a local server speaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.monkeypatch import MonkeyPatch
from fetching import Box, paths

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.sources.open import resolve
from gitexp.datasets.sources.resolution import SourceSettings
from gitexp.errors import Refused

DIGITS = SourceSettings("digits", source="the hub", owner="Jane <jane@lab.example>")
COMMIT = "c0ffee0000000000000000000000000000000001"


@pytest.fixture
def hub(web, monkeypatch: MonkeyPatch):
    """A hub with the repository lab/digits: three small files, and one in LFS."""
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    web.write("hub/README.md", b"1")
    web.write("hub/data/test.csv", b"2")
    web.write("hub/data/train é.csv", b"3")
    web.write("hub/model.bin", b"4")
    return web


@pytest.fixture
def box(store: ObjectStore, workspace: Path) -> Box:
    return Box(store, workspace, DIGITS)


def test_a_revision_is_resolved_to_its_commit(hub) -> None:
    resolution = resolve("hf://datasets/lab/digits@v1.0", settings=DIGITS)
    assert resolution.resolved == f"hf://datasets/lab/digits@{COMMIT}"
    assert resolution.version == COMMIT
    assert resolution.mirror == hub.url
    assert hub.asked() == ["GET /api/datasets/lab/digits/revision/v1.0"]


def test_a_revision_with_slashes_is_asked_for_as_one_word(hub) -> None:
    resolve("hf://datasets/lab/digits@refs/pr/1/data", settings=DIGITS)
    assert hub.asked() == ["GET /api/datasets/lab/digits/revision/refs%2Fpr%2F1"]


def test_a_commit_is_not_asked_for(hub) -> None:
    url = f"hf://datasets/lab/digits@{COMMIT}"
    assert resolve(url, settings=DIGITS).resolved == url
    assert hub.asked() == []


def test_all_files_of_the_commit_come_page_by_page(hub, box) -> None:
    fetched = box.get("hf://datasets/lab/digits@main")
    assert paths(fetched) == ["README.md", "data/test.csv", "data/train é.csv", "model.bin"]
    assert fetched.bytes_fetched == 4
    asked = hub.asked()
    assert f"GET /api/datasets/lab/digits/tree/{COMMIT}?recursive=true&cursor=2" in asked
    assert f"GET /datasets/lab/digits/resolve/{COMMIT}/data/train%20%C3%A9.csv" in asked


def test_an_unchanged_revision_costs_one_request(hub, box) -> None:
    first = box.get("hf://datasets/lab/digits@main")
    hub.asked()
    again = box.get("hf://datasets/lab/digits@main")
    assert hub.asked() == ["GET /api/datasets/lab/digits/revision/main"]
    assert (again.digest, again.cached) == (first.digest, True)


def test_a_folder_of_the_repository_is_a_dataset(hub, box) -> None:
    assert paths(box.get("hf://datasets/lab/digits@main/data")) == ["test.csv", "train é.csv"]


def test_a_file_of_the_repository_is_a_dataset(hub, box) -> None:
    fetched = box.get("hf://datasets/lab/digits@main/data/train é.csv")
    assert fetched.manifest == b"5fcddc9c0829c4457324dc1e7e9474f0  train \xc3\xa9.csv\n"


def test_files_that_are_here_already_are_not_fetched_again(hub, box) -> None:
    box.get("hf://datasets/lab/digits@main/data")
    hub.write("hub/data/new.csv", b"5")
    fetched = box.get("hf://datasets/lab/digits@v1.0")
    assert (fetched.files, fetched.bytes_fetched) == (5, 3)


def test_a_model_has_an_address_without_a_kind(hub, box) -> None:
    assert box.get("hf://lab/digits@main/model.bin").files == 1
    assert f"GET /lab/digits/resolve/{COMMIT}/model.bin" in hub.asked()


def test_bytes_that_are_not_those_of_the_commit_are_refused(hub, box) -> None:
    hub.write("hub/lies.bin", b"honest!")
    with pytest.raises(Refused, match="digits arrived damaged, twice") as caught:
        box.get("hf://datasets/lab/digits@main/lies.bin")
    assert caught.value.details[1].startswith("  sha256: stated ")


def test_a_path_that_the_commit_has_not_is_named(hub, box) -> None:
    with pytest.raises(Refused, match="lab/digits has no dta in c0ffee000000"):
        box.get("hf://datasets/lab/digits@main/dta")


def test_a_revision_that_is_not_there_is_named(hub) -> None:
    with pytest.raises(Refused, match="404 Not Found"):
        resolve("hf://datasets/lab/digits@v9", settings=DIGITS)


def test_a_closed_repository_names_the_owner(hub) -> None:
    with pytest.raises(Refused, match="No access to digits: the hub answered 401 Unauthorized") as caught:
        resolve("hf://datasets/lab/closed@main", settings=DIGITS)
    assert caught.value.fix == "ask Jane <jane@lab.example> for access, then run the command again"


def test_the_token_is_sent_to_the_hub_where_auth_says_so(hub, box, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    settings = DIGITS._replace(auth="env:HF_TOKEN", trusted=frozenset({f"env:HF_TOKEN {hub.url}"}))
    replace(box, settings=settings).get("hf://datasets/lab/digits@main/model.bin")
    assert {line["token"] for line in hub.requests()} == {"Bearer hf-secret"}


def test_the_token_stays_here_where_auth_does_not_say_so(hub, box, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    box.get("hf://datasets/lab/digits@main/model.bin")
    assert {line["token"] for line in hub.requests()} == {None}


@pytest.mark.parametrize(
    "url", ["hf://digits@main", "hf://datasets/digits", "hf://spaces/lab/digits", "hf://datasets/lab/digits@main/../x"]
)
def test_what_names_no_repository_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="is no address on a hub"):
        resolve(url, settings=DIGITS)
