"""A question to whoever sits at the terminal. Where nobody does, what would have been asked is an error that says how
to say yes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gitexp.errors import Refused
from gitexp.spec.trust import TRUSTED, Unapproved


def ask_first(refusal: Refused, *, question: str) -> None:
    """Tell what is to be allowed, and return where the answer is yes. Raises the refusal otherwise."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise refusal
    tell(refusal)
    if not click.confirm(question, err=True):
        raise Refused("Nothing was done")


def approve(error: Unapproved) -> None:
    """Ask, and note a yes in this clone's git config. Raises Refused where nobody says yes."""
    from gitexp.git.repo import find_repo, output

    ask_first(error, question="Approve it in this clone?")
    repo = find_repo(Path.cwd())
    for entry in error.entries:
        output(repo, "config", "--add", TRUSTED, entry)


def tell(refusal: Refused) -> None:
    """What is to be allowed, on stderr."""
    from gitexp.cli.render import safe

    for text in (refusal.what, *refusal.details, refusal.why):
        click.echo(safe(text), err=True)
