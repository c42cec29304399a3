"""A bug of ours to a report that can be sent as it stands: versions, command, traceback, and no secrets."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import traceback
from collections.abc import Sequence
from pathlib import Path

from gitexp import __version__
from gitexp.redact import redact
from gitexp.secretnames import named_in_argv, redact_argv, secret_values


def bug_report(args: Sequence[str]) -> str:
    """Text about the exception that is being handled, which `gitexp ARGS` ended with."""
    lines = [
        f"gitexp {__version__}, Python {platform.python_version()}, {_git_version()}, {platform.platform()}",
        f"$ {shlex.join(['gitexp', *redact_argv(args)])}",
        traceback.format_exc().rstrip(),
    ]
    secrets = [*secret_values(os.environ), *named_in_argv(args)]
    text = redact("\n".join(lines).encode("utf-8", "backslashreplace"), secrets=secrets).decode()
    return text.replace(str(Path.home()), "~") + "\n"


def _git_version() -> str:
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return "no git"
    return done.stdout.strip() or "no git"
