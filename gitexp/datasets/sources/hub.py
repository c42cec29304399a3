"""`hf://datasets/ORG/NAME@REV[/path]` and `hf://ORG/NAME@REV[/path]` (a model): files of one commit on a hub.

Through the hub's HTTP API; HF_ENDPOINT names another hub. A file in LFS has its sha256, any other its id as a git
blob: every file is verified by content.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin

from gitexp.datasets.sources.refusals import missing, shown, unusable
from gitexp.datasets.sources.resolution import Resolution, SourceFile, SourceSettings
from gitexp.datasets.sources.web import ask_json

ENDPOINT = "https://huggingface.co"
_COMMIT = r"[0-9a-f]{40}"
_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_REV = r"refs/(?:convert|pr)/[^/@]+|[^/@]+"
_ADDRESS = rf"hf://(?P<kind>datasets/)?(?P<org>{_PART})/(?P<name>{_PART})(?:@(?P<rev>{_REV}))?(?:/(?P<path>.*))?"
_NEXT = r'<([^>]+)>;\s*rel="next"'
MOST_PAGES = 10_000


class _Repository(NamedTuple):
    kind: str  # "datasets" or "models"
    name: str  # ORG/NAME
    revision: str
    path: str  # in the repository; "" is all of it


def resolve(url: str, settings: SourceSettings) -> Resolution:
    """Ask which commit the revision is. A commit is not asked for."""
    repository = _parse(url, settings)
    endpoint = _endpoint(settings)
    commit: Any = repository.revision
    if not re.fullmatch(_COMMIT, commit):
        answer, _ = ask_json(f"{_api(endpoint, repository)}/revision/{quote(commit, safe='')}", settings)
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(commit, str) or not re.fullmatch(_COMMIT, commit):
            raise unusable(settings, f"{endpoint} names no commit for {repository.revision} of {repository.name}")
    prefix = "datasets/" if repository.kind == "datasets" else ""
    path = f"/{quote(repository.path)}" if repository.path else ""
    mirror = None if endpoint == ENDPOINT else shown(endpoint)
    return Resolution(url, f"hf://{prefix}{repository.name}@{commit}{path}", commit, mirror=mirror)


def listed(resolution: Resolution, settings: SourceSettings) -> Resolution:
    """With the files of that commit: one request for about a thousand."""
    repository, endpoint = _parse(resolution.resolved, settings), _endpoint(settings)
    api = _api(endpoint, repository)
    below = repository.path
    if below:
        feed = urlencode({"paths": below, "expand": "false"}).encode()
        found, _ = ask_json(f"{api}/paths-info/{repository.revision}", settings, feed=feed)
        entries = [entry for entry in _entries(found, endpoint, settings) if entry["path"] == below]
        if not entries:
            raise missing(settings, resolution.url, f"{repository.name} has no {below} in {repository.revision[:12]}")
        if entries[0]["type"] == "file":
            above = below.rpartition("/")[0]
            return resolution._replace(files=(_file(entries[0], above, repository, endpoint, settings),))
    entries = _tree(api, repository, endpoint, settings)
    files = [_file(entry, below, repository, endpoint, settings) for entry in entries if entry["type"] == "file"]
    return resolution._replace(files=tuple(files))


def _tree(api: str, repository: _Repository, endpoint: str, settings: SourceSettings) -> list[dict[str, Any]]:
    below = f"/{quote(repository.path)}" if repository.path else ""
    page: str | None = f"{api}/tree/{repository.revision}{below}?recursive=true"
    entries: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        if page is None:
            return entries
        found, headers = ask_json(page, settings)
        entries += _entries(found, endpoint, settings)
        following = re.search(_NEXT, headers.get("Link", ""))
        page = urljoin(page, following[1]) if following else None
        # The token goes with each request: only to the hub that it is for.
        if page is not None and not page.startswith(f"{endpoint}/"):
            raise unusable(settings, f"{endpoint} continues its list at {shown(page)}")
    raise unusable(settings, f"{endpoint} lists {repository.name} without end")


def _entries(found: Any, endpoint: str, settings: SourceSettings) -> list[dict[str, Any]]:
    right = isinstance(found, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("path"), str) and isinstance(entry.get("type"), str)
        for entry in found
    )
    if not right:
        raise unusable(settings, f"{endpoint} does not answer as a hub does")
    return found  # type: ignore[no-any-return]


def _file(
    entry: dict[str, Any], below: str, repository: _Repository, endpoint: str, settings: SourceSettings
) -> SourceFile:
    path, lfs = entry["path"], entry.get("lfs")
    sha256 = lfs.get("oid") if isinstance(lfs, dict) else None
    blob = None if sha256 else entry.get("oid")
    size = entry.get("size")
    for value, pattern in ((sha256, r"[0-9a-f]{64}"), (blob, _COMMIT)):
        if value is not None and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            raise unusable(settings, f"{endpoint} states no right checksum for {path}")
    if (sha256 or blob) is None or not isinstance(size, int) or size < 0:
        raise unusable(settings, f"{endpoint} states no size and checksum for {path}")
    kind = "datasets/" if repository.kind == "datasets" else ""
    url = f"{endpoint}/{kind}{repository.name}/resolve/{repository.revision}/{quote(path)}"
    relative = path.removeprefix(f"{below}/") if below else path
    return SourceFile(os.fsencode(relative), url, size, sha256=sha256, blob=blob)


def _api(endpoint: str, repository: _Repository) -> str:
    return f"{endpoint}/api/{repository.kind}/{repository.name}"


def _endpoint(settings: SourceSettings) -> str:
    return (settings.endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def _parse(url: str, settings: SourceSettings) -> _Repository:
    match = re.fullmatch(_ADDRESS, url)
    path = unquote((match["path"] or "").strip("/")) if match else ""
    right = match and match["org"] not in ("datasets", "spaces") and not {"", ".", ".."} & set((path or "x").split("/"))
    if not match or not right:
        raise unusable(
            settings,
            f"{shown(url)} is no address on a hub",
            fix='url = "hf://datasets/ORG/NAME@REV", "hf://datasets/ORG/NAME@REV/path" or "hf://ORG/NAME@REV"',
        )
    kind = "datasets" if match["kind"] else "models"
    return _Repository(kind, f"{match['org']}/{match['name']}", unquote(match["rev"] or "main"), path)
