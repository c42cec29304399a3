"""data.toml, the manifests and what was saved, held against sections 6 and 7, and against the bytes that are here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Any

from gitexp.errors import GitexpError
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.digests import Digest
from gitexp.record.manifest import PART_LINES, Entry
from gitexp.record.runrecord import RunRecord
from gitexp.spec.catalogue import DrawRule, dataset_name
from gitexp.text.schema import spell
from gitexp.verify.looking import Looking
from gitexp.verify.manifests import Manifest, read_manifest
from gitexp.verify.objects import Absent

Parts = Sequence[tuple[str, str]] | str  # a manifest: the id of its file, or names and ids of its folder
KINDS = ("data", "model", "binary")
NOT_DRAWN = "dataset whose splits were not drawn again: by a column or a file, or of rows too many or uncounted"
MOST_DRAWN = 1 << 20  # rows
HIDDEN = ("counts", "split", "files", "size_bytes", "version", "fetched_bytes")  # of restricted data: never there


def data_problems(text: str, manifests: Mapping[str, Parts], at: Looking) -> Iterator[str]:
    """`manifests`: those of the folder data/, by file name."""
    try:
        records = load_data(text)
    except GitexpError as error:
        yield error.what
        return
    known = {f"{name}.{ending}" for name in records for ending in ("xxh128", "sha256")}
    yield from (f"data/{spell(name)[1:-1]} is of no dataset" for name in manifests if name not in known)
    for name, one in records.items():
        yield from (f"{spell(name)[1:-1]}: {what}" for what in _dataset(one, manifests, at))


def _dataset(one: DatasetRecord, manifests: Mapping[str, Parts], at: Looking) -> Iterator[str]:
    if why := dataset_name(one.name):
        yield why
    if one.kind not in KINDS:
        yield f"kind is {spell(one.kind)}, none of {', '.join(KINDS)}"
    digests = (one.digest, one.sha256, one.contract, *one.lineage.get("parents", {}).values())
    for stated in digests:
        if stated not in (None, "unknown") and not Digest(stated).right:
            yield f"{spell(stated)} is no digest"
    yield from _drawn(one, at.unseen)
    parts = manifests.get(f"{one.name}.xxh128")
    if one.digest is None:
        yield "has no digest"
        return
    if one.digest.keyed:
        if parts is not None or f"{one.name}.sha256" in manifests:
            yield "is restricted, and its manifest is in the record all the same"
        yield from (f"is restricted, and says its {key} all the same" for key in HIDDEN if getattr(one, key))
        return
    if parts is None:
        yield "has no manifest"
        return
    here, total = 0, 0

    def each(entry: Entry) -> None:
        nonlocal here, total
        size = at.held.size_of(entry.digest) if at.held else None
        if size is not None:
            here, total = here + 1, total + size

    found = read_manifest(at.objects, parts, each=each)
    yield from _manifest(found, f"data/{one.name}.xxh128", parts)
    if found.xxh128 and one.digest.algorithm == "xxh128" and found.xxh128 != one.digest.digits:
        yield f"its digest is {one.digest}, that of its manifest xxh128:{found.xxh128}"
    if found.xxh128 and one.files != found.files:
        yield f"has {one.files} files by data.toml, {found.files:,} by its manifest"
    if here and here == found.files and one.size_bytes is not None and total != one.size_bytes:
        yield f"has {one.size_bytes:,} bytes by data.toml, {total:,} in the object store"
    strong = manifests.get(f"{one.name}.sha256")
    if (strong is None) != (one.sha256 is None):
        yield f"data/{one.name}.sha256 and sha256 in data.toml go together"
    elif strong is not None:
        again = read_manifest(at.objects, strong, strong=True)
        yield from _manifest(again, f"data/{one.name}.sha256", strong)
        if again.sha256 and f"sha256:{again.sha256}" != one.sha256:
            yield f"sha256 is {one.sha256}, that of its manifest sha256:{again.sha256}"
        if again.paths and found.paths and again.paths != found.paths:
            yield "its two manifests are of other files"


def _drawn(one: DatasetRecord, unseen: Counter[str]) -> Iterator[str]:
    """Section 6, drawing: seed and rows say which rows a split or a sample has, where no other file does."""
    parts, taken = {**one.split, **one.sampling}, sum(split.get("rows", 0) for split in one.split.values())
    rows = one.counts.get("rows", taken if any("rest" in split for split in one.split.values()) else None)
    if rows is None or not parts:
        unseen[NOT_DRAWN] += bool(parts)
        return
    if taken > rows:
        yield f"its splits have more than its {rows:,} rows"
    elsewhere = any("indices" in part or "stratify" in part for part in parts.values())
    if elsewhere or len(parts) != len(one.split) + len(one.sampling) or rows * len(parts) > MOST_DRAWN:
        unseen[NOT_DRAWN] += 1
        return
    from gitexp.tables.rows.splits import draw

    try:
        rules = {name: _rule(name, part) for name, part in parts.items()}
        splits, samples = ({name: rules[name] for name in of} for of in (one.split, one.sampling))
        found = draw(splits, samples, rows=rows, column=lambda name: [], indices=lambda name: [])
    except (GitexpError, ValueError, OverflowError):
        yield "its splits, or its samples, cannot be drawn as they are stated"
        return
    for name, part in parts.items():
        if (len(found[name].indices), found[name].digest) != (part.get("rows"), part.get("digest")):
            yield f"{spell(name)} has not the rows that its rule and seed give it"


def _rule(name: str, part: Mapping[str, Any]) -> DrawRule:
    """Raises ValueError."""
    known = {key: part[key] for key in ("fraction", "rest", "seed", "of") if key in part}
    if not 0 < part.get("fraction", 1) <= 1 or part.get("count", 1) <= 0 or part.get("rest") is False:
        raise ValueError(name)
    return DrawRule(name, number=part.get("count"), **known)


def _manifest(found: Manifest, where: str, parts: Parts) -> Iterator[str]:
    if found.absent is not None:
        raise Absent(f"{where} is {found.absent.what}", missing=found.absent.missing)
    yield from (f"{where}: {what}" for what in found.problems)
    if isinstance(parts, str) and found.files > PART_LINES:
        yield f"{where} has {found.files:,} lines: more than {PART_LINES:,} are in parts"


def artifact_problems(has: Mapping[str, str], run: RunRecord, at: Looking) -> Iterator[str]:
    """What a run saved: its manifest, artifacts.sizes and artifacts.sha256, held against run.toml and the bytes."""
    sizes, strong, saved, items = has.get("artifacts.sizes"), has.get("artifacts.sha256"), run.artifacts, run.items
    digests, by_example = list[bytes](), list[str | None]()

    def each(entry: Entry) -> None:
        digests.append(bytes.fromhex(entry.digest))
        if entry.path == b"gitexp-items.csv":
            by_example.append(Digest.xxh128(entry.digest))

    found = read_manifest(at.objects, has["artifacts.xxh128"], each=each)
    yield from _manifest(found, "artifacts.xxh128", [])
    if found.problems:
        return
    if items is not None and items.digest is not None and items.digest not in by_example:
        yield f"[items] digest is {items.digest}, and no gitexp-items.csv was saved that has it"
    digests.sort()
    total = 0
    lines = (line for block in at.objects.blocks([sizes] if sizes else ()) for line in block.splitlines(keepends=True))
    for line, group in zip_longest(lines, groupby(digests)):
        digest, count = (group[0].hex(), len([*group[1]])) if group else ("", 0)
        here = at.held.size_of(digest) if at.held and digest else None
        if not sizes:
            continue
        stated = re.fullmatch(rb"([0-9a-f]{32})  ([0-9]{1,19})\n", line or b"")
        if stated is None or stated[1].decode() != digest:
            yield "artifacts.sizes has not each digest of artifacts.xxh128 once, in order, with its bytes"
            return
        total += int(stated[2]) * count
        if here is not None and here != int(stated[2]):
            yield f"artifacts.sizes: xxh128:{digest} has {int(stated[2]):,} bytes, {here:,} in the object store"
    if saved is None and found.files:
        yield f"run.toml says nothing of what was saved, artifacts.xxh128 has {found.files:,} files"
    if saved is not None and saved.files != found.files:
        yield f"run.toml says that {saved.files:,} files were saved, artifacts.xxh128 has {found.files:,}"
    if saved is not None and (sizes or not found.files) and saved.size_bytes != total:
        yield f"run.toml says that {saved.size_bytes:,} bytes were saved, artifacts.sizes {total:,}"
    if saved is not None and (saved.sha256 is None) != (strong is None):
        yield "artifacts.sha256 and [artifacts] sha256 go together"
    elif strong is not None and saved is not None:
        again = read_manifest(at.objects, strong, strong=True)
        yield from _manifest(again, "artifacts.sha256", [])
        if again.sha256 and f"sha256:{again.sha256}" != saved.sha256:
            yield f"[artifacts] sha256 is {saved.sha256}, that of artifacts.sha256 sha256:{again.sha256}"
        if again.paths and again.paths != found.paths:
            yield "artifacts.sha256 is of other files than artifacts.xxh128"
