"""`gitexp import`: runs that other tools kept, onto the experiments branch."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.elsewhere.stores import KINDS

SHOWN = 20


@click.command("import", short_help="Take over runs that other tools kept")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option(
    "--as", "kind", type=click.Choice(list(KINDS)), help="What PATH is, where it is taken for something else."
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="This column of a table is a metric.")
@click.option("--setting", "settings", multiple=True, metavar="NAME", help="This column of a table is a setting.")
@click.option("--deleted", is_flag=True, help="Also runs that are in the tool's trash.")
@click.option("-n", "--dry-run", is_flag=True, help="List what would come, and record nothing.")
def command(
    paths: tuple[Path, ...],
    kind: str | None,
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    deleted: bool,
    dry_run: bool,
) -> int:
    """Record the runs of PATH: a results.tsv or another table, mlruns/ or mlflow.db, trackio's project.db, wandb/, a
    folder of TensorBoard's event files, a repository with DVC's experiments, or a folder of Neptune's exporter.

    Each becomes a run of kind "imported", with its metrics, settings and times. What the tool did not keep is not
    recorded: the environment, the data, and the code unless it names a commit of this repository. A run that was
    imported before is skipped.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.render import safe
    from gitexp.elsewhere.sheets import Columns
    from gitexp.errors import counted
    from gitexp.git.branch import maintain
    from gitexp.pipelines.import_ import import_runs

    columns = Columns(frozenset(metrics), frozenset(settings))
    with opened_here() as here:
        known = {row.id for row in here.history.runs.all()} if here.history.runs.tip else set()
        clone = here.clone
    came = 0
    for done in import_runs(clone, paths, kind=kind, columns=columns, known=known, deleted=deleted, write=not dry_run):
        for sentence in done.said[:SHOWN]:
            click.echo(safe(sentence), err=True)
        if len(done.said) > SHOWN:
            click.echo(f"and {len(done.said) - SHOWN} more like these", err=True)
        if dry_run:
            for one in done.imported:
                words = f"{one.run_id[:8]}  {one.status:<11}  {one.recipe}  {one.name or one.id or one.note or ''}"
                click.echo(safe(words).rstrip())
        did = "would be imported" if dry_run else "imported"
        was = f", {done.here} imported before" if done.here else ""
        bad = f", {done.defects} with defects" if done.defects else ""
        runs = counted(len(done.imported), "run")
        click.echo(safe(f"{done.path}: {done.kind}, {runs} {did}{was}{bad}"), err=dry_run)
        came += len(done.imported)
    if came and not dry_run:
        maintain(clone.repo)
        click.echo("then       gitexp log", err=True)
    return 0
