"""Say how a run ended: one line with its commit and its metrics against the run before, then what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.attempt import Checked
from gitexp.capture.source import SEVERAL
from gitexp.cli.pageparts import seen_in_words
from gitexp.cli.render import coloured, safe
from gitexp.errors import and_more, counted
from gitexp.pipelines.run import Done
from gitexp.record.digests import Oid
from gitexp.record.identity import visible
from gitexp.record.message import ending, short
from gitexp.record.metrics import foremost
from gitexp.text.schema import inline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SHOWN_METRICS = 5
SHOWN_SEEN = 3
SHOWN_LEFT = 5
TOLD_UNSEEN = 3  # runs of a command after whose end the note on what was not seen comes
LONGEST_COMMAND = 200  # characters of a command in a line to paste


def tell_dry_run(checked: Checked, flow: tuple[str, ...]) -> None:
    """What would have run. `flow`: what a recipe's components give to each other."""
    import shlex

    recipe, changes = checked.recipe, len(checked.surveyed.changes)
    click.echo(f"{safe(recipe.name)}: all checks passed; nothing ran and nothing was recorded")
    click.echo(f"  would run   {safe(shlex.join(checked.argv))}")
    for name, dataset in checked.datasets.items():
        record = dataset.record
        files = counted(record.files or 0, "file")
        click.echo(f"  data        {name}: {files}, {record.size_bytes} bytes, {record.digest}")
    for line in flow:
        click.echo(f"  flow        {safe(line)}")
    head = checked.surveyed.head
    state = "clean" if not changes else counted(changes, "file differs from it", "files differ from it")
    click.echo(f"  code        {head.commit[:7]} {safe(head.subject)} ({state})")


def dry_run_shape(checked: Checked, flow: tuple[str, ...]) -> dict[str, Any]:
    """The same for programs."""
    head = checked.surveyed.head
    components = {"kind": checked.kind, "flow": list(flow)}
    return {
        "recipe": checked.recipe.name,
        "argv": [visible(arg) for arg in checked.argv],
        "seed": checked.recipe.seed,
        **(components if checked.recipe.made_of_components else {}),
        "data": {name: dataset.record.digest for name, dataset in checked.datasets.items()},
        "code": {
            "commit": Oid.of(head.commit),
            "clean": checked.surveyed.clean,
            "changed": [visible(change.path) for change in checked.surveyed.changes],
        },
    }


def tell(done: Done) -> None:
    """One line: the run, its commit, its metrics against the run before. Then what was not as it should be."""
    run = done.recorded.record
    attempt = f"/{run.attempt}" if run.attempt > 1 else ""
    parts = [f"{safe(run.recipe)} {run.id}{attempt}", f"commit {done.recorded.commit[:7]}"]
    if run.kind == "smoke":
        parts.append(coloured("smoke", "yellow"))
    if run.status != "completed":
        parts.append(coloured(ending(run), "red"))
    values = done.recorded.metrics
    shown = foremost(values, done.recipe.metrics.goal)[:SHOWN_METRICS]
    parts += [_metric(name, values[name], done) for name in shown]
    if run.duration_s is not None:
        parts.append(f"{run.duration_s:.1f} s")
    click.echo("  ".join(parts), err=True)
    if run.error is not None:
        click.echo(coloured("error: ", "red") + safe(f"The program could not be started: {run.error}"), err=True)
        click.echo("A script's first line names its interpreter: #!/bin/sh, say, and that must be there.", err=True)
    if done.other_held_out:
        names = ", ".join(map(safe, done.other_held_out))
        click.echo(f"note: held-out rows differ from those of the run before: not comparable ({names})", err=True)
    if run.seen:
        click.echo("seen: " + "; ".join(seen_in_words(run.seen, most=SHOWN_SEEN)), err=True)
    for note in run.notes:
        click.echo("note: " + safe(note), err=True)
    for defect in run.defects:
        click.echo(coloured("warning: ", "yellow") + safe(defect), err=True)
    if done.changed:
        names = ", ".join(safe(visible(path)) for path in done.changed[:3]) + (", …" if len(done.changed) > 3 else "")
        paths = counted(len(done.changed), "path")
        click.echo(
            coloured("warning: ", "yellow") + f"{paths} in the working tree changed while it ran: {names}", err=True
        )
    if done.rerun:
        _tell_verdict(done)
    else:
        _tell_left(done)
        _tell_several(done)
        _tell_unseen(done)
    if done.recipe.made_of_components and run.status != "completed" and not done.rerun:
        click.echo(f"to go on with it:  gitexp resume {run.id[:8]}", err=True)
    for other in done.others.recorded:
        click.echo(f"also recorded {safe(other.record.recipe)} {other.record.id} ({ending(other.record)})", err=True)
    for problem in done.others.problems:
        click.echo(coloured("warning: ", "yellow") + safe(problem), err=True)


def _tell_verdict(done: Done) -> None:
    """What came of comparing it with the run that it reproduces, or of which, as a mixture, it has the most."""
    if done.recorded.verdict is None:
        return
    from gitexp.cli.verdictwords import verdict_lines

    for line in verdict_lines(done.recorded.verdict, mixture=done.recorded.record.mixture is not None):
        click.echo(line, err=True)


