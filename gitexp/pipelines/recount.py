"""From the runs to what they tell of data: the versions of a dataset, and the runs that used some bytes."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.datasets.place import KEY, Place
from gitexp.errors import GitexpError
from gitexp.git.repo import ObjectReader
from gitexp.history.datause import Hit, Wanted, find_bytes, uses, wanted_digest
from gitexp.history.select import History
from gitexp.history.versions import Version, versions_of
from gitexp.model.config import Config
from gitexp.model.manifest import HEX_DIGITS
from gitexp.model.schema import near
from gitexp.stages.look import Look, look


def versions(
    name: str, config: Config, *, history: History, reader: ObjectReader, settings: Mapping[str, str]
) -> list[Version]:
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
    place = _place(history, settings)
    here = look(ref, place)
    pinned, lying = _as_recorded(ref.digest, found, place), _as_recorded(here.digest, found, place)
    known = {version.digest for version in found}
    unused = [digest for digest in dict.fromkeys((lying, pinned)) if digest is not None and digest not in known]
    return [
        version._replace(is_pinned=version.digest == pinned, is_here=version.digest == lying)
        for version in (*(_unused(digest, here) for digest in unused), *found)
    ]


def runs_with(digest: str, *, history: History, reader: ObjectReader, settings: Mapping[str, str]) -> list[Hit]:
    """The runs that used the bytes of a digest, or of the only one that begins so. Raises GitexpError."""
    wanted = wanted_digest(digest)
    asked = [wanted]
    if wanted.algorithm in (None, "xxh128") and len(wanted.digits) == HEX_DIGITS and settings.get(KEY):
        keyed = _place(history, settings).keyed(f"xxh128:{wanted.digits}")
        asked.append(Wanted(*keyed.split(":")))
    hits = find_bytes(history.repo, reader, history.runs.all(), asked)
    meant = sorted({hit.digest for hit in hits})
    if len(meant) > 1 and len(asked) == 1:
        raise GitexpError(
            f"{digest} may be {len(meant)} digests", details=[f"  {one}" for one in meant[:10]], fix="type more digits"
        )
    return hits


def _place(history: History, settings: Mapping[str, str]) -> Place:
    return Place(history.repo.root, history.repo.common_dir, settings)


def _as_recorded(digest: str | None, found: list[Version], place: Place) -> str | None:
    """The digest as records of this dataset have it: keyed, where they hide it and this clone has the key."""
    if digest is None or any(version.digest == digest for version in found) or not place.settings.get(KEY):
        return digest
    keyed = place.keyed(digest)
    return keyed if any(version.digest == keyed for version in found) else digest


def _unused(digest: str, here: Look) -> Version:
    is_it = digest == here.digest
    return Version(digest, None, here.files if is_it else None, here.size_bytes if is_it else None, ())
