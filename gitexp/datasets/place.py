"""Where a clone keeps what belongs to data: its object store, the caches, the datasets that it brought here itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.errors import GitexpError

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore
    from gitexp.datasets.statcache import StatCache

STORE, STATCACHE, KEY = "gitexp.store", "gitexp.statcache", "gitexp.key"


class Place(NamedTuple):
    """One clone. All worktrees share `common_dir`; `root` is that of this one. `settings` is git's configuration."""

    root: Path
    common_dir: Path
    settings: Mapping[str, str]

    @property
    def store_folder(self) -> Path:
        """The object store: git config gitexp.store, else in the git common dir."""
        configured = self.settings.get(STORE)
        return self.root / Path(configured).expanduser() if configured else self.common_dir / "gitexp" / "objects"

    @property
    def store(self) -> ObjectStore:
        from gitexp.datasets.objects.store import ObjectStore

        return ObjectStore(self.store_folder)

    @property
    def cache(self) -> StatCache | None:
        """None where git config gitexp.statcache says no: file systems exist whose times cannot be trusted."""
        if self.settings.get(STATCACHE, "true").lower() in ("false", "no", "off", "0"):
            return None
        from gitexp.datasets.statcache import StatCache

        return StatCache(self.common_dir / "gitexp" / "statcache")

    @property
    def checkouts(self) -> Path:
        """Datasets that were brought here, each under the 32 digits of its digest."""
        return self.common_dir / "gitexp" / "data"

    @property
    def notes(self) -> Path:
        """What was found out about bytes by their digest: contracts that were kept, indices that were drawn."""
        return self.common_dir / "gitexp" / "notes"

    @property
    def sources(self) -> Path:
        """What addresses stood for when they were last asked."""
        return self.common_dir / "gitexp" / "sources"

    def lies_at(self, path: str | None) -> Path | None:
        """Where something lies whose path a record states, which anybody may have written; None: nowhere here."""
        if path is None or "\0" in path:
            return None
        place = Path(os.path.normpath(self.root / path))
        try:
            return place if place.exists() else None
        except OSError:
            return None

    def key(self) -> bytes:
        """The lab's key for the digests of restricted data. Raises GitexpError where there is none."""
        key = self.settings.get(KEY)
        if not key:
            raise GitexpError(
                "Restricted data is recorded under a keyed digest, and this clone has no key",
                why="The lab's key lies in git config, never in a record: who has it can tell which data a run used.",
                fix="git config --global gitexp.key KEY    (a new lab's first key: openssl rand -hex 32)",
            )
        return key.encode()

    def keyed(self, digest: str) -> str:
        """`hmac-sha256:…` of a digest, under the lab's key."""
        import hmac

        return "hmac-sha256:" + hmac.new(self.key(), digest.encode(), "sha256").hexdigest()
