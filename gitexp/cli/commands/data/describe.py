"""`gitexp data describe NAME`: what a dataset looks like, as a first contract for it."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.render import safe, screen
from gitexp.cli.table import completing


@click.command("describe")
@click.argument("name", shell_complete=completing("dataset"))
@click.option("-o", "--output", "output", metavar="FILE", help="Write the contract into this new file.")
@click.option("--write", "as_contract", is_flag=True, help="Write contracts/NAME.toml, and name it in the catalogue.")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
def command(name: str, output: str | None, as_contract: bool, as_json: bool) -> int:
    """Describe a dataset, and write a first contract for it from what is there; what is not is fetched.

    The contract is TOML for gitexp.toml. Its comments show each distribution, outliers with their places, and the rows
    by label, also in each split. With -o it goes to a file of its own, for `contract = "FILE"`; --write does both.
    """
    from gitexp.cli.page import write, write_json
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.clone import open_clone
    from gitexp.pipelines.examine import describe_dataset
    from gitexp.pipelines.keep import entries_of
    from gitexp.tables.contracts.firstcontract import contract_toml

    clone = open_clone()
    (ref,) = entries_of(clone.config, [name])
    found = describe_dataset(ref, clone=clone, watch=ProgressBar)
    if found.doubt:
        click.echo(safe(f"warning: dataset {name}: {found.doubt}"), err=True)
    if as_json:
        write_json(name=found.name, digest=found.digest, description=found.description)
    if as_contract:
        from gitexp.stages.writepin import write_contract

        contract = f"contracts/{name}.toml"
        _write_new(clone.repo.root / contract, contract_toml(found.description))
        changed = write_contract(clone.repo.root, clone.config, name, contract)
        click.echo(f"wrote {safe(contract)} and named it in {safe(changed)}; commit both", err=True)
    elif output is not None:
        _write_new(Path(output), contract_toml(found.description))
        click.echo(f'wrote {safe(output)}; in [datasets.{name}] say: contract = "{safe(output)}"', err=True)
    elif not as_json:
        from gitexp.cli.folded import coloured_toml

        write(coloured_toml(safe(contract_toml(found.description, name), lines="kept"), on=screen(clone.repo.settings)))
    return 0


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises GitexpError."""
    from gitexp.errors import GitexpError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise GitexpError(f"{path} exists", fix="name another file with --output") from error
    except OSError as error:
        raise GitexpError(f"{path} cannot be written: {error.strerror}") from error
