"""A branch in a file, by `git bundle`: written, and read as what anybody may have written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gitexp.errors import GitexpError
from gitexp.git.repo import ENGLISH, Repo, failure, output, start
from gitexp.git.standing import branch_ref
from gitexp.regularfile import open_regular

_LACKED = re.compile(r"error: ([0-9a-f]{40}|[0-9a-f]{64})( .*)?")


def write_bundle(repo: Repo, file: Path, *, branch: str, without: Sequence[str]) -> str:
    """Write what the branch has and these commits have not, whole or not at all, and return its tip."""
    output(repo, "bundle", "create", "-q", str(file), branch_ref(branch), *(f"^{commit}" for commit in without))
    return branch_tips(repo, file)[branch]


def branch_tips(repo: Repo, file: Path) -> dict[str, str]:
    """The branches in the file, by their names. Raises GitexpError where it is no bundle."""
    import os

    try:
        os.close(open_regular(file)[0])
    except OSError as error:
        raise GitexpError(f"{file} cannot be read: {error.strerror}") from error
    listing = start(repo.root, "bundle", "list-heads", str(file), env=ENGLISH)
    out, _ = listing.communicate()
    if listing.returncode != 0 or not out:
        raise GitexpError(f"{file} is no bundle, or broke off", fix="gitexp bundle FILE    in the lab that it is from")
    heads = (line.partition(" ") for line in out.decode(errors="surrogateescape").splitlines())
    return {ref.removeprefix("refs/heads/"): commit for commit, _, ref in heads if ref.startswith("refs/heads/")}


def lacking(repo: Repo, file: Path) -> list[str]:
    """The commits that the file builds on and this clone does not have, each with the words that the file has of it."""
    asking = start(repo.root, "bundle", "verify", str(file), env=ENGLISH)
    _, err = asking.communicate()
    if asking.returncode == 0:
        return []
    found = filter(None, map(_LACKED.fullmatch, err.decode(errors="replace").splitlines()))
    lacked = [f"{match[1][:12]}{(match[2] or '')[:80]}" for match in found]
    if not lacked:
        raise failure(asking.args, asking.returncode, err)  # type: ignore[arg-type]
    return lacked
