"""A branch that git cannot read: what is missing, which commit before it is whole, and what to type.

A power cut leaves empty files, a gc beside a fetch of old leaves none; refs and reflog outlast their objects.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import is_whole
from gitexp.git.repo import (
    PULL,
    BranchDamaged,
    Repo,
    finish_answer,
    git_environment,
    is_partial,
    line,
    object_folder,
    said,
    start,
)

TRIED = 20  # commits of the reflog that are looked into
SHOWN = 5
_OID = re.compile(r"\b([0-9a-f]{2})/?([0-9a-f]{38}(?:[0-9a-f]{24})?)\b")  # as an id, and as the file of a loose object


class Moved(NamedTuple):
    """A line of the reflog: where the ref then was, and why."""

    commit: str
    why: str


def reflog(repo: Repo, ref: str) -> list[Moved]:
    """Where a ref has been, newest first, also where git cannot read the ref itself."""
    try:
        lines = (repo.common_dir / "logs" / ref).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    fields = (text.partition("\t") for text in reversed(lines))
    return [Moved(words[1], why) for head, _, why in fields if len(words := head.split(" ")) > 2]


def there(repo: Repo, oids: Sequence[str]) -> set[str]:
    """Those of these objects that can be read here."""
    asking = start(repo.root, "cat-file", "--batch-check", stdin=subprocess.PIPE)
    out, _ = asking.communicate("".join(f"{oid}\n" for oid in oids).encode())
    return {text.split()[0] for text in out.decode().splitlines() if not text.endswith(" missing")}


def damaged(repo: Repo, ref: str, words: Sequence[str]) -> BranchDamaged:
    """The error for a ref that cannot be read; `words` say what is the matter."""
    moves = reflog(repo, ref)[:TRIED]
    known = there(repo, [move.commit for move in moves])
    good = next((n for n, move in enumerate(moves) if move.commit in known and is_whole(repo, move.commit)), None)
    fixes = [fix for fix in [bring_back(repo)] if fix]
    details = [*words]
    if good is not None:
        lost = [f"  {move.commit[:10]}  {move.why}" for move in moves[:good]]
        if lost:
            details += ["What came after the newest commit that is whole here:", *lost[:SHOWN]]
        fixes.append(f"{_back_to(repo, ref, moves[good].commit)}    # goes back to that commit, {moves[good].why}")
    return BranchDamaged(
        f"The branch {ref.split('/', 2)[-1]} is damaged: git cannot read it",
        details=details,
        why="" if fixes else "No remote is configured, and the reflog names no commit that is whole: git fsck",
        fix="\n".join(fixes),
    )


def bring_back(repo: Repo) -> str:
    """What to type where objects of the branch are missing or damaged; nothing where there is no remote."""
    return PULL if line(repo, "remote") else ""


def _back_to(repo: Repo, ref: str, commit: str) -> str:
    if finish_answer(start(repo.root, "rev-parse", "--verify", "--quiet", ref))[0]:
        return f"git update-ref {shlex.quote(ref)} {commit}"
    return f"echo {commit} > {shlex.quote(str(repo.common_dir / ref))}"  # git refuses to write over such a file


def readable(repo: Repo, ref: str, tip: str) -> list[str]:
    """The commits of a ref that can be read, from its tip and from wherever the reflog says that it was."""
    todo, seen, found = [tip, *(move.commit for move in reflog(repo, ref))], set[str](), list[str]()
    with ObjectReader(repo) as reader:
        while todo:
            commit = todo.pop()
            if commit not in seen and (content := reader.read(commit)) is not None:
                found.append(commit)
                header = content.partition(b"\n\n")[0].decode("latin-1")
                todo += re.findall(r"^parent (\w+)$", header, re.MULTILINE)
            seen.add(commit)
    return found


def restore_ref(repo: Repo, ref: str, theirs: str | None) -> None:
    """Give a ref whose file broke off the commit back that the reflog says it had, or `theirs` where there is none.

    Raises BranchDamaged where that commit did not come back either: which one to fall back to is the user's choice.
    """
    path = repo.common_dir / ref
    if not path.is_file() or finish_answer(start(repo.root, "rev-parse", "--verify", "--quiet", ref))[0]:
        return
    moves = reflog(repo, ref)
    commit = moves[0].commit if moves else theirs
    if commit is None or not is_whole(repo, commit):
        raise damaged(repo, ref, [f"{path} does not hold a commit's id"])
    lock = path.with_name(f"{path.name}.lock")
    with lock.open("x") as file:  # as git does, which refuses to write over such a file
        file.write(f"{commit}\n")
    lock.replace(path)


class Checkup:
    """Whether all of some refs is there, asked beside other work: commits and trees, and no object that broke off."""

    def __init__(self, repo: Repo, *refs: str) -> None:
        self._repo = repo
        missing = "allow-promisor" if is_partial(repo) else "print"  # the promised is fetched when it is read
        self._walk = start(repo.root, "rev-list", "--objects", f"--missing={missing}", "--quiet", *refs, "--")

    def finish(self) -> list[str]:
        """What is missing or damaged, in words with its id; nothing where all is well."""
        out, err = self._walk.communicate()
        missing = [f"missing: {text[1:]}" for text in out.decode().splitlines() if text.startswith("?")]
        if self._walk.returncode != 0:
            missing += said(err) or ["git cannot walk the branch"]
        return missing + _broken(self._repo)


def _broken(repo: Repo) -> list[str]:
    """Loose objects that cannot be read. Packs have checksums of their own, and are written whole."""
    folder = object_folder(repo)
    oids = [
        name + entry
        for name in os.listdir(folder)  # noqa: PTH208 -- names are all we want
        if len(name) == 2
        for entry in os.listdir(folder / name)  # noqa: PTH208
        if _OID.fullmatch(name + entry)
    ]
    broken: list[str] = []
    while oids:
        reading = subprocess.run(
            ["git", "cat-file", "--batch", "--buffer"],
            cwd=repo.root,
            env=git_environment(),
            input="".join(f"{oid}\n" for oid in oids).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        named = {"".join(parts) for parts in _OID.findall(reading.stderr.decode(errors="replace"))}
        found = named.intersection(oids)
        broken += [f"damaged: {oid}" for oid in sorted(found)]
        if reading.returncode == 0 or not found:
            break
        oids = [oid for oid in oids if oid not in found]  # git dies of what it finds: ask for the others
    return broken
