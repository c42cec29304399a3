"""`gitexp log`: the runs, newest first, or the best; alone, or replicates together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import click

from gitexp.cli.choice import Choice, choosing_options, fitting_rows
from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write, write_json
from gitexp.cli.render import Cell, Column, number, safe, screen
from gitexp.cli.runtable import Filled, Listed, run_table, without_room
from gitexp.cli.table import completing
from gitexp.errors import UsageError
from gitexp.history.cache import Condition, of_commits
from gitexp.history.choosing import chosen_by, without_repeats
from gitexp.history.reproduced import Reproduced, at_least
from gitexp.history.reproduced import reproduced as reproduced_runs
from gitexp.history.row import Row
from gitexp.history.said import NOTHING_SAID, RETRACTED, said_of
from gitexp.history.select import no_metric
from gitexp.history.where import best_first
from gitexp.record.runrecord import STATUSES

SHOWN_RUNS = 20
SIGNED, SIGNATURE_LEAST = "finished,author,recipe,status", 30  # what stands beside signatures
SMOKE = Condition("r.kind = 'smoke'")
FORMATS = ("json", "csv", "markdown", "latex")


@click.command("log")
@choosing_options
@click.option("-n", "count", type=click.IntRange(min=0), metavar="N", help=f"Show N runs, or groups ({SHOWN_RUNS}).")
@click.option("--reproduced", type=click.IntRange(min=1), metavar="N", help="Only runs that N reruns have reproduced.")
@click.option("--recipe", metavar="NAME", shell_complete=completing("recipe"), help="Only runs of this recipe.")
@click.option("--status", type=click.Choice([*STATUSES, "unreadable"]), help="Only runs that ended like this.")
@click.option(
    "--sort", metavar="METRIC", shell_complete=completing("metric"), help="Best first by this metric, by its goal."
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also smoke runs and those of all remotes, as last fetched, with where each is; every run unless -n is given.",
)
@click.option("--columns", metavar="NAMES", help="These columns, with commas: settings, metrics, facts of the run.")
@click.option(
    "--group", is_flag=True, help="Runs that differ in nothing but the seed in one line: n, mean ± sd, range."
)
@click.option("--by", multiple=True, metavar="KEY", help="Group by this setting, or fact; may be repeated.")
@click.option("--notes", is_flag=True, help="What was said of the runs, what did not work first; retracted ones too.")
@click.option("--signatures", "signed", is_flag=True, help="Whether each run's commit is signed, and by whom.")
@click.option("--summary", is_flag=True, help="Runs, failure rate and compute time by recipe.")
@click.option("--json", "form", flag_value="json", help="Print the runs as JSON, all of them unless -n is given.")
@click.option("--csv", "form", flag_value="csv", help="As CSV, all of them unless -n is given.")
@click.option("--markdown", "form", flag_value="markdown", help="The table as Markdown.")
@click.option("--latex", "form", flag_value="latex", help="The table as LaTeX, for the package booktabs.")
def command(
    choice: Choice,
    count: int | None,
    reproduced: int | None,
    recipe: str | None,
    status: str | None,
    sort: str | None,
    everything: bool,
    columns: str | None,
    group: bool,
    by: tuple[str, ...],
    notes: bool,
    signed: bool,
    summary: bool,
    form: str | None,
) -> int:
    """List the runs, newest first, with what changed against the run before it of the same recipe.

    The settings in which runs of one recipe differ are columns; of a single recipe, what its runs share stands above.
    The best value of each metric that has a goal is marked with `*`, recipe by recipe, among the runs chosen. Slices of
    a metric, like `val.acc[digit=3]`, are in --json and --csv.

    RUN is as for `gitexp show`, A..B (both, and all between them), several with commas, or @RECIPE.

    \b
    gitexp log --recipe digits-mlp --sort val.acc -n 5
    gitexp log --where 'optimizer.lr < 1e-3 and val.acc > 0.9 and since("2w")'
    gitexp log --group @digits-mlp
    """
    shape = _Shape(form, columns, sort, group or bool(by), by, summary, notes, signed).sound()
    with opened_here() as here:
        all_remotes = everything and choice.remote is None
        history = here.history.everywhere() if all_remotes else here.history.at(choice.remote)
        here, choice = here._replace(history=history), choice._replace(remote=None)
        _require_runs(here, shape)
        choice = choice._replace(smoke=everything or choice.smoke, retracted=notes or choice.retracted)
        wanted = _wanted(here, choice, recipe=recipe, status=status, attempts=not shape.together and not notes)
        wanted = wanted if reproduced is None else wanted & at_least(reproduced)
        unlimited = everything or shape.is_data or summary or notes
        limit = count if count is not None else -1 if unlimited else SHOWN_RUNS
        if notes:
            from gitexp.cli.notespage import print_notes

            print_notes(here, wanted, limit=limit, as_json=form == "json")
            return 0
        order = None if sort is None else _best_first(here, sort, recipe=recipe)
        chosen = history.seen.rows(wanted, order=order, limit=-1 if shape.together else limit)
        held = history.holders(row.commit for row in chosen) if all_remotes else {}
        if summary:
            _summary(here, chosen, as_json=form == "json")
        elif shape.together:
            _groups(here, chosen, shape, limit=limit)
        elif form == "json":
            _write_json(here, chosen, held, signed=signed)
        elif form == "csv" and shape.columns is None:
            from gitexp.cli.shapes import csv_table

            said = said_of(history.seen, [row.id for row in chosen])
            write(csv_table(chosen, said, held if all_remotes else None))
        elif not chosen:
            _tell_nothing_fits(here, choice)
        else:
            _show(here, wanted, chosen, held, shape)
    return 0


class _Shape(NamedTuple):
    """How the runs are to be told."""

    form: str | None  # one of FORMATS; None: on a screen
    columns: str | None
    sort: str | None
    together: bool  # in groups
    by: tuple[str, ...]
    summary: bool
    notes: bool
    signed: bool

    @property
    def is_data(self) -> bool:
        """Whether programs read it."""
        return self.form in ("json", "csv")

    def sound(self) -> _Shape:
        """The same, with the columns that signatures stand beside. Raises UsageError for what cannot be combined."""
        if self.together and (self.summary or self.columns):
            raise UsageError("--group and --by are not combined with --summary or --columns")
        apart = self.together or self.summary or self.columns or self.sort or self.form not in (None, "json")
        if self.notes and apart:
            raise UsageError("--notes is a list of its own", fix="gitexp log --notes --json    as JSON")
        if self.signed and (self.together or self.summary or self.notes):
            raise UsageError("--signatures is not combined with --group, --by, --summary or --notes")
        return self._replace(columns=self.columns or (SIGNED if self.signed else None))


def _require_runs(here: Opened, shape: _Shape) -> None:
    """Say what of the runs is not here. Raises GitexpError where people would read a list of none."""
    runs = here.history.runs
    if runs.cut_off():
        click.echo("warning: this clone is shallow, so older runs are not here: git fetch --unshallow", err=True)
    runs.say_what_is_lost()
    if not runs.count() and not shape.is_data:
        raise here.history.no_runs()


def _wanted(here: Opened, choice: Choice, *, recipe: str | None, status: str | None, attempts: bool) -> Condition:
    """The runs that were asked for. What a word names is there, whatever it is."""
    if choice.words:
        wanted = of_commits(row.commit for row in fitting_rows(here, choice, attempts=attempts))
    else:
        _, where, smoke, retracted, _ = choice
        wanted = chosen_by(here.history.runs, where=where, smoke=smoke, retracted=retracted, attempts=attempts)
    wanted = wanted if recipe is None else wanted & Condition("r.recipe = ?", (recipe,))
    return wanted if status is None else wanted & Condition("r.status = ?", (status,))


def _best_first(here: Opened, metric: str, *, recipe: str | None) -> Condition:
    """An order by a metric. Raises GitexpError where none of the runs has it, and without a goal."""
    known = here.history.seen.keys("metric")
    if metric not in known:
        raise no_metric("None of these runs", metric, sorted(known))
    return best_first(metric, goal=here.history.goal(metric, recipe=recipe))


def _tell_nothing_fits(here: Opened, choice: Choice) -> None:
    runs = here.history.seen
    names = sorted(str(name) for (name,) in runs.values("DISTINCT r.recipe"))[:12]
    hint = (
        " (retracted runs are left out without --retracted)" if not choice.retracted and runs.count(RETRACTED) else ""
    )
    hint += " (smoke runs are left out without --smoke)" if not choice.smoke and runs.count(SMOKE) else ""
    click.echo(f"No run fits{hint}; recipes there are: {safe(', '.join(names))}", err=True)


def _show(
    here: Opened, wanted: Condition, chosen: Sequence[Row], held: Mapping[str, Sequence[str]], shape: _Shape
) -> None:
    runs, form = here.history.seen, shape.form
    if shape.columns is not None or form is not None:
        from gitexp.cli.columns import chosen_columns, exact, usual_columns

        found = usual_columns(chosen)
        if shape.columns is not None:
            found = chosen_columns(runs, chosen, shape.columns, figure=exact if form == "csv" else number)
        if shape.signed:
            found.append(_signatures(here, chosen))
        _write_table(here, found, form=form, less=("finished", "recipe", "status") if shape.columns == SIGNED else ())
    else:
        listed = Listed(runs, wanted)
        show(lambda on: run_table(here, listed, chosen, held, sort=shape.sort, on=on, now=time.time()), repo=here.repo)
    every = runs.count(wanted)
    if every > len(chosen):
        click.echo(f"{len(chosen)} of {every} runs; -n {every} shows all of them", err=True)


def _signatures(here: Opened, chosen: Sequence[Row]) -> Filled:
    from gitexp.git.signatures import signatures

    told = signatures(here.repo, [row.commit for row in chosen])
    styles = {"good": "green", "bad": "red", "unknown": "yellow"}
    cells = [Cell(safe(told[row.commit].words), styles.get(told[row.commit].state, "")) for row in chosen]
    return Column("signature", least=SIGNATURE_LEAST), cells


def _write_table(here: Opened, columns: Sequence[Filled], *, form: str | None, less: Sequence[str] = ()) -> None:
    """`less`: the columns that go first where a screen has no room for all."""
    from gitexp.cli.columns import as_text

    if form is None:
        show(lambda on: as_text(without_room(columns, less, on=on), None, on=on), repo=here.repo)
    else:
        write(as_text(columns, form, on=screen(here.repo.settings)))


def _groups(here: Opened, chosen: Sequence[Row], shape: _Shape, *, limit: int) -> None:
    from gitexp.cli.columns import as_text
    from gitexp.cli.grouptable import fitting, group_columns, group_shapes, grouped

    by, sort, form = shape.by, shape.sort, shape.form
    chosen, again = without_repeats(chosen)
    every, alone = grouped(here.history, chosen, by=by, sort=sort)
    groups = every if limit < 0 else every[:limit]
    if not every and form != "json":
        click.echo("No run fits", err=True)
    elif form == "json":
        write_json(groups=group_shapes(groups, by=by))
    else:
        columns = group_columns(here, groups, by=by, sort=sort)
        if form is None:
            show(lambda on: as_text(fitting(columns, on=on), None, on=on), repo=here.repo)
        else:
            _write_table(here, columns, form=form)
    if len(every) > len(groups):
        click.echo(f"{len(groups)} of {len(every)} groups; -n {len(every)} shows all of them", err=True)
    if alone:
        click.echo(f"{alone} of the runs are left out: what went into them is not recorded", err=True)
    for words in again:
        click.echo(words, err=True)


def _summary(here: Opened, rows: Sequence[Row], *, as_json: bool) -> None:
    from gitexp.cli.recipesummary import summarise_recipes, summary_table

    if as_json:
        write_json(recipes=[{"recipe": name, **figures} for name, figures in summarise_recipes(rows).items()])
    else:
        write(summary_table(rows, on=screen(here.repo.settings), now=time.time()))


def _write_json(here: Opened, chosen: Sequence[Row], held: Mapping[str, Sequence[str]], *, signed: bool) -> None:
    from gitexp.cli.shapes import run_shape, said_shape, unreadable_shape
    from gitexp.history.read import OUTCOME, read_run

    said = said_of(here.history.seen, [row.id for row in chosen])
    verdicts = reproduced_runs(here.history.seen, chosen)
    shapes = [
        {
            **run_shape(read_run(here.reader, row.commit, parts=OUTCOME), row),
            "settings": row.settings,
            "said": said_shape(said.get(row.id, NOTHING_SAID)),
            "reproduced": verdicts.get(row.commit, Reproduced(0, 0)).passed,
        }
        if row.problem is None
        else unreadable_shape(row)
        for row in chosen
    ]
    if held:  # the clone itself is a dot, as in git's configuration
        shapes = [
            {**shape, "where": [name or "." for name in held[row.commit]]}
            for row, shape in zip(chosen, shapes, strict=True)
        ]
    if signed:
        from gitexp.git.signatures import signatures

        told = signatures(here.repo, [row.commit for row in chosen])
        shapes = [{**shape, "signature": told[row.commit]} for row, shape in zip(chosen, shapes, strict=True)]
    write_json(runs=shapes)
