"""Find a repository, and read its configuration and refs. Never writes.

Calls are named by what is expected of them: `output` wants success, `agrees` asks a question, `start` runs beside us.
A git that was killed, or that cannot tell, has not said no: whoever asks gets an error.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from gitexp.errors import GitexpError

ENGLISH = {"LC_ALL": "C", "LANGUAGE": ""}  # for calls of which git says only in words what is the matter
AS_IT_IS = {"GIT_NO_REPLACE_OBJECTS": "1"}  # no other object in the place of one (git replace)
MANY = "gitexp.trusted"  # the only name of ours with several values (spec/trust.py)


GIT_NEEDED = "install git 2.36 or later"
PULL = "gitexp pull    # brings back what a remote has"
SIGN, POLICY = "gitexp.sign", "policy"
_LOST = re.compile(
    rb"not a tree obj|bad (object|tree)|missing (blob|tree)|(not|unable to) read (tree|\w{40})|loose obj"
)


class GitFailed(GitexpError):
    """A git command that should have worked did not."""


class NoObject(GitexpError):
    """git has no object of that name: the clone is a partial one, or damaged, or there never was one."""


class NoRepository(GitexpError):
    """There is no working tree here."""


class BranchHeld(GitexpError):
    """The branch could not be moved in time, or a lock has been on it for long."""


class BranchUnusable(GitexpError):
    """Nothing can be put on a branch until somebody has acted: waiting does not help."""


class BranchDamaged(BranchUnusable):
    """The branch is there, and git cannot read it."""


class SigningFailed(BranchUnusable):
    """A commit was to be signed, and could not be."""


class Repo(NamedTuple):
    """A repository with a working tree. All paths are absolute."""

    root: Path
    git_dir: Path  # of this working tree
    common_dir: Path  # shared by all linked working trees
    settings: Mapping[str, str] = MappingProxyType({})  # git's whole configuration, as seen from here

    @property
    def signs(self) -> bool:
        """Whether commits of ours are to be signed."""
        asked = self.settings.get(SIGN, self.settings.get("commit.gpgsign", ""))
        return asked.lower() not in ("", "false", "no", "off", "0")

    def signing(self) -> Repo:
        """The same, where gitexp.toml asks for signatures."""
        return self._replace(settings={**self.settings, SIGN: POLICY})


def object_folder(repo: Repo) -> Path:
    """Where git stores the repository's objects."""
    return repo.root / os.environ.get("GIT_OBJECT_DIRECTORY", repo.common_dir / "objects")


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a git child: ours, and nothing may refresh the user's index behind their back."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", **(extra or {})}


