"""Who records: the user, and which gitexp, by its version and, where it can be told, the commit that it was
installed from.

An install from a checkout in development mode is asked of git; one from version control left a note; a wheel from
elsewhere has its version alone.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import gitexp
from gitexp.record.digests import Oid
from gitexp.record.identity import Recorder

PACKAGE = Path(gitexp.__file__).parent
_STATUS = ("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--", PACKAGE.name, "docs/format.md")


class Asked:
    """git on its way to say where a checkout stands; `answer` waits for it. A wheel starts no process."""

    def __init__(self) -> None:
        self._status: subprocess.Popen[bytes] | None = None
        root = PACKAGE.parent
        with suppress(OSError):  # no checkout, or nobody to ask
            if (root / ".git").exists() and b'name = "gitexp"' in (root / "pyproject.toml").read_bytes():
                # GIT_DIR and the like, which hooks have, mean the user's repository.
                env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0"}
                self._status = subprocess.Popen(
                    ["git", *_STATUS], cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )

    def answer(self) -> Recorder:
        """What is known."""
        if self._status is None:
            return _noted()
        lines = self._status.communicate()[0].decode("utf-8", "replace").split("\n")
        commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
        if not commit.isalnum():
            return Recorder(gitexp.__version__)
        changed = any(line and line[0] != "#" for line in lines)
        return Recorder(gitexp.__version__, Oid.of(commit), changed)


def _noted() -> Recorder:
    """What pip noted when it installed from a URL."""
    import json

    from gitexp.redact import redact_url

    note = PACKAGE.parent / f"gitexp-{gitexp.__version__}.dist-info" / "direct_url.json"
    try:
        origin = json.loads(note.read_bytes())
        url, commit = str(origin["url"]), str(origin.get("vcs_info", {}).get("commit_id", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Recorder(gitexp.__version__)
    where = None if url.startswith("file:") else redact_url(url)
    return Recorder(gitexp.__version__, Oid.of(commit) if commit.isalnum() else None, None, where)


def user_name() -> str | None:
    """Who we are on this machine."""
    import pwd

    named = (os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME"))  # as getpass asks
    try:
        return next(filter(None, named), None) or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None  # no such variable and no entry for this uid: a container started with --user


def format_page() -> bytes:
    """docs/format.md of this version, which goes into every record; empty where an installation lacks it."""
    for place in (PACKAGE / "format.md", PACKAGE.parent / "docs" / "format.md"):
        try:
            return place.read_bytes()
        except OSError:
            continue
    return b""