def _tell_left(done: Done) -> None:
    """What it left lying, which would make the next run's tree dirty, and the two ways on."""
    if not done.left:
        return
    from gitexp.git.ignoring import kept_out

    recipe = done.recipe
    shown = [safe(visible(path)) for path in done.left[:SHOWN_LEFT]]
    more = and_more(len(done.left), SHOWN_LEFT)
    click.echo(
        coloured("note: ", "yellow")
        + f"it left {', '.join(shown)}{more} in the working tree, and the next run would be"
        " refused for it",
        err=True,
    )
    entries = _entries(done)
    if recipe.path:
        keep = f"outputs = {safe(inline([*recipe.outputs, *entries]))} below [run] in {safe(recipe.path)}"
    else:
        keep = _line(done)
    if entries:
        click.echo(f"      keep it:    {keep}", err=True)
    click.echo("      for all:    gitexp init --outputs", err=True)
    click.echo(f"      ignore it:  {safe(kept_out(done.left, root=done.repo.root))}", err=True)


def _entries(done: Done) -> list[str]:
    """What it left, as outputs are named where it ran; nothing where that cannot name all of what a line shows."""
    from gitexp.spec.outputs import entry_of

    cwd = done.recorded.record.cwd
    inside, shown = "" if cwd == "." else f"{cwd}/", done.left[:SHOWN_LEFT]
    return [entry_of(path.removeprefix(inside)) for path in shown] if all(p.startswith(inside) for p in shown) else []


def _line(done: Done, *options: str) -> str:
    """The command once more, to paste: with options, and keeping what else would be in its way."""
    import shlex

    saves = [f"--save {safe(shlex.quote(entry))}" for entry in _entries(done)]
    return " ".join(["gitexp", _typed(), *saves, *options, "--", _pasted(done.recorded.record.argv) or "…"])


def _tell_several(done: Done) -> None:
    """Where a command trained several times: the line that starts each by itself, if its arguments tell."""
    run = done.recorded.record
    said = next((defect for defect in run.defects if SEVERAL in defect), None)
    if said is None or done.recipe.path:
        return
    from gitexp.cli.separately import SWEEPS, separately
    from gitexp.secretnames import redact_argv

    argv, sweeps = redact_argv(run.argv), any(word in SWEEPS for word in run.argv)
    start = _line(done).partition(" -- ")[0]
    start += " --save outputs/" if sweeps and "--save multirun/" in start else ""  # where Hydra writes a single job
    line = separately(argv, int(said.split(maxsplit=1)[0]), start=f"{start} --")
    if line and len(line) <= 2 * LONGEST_COMMAND:
        click.echo(f"      one by one: {safe(line)}", err=True)


def _tell_unseen(done: Done) -> None:
    """For the first runs of a program that names no metrics: what gitexp did not see of it, and what would."""
    run, recipe = done.recorded.record, done.recipe
    if (
        run.seen
        and done.recorded.metrics
        and not (recipe.path or recipe.data)
        and not done.earlier
        and run.status == "completed"
    ):
        click.echo("note: no data is recorded of this run", err=True)
        click.echo(f"      of what it reads:   {_line(done, '--data NAME=PATH')}", err=True)
        return
    named = recipe.metrics.files or recipe.metrics.output or (recipe.path and "metrics" in recipe.values)
    if (
        named
        or done.recorded.metrics
        or any(SEVERAL in defect for defect in run.defects)  # which says why
        or done.previous
        or run.status != "completed"
        or done.earlier >= (1 if recipe.path else TOLD_UNSEEN)
    ):
        return
    import shlex

    files, data = _written(done)[:1] or ["FILE"], "" if recipe.data else " and no data"
    if recipe.path:
        writes = f"files = {safe(inline(files))} below [metrics] in {safe(recipe.path)}"
        reads = f'NAME = "PATH" below [data] in {safe(recipe.path)}'
    else:
        writes = _line(done, f"--metrics {safe(shlex.quote(files[0]))}")
        reads = _line(done, "--data NAME=PATH")
    click.echo(f"note: gitexp saw no metrics{data} of this run", err=True)
    click.echo(f"      of what it writes:  {writes}", err=True)
    if not recipe.path:
        click.echo("      of what it prints:  " + _line(done, r"--metric loss='loss (\S+)'"), err=True)
    if data:
        click.echo(f"      of what it reads:   {reads}", err=True)


def _written(done: Done) -> list[str]:
    """Files that it wrote, and that may hold metrics: no dataset's."""
    if not done.edited:
        return []
    from gitexp.record.metricfiles import ENDINGS

    names = [path for path in done.edited if path.endswith(tuple(f".{ending}" for ending in ENDINGS))]
    if not names:
        return []
    from gitexp.clone import read_config

    root, known = done.repo.root, [*read_config(done.repo).datasets.values(), *done.recipe.data.values()]
    places = {(root / ref.path).resolve() for ref in known if ref.path}
    return [visible(name) for name in names if not places & {(path := (root / name).resolve()), *path.parents}]


def _typed() -> str:
    """`run`, and the options that it was given before `--`."""
    import sys

    words = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else []
    return (_pasted(words) if "run" in words else "") or "run"


def _pasted(words: Sequence[str]) -> str:
    """As a shell takes them; nothing where it is too long to be shown."""
    import shlex

    from gitexp.secretnames import redact_argv

    text = shlex.join(redact_argv(words))
    return safe(text) if len(text) <= LONGEST_COMMAND else ""


def _metric(name: str, value: float | int, done: Done) -> str:
    text = f"{safe(name)} {short(value)}"
    before = (done.previous or {}).get(name)
    if before is None:
        return text
    change = value - before
    if change - change != 0:  # infinite, or NaN on one side
        return text
    goal = done.recipe.metrics.goal.get(name)
    if change == 0 or goal is None:
        color = None
    else:
        color = "green" if (change > 0) == (goal == "max") else "red"
    return f"{text} {coloured(f'({change:+.3g})', color)}"
