"""The errors a user may meet: what happened, why, and what to type. Everything else that is raised is a bug.

The command line prints them and turns them into exit codes; nothing below it prints or exits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class GitexpError(Exception):
    """An expected error. `what` is one sentence; `details` are lines shown below it; `fix` can be pasted."""

    exit_code = 1

    def __init__(self, what: str, *, details: Sequence[str] = (), why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.details = tuple(details)
        self.why = why
        self.fix = fix


class UsageError(GitexpError):
    """The command line itself is wrong."""

    exit_code = 2


class Refused(GitexpError):
    """Nothing ran and nothing was recorded: a recipe error, a dirty tree, changed data, a policy."""

    exit_code = 3


def counted(number: int, one: str, several: str = "") -> str:
    """`1 run`, `2,000 runs`; `several` where it is not `one` with an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {several or f'{one}s'}"


def and_more(number: int, shown: int) -> str:
    """` and 3 more` behind the first of a sentence; nothing where all are shown."""
    return f" and {number - shown:,} more" if number > shown else ""


def beyond(number: int, shown: int) -> list[str]:
    """The line below the first of a list; none where all are shown."""
    return [f"  …{and_more(number, shown)}"] if number > shown else []


@contextmanager
def before_anything_runs() -> Iterator[None]:
    """What goes wrong in here refuses a run, whatever it is: nothing ran and nothing was recorded."""
    try:
        yield
    except GitexpError as error:
        if error.exit_code != GitexpError.exit_code:
            raise
        raise Refused(error.what, details=error.details, why=error.why, fix=error.fix) from error


class Stopped(GitexpError):
    """Somebody asked us to stop before anything ran. Exit codes are those of the signals: 130 for Ctrl-C."""

    def __init__(self, what: str, *, exit_code: int) -> None:
        super().__init__(what)
        self.exit_code = exit_code


class RecipeErrors(Refused):
    """All problems of a recipe at once, each a `file:line: key: what` line."""

    def __init__(self, problems: Sequence[str], *, fix: str = "") -> None:
        super().__init__(f"{counted(len(problems), 'error')} in the recipe; nothing ran", details=problems, fix=fix)
        self.problems = tuple(problems)
