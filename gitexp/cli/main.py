"""The front door: a table of commands, loaded when they are asked for, and the one place where errors become text."""

from __future__ import annotations

import errno
import os
import sys

import click

from gitexp import __version__
from gitexp.cli.table import CommandTable
from gitexp.errors import GitexpError
from gitexp.spec.trust import Unapproved

# name → what it does. The module is gitexp/cli/commands/<name>.py; it is imported only when the command is used.
COMMANDS = {
    "init": "Set up gitexp in this repository: configuration, hooks, branch",
    "run": "Check, execute and record a recipe or any command",
    "resume": "Go on with a run that was killed, stopped or failed",
    "rerun": "Do a recorded run once more, from its record alone",
    "check": "Validate a recipe and print what it resolves to",
    "recipe": "Recipes and components to read about: card, list",
    "new": "Start a recipe from one that ships with gitexp",
    "test": "Test a recipe: its components, and a short run",
    "log": "List the runs",
    "show": "Show one run",
    "plot": "Draw the curves of a metric, or it over a setting",
    "report": "Write the runs as one HTML page to send",
    "trace": "Trace a number of a run back to where it came from",
    "diff": "Compare two runs: code, recipe, data, environment, metrics",
    "explain": "Which of the differences between two runs moved a metric",
    "note": "Say something about a run",
    "tag": "Give a run a name",
    "baseline": "Measure the runs of a recipe against one",
    "decide": "Note a decision, and the runs that it rests on",
    "decisions": "List the decisions, and what they rest on",
    "retract": "Say that a run does not count, and why",
    "drop": "Take a run that nobody else has off the branch",
    "verify": "Check records against the format, without trusting who wrote them",
    "status": "Say what is running or waiting to be recorded",
    "watch": "Watch the runs in progress, their metrics growing",
    "push": "Share the runs: push the experiments branch",
    "pull": "Receive the runs of others",
    "bundle": "Write the runs to a file, for a lab without a network",
    "unbundle": "Take up the runs of such a file",
    "data": "Datasets by name and by content: pin, save, push, pull, check",
    "import": "Take over runs that other tools kept: MLflow, W&B, TensorBoard, tables",
    "get": "Bring back what a run read or wrote",
}

EXIT_BUG = 70

# A full disk, a quota, a place that is only for reading: no bug of ours, whichever file it strikes.
MACHINES_FAULT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@click.command(
    cls=CommandTable,
    table=COMMANDS,
    package="gitexp.cli.commands",
    help="Every training run becomes a git commit.\n\n"
    "A run is recorded on the branch 'experiments' with its code, recipe, data, environment and metrics.",
    epilog="Start with 'gitexp init', then 'gitexp run -- COMMAND'. 'gitexp COMMAND --help' explains a command.",
)
@click.version_option(__version__, prog_name="gitexp", message="%(prog)s %(version)s")
@click.option("-C", "folder", metavar="DIR", help="Run as if started in DIR.")
def cli(folder: str | None) -> None:
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise GitexpError(f"Cannot go to {folder}: {error.strerror}") from error
    try:
        os.getcwd()  # noqa: PTH109 -- cheaper than Path's
    except FileNotFoundError as error:
        raise GitexpError("The folder that this shell is in does not exist any more", fix="cd DIR") from error


def main() -> None:
    """Run the command line and exit."""
    hold_standard_streams()
    if sys.warnoptions:  # PYTHONWARNINGS, PYTHONDEVMODE: meant for the program, which gets them, not for us
        import warnings

        warnings.simplefilter("ignore")
    if "_GITEXP_COMPLETE" in os.environ:
        from gitexp.cli.completion import complete_quietly

        complete_quietly()
    code = run_command(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # Python says it once more
    os._exit(code)  # no clean-up of the interpreter, which takes milliseconds: nobody has asked for anything at its end


def hold_standard_streams() -> None:
    """Open /dev/null where 0, 1 or 2 is closed, before another file gets that number and is taken for a stream.

    Python has no stream there at all; nor can it write to what is open for reading only (`>&0`).
    """
    import fcntl

    for fd, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            usable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY or fd == 0
        except OSError:
            usable = False
        if not usable:
            null = os.open(os.devnull, os.O_RDWR)
            if null != fd:  # it was not closed, so another number was free
                os.dup2(null, fd)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, "w" if fd else "r", closefd=False))


def run_command(args: list[str]) -> int:
    """Run one command and return its exit code. All errors become text here."""
    try:
        return _run(args)
    except BrokenPipeError:
        # The reader (a pager, head) went away: be as quiet as git. Nothing may be flushed into the broken pipe at exit.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        return 141


def _run(args: list[str]) -> int:
    try:
        result = cli.main(args, prog_name="gitexp", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Exit as error:
        return error.exit_code
    except Unapproved as error:
        from gitexp.cli.consent import approve

        try:
            approve(error)
        except GitexpError as refusal:
            print_error(refusal)
            return refusal.exit_code
        return run_command(_here(args))  # nothing has run yet
    except GitexpError as error:
        print_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno not in MACHINES_FAULT:
            return _bug(args)
        words = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}"
        print_error(GitexpError(words, fix="make room, or get leave to write there, then type it again"))
        return GitexpError.exit_code
    except Exception:  # noqa: BLE001 -- the outermost frame: what arrives here is a bug of ours
        return _bug(args)


def _here(args: list[str]) -> list[str]:
    """The command again, where -C has been followed."""
    while args and args[0].startswith("-C"):
        args = args[2:] if args[0] == "-C" else args[1:]
    return args


def _bug(args: list[str]) -> int:
    from gitexp.cli.bugreport import bug_report
    from gitexp.cli.render import safe

    click.echo(
        "error: this is a bug in gitexp; please report it with the lines below, which you may read first", err=True
    )
    click.echo(safe(bug_report(args), lines="kept"), err=True, nl=False)
    return EXIT_BUG


def print_error(error: GitexpError) -> None:
    """What happened, where, why, what to type; on stderr."""
    from gitexp.cli.render import coloured, safe  # an error may quote what came with a record

    if error.what:
        click.echo(coloured("error: ", "red") + safe(error.what), err=True)
    for text in error.details:
        click.echo(safe(text), err=True)
    if error.why:
        click.echo(safe(error.why), err=True)
    if error.fix:
        first, *others = error.fix.split("\n")
        click.echo(coloured("fix:   ", "green") + safe(first), err=True)
        for line in others:
            click.echo("       " + safe(line), err=True)
