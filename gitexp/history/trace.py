"""Trace a dataset back to its sources, by the catalogue, and by the records of runs where the catalogue is silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.datause import uses
from gitexp.history.read import read_run
from gitexp.history.select import History
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.digests import Digest
from gitexp.spec.catalogue import DatasetRef, Derived
from gitexp.spec.lineage import Ancestor, ancestors
from gitexp.text.schema import near


def trace(
    name: str,
    datasets: Mapping[str, DatasetRef],
    *,
    history: History,
    reader: ObjectReader,
    present: Callable[[DatasetRef], str | None],
    same: Callable[[str, str], bool],
) -> Ancestor:
    """The dataset and all that it comes from. Raises GitexpError.

    `present`: what an entry of the catalogue is now; `same`: whether two digests, which may be keyed, are of one.
    """
    known = dict(datasets)
    if name not in known:
        entries, known = _recorded(history, reader)
        known |= datasets
        name = entries.get(name, name)
        if name not in known:
            raise GitexpError(
                f"There is no dataset {name} in the catalogue, and no run has read one{near(name, known)}",
                fix="gitexp data list",
            )
    known = {one: _with_inputs(ref, history, reader) for one, ref in known.items()}
    digests: dict[str, str | None] = {}

    def digest_now(one: str) -> str | None:
        if one not in digests:
            digests[one] = present(datasets[one]) if one in datasets else None
        return digests[one]

    return ancestors(name, known, digest_now, same)


def _recorded(history: History, reader: ObjectReader) -> tuple[dict[str, str], dict[str, DatasetRef]]:
    """What recipes call entries of the catalogue, and datasets by entry or name, as the newest run says."""
    entries: dict[str, str] = {}
    found: dict[str, DatasetRef] = {}
    for use in uses(history.repo, reader, history.runs.all()):
        record = use.record
        if record.entry is not None:
            entries.setdefault(record.name, record.entry)
        found.setdefault(record.entry or record.name, _as_ref(record))
    return entries, found


def _as_ref(record: DatasetRecord) -> DatasetRef:
    lineage = record.lineage
    parents = {name: None if digest == "unknown" else digest for name, digest in lineage.get("parents", {}).items()}
    derived = Derived(parents, lineage.get("recipe"), tuple(lineage.get("command", ())), lineage.get("run"))
    return DatasetRef(
        record.entry or record.name,
        path=record.path,
        url=record.url,
        digest=record.digest,
        source=record.source,
        derived=derived if lineage else None,
    )


def _with_inputs(ref: DatasetRef, history: History, reader: ObjectReader) -> DatasetRef:
    """What a run made was made of what that run read, where the catalogue names the run alone."""
    if ref.derived is None or ref.derived.parents or ref.derived.run is None:
        return ref
    try:
        data = read_run(reader, history.select(ref.derived.run).commit).data
    except GitexpError:
        return ref  # not a run of this clone
    parents: dict[str, Digest | None] = {one.entry or one.name: one.digest for one in data.values() if one.digest}
    parents.pop(ref.name, None)
    return ref._replace(derived=ref.derived._replace(parents=parents))
