"""`gitexp rerun RUN`: do a recorded run once more, from its record alone."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from gitexp.cli.execution import carry_out, watch
from gitexp.cli.table import completing, paragraphs
from gitexp.errors import GitexpError, before_anything_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitexp.cli.opened import Opened
    from gitexp.history.row import Row
    from gitexp.pipelines.rerunspec import Spec


@click.command("rerun")
@click.argument("run", shell_complete=completing("run"))
@click.option("--code-of", metavar="OTHER", help="With the code of another run.", shell_complete=completing("run"))
@click.option("--recipe-of", metavar="OTHER", help="With the recipe of another run.", shell_complete=completing("run"))
@click.option("--data-of", metavar="OTHER", help="With the data of another run.", shell_complete=completing("run"))
@click.option(
    "--env-of",
    metavar="OTHER",
    help="With the Python and packages of another run, which uv installs.",
    shell_complete=completing("run"),
)
@click.option("-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="With another value of this key.")
@click.option("--seed", type=int, help="With another seed: a replicate.")
@click.option("-m", "--message", multiple=True, callback=paragraphs, help="Why; kept in the commit.")
@click.option("--env", "rebuild", is_flag=True, help="With the recorded Python and packages, which uv installs.")
@click.option("--anyway", is_flag=True, help="Even if a GPU, a container or the system that RUN had is not here.")
@click.option("--dry-run", is_flag=True, help="Say what would run, where its parts come from, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before what this clone has not recorded runs.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON; the program's stdout goes to stderr.")
def command(
    run: str,
    code_of: str | None,
    recipe_of: str | None,
    data_of: str | None,
    env_of: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    message: str,
    rebuild: bool,
    anyway: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Do RUN once more, from its record alone, and record that as a run of its own.

    Its code is laid out in a working tree of its own, which is gone at the end; your files, index and HEAD have no part
    in it. Recipe, command, seed and data are the recorded ones. What would run is shown first. Where this clone neither
    recorded the run nor has its code in a branch, it is asked for.

    Exit code 0: reproduced; 1: not; 3: refused, and nothing ran.

    With something of another run, or another value, it is no reproduction but a mixture: all of RUN but that. The
    record says so.

    \b
    gitexp rerun latest
    gitexp rerun qrstklmn --dry-run
    gitexp rerun qrstklmn -m "on the new cluster"
    gitexp rerun qrstklmn --code-of zyxwvuts
    gitexp rerun qrstklmn -s optimizer.lr=0.1 --seed 2
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.planpage import allow, shown
    from gitexp.cli.termination import exit_when_told
    from gitexp.pipelines.rerun import readied

    exit_when_told()
    others = {"code_of": code_of, "recipe_of": recipe_of, "data_of": data_of, "env_of": env_of}
    with opened_here() as here, ExitStack() as until_over:
        with before_anything_runs():
            row = here.history.select(run)
            _mention(here, row)
            spec = _spec(here, row, others, overrides, seed)
            message = message or (str(spec.mixture) if spec.mixture else "")
            how = readied(spec, reader=here.reader, clone=here.clone, anyway=anyway, rebuild=rebuild or bool(env_of))
            ready = until_over.enter_context(how)
            if dry_run:
                return shown(ready.plan, as_json=as_json)
            allow(ready.plan, yes=yes)
            checked = ready.checked(watch=watch)
        return carry_out(checked, message, as_json=as_json)


def _spec(
    here: Opened, row: Row, others: Mapping[str, str | None], overrides: tuple[str, ...], seed: int | None
) -> Spec:
    """All of the run as recorded, or with what is of others."""
    from gitexp.pipelines.rerunspec import spec_of

    if not (any(others.values()) or overrides or seed is not None):
        return spec_of(row.commit, reader=here.reader, clone=here.clone)
    from gitexp.history.read import read_run
    from gitexp.pipelines.mixture import Swaps, swapped

    runs = {what: read_run(here.reader, here.history.select(one).commit) for what, one in others.items() if one}
    swaps = Swaps(**runs, overrides=overrides, seed=seed)
    return swapped(read_run(here.reader, row.commit), swaps, reader=here.reader, clone=here.clone)


def _mention(here: Opened, row: Row) -> None:
    """What somebody who reruns this run may not know of it."""
    from gitexp.cli.opened import warn
    from gitexp.history.said import retractions, said_of

    for words in retractions(said_of(here.history.seen, [row.id])):
        warn(GitexpError(words))
    if row.reproduces:
        what = f"{row.id} is a rerun itself: a rerun of it does not count for {row.reproduces}"
        warn(GitexpError(what, fix=f"gitexp rerun {shlex.quote(row.reproduces)}"))
