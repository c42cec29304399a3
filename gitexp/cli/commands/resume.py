"""`gitexp resume RUN`: go on with a run that was killed, stopped or failed."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.consent import ask_first, tell
from gitexp.cli.execution import carry_out, watch
from gitexp.cli.table import completing, paragraphs
from gitexp.errors import Refused, before_anything_runs
from gitexp.git.worktree import Survey


@click.command("resume")
@click.argument("run", shell_complete=completing("run"))
@click.option("-m", "--message", multiple=True, callback=paragraphs, help="Why; kept in the commit.")
@click.option("--no-verify", is_flag=True, help="Skip the hook gitexp-pre-run (it refuses dirty trees).")
@click.option("--yes", is_flag=True, help="Do not ask before a run goes on that this clone has not recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON; the program's stdout goes to stderr.")
def command(run: str, message: str, no_verify: bool, yes: bool, as_json: bool) -> int:
    """Go on with RUN from its newest checkpoint, as the next attempt of the same run.

    For recipes that are made of components. Code, recipe and data have to be what they were. With
    [reproducibility] level = "bitwise" it ends as if it had never been interrupted, bit for bit.

    Of a run that somebody else recorded, or another clone, what would run is shown and asked for first. Its
    interpreter is the one that the recipe file here names, else the one on PATH.

    \b
    gitexp resume latest
    gitexp resume qrstklmn -m "the node was taken away"
    """
    survey = Survey(Path.cwd(), runs=True)
    from gitexp.cli.opened import opened_here
    from gitexp.pipelines.resume import check_resume

    def allow(refusal: Refused) -> None:
        if yes:
            tell(refusal)
        else:
            ask_first(refusal, question="Run it?")

    with before_anything_runs(), opened_here() as here:
        checked = check_resume(
            here.history, here.reader, run, surveyed=survey.finish(), verify=not no_verify, watch=watch, allow=allow
        )
    return carry_out(checked, message, as_json=as_json)
