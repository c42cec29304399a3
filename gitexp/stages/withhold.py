"""Keep restricted data and secrets out of a run's `code/`: refuse a tree that holds them.

What is in a record goes to everybody who has the repository, and is there for ever. Costs nothing where the catalogue
names no restricted data and the tree is clean.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import place_of
from gitexp.errors import Refused, beyond, counted
from gitexp.git.ignoring import kept_out
from gitexp.git.worktree import Surveyed
from gitexp.record.manifest import display
from gitexp.spec.config import Config

SHOWN = 20


class _Held(NamedTuple):
    """A path that would be in code/, and why it may not."""

    path: str
    why: str
    new: bool  # git does not know it yet


def check_restricted(surveyed: Surveyed, config: Config, *, subject: str) -> None:
    """Raises Refused where the tree to be recorded has bytes of restricted datasets, used by the run or not."""
    restricted = [ref for ref in config.datasets.values() if ref.access == "restricted"]
    if not restricted:
        return
    from gitexp.datasets.digest import digest_file
    from gitexp.datasets.restricted import RestrictedBytes

    repo = surveyed.repo
    known = RestrictedBytes(restricted, place_of(repo))
    changed = {change.path for change in surveyed.changes}
    untracked = [change.path for change in surveyed.changes if change.code == "??"]
    held = []
    for path in (*surveyed.tracked, *untracked):
        dataset = known.at(path)
        try:
            file = os.lstat(repo.root / path)
        except OSError:
            if dataset is not None and path not in changed:  # a sparse checkout leaves it out, the tree has it
                held.append(_Held(path, f"dataset {dataset}", new=False))
            continue
        if not stat.S_ISREG(file.st_mode):
            continue  # git keeps where a link points to, and which commit of a submodule
        if dataset is not None:
            held.append(_Held(path, f"dataset {dataset}", new=path in untracked))
            continue
        where = repo.root / path
        owner = known.owner(file.st_size, lambda where=where: digest_file(where).digest, thorough=path in changed)  # type: ignore[misc]
        if owner is not None:
            why = f"the bytes of {owner.file}, dataset {owner.dataset}"
            held.append(_Held(path, why, new=path in untracked))
    held = _without_filtered(surveyed, held)
    if held:
        raise _refusal(held, subject, root=repo.root)


def _without_filtered(surveyed: Surveyed, held: list[_Held]) -> list[_Held]:
    """Those of which git would keep the bytes themselves, and not what a filter makes of them (a pointer, a cipher)."""
    if not held:
        return []
    from gitexp.git.worktree import filters_of

    filters = filters_of(surveyed.repo, [one.path for one in held])
    return [
        one
        for one in held
        if not filters.get(one.path, "").startswith(("lfs", "git-crypt"))
        or f"filter.{filters[one.path]}.clean" not in surveyed.repo.settings
    ]


def _refusal(held: list[_Held], subject: str, *, root: Path) -> Refused:
    files = counted(len(held), "file of its code is", "files of its code are")
    known = [one.path for one in held if not one.new]
    why = "What is in a record goes to everybody who has the repository, and stays there."
    if known:
        why += " Commits that hold it already keep it: git filter-repo takes it out of those."
    return Refused(
        f"Refusing to run {subject}: {files} restricted data",
        details=_lines(held),
        why=why,
        fix=f"{kept_out([one.path for one in held], known, root=root)}    then run the command again",
    )


def check_secrets(surveyed: Surveyed, *, subject: str) -> None:
    """Raises Refused where what HEAD does not have looks like secrets: new files by their names or by what is in them,
    others by the lines that were typed into them."""
    from gitexp.git.repo import output
    from gitexp.redact import UNMISTAKABLE
    from gitexp.secretnames import secret_values
    from gitexp.spec.secretfile import READ, looks_secret, typed_secret

    values = [value for value in secret_values(os.environ) if len(value) >= UNMISTAKABLE]
    found, edited, repo = list[_Held](), list[_Held](), surveyed.repo
    for change in surveyed.changes:
        path = change.path
        try:
            if not stat.S_ISREG((repo.root / path).lstat().st_mode):
                continue
            with open(repo.root / path, "rb") as file:
                beginning = file.read(READ)
        except OSError:
            continue  # gone by now, or nobody's to read: git will say so
        if change.code == "??" or "A" in change.code:
            why = looks_secret(path, beginning, secrets=values)
            found += [_Held(path, why, new=change.code == "??")] if why else []
        else:
            before = partial(output, repo, "cat-file", "blob", f"HEAD:{path}")
            why = typed_secret(beginning, before, secrets=values)
            edited += [_Held(path, why, new=False)] if why else []
    if not found and not edited:
        return
    fixes = []
    if found:
        fixes.append(kept_out([one.path for one in found], [one.path for one in found if not one.new], root=repo.root))
    if edited:
        names = ", ".join(display(os.fsencode(one.path)) for one in edited[:SHOWN])
        fixes.append(f"have {names} read it from a variable, or from a file that git ignores")
    count = len(found + edited)
    files = counted(count, "file looks like a secret", "files look like secrets")
    raise Refused(
        f"Refusing to run {subject}: {files}",
        details=_lines(found + edited),
        why="What is in a record goes to everybody who has the repository, and stays there. Is it none? Commit it.",
        fix="\n".join(fixes) + "    then run the command again",
    )


def _lines(held: list[_Held]) -> list[str]:
    lines = [f"  {display(os.fsencode(one.path))}  ({one.why})" for one in held[:SHOWN]]
    return lines + (beyond(len(held), SHOWN))
