"""A dataset that a run read, back into the store from the address that its record names, proven by its digest.

The record may be a stranger's. What the catalogue says of a source (how to log in, which endpoint) goes only to the
address that the catalogue itself names, and an address that it does not name is asked over https:// alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.history.needed import DatasetNeed
from gitexp.model.catalogue import DatasetRef, source_url
from gitexp.model.config import Config

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress


def refetch(need: DatasetNeed, place: Place, config: Config, progress: Progress | None) -> tuple[int, list[str]]:
    """Fetch from the exact version that the run had, else from its URL: the bytes fetched, and what stood in the way.

    Whatever arrived is in the store, also where the source has moved on and only some of its files are the same.
    """
    from gitexp.datasets.sources.refusals import shown
    from gitexp.datasets.sources.stated import fetch_stated

    fetched_bytes, failures = 0, []
    for url in dict.fromkeys(filter(None, (need.record.resolved, need.record.url))):
        try:
            got = fetch_stated(_as_ref(need, url, config), url, place, progress)
        except GitexpError as error:
            failures.append(f"{shown(url)}: {error.what}")
            continue
        fetched_bytes += got.bytes_fetched
        if place.same(need.digest, got.digest):
            if need.hidden:
                place.store.put_keyed(got.manifest, digest=need.digest)
            return fetched_bytes, []
        failures.append(f"{shown(url)}: it has another version by now")
    return fetched_bytes, failures


def whom_to_ask(need: DatasetNeed, config: Config) -> str:
    """The source system, the scope, the way to log in and the owner, as the record or the catalogue states them."""
    record, ref = need.record, config.datasets.get(need.record.entry or need.record.name)
    stated = (
        ("source", record.source or (ref.source if ref else None)),
        ("access", record.access or (ref.access if ref else None)),
        ("auth", ref.auth if ref else None),
        ("owner", record.owner or (ref.owner if ref else None)),
    )
    return ", ".join(f"{name} {value}" for name, value in stated if value is not None)


def _as_ref(need: DatasetNeed, url: str, config: Config) -> DatasetRef:
    """The dataset at an address. Raises GitexpError for one that is not to be asked."""
    record, known = need.record, config.datasets.get(need.record.entry or need.record.name)
    problem = source_url(url)
    if problem is not None:
        raise GitexpError(problem)
    if known is not None and known.url is not None and known.url == record.url and _server(url) == _server(known.url):
        return known._replace(url=url)
    if url.startswith("http://"):
        raise GitexpError("the record names it and the catalogue does not, so it is asked over https:// alone")
    return DatasetRef(record.name, url=url, source=record.source, access=record.access or "open", owner=record.owner)


def _server(url: str) -> tuple[str, str]:
    """Who is asked: of a bucket or a hub, the one that the settings name, whatever the address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc if parts.scheme in ("http", "https") else ""
