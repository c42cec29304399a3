"""From a run to the bytes it names in a folder of the user's: find → fetch what is missing → place.

Bytes come from the object store, from git where they are part of the code that ran, from the remotes in their order,
and of datasets from their source. All are checked by digest. Nothing that is there already is overwritten.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.objects.placing import place_copies
from gitexp.datasets.objects.store import Damaged, ObjectStore
from gitexp.datasets.obtain import Obtained, by_cause, obtain_files, obtain_objects
from gitexp.datasets.place import Place
from gitexp.errors import GitexpError, Refused, beyond
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.datause import manifest_at
from gitexp.history.needed import DatasetNeed, from_code, sampled_history
from gitexp.history.read import Run
from gitexp.pipelines.refetch import refetch, whom_to_ask
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM, Entry, display, dump_manifest, line_blocks, parse_blocks, parse_manifest
from gitexp.spec.catalogue import dataset_name
from gitexp.spec.config import Config
from gitexp.text.bounded import LARGEST
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress, Watch

HISTORY = "history.csv"
ARTIFACTS = "artifacts.xxh128"
TOGETHER = 10_000  # files that are brought before the next are looked for; more artifacts go by one name
SHOWN = 20
NEAR = 1000  # names that one which was mistyped is held against


class Listed:
    """The files of a manifest, taken out of its bytes each time that somebody goes through them."""

    def __init__(self, manifest: bytes, where: str) -> None:
        self._manifest, self._where = manifest, where

    def __iter__(self) -> Iterator[Entry]:
        return parse_blocks(line_blocks(self._manifest), where=self._where)


class Wanted(NamedTuple):
    """One thing that a run read or wrote. `under`: its folder below the user's, when several things are brought."""

    name: str
    kind: str  # dataset, artifact, history
    under: str
    entries: Iterable[Entry] | None  # None: hidden, only its digest is recorded
    need: DatasetNeed | None = None


class Got(NamedTuple):
    """What is now in the folder."""

    names: Sequence[str]
    files: int
    size_bytes: int
    fetched_bytes: int
    was_there: bool = False  # all of it, before


def what_run_has(reader: ObjectReader, run: Run, *, names: Sequence[str] = ()) -> Iterator[Wanted]:
    """What the run's record names and does not hold, for `choose` among. Raises GitexpError.

    Of a manifest, however long, no more is kept than has one of the `names`, if any are given, and the first thousand
    files, for the words of an error.
    """
    data = run.data  # reading it is what finds the damage
    if run.problems:
        raise GitexpError(f"The record of {run.commit[:7]} is damaged", details=[f"  {one}" for one in run.problems])
    for name, record in data.items():
        if record.digest is None:
            continue
        if dataset_name(name) is not None:  # it becomes a folder's name
            raise GitexpError(f"The record of {run.commit[:7]} is damaged: {name!r} is not a dataset's name")
        need = DatasetNeed(run.commit, record)
        if names and name not in names:
            yield Wanted(name, "dataset", f"data/{name}", None, need)
            continue
        manifest = None if need.hidden else manifest_at(reader, run.commit, name, digest=record.digest)
        if manifest is None and not need.hidden:
            raise GitexpError(f"The manifest of dataset {name} is damaged in this record: it is not {record.digest}")
        entries = None if manifest is None else Listed(manifest, f"data/{name}.xxh128")
        yield Wanted(name, "dataset", f"data/{name}", entries, need)
    yield from _artifacts(reader, run, names)
    for digest in sampled_history(reader.read(f"{run.commit}:run.toml", limit=LARGEST) or b""):
        yield Wanted(HISTORY, "history", "", [Entry(HISTORY.encode(), Digest(digest).digits)])


def _artifacts(reader: ObjectReader, run: Run, names: Sequence[str]) -> Iterator[Wanted]:
    name = f"{run.commit}:{ARTIFACTS}"
    if ARTIFACTS not in run.tree:
        return
    if names:
        asked = tuple(f"{name.rstrip('/')}/" for name in names)
        for number, entry in enumerate(parse_blocks(_holding(names, reader.blocks(name)), where=ARTIFACTS)):
            path = display(entry.path)
            if number < NEAR or f"{path}/".startswith(asked):
                yield Wanted(path, "artifact", "artifacts", [entry])
        return
    manifest = reader.read(name)
    if manifest is None:
        raise GitexpError(f"{ARTIFACTS} of {run.commit[:7]} is too large, or missing from this clone")
    entries = Listed(manifest, ARTIFACTS)
    if manifest.count(b"\n") > TOGETHER:  # names of so many are of no use to anybody
        yield Wanted("artifacts", "artifact", "artifacts", entries)
    else:
        yield from (Wanted(display(entry.path), "artifact", "artifacts", [entry]) for entry in entries)