def start(
    cwd: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    keep: int | None = None,
    alone: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a git command in `cwd`; stdout and stderr are piped.

    `keep`: a descriptor that it is to hold open. `alone`: in a session of its own, where no terminal can be asked.
    """
    try:
        return subprocess.Popen(
            ["git", *args],
            cwd=cwd,
            env=git_environment(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=() if keep is None else (keep,),
            start_new_session=alone,
        )
    except OSError as error:
        if not cwd.is_dir():
            raise GitexpError(f"The folder {cwd} does not exist any more") from error
        if isinstance(error, FileNotFoundError):
            raise GitexpError("git was not found on PATH", fix=GIT_NEEDED) from error
        raise GitexpError(f"git cannot be started: {error.strerror}") from error


def finish(process: subprocess.Popen[bytes], feed: bytes | None = None) -> bytes:
    """Wait for a started command and return its stdout. Raises GitFailed with git's own words."""
    out, err = process.communicate(feed)
    if process.returncode != 0:
        raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
    return out


def failure(args: Sequence[str], code: int, stderr: bytes) -> GitFailed:
    """The error for a git command that failed."""
    shown = " ".join(a for a in args[1:6] if len(a) < 60)
    how = f"was killed (signal {-code})" if code < 0 else f"failed (exit code {code})"
    too_old = code == 129  # its answer to an option that it does not know
    fix = GIT_NEEDED if too_old else PULL if code == 128 and _LOST.search(stderr) else ""
    return GitFailed(f"git {shown} {how}", details=said(stderr)[-20:], fix=fix)


def said(stderr: bytes) -> list[str]:
    """git's own words, line by line, ready to be shown: its hints are indented by tabs."""
    return stderr.decode(errors="replace").strip().expandtabs().split("\n") if stderr.strip() else []


def output(repo: Repo, *args: str, feed: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
    """Run a git command in the working tree's root and return its stdout."""
    stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
    return finish(start(repo.root, *args, env=env, stdin=stdin), feed)


def line(repo: Repo, *args: str, feed: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """The stdout of a git command as one stripped line of text."""
    return output(repo, *args, feed=feed, env=env).decode(errors="surrogateescape").strip()


def agrees(repo: Repo, *args: str) -> bool:
    """Whether git says yes (exit code 0) or no (1). Raises GitFailed where it says neither."""
    return finish_answer(start(repo.root, *args))[0]


def finish_answer(process: subprocess.Popen[bytes], feed: bytes | None = None) -> tuple[bool, bytes]:
    """Whether git says yes or no, and its stdout. Raises GitFailed as `agrees` does."""
    out, err = process.communicate(feed)
    if process.returncode not in (0, 1):
        raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
    return process.returncode == 0, out


_WHERE = ("--is-bare-repository", "--path-format=absolute", "--git-common-dir", "--absolute-git-dir", "--show-toplevel")


class Finding:
    """Two questions to git under way: where the repository around `cwd` is, and how it is configured."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self._where = start(cwd, "rev-parse", *_WHERE, env=ENGLISH)
        self._settings = start(cwd, "config", "-z", "--list")

    def finish(self) -> Repo:
        """The repository. Raises NoRepository outside of one and in a bare one.

        From here on this process makes files that others may use where core.sharedRepository says so.
        """
        try:
            found = _found(self._where, self._cwd)
        except GitexpError:
            self._settings.communicate()
            raise
        return found._replace(settings=_followed(parse_config(finish(self._settings))))


def find_repo(cwd: Path) -> Repo:
    """The repository around `cwd`. Raises NoRepository outside of one and in a bare one."""
    return Finding(cwd).finish()


def find_bare(cwd: Path) -> Repo:
    """The bare repository at `cwd`, its own folder as its root. Raises GitexpError where there is none."""
    asked = start(cwd, "rev-parse", "--is-bare-repository", "--absolute-git-dir", env=ENGLISH)
    out, err = asked.communicate()
    bare, _, folder = os.fsdecode(out).removesuffix("\n").partition("\n")
    if asked.returncode != 0 or bare != "true":
        why = "It is for what several clones push to: `git init --bare`, or `git clone --bare`, makes one."
        raise NoRepository(f"{cwd} is no bare repository", details=said(err)[:8], why=why)
    found = Repo(Path(folder), Path(folder), Path(folder))
    return found._replace(settings=_followed(parse_config(output(found, "config", "-z", "--list"))))


def _found(process: subprocess.Popen[bytes], cwd: Path) -> Repo:
    out, err = process.communicate()
    found = os.fsdecode(out).split("\n")[:-1]
    if found[:1] == ["true"]:
        raise NoRepository(
            f"{cwd} is a bare repository: there is no working tree to run anything in",
            fix="git clone it, and run gitexp in the clone",
        )
    if found[1:2] == ["--path-format=absolute"]:
        raise GitexpError("git is too old for gitexp", fix=f"{GIT_NEEDED}    (git --version)")
    if process.returncode != 0:
        words = said(err)
        if any("not a git repository" in text for text in words):
            raise NoRepository(f"{cwd} is not inside a git repository", fix="git init    or cd into a repository")
        if process.returncode != 128 or not words:
            raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
        raise NoRepository(f"git cannot use the repository at {cwd}", details=words[:8])
    if len(found) > 4:  # a path with a line break in it: one question, one answer
        asked = [start(cwd, "rev-parse", "--path-format=absolute", flag) for flag in _WHERE[2:]]
        found[1:] = [os.fsdecode(finish(one)).removesuffix("\n") for one in asked]
    return Repo(root=Path(found[3]), git_dir=Path(found[2]), common_dir=Path(found[1]))


def parse_config(listing: bytes) -> dict[str, str]:
    """`git config -z --list` as a dictionary; the last value wins, but of gitexp.trusted each is a line.

    Names are lower-case but for the middle part.
    """
    pairs: dict[str, str] = {}
    for item in listing.split(b"\0"):
        name, newline, value = item.decode(errors="surrogateescape").partition("\n")
        if name == MANY:
            value = f"{pairs[name]}\n{value}" if name in pairs else value
        if name:
            pairs[name] = value if newline else "true"
    return pairs


def remote_names(repo: Repo) -> list[str]:
    """The remotes that git's configuration knows, sorted."""
    parts = [key.split(".", 1)[1].rpartition(".") for key in repo.settings if key.startswith("remote.")]
    return sorted({name for name, _, kind in parts if name and kind in ("url", "pushurl")})


def promisor(repo: Repo) -> str | None:
    """The remote at which this clone left objects (`git clone --filter`), and git fetches each that is read."""
    named = (key.removeprefix("remote.").rpartition(".") for key in repo.settings)
    return next((name for name, _, key in named if key == "promisor"), repo.settings.get("extensions.partialclone"))


def is_partial(repo: Repo) -> bool:
    """Whether there is such a remote."""
    return promisor(repo) is not None


_SHARED = {"group": 0o660, "true": 0o660, "1": 0o660, "all": 0o664, "world": 0o664, "everybody": 0o664, "2": 0o664}
_users_umask: list[int] = []  # a process has one umask; this is what it was before ours


def _followed(settings: dict[str, str]) -> dict[str, str]:
    """The settings; our umask lets through by now what core.sharedRepository wants others to do, as git's own does."""
    value = settings.get("core.sharedrepository", "").lower()
    octal = len(value) == 4 and value[0] == "0" and not value.strip("01234567")
    bits = _SHARED.get(value, int(value, 8) & 0o666 if octal else 0)
    if bits:
        before = os.umask(0)
        _users_umask.append(before)
        os.umask(before & ~(bits | (bits & 0o444) >> 2))  # who may read a folder may also enter it
    return settings


def users_umask() -> int | None:
    """The umask for programs that are not ours; None: it is ours too."""
    return _users_umask[0] if _users_umask else None


def ref_id(repo: Repo, ref: str) -> str | None:
    """The commit that a ref names; None where there is none. Raises GitFailed where git cannot tell."""
    found, out = finish_answer(_start_revision(repo, ref))
    return out.decode().strip() if found else None


def revision(repo: Repo, text: str) -> str | None:
    """The commit that is meant by what somebody typed; None also where git makes nothing of it."""
    process = _start_revision(repo, text)
    out, err = process.communicate()
    if process.returncode not in (0, 1, 128):
        raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
    return out.decode().strip() if process.returncode == 0 else None


def _start_revision(repo: Repo, text: str) -> subprocess.Popen[bytes]:
    return start(repo.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")


def commits_among(repo: Repo, ids: Iterable[str]) -> set[str]:
    """Those of these ids that commits of this repository have."""
    asked = sorted({one for one in ids if len(one) in (40, 64) and not one.strip("0123456789abcdef")})
    feed = "".join(f"{one}\n" for one in asked).encode()
    kinds = output(repo, "cat-file", "--batch-check=%(objecttype)", feed=feed).split(b"\n")
    return {one for one, kind in zip(asked, kinds, strict=False) if kind == b"commit"}


def is_ancestor(repo: Repo, older: str, newer: str) -> bool:
    """Whether `older` is `newer` or in its history. Raises GitFailed where git cannot tell."""
    return agrees(repo, "merge-base", "--is-ancestor", older, newer)
