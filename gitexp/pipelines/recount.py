"""From the runs to what they tell of data: the versions of a dataset, and the runs that used some bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitexp.clone import place_of
from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.datause import Hit, find_bytes, uses, wanted_digest
from gitexp.history.select import History
from gitexp.history.versions import Version, versions_of
from gitexp.record.digests import Digest
from gitexp.record.manifest import HEX_DIGITS
from gitexp.spec.config import Config
from gitexp.stages.look import Look, look
from gitexp.text.schema import near


class BytesUsed(NamedTuple):
    """The runs that used some bytes, and how many used restricted data of which nobody here can tell that.

    `for_a_key`: without their lab's key. `for_a_whole_digest`: by the beginning of a digest.
    """

    hits: list[Hit]
    for_a_key: int
    for_a_whole_digest: int


def versions(name: str, config: Config, *, history: History, reader: ObjectReader) -> list[Version]:
    """The versions of a dataset, newest first; what is pinned or here and was never used comes before them all."""
    everything = list(uses(history.repo, reader, history.runs.all()))
    found = versions_of(use for use in everything if name in (use.record.entry, use.record.name))
    ref = config.datasets.get(name)
    if ref is None:
        if not found:
            names = {*config.datasets, *(use.record.entry or use.record.name for use in everything)}
            raise GitexpError(
                f"There is no dataset {name} in the catalogue, and no run has read one{near(name, sorted(names))}",
                fix="gitexp data list",
            )
        return found
    place = place_of(history.repo)
    here = look(ref, place)
    stated = [ref.digest] if ref.digest is not None else []
    pinned = _as_recorded(ref.digest, [version.digest for version in found], place)
    lying = _as_recorded(here.digest, [*(version.digest for version in found), *stated], place)
    known = {version.digest for version in found}
    unused = [digest for digest in dict.fromkeys((lying, pinned)) if digest is not None and digest not in known]
    return [
        version._replace(is_pinned=version.digest == pinned, is_here=version.digest == lying)
        for version in (*(_unused(digest, here) for digest in unused), *found)
    ]


def runs_with(digest: str, *, history: History, reader: ObjectReader) -> BytesUsed:
    """The runs that used the bytes of a digest, or of the only one that begins so. Raises GitexpError."""
    wanted = wanted_digest(digest)
    asked, place = [wanted], place_of(history.repo)
    is_whole = wanted.algorithm in (None, "xxh128") and len(wanted.digits) == HEX_DIGITS
    if is_whole and place.has_key:
        asked.append(wanted_digest(place.keyed(Digest.xxh128(wanted.digits))))
    hits = find_bytes(history.repo, reader, history.runs.all(), asked)
    meant = sorted({hit.digest for hit in hits})
    if len(meant) > 1 and len(asked) == 1:
        raise GitexpError(
            f"{digest} may be {len(meant)} digests", details=[f"  {one}" for one in meant[:10]], fix="type more digits"
        )
    if wanted.algorithm not in (None, "xxh128"):
        return BytesUsed(hits, 0, 0)
    ours = place.fingerprint() if place.has_key else None
    hit = {one.row.commit for one in hits}
    others, begun = set[str](), set[str]()
    for use in uses(history.repo, reader, history.runs.all()):
        if use.record.digest is None or not use.record.digest.keyed or use.row.commit in hit:
            continue
        if ours is None or use.record.key not in (None, ours):
            others.add(use.row.commit)
        elif not is_whole:
            begun.add(use.row.commit)
    return BytesUsed(hits, len(others), len(begun - others))


def _as_recorded(digest: str | None, found: Sequence[str], place: Place) -> str | None:
    """The digest as it stands in records, or in the catalogue: keyed, where it is hidden there; None: not known.

    Without the lab's key, what is keyed is the same as nothing but itself.
    """
    if digest is None or digest in found:
        return digest
    if not place.has_key:
        return None if not Digest(digest).keyed and any(Digest(one).keyed for one in found) else digest
    return next((one for one in found if place.same(one, digest)), digest)


def _unused(digest: str, here: Look) -> Version:
    is_it = digest == here.digest
    return Version(digest, None, here.files if is_it else None, here.size_bytes if is_it else None, ())