def _holding(names: Sequence[str], blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The first block, and those in which a name stands: to take a million lines apart costs four seconds."""
    needles = [name.rstrip("/").encode("utf-8", "surrogateescape") for name in names]
    some_escaped = any(b"\\" in needle or not needle.isascii() for needle in needles)
    for number, block in enumerate(blocks):
        if number == 0 or some_escaped or any(needle in block for needle in needles):
            yield block


def choose(everything: Sequence[Wanted], name: str, *, texts: Sequence[str] = ()) -> list[Wanted]:
    """The dataset or artifact of this name, or the artifacts in this folder. Raises GitexpError.

    `texts`: what else there is, for the words of the error.
    """
    exact = [one for one in everything if one.name == name]
    below = [one for one in everything if one.kind == "artifact" and one.name.startswith(name.rstrip("/") + "/")]
    if exact or below:
        return exact[:1] or below
    names = [one.name for one in everything]
    more = ["  … and more"] if len(names) > SHOWN else []
    raise GitexpError(
        f"The run has no dataset, artifact or file {name}{near(name, [*names, *texts])}",
        details=[
            *(f"  {one.kind:<9} {one.name}" for one in everything[:SHOWN]),
            *more,
            *([f"  {'record':<9} {', '.join(texts)}"] if texts else []),
        ],
        why="" if names else "It read no dataset and saved nothing.",
    )


def get(
    clone: Clone, wanted: Sequence[Wanted], *, folder: Path, watch: Watch, apart: bool, strange: bool = False
) -> Got:
    """Bring things into a folder; `apart`: each below its own folder there. Raises GitexpError, and places nothing.

    `strange`: datasets may come from addresses that only the record names.
    """
    require_own(clone.repo, folder)
    return get_into(clone, wanted, folder=folder, watch=watch, apart=apart, strange=strange)


def get_into(
    clone: Clone, wanted: Sequence[Wanted], *, folder: Path, watch: Watch, apart: bool, strange: bool = False
) -> Got:
    """The same, of a folder that is known to be where nobody else chose it to be."""

    def brought() -> tuple[list[Entry], int]:
        whole, fetched_bytes = bring(clone, wanted, watch=watch, strange=strange)
        return _together(whole, apart=apart), fetched_bytes

    return bring_and_place([one.name for one in wanted], brought, folder, clone.place.store, watch)


def bring(
    clone: Clone, wanted: Sequence[Wanted], *, watch: Watch, strange: bool
) -> tuple[list[tuple[Wanted, Iterable[Entry]]], int]:
    """All that is wanted into the store, each with its files; and the bytes that were fetched. Raises GitexpError."""
    with watch("fetching") as progress:
        return _Bringing(clone, progress, strange).all_here(wanted)


def _together(whole: Sequence[tuple[Wanted, Iterable[Entry]]], *, apart: bool) -> list[Entry]:
    """Where each file goes below the user's folder."""
    together: dict[bytes, Entry] = {}
    for one, entries in whole:
        below = f"{one.under}/".encode() if apart and one.under else b""
        for entry in entries:
            path = below + entry.path
            if together.setdefault(path, entry._replace(path=path)).digest != entry.digest:
                raise GitexpError(
                    f"Several of these have a file {display(path)}, with other bytes",
                    fix="bring one at a time, each into a folder of its own",
                )
    return list(together.values())


def require_own(repo: Repo, folder: Path) -> None:
    """Raises Refused where a link in git leads a folder out of the working tree; a user's own may lead anywhere."""
    from gitexp.git.worktree import tracked_link

    link = tracked_link(repo, (*reversed(folder.parents), folder))
    if link is None:
        return
    leads_to = Path(os.path.realpath(folder))
    if leads_to.is_relative_to(os.path.realpath(repo.root)) and not leads_to.is_relative_to(repo.common_dir):
        return
    raise Refused(
        f"Nothing is written to {folder}: {display(os.fsencode(link))} is a link in git, and leads to {leads_to}",
        why="Whoever committed that link would choose the folder.",
        fix=f"if that is meant, name it by its own path:  --to {shlex.quote(str(leads_to))}",
    )


def bring_and_place(
    names: Sequence[str], bring: Callable[[], tuple[list[Entry], int]], folder: Path, store: ObjectStore, watch: Watch
) -> Got:
    """Place what `bring` has brought into the store; what proves damaged there is brought once more, from elsewhere.

    `bring` returns the files, and how many bytes it has fetched.
    """
    entries, fetched_bytes = bring()
    was_there = bool(entries) and all(os.path.lexists(folder / os.fsdecode(entry.path)) for entry in entries)

    def place() -> int:
        with watch("placing") as progress:
            return place_copies(dump_manifest(entries), store=store, target=folder, progress=progress)

    try:
        size_bytes = place()
    except Damaged as error:
        for digest in error.digests:
            store.remove(digest)
        fetched_bytes += bring()[1]
        size_bytes = place()
    return Got(names, len(entries), size_bytes, fetched_bytes, was_there)


def what_helps(digest: str, place: Place, config: Config) -> str:
    """Where bytes could come from that neither the store nor a remote has."""
    for ref in config.datasets.values():
        if ref.digest == digest and place.lies_at(ref.path) is not None:
            return f"gitexp data save {ref.name}"
    return "ask who has it for:  gitexp data push" if config.remotes else ""


class _Bringing(NamedTuple):
    """How bytes come into the store, while somebody is shown how far it is."""

    clone: Clone
    progress: Progress
    strange: bool  # datasets may come from addresses that only the record names

    def all_here(self, wanted: Sequence[Wanted]) -> tuple[list[tuple[Wanted, Iterable[Entry]]], int]:
        """All that is wanted, each with its files, once the store has it; and the bytes fetched. Raises GitexpError."""
        place, config = self.clone.place, self.clone.config
        remotes = list(config.remotes.values())
        whole: list[tuple[Wanted, Iterable[Entry]]] = []
        failures: list[str] = []
        sources: list[str] = []
        here: list[str] = []  # datasets whose fix is to save what lies here
        fetched_bytes = 0
        for one in wanted:
            entries = one.entries
            if one.need is not None:
                obtained = self._dataset(one.need, entries)
                fetched_bytes += obtained.fetched_bytes
                failures += [f"{one.name}: {failure}" for failure in obtained.failures]
                if obtained.failures:
                    asked, fix = whom_to_ask(one.need, config), what_helps(one.need.digest, place, config)
                    sources += [f"{one.name}: {asked}"] if asked else []
                    here += [fix] if fix.startswith("gitexp data save") else []
                entries = parse_manifest(obtained.manifest or b"") if entries is None else entries
            whole.append((one, entries or ()))
        files = (entry for one in wanted if one.need is None for entry in one.entries or ())
        for some in _batches(files):
            # Where any is not to be had nothing is placed: what comes after it is not looked for.
            others = obtain_files(some, place, remotes, self.progress)
            fetched_bytes += others.fetched_bytes
            failures += others.failures
            if failures:
                break
        if failures:
            more = beyond(len(failures), SHOWN)
            raise GitexpError(
                "Not everything could be brought here",
                details=[*(f"  {failure}" for failure in failures[:SHOWN]), *more, *(f"  {one}" for one in sources)],
                why="Nothing was placed."
                if remotes or any(one.need is not None and one.need.record.url for one in wanted)
                else "gitexp.toml names no [remotes.NAME], so only this clone's object store was searched.",
                fix=here[0] if here else "ask who ran it for:  gitexp data push" if remotes else "",
            )
        return whole, fetched_bytes

    def _dataset(self, need: DatasetNeed, entries: Iterable[Entry] | None) -> Obtained:
        """A dataset in the store: from where it lies, or from git, if the code that ran has it; else from afar."""
        place, remotes = self.clone.place, list(self.clone.config.remotes.values())
        fetched_bytes, manifest = 0, None
        failures: Sequence[str]
        if entries is None:
            fetched_bytes, failures = obtain_objects([need.digest], place, remotes, lab_key=place.key())
            if failures:
                more_bytes, why_not = refetch(need, place, self.clone.config, self.progress, strange=self.strange)
                fetched_bytes += more_bytes
                if not place.store.has(need.digest):
                    return Obtained(None, fetched_bytes, [*failures, *why_not])
            manifest = place.store.read_bytes(need.digest)
            entries = parse_manifest(manifest)
        for some in _batches(entry for entry in entries if not place.store.has(entry.digest)):
            more_bytes, failures = self._lacking(need, some)
            fetched_bytes += more_bytes
            if failures:
                return Obtained(manifest, fetched_bytes, failures)
        return Obtained(manifest, fetched_bytes, ())

    def _lacking(self, need: DatasetNeed, lacking: Sequence[Entry]) -> tuple[int, Sequence[str]]:
        place = self.clone.place
        self._take_from_its_place(need, lacking, place)
        with ObjectReader(self.clone.repo) as reader:
            for _, content in from_code(reader, need, lacking):
                if content is not None:
                    place.store.put_bytes(content)
        files = obtain_files(lacking, place, self.clone.config.remotes.values(), self.progress)
        if not files.failures:
            return files.fetched_bytes, ()
        more_bytes, why_not = refetch(need, place, self.clone.config, self.progress, strange=self.strange)
        left = {
            f"{ALGORITHM}:{entry.digest}": display(entry.path) for entry in lacking if not place.store.has(entry.digest)
        }
        failures = by_cause([(digest, words) for digest, words in files.lost.items() if digest in left], left)
        return files.fetched_bytes + more_bytes, [*failures, *why_not] if left else ()

    def _take_from_its_place(self, need: DatasetNeed, lacking: Sequence[Entry], place: Place) -> None:
        found = place.lies_at(need.record.path)
        if found is None:
            return
        self.progress.expect(files=len(lacking), size_bytes=0)
        with place.store.batch() as batch:
            for entry in lacking:
                file = found / os.fsdecode(entry.path) if found.is_dir() else found
                try:
                    if file.is_file():
                        batch.put(file, digest=entry.digest)
                except GitexpError:
                    continue  # it has other bytes by now
                self.progress.advance(files=1, size_bytes=0)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    left = iter(entries)
    while some := list(islice(left, TOGETHER)):
        yield some
