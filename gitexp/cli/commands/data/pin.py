"""`gitexp data pin NAME`: the digest of what is there, written into the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from gitexp.cli.table import completing
from gitexp.errors import GitexpError, UsageError, beyond

if TYPE_CHECKING:
    from gitexp.clone import Clone
    from gitexp.pipelines.pin import NotedParent, Pinned

SHOWN = 20


@click.command("pin")
@click.argument("names", nargs=-1, metavar="NAME…", shell_complete=completing("dataset"))
@click.option("--all", "everything", is_flag=True, help="Every dataset of the catalogue.")
@click.option("--digest", metavar="DIGEST", help="Pin this version, whatever is there.")
@click.option("--parents", is_flag=True, help="Of derived datasets, note the parents' present versions too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was pinned as JSON.")
def command(names: tuple[str, ...], everything: bool, digest: str | None, parents: bool, as_json: bool) -> int:
    """Write the digest of a dataset, as it is now at its path or URL, into the catalogue.

    Only that one value of the file changes; commit it. A run on other data is refused from then on. The pin of
    restricted data is keyed (git config gitexp.key), so that it tells nobody else which data it is.

    \b
    gitexp data pin digits
    gitexp data pin clean --parents       it was just made again, of the parents as they are now
    """
    from gitexp.cli.main import print_error
    from gitexp.cli.page import write_json
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.clone import configured, open_clone
    from gitexp.pipelines.keep import entries_of
    from gitexp.pipelines.pin import note_parents, pin

    _require_clear(names, everything, digest)
    clone = open_clone()
    wanted = _whole(digest) if digest is not None else None
    pinned: list[Pinned] = []
    noted: list[NotedParent] = []
    failed = 0
    for ref in entries_of(clone.config, names):
        try:
            pinned.append(pin(ref, wanted, clone=clone, watch=ProgressBar))
        except GitexpError as error:  # one that is out of reach is no reason to leave out the others
            print_error(error)
            failed = failed or error.exit_code
    clone = configured(clone.repo)  # as it is now
    for one in pinned if parents else ():
        noted += note_parents(clone.config.datasets[one.name], clone=clone)
    if as_json:
        write_json(pinned=[_shape(one) for one in pinned], parents=noted)
        return failed
    _print(pinned, noted, configured(clone.repo))
    return failed


def _require_clear(names: Sequence[str], everything: bool, digest: str | None) -> None:
    if bool(names) != everything and (digest is None or len(names) == 1):
        return
    raise UsageError(
        "--digest takes one NAME"
        if digest is not None
        else "Give names or --all, not both"
        if names
        else "Name the datasets to pin, or give --all",
        fix="gitexp data pin NAME    or    gitexp data pin --all",
    )


def _print(pinned: Sequence[Pinned], noted: Sequence[NotedParent], clone: Clone) -> None:
    """What was pinned, and what to bear in mind of it. `clone`: with the catalogue as it is now."""
    from gitexp.pipelines.pin import doubts, made_of

    for one in pinned:
        if one.files == 0:
            click.echo(f"note: {one.name} has no files", err=True)
        if not one.is_known:
            click.echo(f"note: {one.new} is known neither to this clone's store nor to a run", err=True)
        click.echo("\n".join(_words(one, [parent for parent in noted if parent.name == one.name])))
        if one.old != one.new:
            for child in made_of(one.name, one.new, clone):
                click.echo(f"note: {child} was made of another version of {one.name}", err=True)
    for doubt in doubts([clone.config.datasets[one.name] for one in pinned], clone):
        click.echo(f"note: {doubt}", err=True)


def _words(one: Pinned, noted: Iterable[NotedParent]) -> list[str]:
    from gitexp.cli.render import safe

    name, where = safe(one.name), safe(one.file)
    if one.old == one.new:
        lines = [f"{name}  {one.new}  as pinned in {where}"]
    else:
        lines = [f"{name}  {one.old or 'not pinned'} → {one.new}  in {where}"]
    if one.differences is not None:
        found = one.differences
        lines.append(f"  {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed")
        paths = [(mark, path) for mark, paths in zip("+-~", found, strict=True) for path in paths]
        lines += [f"  {mark} {safe(path)}" for mark, path in paths[:SHOWN]]
        lines += beyond(len(paths), SHOWN)
    elif one.old not in (None, one.new):
        lines.append("  what differs is not known: the manifest of one of the two is not here")
    for parent in noted:
        old = parent.old or "not noted"
        if parent.new is None:
            lines.append(f"  parent {safe(parent.parent)}  {old}  kept: what it is now is not known")
        elif parent.new != parent.old:
            lines.append(f"  parent {safe(parent.parent)}  {old} → {parent.new}")
    return lines


def _shape(one: Pinned) -> dict[str, object]:
    stated = {key: value for key, value in one._asdict().items() if key not in ("name", "is_known")}
    return {"dataset": one.name, **stated}


def _whole(digest: str) -> str:
    from gitexp.spec.catalogue import pinned_digest

    whole = digest if ":" in digest else f"xxh128:{digest}"
    if pinned_digest(whole) is not None:
        raise GitexpError(
            f"{digest!r} is no whole digest",
            why='A pin is "xxh128:" and 32 hexadecimal digits, of restricted data "hmac-sha256:" and 64.',
            fix="gitexp data history NAME --json    has them whole",
        )
    return whole
