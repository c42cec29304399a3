"""A digest to the bytes it names, in the object store: what is there already, else from remotes in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.objects.store import Damaged, ObjectStore
from gitexp.errors import GitexpError, and_more
from gitexp.record.manifest import ALGORITHM, Entry, display, parse_manifest
from gitexp.text.bounded import Unreadable

if TYPE_CHECKING:
    from gitexp.datasets.place import Place
    from gitexp.datasets.progress import Progress
    from gitexp.spec.config import RemoteSettings

FindManifest = Callable[[str], "bytes | None"]
SHOWN = 3


class Obtained(NamedTuple):
    """What is in the store now. `failures`: sentences on what is not, one for each cause."""

    manifest: bytes | None
    fetched_bytes: int
    failures: Sequence[str]
    lost: Mapping[str, str] = {}  # each object that is not, by digest, and why

    @property
    def complete(self) -> bool:
        """Whether everything is here."""
        return self.manifest is not None and not self.failures


def known_manifest(digest: str, *, store: ObjectStore, find_manifest: FindManifest | None) -> bytes | None:
    """The manifest of a dataset's digest, from the store or from a record; None where neither has it."""
    try:
        return store.read_bytes(digest)
    except Damaged:
        store.remove(digest)  # so that it can come from elsewhere
    except GitexpError:
        pass
    return find_manifest(digest) if find_manifest is not None else None


def obtain(
    digest: str,
    place: Place,
    remotes: Iterable[RemoteSettings],
    *,
    find_manifest: FindManifest | None = None,
    progress: Progress | None = None,
) -> Obtained:
    """Bring a whole dataset into the store, its manifest included. Raises Unapproved, and nothing else."""
    store = place.store
    manifest, fetched_bytes, failures = known_manifest(digest, store=store, find_manifest=find_manifest), 0, [""]
    if manifest is None:
        fetched_bytes, failures = obtain_objects([digest], place, remotes)
        manifest = known_manifest(digest, store=store, find_manifest=None)
    if manifest is None:
        return Obtained(None, fetched_bytes, failures)
    store.put_bytes(manifest)
    try:
        entries = parse_manifest(manifest)
    except Unreadable as error:
        return Obtained(manifest, fetched_bytes, [f"{digest} is no dataset: {error.what}"])
    files = obtain_files(entries, place, remotes, progress)
    return Obtained(manifest, fetched_bytes + files.fetched_bytes, files.failures)


def obtain_files(
    entries: Iterable[Entry], place: Place, remotes: Iterable[RemoteSettings], progress: Progress | None = None
) -> Obtained:
    """Bring files into the store."""
    store = place.store
    missing = {entry.digest: display(entry.path) for entry in entries if not store.has(entry.digest)}
    if not missing:
        return Obtained(b"", 0, ())
    names = {f"{ALGORITHM}:{digest}": name for digest, name in missing.items()}
    fetched_bytes, lost = _brought(list(names), place, list(remotes), progress)
    return Obtained(b"", fetched_bytes, by_cause(lost.items(), names), lost)


def obtain_objects(
    digests: Sequence[str], place: Place, remotes: Iterable[RemoteSettings], *, lab_key: bytes | None = None
) -> tuple[int, list[str]]:
    """Bring objects into the store: the bytes that were fetched, and sentences on what is not there."""
    store = place.store
    missing = [digest for digest in digests if not store.has(digest)]
    fetched_bytes, lost = _brought(missing, place, list(remotes), None, lab_key) if missing else (0, {})
    return fetched_bytes, by_cause(lost.items())


def _brought(
    digests: Sequence[str],
    place: Place,
    remotes: Sequence[RemoteSettings],
    progress: Progress | None,
    lab_key: bytes | None = None,
) -> tuple[int, dict[str, str]]:
    """The bytes that were fetched, and why which objects are still not there."""
    if not remotes:
        return 0, dict.fromkeys(digests, f"it is not in the object store {place.store_folder}")
    from gitexp.datasets.remotes import open_remote
    from gitexp.datasets.remotes.transfer import fetch_objects
    from gitexp.spec.trust import require_remotes

    require_remotes(remotes)

    opened, failures = [], []
    for remote in remotes:
        try:
            opened.append(open_remote(remote, root=place.root))
        except GitexpError as error:
            failures.append(f"{remote.name}: {error.what}" + (f" ({error.fix})" if error.fix else ""))
    if not opened:
        return 0, dict.fromkeys(digests, "; ".join(failures))
    report = fetch_objects(opened, digests, place.store, progress, lab_key=lab_key)
    return report.size_bytes, {failure.key: "; ".join([*failures, failure.words]) for failure in report.failures}


def by_cause(lost: Iterable[tuple[str, str]], names: Mapping[str, str] = {}) -> list[str]:
    """A sentence for each reason why objects, by digest, did not get where they should; `names`: what people say."""
    causes: dict[str, list[str]] = {}
    for digest, words in lost:
        causes.setdefault(words, []).append(digest)
    sentences = []
    for words, digests in causes.items():
        if len(digests) == 1:
            name = names.get(digests[0])
            sentences.append(f"{name} ({digests[0]}): {words}" if name else f"{digests[0]}: {words}")
            continue
        shown = [names.get(digest, digest) for digest in digests[:SHOWN]]
        more = and_more(len(digests), SHOWN)
        sentences.append(f"{words}: {len(digests):,} objects ({', '.join(shown)}{more})")
    return sentences
