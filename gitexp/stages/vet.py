"""Check what was provided against what the catalogue promises of it: contract, splits, samples, parents.

What was found out about bytes is noted by their digest, so a version of a dataset is looked at once. Raises Refused,
with all that is wrong; a parent that has moved on is only a warning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.clone import read_text
from gitexp.datasets.place import Place
from gitexp.errors import Refused, beyond, counted
from gitexp.record.manifest import dataset_digest
from gitexp.regularfile import read_regular
from gitexp.spec.catalogue import DatasetRef, DrawRule
from gitexp.wholefile import write_note

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress
    from gitexp.tables.rows.splits import Drawn

SHOWN = 20


class _Rows(NamedTuple):
    """The row numbers of a split or sample, as lines."""

    lines: bytes
    rows: int
    digest: str


class Vetted(NamedTuple):
    """What is known of a dataset beyond its bytes. `indices`: the row numbers of each split and sample, as lines."""

    contract: str | None = None
    counts: Mapping[str, int] = {}
    splits: Mapping[str, Mapping[str, Any]] = {}
    samples: Mapping[str, Mapping[str, Any]] = {}
    indices: Mapping[str, bytes] = {}
    lineage: Mapping[str, Any] = {}
    warnings: tuple[str, ...] = ()


def vet(
    ref: DatasetRef,
    path: Path,
    digest: str,
    *,
    place: Place,
    present: Mapping[str, str],
    progress: Progress | None = None,
) -> Vetted:
    """Everything that the catalogue says of the dataset, held against it. `present`: digests of datasets by entry."""
    contract, counts = _keep_contract(ref, path, digest, place, progress)
    drawn = _draw(ref, path, digest, place)
    parents = ref.derived.parents if ref.derived else {}
    stale = [name for name, noted in parents.items() if noted is not None and present.get(name, noted) != noted]
    return Vetted(
        contract=contract,
        counts=counts,
        splits={name: _stated(rule, drawn[name]) for name, rule in ref.splits.items()},
        samples={name: _stated(rule, drawn[name]) for name, rule in ref.samples.items()},
        indices={name: one.lines for name, one in drawn.items()},
        lineage=_lineage(ref, stale),
        warnings=(
            *_header_doubt(ref, path, digest, place),
            *(
                f"dataset {ref.name} was made from another {name} than the one there is now: "
                f"{parents[name]} then, {present[name]} now"
                for name in stale
            ),
        ),
    )


def contract_table(ref: DatasetRef, place: Place) -> Mapping[str, Any] | None:
    """The contract of a dataset, from the catalogue or from the file that it names; None where it has none."""
    if ref.contract_file is None:
        return ref.contract
    from gitexp.spec.contract import contract_problems
    from gitexp.text.bounded import load_checked

    name = ref.contract_file
    text = read_text(place.root, name)
    if text is None:
        import shlex

        raise Refused(
            f"The contract of {ref.name}, {name}, does not exist",
            fix=f"gitexp data describe {ref.entry or ref.name} --output {shlex.quote(str(place.root / name))}",
        )
    return load_checked(text, where=name, check=contract_problems)


def _keep_contract(
    ref: DatasetRef, path: Path, digest: str, place: Place, progress: Progress | None
) -> tuple[str | None, Mapping[str, int]]:
    table = contract_table(ref, place)
    if table is None:
        return None, {}
    contract_digest = _digest_of(table)
    noted = _noted(place, "contract", digest, contract_digest)
    if noted is not None:
        return contract_digest, noted
    from gitexp.spec.contract import load_contract
    from gitexp.tables.contracts.judging import check_contract

    result = check_contract(path, load_contract(table), progress=progress)
    if result.violations:
        raise broken_contract(ref, result.violations)
    write_note(_path(place, "contract", digest, contract_digest), json.dumps(result.counts).encode())
    return contract_digest, result.counts


def broken_contract(ref: DatasetRef, violations: Sequence[Any]) -> Refused:
    """The error that lists them."""
    count = counted(len(violations), "violation")
    more = beyond(len(violations), SHOWN)
    return Refused(
        f"Dataset {ref.name} breaks its contract: {count}",
        details=[*(f"  {violation.text}" for violation in violations[:SHOWN]), *more],
        fix=f"correct the data, or the contract:  gitexp data check {ref.entry or ref.name}",
    )


def draw_rows(ref: DatasetRef, path: Path, place: Place) -> Mapping[str, Drawn]:
    """The rows of each split and sample of the dataset at `path`, read as its contract says. Raises Refused."""
    from gitexp.tables.rows.splits import draw_from

    table = contract_table(ref, place) or {}
    kind, header = table.get("format"), table.get("header")
    what = f"dataset {ref.name}"
    return draw_from(path, ref.splits, ref.samples, root=place.root, what=what, kind=kind, header=header)


def _draw(ref: DatasetRef, path: Path, digest: str, place: Place) -> Mapping[str, _Rows]:
    """The same, as it was noted the last time."""
    if not ref.splits and not ref.samples:
        return {}
    note = _path(place, "rows", digest, *_drawn_by(ref, place))
    noted = _noted_rows(note)
    if noted is not None:
        return noted
    drawn = {name: _Rows(one.lines, one.rows, one.digest) for name, one in draw_rows(ref, path, place).items()}
    write_note(note, json.dumps({name: [one.digest, one.lines.decode()] for name, one in drawn.items()}).encode())
    return drawn


def _drawn_by(ref: DatasetRef, place: Place) -> Iterator[str]:
    """All that decides on the rows, beside the dataset's bytes."""
    table = contract_table(ref, place) or {}
    yield json.dumps([table.get("format"), table.get("header")])
    for group, rules in (("split", ref.splits), ("sample", ref.samples)):
        for rule in rules.values():
            yield json.dumps([group, *rule])
            if rule.indices is not None:
                try:
                    yield dataset_digest(read_regular(place.root / rule.indices))
                except OSError:
                    yield ""  # who draws says why


