"""An address to the dataset there, asked in the way that the catalogue states: how to log in, where, whom to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitexp.datasets.place import Place
from gitexp.datasets.sources.open import fetch, resolve
from gitexp.datasets.sources.resolution import Fetched, SourceSettings
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.trust import trusted

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress


def fetch_stated(
    ref: DatasetRef, url: str, place: Place, progress: Progress | None, *, public_only: bool = False
) -> Fetched:
    """Bring what the address stands for now into the store. Raises Refused, as open.py does."""
    settings = SourceSettings(
        name=ref.name,
        source=ref.source,
        auth=ref.auth,
        access=ref.access,
        owner=ref.owner,
        endpoint=ref.endpoint,
        region=ref.region,
        anonymous=ref.anonymous,
        trusted=trusted(place.settings),
        plain_http=place.settings.get("gitexp.plainhttp", "").lower() in ("true", "yes", "on", "1"),
        public_only=public_only,
    )
    found = resolve(url, settings=settings)
    return fetch(found, settings=settings, store=place.store, workspace=place.sources, progress=progress)
