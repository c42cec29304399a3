"""What sources are tested with: all that a fetch needs besides the address, and what came of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import Lab

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.place import Place
from gitexp.datasets.sources.open import fetch, resolve
from gitexp.datasets.sources.pointed import open_pointed
from gitexp.datasets.sources.resolution import Fetched, Resolution, SourceSettings


@dataclass(frozen=True)
class Box:
    """All that a fetch needs besides the address."""

    store: ObjectStore
    workspace: Path
    settings: SourceSettings

    def resolve(self, url: str) -> Resolution:
        return resolve(url, settings=self.settings)

    def fetch(self, resolution: Resolution) -> Fetched:
        return fetch(resolution, settings=self.settings, store=self.store, workspace=self.workspace)

    def get(self, url: str) -> Fetched:
        return self.fetch(self.resolve(url))

    def left(self) -> list[str]:
        """Partial files that wait to be continued."""
        return [path.name for path in (self.workspace / "partial").iterdir()]


@dataclass(frozen=True)
class Opener:
    """Opens paths of a repository."""

    store: ObjectStore

    def __call__(self, lab: Lab, name: str) -> Fetched | None:
        place = Place(lab.path, lab.path / ".git", {"gitexp.store": str(self.store.root)})
        return open_pointed(lab.path / name, place)


def paths(fetched: Fetched | None) -> list[str]:
    """The names in its manifest."""
    assert fetched is not None
    return [line[34:] for line in fetched.manifest.decode().splitlines()]