def _noted_rows(note: Path) -> dict[str, _Rows] | None:
    try:
        table = json.loads(note.read_bytes())
        found = {name: _Rows(lines.encode(), lines.count("\n"), digest) for name, (digest, lines) in table.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return found if all(dataset_digest(one.lines) == one.digest for one in found.values()) else None


def _stated(rule: DrawRule, drawn: _Rows) -> dict[str, Any]:
    stated = {"count" if key == "number" else key: value for key, value in rule._asdict().items()}
    if rule.rest or rule.indices is not None:
        del stated["seed"], stated["stratify"]  # nothing was drawn
    kept = {key: value for key, value in stated.items() if value is not None and value is not False and key != "name"}
    return {**kept, "rows": drawn.rows, "digest": drawn.digest}


def _header_doubt(ref: DatasetRef, path: Path, digest: str, place: Place) -> Sequence[str]:
    """What to say of its header, where rows were read. A folder may have a million: what was found out is noted."""
    table = contract_table(ref, place)
    if (table is None and not ref.splits and not ref.samples) or (table or {}).get("header") is not None:
        return ()
    from gitexp.tables.rows.tables import header_doubt

    kind = (table or {}).get("format")
    note = None if path.is_file() else _path(place, "header", digest, str(kind))
    try:
        doubt = note.read_text() if note else None
    except (OSError, UnicodeDecodeError):
        doubt = None
    if doubt is None:
        doubt = header_doubt(path, kind=kind, header=None) or ""
        if note:
            write_note(note, doubt.encode())
    return (f"dataset {ref.name}: {doubt}",) if doubt else ()


def _lineage(ref: DatasetRef, stale: Sequence[str]) -> dict[str, Any]:
    if ref.derived is None:
        return {}
    parents, recipe, command, run = ref.derived
    told = {"recipe": recipe, "command": list(command), "run": run, "stale": list(stale)}
    noted = {name: digest or "unknown" for name, digest in parents.items()}
    return {"parents": noted, **{key: value for key, value in told.items() if value}}


# ---- notes: what was found out about a version


def _digest_of(table: Mapping[str, Any]) -> str:
    from xxhash import xxh3_128_hexdigest

    canonical = json.dumps(table, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)
    return f"xxh128:{xxh3_128_hexdigest(canonical.encode())}"


def _path(place: Place, kind: str, *digests: str) -> Path:
    from xxhash import xxh3_128_hexdigest

    name = xxh3_128_hexdigest(" ".join(digests).encode())
    return place.notes / f"{kind}-{name}.json"


def _noted(place: Place, kind: str, *digests: str) -> dict[str, int] | None:
    try:
        counts = json.loads(_path(place, kind, *digests).read_bytes())
    except (OSError, ValueError):
        return None
    return counts if isinstance(counts, dict) and all(type(count) is int for count in counts.values()) else None
