"""Send pages and JSON to stdout: pages through the user's pager where they are longer than the terminal; and files to
where the user says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitexp.cli.render import Screen, safe, screen
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, line


def write(text: str) -> None:
    """Write to stdout in its encoding; what that cannot show becomes a question mark. Raises BrokenPipeError."""
    stream = sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def write_json(**parts: Any) -> None:
    """Write one JSON document with these keys."""
    from gitexp.cli.shapes import document

    write(document(**parts))


def place(path: Path, *, usual: str, option: str) -> Path:
    """The path, where a file can be written there. `usual`: its name in a folder. Raises GitexpError."""
    import shlex

    if path.is_dir():
        raise GitexpError(f"{path} is a folder", fix=f"{option} {shlex.quote(str(path / usual))}")
    if not path.absolute().parent.is_dir():
        fix = f"mkdir -p {shlex.quote(str(path.parent))}"
        raise GitexpError(f"There is no folder {path.parent} to write {path.name} to", fix=fix)
    return path


def write_file(path: Path, content: bytes, *, repo: Repo) -> None:
    """Write a file whole. git is told to ignore a new one, since the next run would not find its tree clean."""
    import click

    from gitexp.git.ignoring import ignore_here
    from gitexp.wholefile import write_whole

    fresh = not path.exists()
    try:
        write_whole(path, content)
    except OSError as error:  # of a full disk it names nothing, else the file beside
        raise OSError(error.errno, error.strerror, str(path)) from error
    if fresh and ignore_here(repo, path.resolve()):
        click.echo(f"{safe(str(path))}: git ignores it, in this clone alone (.git/info/exclude)", err=True)


def show(page: Callable[[Screen], str], *, repo: Repo) -> None:
    """Show a page as git shows a log. On a terminal that it does not fit on, by the pager that git would use."""
    on = screen(repo.settings)
    text = page(on)
    if on.height is None or text.count("\n") < on.height:
        write(text)
        return
    pager = line(repo, "var", "GIT_PAGER")
    if pager in ("", "cat"):
        write(text)
        return
    _through(pager, text)


def _through(pager: str, text: str) -> None:
    import signal
    import subprocess

    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    # The pager is the user's own setting, which may have arguments and pipes in it: git too hands it to the shell.
    process = subprocess.Popen(pager, shell=True, stdin=subprocess.PIPE, env=environment)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's while it is open
    try:
        process.communicate(text.encode("utf-8", "replace"))
    finally:
        signal.signal(signal.SIGINT, before)
    if process.returncode == 127:  # the shell found no such program
        write(text)
