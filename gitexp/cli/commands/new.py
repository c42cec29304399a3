"""`gitexp new TEMPLATE [NAME]`."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.table import completing


@click.command("new")
@click.argument("template", required=False, shell_complete=completing("template"))
@click.argument("name", required=False)
@click.option("--from", "source", metavar="RUN", help="Write the recipe NAME from a recorded run instead.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(template: str | None, name: str | None, source: str | None, as_json: bool) -> int:
    """Start a recipe from one that ships with gitexp: copy its folder to recipes/NAME of this repository.

    The copy has everything: the recipe, its components, data, tests and expected metrics. Nothing is overwritten.
    Without TEMPLATE, list what there is. With --from RUN, write recipes/NAME.toml from that run: its command with the
    arguments as settings, its data, metrics, outputs and seed.

    \b
    gitexp new
    gitexp new digits-mlp my-digits
    gitexp new baseline --from latest
    """
    if source is not None:
        if template is None or name is not None:
            raise click.UsageError("Give the new recipe one name: gitexp new NAME --from RUN.")
        return _derive(template, source, as_json=as_json)
    if template is None:
        return _list(as_json=as_json)
    from gitexp.cli.page import write_json
    from gitexp.cli.render import safe
    from gitexp.clone import FILE
    from gitexp.git.repo import find_repo, ref_id
    from gitexp.pipelines.new import new

    repo = find_repo(Path.cwd())
    done = new(template, name, repo=repo)
    called = done.folder.rpartition("/")[2]
    if as_json:
        write_json(recipe=called, folder=done.folder, files=done.files, template=done.template)
    else:
        click.echo(f"wrote      {safe(done.folder)}/: {', '.join(map(safe, done.files))}")
    steps = [f'git add {done.folder} && git commit -m "Add recipe {called}"']
    if not (repo.root / FILE).exists():
        steps.insert(0 if ref_id(repo, "HEAD") else 1, "gitexp init")  # which needs a commit
    for word, step in zip(("first", "next")[-len(steps) :], steps, strict=True):
        click.echo(f"{word:<11}{step}", err=True)
    has_tests = any(name.startswith("tests/") for name in done.files)
    other = f"gitexp test {called}" if has_tests else f"gitexp check {called} --explain"
    click.echo(f"then       gitexp run {called}    or    {other}", err=True)
    return 0


def _list(*, as_json: bool) -> int:
    from gitexp.cli.page import write, write_json
    from gitexp.cli.render import Cell, Column, safe, screen, table
    from gitexp.pipelines.new import templates

    found = templates()
    if as_json:
        write_json(
            templates=[{"name": one.name, "version": one.version or None, "summary": one.summary} for one in found]
        )
        return 0
    rows = [[Cell(safe(one.name), "bold"), Cell(safe(one.summary))] for one in found]
    write(table([Column("template"), Column("what it is", least=20)], rows, on=screen({})))
    click.echo("next       gitexp new TEMPLATE NAME", err=True)
    return 0


def _derive(name: str, source: str, *, as_json: bool) -> int:
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import write_json
    from gitexp.cli.render import safe
    from gitexp.history.read import read_run
    from gitexp.pipelines.derive import derive
    from gitexp.pipelines.new import require_name

    require_name(name, fix=f"gitexp new my-recipe --from {source}")
    with opened_here() as here:
        commit = here.history.select(source).commit
        text = (here.reader.read(f"{commit}:recipe.toml") or b"").decode("utf-8", "replace")
        done = derive(name, read_run(here.reader, commit), text, clone=here.clone)
    if as_json:
        write_json(recipe=name, path=done.path, settings=done.settings)
        return 0
    click.echo(f"wrote      {safe(done.path)}")
    if done.settings:
        click.echo(f"settings   {safe(', '.join(done.settings))}    (-s {safe(done.settings[0])}=…)")
    click.echo(f'next       git add {safe(done.path)} && git commit -m "Add recipe {name}"', err=True)
    click.echo(f"then       gitexp run {name}", err=True)
    return 0
