"""Datasets of the catalogue into the object store, and from there to where the catalogue says that they lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.build import Built, build_manifest
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.pinned import require_key
from gitexp.errors import GitexpError, Refused
from gitexp.git.repo import Repo
from gitexp.git.worktree import tracked_link
from gitexp.pipelines.rundata import access_to, is_hidden
from gitexp.record.manifest import display
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import Config
from gitexp.stages.provide import Provided, provide
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch

Held = Callable[[ObjectStore, str, int | None], bool]


class Saved(NamedTuple):
    """A dataset that the store holds whole. `added`: files that it did not have before."""

    name: str
    built: Built
    added: int


class Pulled(NamedTuple):
    """A dataset that lies where the catalogue says. `placed` False: it did before."""

    name: str
    path: str
    files: int
    size_bytes: int
    placed: bool


def entries_of(config: Config, names: Sequence[str]) -> list[DatasetRef]:
    """The entries of these names, all of them without a name. Raises GitexpError for an unknown one."""
    unknown = next((name for name in names if name not in config.datasets), None)
    if unknown is not None:
        raise GitexpError(
            f"There is no dataset {unknown} in the catalogue{near(unknown, config.datasets)}",
            fix="gitexp data list    (the catalogue is [datasets.NAME] in gitexp.toml)",
        )
    if not config.datasets:
        raise GitexpError("The catalogue is empty", fix='name a dataset in gitexp.toml:\n[datasets.NAME]\npath = "…"')
    return [config.datasets[name] for name in names or config.datasets]


def save(
    ref: DatasetRef,
    *,
    clone: Clone,
    watch: Watch,
    held: Held = ObjectStore.holds,
) -> Saved:
    """Put a dataset into the store, wherever it comes from. Raises Refused: not to be had, or not as pinned.

    `held` says what need not be stored again: ObjectStore.holds asks for the size, holds_whole reads.
    """
    place, hidden = clone.place, is_hidden(ref, clone.config)
    if hidden:
        require_key(place)
    with watch(f"hashing {ref.name}") as progress:
        provided = provide(ref, access_to(clone, progress))
    store, built = place.store, provided.built
    folder = provided.path if provided.path.is_dir() else provided.path.parent
    missing = [entry for entry in built.entries() if not held(store, entry.digest, entry.size)]
    added = 0
    with watch(f"storing {ref.name}") as progress:
        progress.expect(files=len(missing), size_bytes=sum(entry.size or 0 for entry in missing))
        with store.batch() as batch:
            for entry in missing:
                added += batch.put(folder / os.fsdecode(entry.path), digest=entry.digest)
                progress.advance(files=1, size_bytes=entry.size or 0)
        store.put_bytes(built.manifest)
        if hidden:
            store.put_keyed(built.manifest, digest=place.keyed(built.digest))
    return Saved(ref.name, built, added)


def pull(ref: DatasetRef, *, clone: Clone, watch: Watch) -> Pulled:
    """Bring the pinned version of a dataset to its path. Raises Refused where something else is there."""
    if ref.path is None:
        raise Refused(
            f"Dataset {ref.name} has no path in the catalogue, so there is no place to bring it to",
            why="A run fetches it by itself.",
            fix=f'give it one in gitexp.toml:\n[datasets.{ref.name}]\npath = "data/{ref.name}"',
        )
    from gitexp.datasets.objects.checkout import mend
    from gitexp.datasets.objects.placing import place_copies
    from gitexp.datasets.objects.store import Damaged

    place = clone.place
    path = Path(os.path.normpath(place.root / ref.path))

    def bring() -> Provided:
        with watch(f"pulling {ref.name}") as progress:
            return provide(ref, access_to(clone, progress))  # raises where something else lies there

    def placed(provided: Provided) -> int:
        target = path.parent if provided.path.is_file() else path
        with watch(f"placing {ref.name}") as progress:
            return place_copies(provided.built.manifest, store=place.store, target=target, progress=progress)

    provided = bring()
    if provided.path == path:
        return Pulled(ref.name, ref.path, provided.built.files, provided.built.size_bytes, placed=False)
    if os.path.lexists(path):
        raise Refused(
            f"Dataset {ref.name}: what lies at {ref.path} only points to the data, and is left as it is",
            why=f"Runs read it from {provided.path}",
            fix=f"gitexp data get {provided.built.digest} --to DIR    (for a copy)",
        )
    _require_within(ref, path, clone.repo)
    try:
        size_bytes = placed(provided)
    except Damaged:
        mend(provided.built.digest, store=place.store, folder=place.checkouts)
        size_bytes = placed(bring())
    built = build_manifest(path, cache=place.cache)
    return Pulled(ref.name, ref.path, built.files, size_bytes, placed=True)


def _require_within(ref: DatasetRef, path: Path, repo: Repo) -> None:
    """Refuse a path that leads out of the working tree: the catalogue is a tracked file, and so is a link in git.

    A link that git does not track is the user's own, such as one to a larger disk.
    """
    inside = path.is_relative_to(repo.root) and path != repo.root
    tracked = tracked_link(repo, path.parents) if inside else None
    if inside and not tracked and not any(part.lower() == ".git" for part in path.parts):
        return
    shown = "outside of the working tree"
    if tracked:
        shown = f"below a link that is in git, {display(os.fsencode(tracked))}"
    raise Refused(
        f"Dataset {ref.name} is not brought to {ref.path}: that is {shown}",
        why="Whoever may write to the catalogue would choose the folder.",
        fix=f"gitexp data get {ref.digest} --to DIR" if ref.digest is not None else "put it there yourself",
    )
