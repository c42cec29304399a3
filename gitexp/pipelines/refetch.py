"""A dataset that a run read, back into the store from the address that its record names, proven by its digest.

The record may be a stranger's. What the catalogue says of a source (how to log in, which endpoint) goes only to the
address that the catalogue itself names. An address that it does not name is fetched only when that was asked for, over
https://, s3:// or hf://, and never on this machine's own network.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.history.needed import DatasetNeed
from gitexp.spec.catalogue import DatasetRef, source_url
from gitexp.spec.config import Config
from gitexp.spec.trust import Unapproved

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress

NOT_ASKED = "the record names it and the catalogue here does not, so it was not asked (--from-source asks it)"


def refetch(
    need: DatasetNeed, place: Place, config: Config, progress: Progress | None, *, strange: bool
) -> tuple[int, list[str]]:
    """Fetch from the exact version that the run had, else from its URL: the bytes fetched, and what stood in the way.

    `strange`: addresses that the catalogue here does not name may be asked too.

    Whatever arrived is in the store, also where the source has moved on and only some of its files are the same.
    """
    from gitexp.datasets.sources.refusals import shown
    from gitexp.datasets.sources.stated import fetch_stated

    fetched_bytes, failures = 0, []
    for url in dict.fromkeys(filter(None, (need.record.resolved, need.record.url))):
        try:
            ref = _as_ref(need, url, config, strange=strange)
            public_only = ref.entry is None and url.startswith("https:")
            got = fetch_stated(ref, url, place, progress, public_only=public_only)
        except Unapproved:
            raise
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


def _as_ref(need: DatasetNeed, url: str, config: Config, *, strange: bool) -> DatasetRef:
    """The dataset at an address. Raises GitexpError for one that is not to be asked."""
    record = need.record
    problem = source_url(url)
    if problem is not None:
        raise GitexpError(problem)
    for known in config.datasets.values():
        if known.url is not None and unversioned(known.url) == unversioned(url):
            return known._replace(url=url)
    if not strange:
        raise GitexpError(NOT_ASKED)
    if url.startswith("http://"):
        raise GitexpError("the record names it and the catalogue does not, so it is asked over https:// alone")
    return DatasetRef(record.name, url=url, source=record.source, access=record.access or "open", owner=record.owner)


def unversioned(url: str) -> str:
    """An address without the version in it: what a resolved address and the catalogue's have in common."""
    if url.startswith("s3://"):
        return url.partition("?versionId=")[0]
    return re.sub(r"@(?:refs/(?:convert|pr)/)?[^/@]+", "", url, count=1) if url.startswith("hf://") else url
