"""Where a clone keeps what belongs to data: its object store, the caches, the datasets that it brought here itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.errors import GitexpError
from gitexp.record.digests import Digest

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore
    from gitexp.datasets.statcache import StatCache

STORE, STATCACHE, KEY = "gitexp.store", "gitexp.statcache", "gitexp.key"
KEY_LEAST = 16  # characters; what is shorter is guessed, and then the digests of restricted data are


class Place(NamedTuple):
    """One clone. All worktrees share `common_dir`; `root` is that of this one. `settings` is git's configuration."""

    root: Path
    common_dir: Path
    settings: Mapping[str, str]

    @property
    def store_folder(self) -> Path:
        """The object store: git config gitexp.store, else in the git common dir. Raises GitexpError."""
        configured = self.settings.get(STORE)
        if not configured:
            return self.common_dir / "gitexp" / "objects"
        folder = Path(configured).expanduser()
        if folder.is_absolute():
            return folder
        folder = Path(os.path.normpath(self.root / folder))
        if folder.is_relative_to(self.root) and not folder.is_relative_to(self.common_dir):
            raise GitexpError(
                f"git config {STORE} is {configured}, a folder of the working tree",
                why="Stored objects would lie there as untracked files, and in every worktree there would be others.",
                fix=f"git config --unset {STORE}    or name a folder elsewhere, by its whole path",
            )
        return folder

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
        if len(key) < KEY_LEAST:
            raise GitexpError(
                f"The lab's key in git config gitexp.key has {len(key)} characters; it takes at least {KEY_LEAST}",
                why="Who guesses the key can tell which restricted data the runs used.",
                fix='git config gitexp.key "$(openssl rand -hex 32)"    (a new lab\'s first key)',
            )
        return key.encode()

    def fingerprint(self) -> str:
        """What tells the lab's key from others, and nothing more. Raises GitexpError without a key."""
        return _keyed("gitexp key", self.key()).digits[:8]

    @property
    def has_key(self) -> bool:
        """Whether this clone can tell what is behind keyed digests."""
        return bool(self.settings.get(KEY))

    def keyed(self, digest: str) -> Digest:
        """`hmac-sha256:…` of a digest, under the lab's key."""
        return _keyed(digest, self.key())

    def as_keyed(self, digest: str) -> str:
        """The same, where it is not keyed yet."""
        return digest if Digest(digest).keyed else self.keyed(digest)

    def same(self, one: str, other: str) -> bool:
        """Whether two digests, each of which may be keyed, are of the same data. Raises GitexpError without a key."""
        if Digest(one).keyed == Digest(other).keyed:
            return one == other
        plain, keyed = (other, one) if Digest(one).keyed else (one, other)
        return self.keyed(plain) == keyed

    def plain(self, digest: str) -> str | None:
        """The digest behind a keyed one, where the store has its manifest; a plain one as it is. Raises GitexpError."""
        if not Digest(digest).keyed:
            return digest
        self.key()
        if not self.store.has(digest):
            return None
        from gitexp.record.manifest import dataset_digest

        manifest = self.store.read_bytes(digest)
        found = dataset_digest(manifest)
        if not self.same(digest, found):
            raise GitexpError(
                f"What the object store has under {digest} does not fit this clone's key",
                details=[f"  {self.store.path_of(digest)}"],
                why="The pin was made with another key, or the object is damaged.",
                fix="ask your lab for the key:  git config gitexp.key KEY    (if it is right: remove that file)",
            )
        self.store.put_bytes(manifest)
        return found

    def search(self, digest: str) -> str | None:
        """The digest behind a keyed one, where the store has its manifest under that alone. Looks at every object."""
        key = self.key()
        for stored in self.store.objects():
            if not stored.digest.keyed and _keyed(stored.digest, key) == digest:
                self.store.put_keyed(self.store.read_bytes(stored.digest), digest=digest)
                return stored.digest
        return None


def _keyed(digest: str, key: bytes) -> Digest:
    import hmac

    return Digest("hmac-sha256:" + hmac.new(key, digest.encode(), "sha256").hexdigest())
