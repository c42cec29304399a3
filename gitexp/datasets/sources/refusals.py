"""What went wrong with a source, in words: which system, whom to ask, what to type. Nothing secret is in them."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.datasets.sources.resolution import SourceSettings
from gitexp.errors import Refused, beyond

SHOWN = 20


class NotNow(Refused):
    """The source did not answer, or broke off: worth another try."""


class Changed(Refused):
    """The bytes are no longer those of the version that was resolved."""


def no_access(settings: SourceSettings, url: str, said: str, *, hint: str = "") -> Refused:
    """The source knows us not, or does not let us in."""
    owner, host = settings.owner, shown(url).partition("://")[2].partition("/")[0]
    offered = f"What {settings.auth} offers was not enough."
    if settings.auth is None:
        offered = 'No credentials were offered; auth = "…" in the catalogue names how to log in.'
    return Refused(
        f"No access to {settings.name}: {settings.source or host} answered {said}",
        details=[
            f"  url     {shown(url)}",
            f"  source  {settings.source or 'not stated in the catalogue'}",
            f"  access  {settings.access}",
            f"  auth    {settings.auth or 'none stated in the catalogue'}",
            f"  owner   {owner or 'not stated in the catalogue'}",
        ],
        why=hint or offered,
        fix=f"ask {owner} for access, then run the command again" if owner else "",
    )


def missing(settings: SourceSettings, url: str, said: str = "") -> Refused:
    """There is no such thing. Many systems say so too of what one may not see."""
    ask = f"ask {settings.owner}, or " if settings.owner else ""
    return Refused(
        f"{settings.name} is not at {shown(url)}{f': {said}' if said else ''}",
        why="" if settings.access == "open" else "Some systems also say this of data that one may not see.",
        fix=f"{ask}correct the url of [datasets.{settings.name}]",
    )


def unreachable(settings: SourceSettings, url: str, said: str) -> NotNow:
    """No answer, or a broken one."""
    return NotNow(
        f"{settings.name} could not be fetched: {said}",
        details=[f"  url     {shown(url)}"],
        fix="run the command again; what has arrived is kept" if "://" in url else "",
    )


def changed(settings: SourceSettings, url: str, said: str) -> Changed:
    """Somebody wrote there meanwhile."""
    return Changed(
        f"{settings.name} changed while it was being fetched: {said}",
        details=[f"  url     {shown(url)}"],
        why="A mixture of two versions is no dataset.",
        fix="run the command again; it will take the new version",
    )


def wrong_bytes(settings: SourceSettings, url: str, lines: Sequence[str]) -> Refused:
    """What arrived is not what the source itself says it holds."""
    return Refused(
        f"{settings.name} arrived damaged, twice",
        details=[f"  url     {shown(url)}", *lines],
        why="The source states a checksum that its own bytes do not have.",
        fix=f"ask {settings.owner} to store it again" if settings.owner else "",
    )


def unusable(settings: SourceSettings, what: str, *, why: str = "", fix: str = "") -> Refused:
    """The address, or a name below it, cannot be a dataset."""
    return Refused(f"{settings.name} cannot be fetched: {what}", why=why, fix=fix)


def several(settings: SourceSettings, errors: Sequence[Refused], of: int) -> Refused:
    """What went wrong with many files, as one error; a single one as it is."""
    if len(errors) == 1:
        return errors[0]
    lines = [f"  {_clause(error)}" for error in errors[:SHOWN]]
    more = beyond(len(errors), SHOWN)
    kind = NotNow if all(isinstance(error, NotNow) for error in errors) else Refused
    return kind(
        f"{len(errors)} of {of} files of {settings.name} could not be fetched",
        details=[*lines, *more],
        fix=errors[0].fix,
    )


def _clause(error: Refused) -> str:
    """What went wrong with one file, with its address, where the error has one apart from its words."""
    place = next((line.split(None, 1)[1] for line in error.details if line.startswith("  url ")), None)
    return f"{error.what.partition(': ')[2] or error.what} ({place})" if place else error.what


def shown(url: str) -> str:
    """An address without what may be a secret in it: a password, a signature."""
    before, there, after = url.partition("://")
    host, slash, path = after.partition("/")
    name, question, query = path.partition("?")
    kept = f"?{query}" if question and query.startswith("versionId=") and "&" not in query else ""
    return f"{before}{there}{host.rpartition('@')[2].partition('?')[0]}{slash}{name}{kept}"
