"""`gitexp data runs DIGEST`: the runs that used these bytes."""

from __future__ import annotations

import time

import click

from gitexp.errors import counted


@click.command("runs")
@click.argument("digest")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def command(digest: str, as_json: bool) -> int:
    """List the runs that read or wrote the bytes of DIGEST: a dataset, a single file of one, an artifact.

    DIGEST is `xxh128:` and 32 digits, as `gitexp data history` and manifests have it, or its first 6 where they are
    unique; `sha256:…` works where the policy records those too. Of restricted data, the digest is enough where this
    clone has the lab's key.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import show, write_json
    from gitexp.cli.render import safe
    from gitexp.pipelines.recount import runs_with

    with opened_here() as here:
        found = runs_with(digest, history=here.history, reader=here.reader)
        hits, untold = found.hits, found.for_a_key + found.for_a_whole_digest
        if as_json:
            from gitexp.cli.datashapes import hit_shape

            shown = [hit_shape(hit) for hit in hits]
            write_json(digest=hits[0].digest if hits else None, uses=shown, untold=untold)
        elif hits:
            from gitexp.cli.datapage import hits_table

            show(lambda on: hits_table(hits, on=on, now=time.time()), repo=here.repo)
        else:
            click.echo(f"No run has used {safe(digest)}", err=True)
        for count, why in (
            (found.for_a_key, "cannot be told without its lab's key (git config gitexp.key)"),
            (found.for_a_whole_digest, "only a whole digest can tell"),
        ):
            if count:
                runs = counted(count, "run")
                click.echo(f"note: {runs} used restricted data that {why}", err=True)
    return 0
