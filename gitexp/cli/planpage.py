"""What a rerun would do, before it does: shown, and allowed."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click

from gitexp.cli.render import safe

if TYPE_CHECKING:
    from gitexp.pipelines.rerunplan import Plan


def allow(plan: Plan, *, yes: bool) -> None:
    """Returns where the plan may be carried out. Raises Refused."""
    from gitexp.cli.consent import ask_first

    for obstacle in plan.obstacles:
        raise obstacle
    if plan.why_ask and not yes:
        ask_first(plan.question(shlex.join(["gitexp", *sys.argv[1:], "--yes"])), question="Run it?")
        return
    for line in plan.lines:
        click.echo(safe(line), err=True)


def shown(plan: Plan, *, as_json: bool) -> int:
    """Print the plan; the exit code."""
    from gitexp.cli.main import print_error
    from gitexp.cli.page import write_json

    if as_json:
        words = [line.strip() for line in plan.lines]
        write_json(
            plan={
                "run": plan.run.id,
                "lines": words,
                "asks": plan.why_ask,
                "obstacles": [
                    {"what": one.what, "details": [line.strip() for line in one.details], "fix": one.fix}
                    for one in plan.obstacles
                ],
            }
        )
    else:
        could = "cannot run as things are" if plan.obstacles else "would run"
        click.echo(f"{safe(plan.run.recipe)} {plan.run.id} {could}; nothing ran")
        for line in plan.lines:
            click.echo(safe(line))
        if plan.why_ask:
            click.echo(f"It would be asked for: {safe(plan.why_ask)}")
        for obstacle in plan.obstacles:
            print_error(obstacle)
    return plan.obstacles[0].exit_code if plan.obstacles else 0
