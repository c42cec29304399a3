"""`gitexp data check [NAME…]`: datasets, held against their contracts."""

from __future__ import annotations

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import counted


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME]…", shell_complete=completing("dataset"))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Check what is there against its contract, [datasets.NAME.contract] in the catalogue; what is not is fetched.

    Prints every violation with its file, line and column, at most ten for each rule and column; exits with 3 where
    there is one. Without a NAME, every dataset that has a contract. `gitexp data describe NAME --write` writes a first
    one.
    """
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.clone import open_clone
    from gitexp.errors import GitexpError, Refused
    from gitexp.pipelines.examine import check_dataset
    from gitexp.pipelines.keep import entries_of

    clone = open_clone()
    refs = [ref for ref in entries_of(clone.config, names) if names or ref.contract is not None or ref.contract_file]
    if not refs:
        raise GitexpError(
            "No dataset has a contract", fix="gitexp data describe NAME --write    (a first one, from the data)"
        )
    checked = [check_dataset(ref, clone=clone, watch=ProgressBar) for ref in refs]
    if as_json:
        from gitexp.cli.page import write_json

        write_json(datasets=[{"name": one.name, "digest": one.digest, **one.result._asdict()} for one in checked])
    for one in checked:
        if one.doubt:
            click.echo(safe(f"warning: dataset {one.name}: {one.doubt}"), err=True)
        if not as_json:
            for violation in one.result.violations:
                click.echo(safe(f"{one.name}: {violation.text}"))
        if not one.result.found:
            click.echo(f"{safe(one.name)} keeps its contract ({one.result.counts['rows']:,} rows)", err=True)
    broken = [one for one in checked if one.result.found]
    if broken:
        found = sum(one.result.found for one in broken)
        shown = ", ".join(one.name for one in broken)
        raise Refused(
            f"{counted(found, 'violation')} of the contract of {shown}",
            why="A run on this data would be refused.",
            fix="correct the data, or the contract",
        )
    return 0
