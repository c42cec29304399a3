"""`gitexp explain A B`: which of their differences made the number move."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from gitexp.cli.table import completing
from gitexp.errors import GitexpError, Refused, before_anything_runs, counted

if TYPE_CHECKING:
    from gitexp.cli.opened import Opened
    from gitexp.history.read import Run
    from gitexp.pipelines.explain import CellPlan, Explaining, Explanation
    from gitexp.pipelines.rerun import Ready

EXIT_STOPPED = 130


class Apart(Refused):
    """What would be trained here could not be compared, or nobody allowed it."""


class Stopped(GitexpError):
    """Somebody stopped a training, and with it all that would come."""

    exit_code = EXIT_STOPPED


@click.command("explain")
@click.argument("a", shell_complete=completing("run"))
@click.argument("b", shell_complete=completing("run"))
@click.option("--metric", metavar="NAME", help="Explain this metric; without, the recipe's first goal.")
@click.option("--repeat", type=int, default=0, metavar="N", help="N more seeds of each mixture, and of A and B.")
@click.option("--env", "rebuild", is_flag=True, help="Train with the recorded Python and packages, which uv installs.")
@click.option("--by-package", is_flag=True, help="With --env: each package in which they differ is a factor.")
@click.option("--dry-run", is_flag=True, help="Show what would be run, and nothing else.")
@click.option("--yes", is_flag=True, help="Start what is lacking without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer, or with --dry-run the plan, as JSON.")
def command(
    a: str,
    b: str,
    metric: str | None,
    repeat: int,
    rebuild: bool,
    by_package: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Which of the differences between the runs A and B made the metric move?

    Each factor (code, a key of the recipe or an argument, a dataset, the environment, the seed) is put alone on A, and
    taken away from B: two trainings a factor, none for a single one, less what exists with the same inputs, from any
    lab. What would run is shown first. A training that was stopped, and all before it, are there the next time.

    A cause is named where the figures carry it, so there have to be replicates: those that exist, or --repeat 2.

    \b
    gitexp explain qrstklmn zyxwvuts --dry-run
    gitexp explain qrstklmn zyxwvuts --repeat 2
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.termination import exit_when_told
    from gitexp.history.read import read_run
    from gitexp.history.said import retractions, said_of
    from gitexp.pipelines.explain import Explaining

    exit_when_told()
    with opened_here() as here:
        sides = [read_run(here.reader, here.history.select(word).commit) for word in (a, b)]
        explaining = Explaining(*sides, history=here.history, reader=here.reader, clone=here.clone)
        found = explaining.plan(metric, repeat=repeat, by_package=by_package)
        said = said_of(here.history.seen, [run.record.id for run in sides if run.record])
        found = found._replace(remarks=(*retractions(said), *found.remarks))
        if found.lacking and not dry_run:
            with before_anything_runs():
                found.require_comparable(rebuild=rebuild)
                explaining.require_data()
                _consent(found, yes=yes)
            try:
                found = _trained(here, explaining, found, yes=yes, rebuild=rebuild)
            except KeyboardInterrupt as error:
                what = "Stopped: what is trained is recorded, and counts when the same is asked again"
                options = ["--metric", metric] if metric else []
                options += ["--repeat", str(repeat)] if repeat else []
                options += ["--env"] * rebuild + ["--by-package"] * by_package
                again = shlex.join(["gitexp", "explain", a, b, *options])
                raise Stopped(what, fix=again) from error
        _print(here, found, planned=dry_run, as_json=as_json)
    return 0


def _consent(found: Explanation, *, yes: bool) -> None:
    from gitexp.cli.consent import ask_first, tell
    from gitexp.cli.explainpage import plan_lines

    refusal = Refused(
        f"{counted(found.lacking, 'training')} would be started",
        details=plan_lines(found),
        fix="--yes starts them; --dry-run says no more than this",
    )
    if yes:
        tell(refusal)
    else:
        ask_first(refusal, question="Start them?")


def _trained(here: Opened, explaining: Explaining, found: Explanation, *, yes: bool, rebuild: bool) -> Explanation:
    """With the runs that were lacking, one after the other. Raises Apart where none could be compared."""
    from gitexp.pipelines.explain import in_a_line, with_problem, with_run

    done, any_ran = 0, False
    for one in found.cells:
        for seed in one.seeds:
            done += 1
            click.echo(f"training {done} of {found.lacking + done - 1}: {_told(one, seed)}", err=True)
            try:
                run = _train(here, explaining, one, seed, yes=yes, rebuild=rebuild)
            except Refused as error:
                if isinstance(error, Apart) and not any_ran:
                    raise
                found = with_problem(found, one.cell, in_a_line(error))
                continue
            any_ran = True
            problem = explaining.unlike(one, run)
            found = with_problem(found, one.cell, problem) if problem else with_run(found, one.cell, run)
    return found


def _told(one: CellPlan, seed: int | None) -> str:
    from gitexp.cli.render import safe

    return safe(one.words) + ("" if seed is None else f", seed {seed}")


def _train(here: Opened, explaining: Explaining, one: CellPlan, seed: int | None, *, yes: bool, rebuild: bool) -> Run:
    from gitexp.cli.execution import executed, watch
    from gitexp.cli.planpage import allow
    from gitexp.history.read import read_run
    from gitexp.pipelines.rerun import readied

    spec = explaining.spec(one.cell, seed=seed)
    with readied(spec, reader=here.reader, clone=here.clone, rebuild=rebuild) as ready:
        for obstacle in ready.plan.obstacles:
            raise obstacle
        _require_as_recorded(ready, explaining, one)
        try:
            allow(ready.plan, yes=yes)
        except Refused as no:
            raise Apart(no.what, details=no.details, why=no.why, fix=no.fix) from no
        checked = ready.checked(watch=watch)
        _require_as_recorded(ready, explaining, one)
        done = executed(checked, str(spec.mixture or "a replicate"), stdout_fd=2)
    if done.recorded.record.status == "interrupted":
        raise KeyboardInterrupt
    return read_run(here.reader, done.recorded.commit)


def _require_as_recorded(ready: Ready, explaining: Explaining, one: CellPlan) -> None:
    """A mixture that computes with something else besides tells nothing of what was swapped."""
    if ready.apart:
        record = explaining.whose_environment(one.cell).record
        a, b = (run.record.id if run.record else run.commit for run in (explaining.a, explaining.b))
        raise Apart(
            f"What computes here is not what run {record.id if record else '?'} computed with",
            details=[f"  {line}" for line in ready.apart],
            why="A difference that this makes would count as one of the factors.",
            fix=f"gitexp rerun {a}; gitexp rerun {b}; gitexp explain latest~1 latest    does both once more, here\n"
            "or --env    trains with the recorded Python and packages, which uv makes",
        )


def _print(here: Opened, found: Explanation, *, planned: bool, as_json: bool) -> None:
    from gitexp.cli.explainpage import answer_page, explanation_shape, plan_page
    from gitexp.cli.page import show, write_json

    if as_json:
        write_json(explanation=explanation_shape(found, found.answer()))
    elif planned:
        show(lambda on: plan_page(found, on=on), repo=here.repo)
    else:
        answer = found.answer()
        show(lambda on: answer_page(found, answer, on=on), repo=here.repo)
