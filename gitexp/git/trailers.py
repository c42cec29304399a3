"""Find commits by their trailers, and take commits apart into fields: trailers of the last paragraph alone count."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from gitexp.git.repo import Repo, failure, output, start

_APART = "\x1f"


def value_of(key: str) -> str:
    """What in a format of git's stands for the values of a trailer, as a rule one."""
    return f"%(trailers:key={key},valueonly,unfold,separator=%x2C)"


def asked(key: str, value: str | None = None, *, tell: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Arguments for `git log`: commits that may have the trailer `key` (with this value), each with those of `tell`.

    git looks at every line of a message first, which is quick; `told` is what their trailers say.
    """
    literal = "" if value is None else "".join(f"\\{c}" if c in r"\.[]*^$" else c for c in value) + "$"
    fields = (f"%x1f{value_of(one)}" for one in (key, *tell))
    return (
        "--no-show-signature",
        f"--grep=^{key}: {literal}",
        "--basic-regexp",
        f"--format=%H{''.join(fields)}",
    )


def told(answer: bytes, value: str | None = None) -> list[tuple[str, ...]]:
    """Of what git answered: each commit whose trailer is there (and has this value), with the other ones asked for."""
    lines = (tuple(line.split(_APART)) for line in answer.decode("utf-8", "replace").split("\n") if line)
    return [(line[0], *line[2:]) for line in lines if (line[1] if value is None else line[1] == value)]


def commits_with(
    repo: Repo, key: str, *revisions: str, value: str | None = None, env: Mapping[str, str] | None = None
) -> list[str]:
    """The commits, merges aside, that have the trailer (with this value), the newest first. Raises GitFailed."""
    answer = output(repo, "log", "--no-merges", *asked(key, value), *revisions, "--", env=env)
    return [commit for commit, *_ in told(answer, value)]


def logged(
    repo: Repo,
    fields: Sequence[str],
    *asked: str,
    feed: Sequence[str] = (),
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> list[list[str]] | None:
    """These fields of the commits that `git log` lists (of `feed`, by --stdin); None where it cannot read one of them.

    `options` come before `log`.
    """
    form = "--format=" + "%x00".join(fields) + "%x00"
    stdin = subprocess.PIPE if feed else subprocess.DEVNULL
    args = (*options, "log", "--no-show-signature", "-s", "--encoding=UTF-8", form, *asked)
    log = start(repo.root, *args, env=env, stdin=stdin)
    out, words = log.communicate("".join(f"{one}\n" for one in feed).encode() if feed else None)
    if log.returncode not in (0, 128):
        raise failure(log.args, log.returncode, words)  # type: ignore[arg-type]
    if log.returncode != 0:
        return None
    found, width = out.decode("utf-8", "replace").split("\0"), len(fields)
    return [[found[at].lstrip("\n"), *found[at + 1 : at + width]] for at in range(0, len(found) - width, width)]
