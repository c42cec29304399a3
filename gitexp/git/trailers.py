"""Find commits by their trailers: those of the last paragraph alone, whatever the lines above it say."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.git.repo import Repo, output

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
