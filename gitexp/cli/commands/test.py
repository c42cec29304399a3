"""`gitexp test RECIPE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.table import completing

if TYPE_CHECKING:
    from gitexp.errors import GitexpError
    from gitexp.spec.junit import Case


@click.command("test")
@click.argument("recipe", shell_complete=completing("recipe"))
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML too.")
def command(recipe: str, junit: Path | None) -> int:
    """Test a recipe. Nothing is recorded; exit code 1 where something fails.

    First, each component that the recipe takes from this repository must have a test: one in recipes/NAME/tests, or in
    tests/ beside the component's file, that names it. Then these tests run, by pytest, in the interpreter that trains.
    Last, the golden run: the recipe with the overrides of [golden] in its expected.toml must give the metrics there.
    Where the recipe has a baseline (`gitexp baseline`), how far that run is from it is said, and fails nothing.

    \b
    gitexp test digits-mlp
    gitexp test digits-mlp --junit report.xml
    """
    from gitexp.cli.execution import watch
    from gitexp.cli.termination import exit_when_told
    from gitexp.clone import open_clone
    from gitexp.pipelines.test import test
    from gitexp.stages.resolve import Request

    clone = open_clone()
    if junit is not None:
        _require_place(junit)
    exit_when_told()
    done = test(Request(Path.cwd(), recipe), clone, tell=_tell, watch=watch)
    if junit is not None:
        try:
            junit.write_bytes(done.junit)
        except OSError as error:
            raise _unwritable(junit, error) from error
    failed = sum(case.passed is False for case in done.cases)
    click.echo(f"{failed} of {len(done.cases)} failed" if failed else "passed", err=True)
    return 0 if done.passed else 1


def _require_place(junit: Path) -> None:
    """Known before the tests have taken their time: is the report's folder there?"""
    try:
        os.close(os.open(junit.parent, os.O_RDONLY | os.O_DIRECTORY))
    except OSError as error:
        raise _unwritable(junit, error) from error


def _unwritable(junit: Path, error: OSError) -> GitexpError:
    from gitexp.errors import GitexpError

    return GitexpError(f"The report cannot be written to {junit}: {error.strerror}")


def _tell(case: Case) -> None:
    from gitexp.cli.render import coloured, safe

    label, colour = {True: ("ok", "green"), False: ("failed", "red"), None: ("left out", "yellow")}[case.passed]
    if case.part == "baseline":
        label, colour = "measured", ""
    words = f": {safe(case.words, lines='kept')}" if case.words else ""
    click.echo(f"{coloured(label.ljust(11), colour or None)}{safe(case.name)}{words}", err=True)
