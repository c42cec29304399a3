"""The batch job that a command is part of, as its environment says, and whether it may have been started before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitexp.errors import Refused

LONGEST = 128


class BatchJob(NamedTuple):
    """One job of a scheduler: the same name whenever the scheduler starts it again."""

    name: str  # "slurm:1234"
    restarted: bool  # it may have done something before


def batch_job(environ: Mapping[str, str]) -> BatchJob | None:
    """GITEXP_JOB names a job of any scheduler; that it is set says that the job may be a restarted one. Empty: no job.

    Without it, Slurm's own variables tell. Raises Refused for a name that cannot stand in a record.
    """
    name = environ.get("GITEXP_JOB")
    if name is None:
        number = environ.get("SLURM_JOB_ID", "")
        if not _is_number(number):
            return None
        restarts = environ.get("SLURM_RESTART_COUNT", "")
        return BatchJob(f"slurm:{number}", _is_number(restarts) and int(restarts) > 0)
    if len(name) > LONGEST or not name.isprintable() or name != name.strip():
        raise Refused(
            "GITEXP_JOB cannot be a job's name",
            why=f"It is recorded: up to {LONGEST} printable characters, and no blanks around them.",
            fix='export GITEXP_JOB="$JOB_ID"    or    unset GITEXP_JOB',
        )
    return BatchJob(name, True) if name else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
