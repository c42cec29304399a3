"""`gitexp rerun RUN`: do a recorded run once more, from its record alone."""

from __future__ import annotations

from contextlib import ExitStack

import click

from gitexp.cli.execution import carry_out, watch
from gitexp.cli.table import completing
from gitexp.errors import before_anything_runs


@click.command("rerun")
@click.argument("run", shell_complete=completing("run"))
@click.option("-m", "--message", help="Why; kept in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON; the program's stdout goes to stderr.")
def command(run: str, message: str | None, as_json: bool) -> int:
    """Do RUN once more, from its record alone, and record that as a run of its own.

    Its code is laid out in a working tree of its own, which is gone at the end; your files, index and HEAD have no part
    in it. Recipe, command, seed and data are the recorded ones.

    \b
    gitexp rerun latest
    gitexp rerun qrstklmn -m "on the new cluster"
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.termination import exit_when_told
    from gitexp.pipelines.rerun import readied, spec_of

    exit_when_told()
    with opened_here() as here, ExitStack() as until_over:
        with before_anything_runs():
            row = here.history.select(run)
            spec = spec_of(row.commit, reader=here.reader, clone=here.clone)
            ready = readied(spec, reader=here.reader, clone=here.clone, watch=watch)
            checked = until_over.enter_context(ready)
        return carry_out(checked, message, as_json=as_json)
