"""Say how a run ended: one line with its commit and its metrics against the run before, then what went wrong."""

from __future__ import annotations

import click

from gitexp.cli.render import safe
from gitexp.model.message import ending, short
from gitexp.pipelines.run import Checked, Done

SHOWN_METRICS = 5


def tell_dry_run(checked: Checked) -> None:
    """What would have run."""
    recipe = checked.recipe
    click.echo(f"{safe(recipe.name)}: all checks passed; nothing ran and nothing was recorded")
    click.echo(f"  would run   {safe(' '.join(checked.argv))}")
    for name, dataset in checked.datasets.items():
        record = dataset.record
        click.echo(f"  data        {name}: {record.files} files, {record.size_bytes} bytes, {record.digest}")
    head = checked.surveyed.head
    state = "clean" if checked.surveyed.clean else f"{len(checked.surveyed.changes)} files differ from it"
    click.echo(f"  code        {head.commit[:7]} {safe(head.subject)} ({state})")


def tell(done: Done) -> None:
    """One line: the run, its commit, its metrics against the run before. Then what was not as it should be."""
    run = done.recorded.record
    parts = [f"{safe(run.recipe)} {run.id}", f"commit {done.recorded.commit[:7]}"]
    if run.status != "completed":
        parts.append(click.style(ending(run), fg="red"))
    parts += [_metric(name, value, done) for name, value in _foremost(done)]
    if run.duration_s is not None:
        parts.append(f"{run.duration_s:.1f} s")
    click.echo("  ".join(parts), err=True)
    for defect in run.defects:
        click.echo(click.style("warning: ", fg="yellow") + safe(defect), err=True)
    if done.edited:
        names = ", ".join(safe(path) for path in done.edited[:3]) + (", …" if len(done.edited) > 3 else "")
        click.echo(
            click.style("warning: ", fg="yellow")
            + f"{len(done.edited)} {'path' if len(done.edited) == 1 else 'paths'} in the working tree changed while it"
            f" ran: {names}\n         (outputs of the program belong into .gitignore)",
            err=True,
        )
    for other in done.others.recorded:
        click.echo(f"also recorded {safe(other.record.recipe)} {other.record.id} ({ending(other.record)})", err=True)
    for problem in done.others.problems:
        click.echo(click.style("warning: ", fg="yellow") + safe(problem), err=True)


def _foremost(done: Done) -> list[tuple[str, float | int]]:
    values = done.recorded.metrics
    goals = [name for name in done.recipe.metrics.goal if name in values]
    names = goals + [name for name in values if name not in goals and "[" not in name]
    return [(name, values[name]) for name in names[:SHOWN_METRICS]]


def _metric(name: str, value: float | int, done: Done) -> str:
    text = f"{safe(name)} {short(value)}"
    before = (done.previous or {}).get(name)
    if before is None:
        return text
    change = value - before
    goal = done.recipe.metrics.goal.get(name)
    if change == 0 or change != change or goal is None:
        color = None
    else:
        color = "green" if (change > 0) == (goal == "max") else "red"
    return f"{text} {click.style(f'({change:+.3g})', fg=color)}"
