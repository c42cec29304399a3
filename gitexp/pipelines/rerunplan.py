"""What a rerun would execute, where and on what, before any of it happens; and whether that takes somebody's yes.

A record says whatever its author wrote. What this clone recorded itself runs; so does the code of a commit in one of
its own branches, as the recipe there says, but for numbers. All else is shown, and asked for.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.errors import GitexpError, Refused, and_more, counted
from gitexp.git.owntree import OwnTree, filtered, lfs_addresses
from gitexp.git.repo import Repo, output, revision
from gitexp.git.standing import branch_ref
from gitexp.pipelines.again import beside, recipe_here
from gitexp.pipelines.rerundata import Source
from gitexp.pipelines.rerunspec import Spec
from gitexp.record.identity import Code
from gitexp.record.runrecord import RunRecord
from gitexp.spec.recipe import Recipe
from gitexp.text.schema import dotted, escaped

NUMBERS = (int, float, bool)
SHOWN = 5


class Plan(NamedTuple):
    """Lines to be read before anything starts. `why_ask`: why it takes a yes; None: it takes none.

    `obstacles`: why it cannot start, in the order in which they are told.
    """

    run: RunRecord
    author: str
    lines: tuple[str, ...]
    why_ask: str | None
    obstacles: tuple[Refused, ...] = ()

    def question(self, fix: str) -> Refused:
        """What is to be allowed. `fix`: the line that does without a question."""
        assert self.why_ask is not None
        return Refused(
            f"Run {self.run.id} was recorded by {escaped(self.author)}, not in this clone. It would run, as you:",
            details=self.lines,
            why=self.why_ask,
            fix=fix,
        )


def program_lines(argv: Sequence[str], cwd: Path, root: Path, recipe: Recipe) -> list[str]:
    """The command as it would be executed."""
    where = os.path.relpath(cwd, root)
    lines = [f"  program   {escaped(shlex.join(argv))}"]
    if where != ".":
        lines.append(f"  in        {escaped(where)}")
    env = [f"{name}={value}" for name, value in recipe.env.items()]
    return lines + ([f"  with      {escaped(shlex.join(env))}"] if env else [])


def place_lines(
    words: Sequence[str], root: Path, *, led: Mapping[str, str], places: Mapping[str, str], clone: Clone
) -> list[str]:
    """Paths that the command has in place of the recorded ones; and those, of all words, that lead out of the tree."""
    lines = []
    for old, new in [*led.items()][:SHOWN]:
        to = "to the new working tree" if Path(new).is_relative_to(root) else f"to {escaped(new)}"
        lines.append(f"  moved     {escaped(old)}, {to}")
    known = [root, clone.repo.common_dir, *map(Path, places.values()), Path("/dev")]
    named = (re.fullmatch(r"(?:[^/=\s]*=)?(/.*)", word) for word in words)
    outside = [os.path.normpath(one[1]) for one in named if one]
    outside = [path for path in dict.fromkeys(outside) if not any(Path(path).is_relative_to(one) for one in known)]
    lines += [f"  outside   {escaped(path)}: used where it is, and no part of the record" for path in outside[:SHOWN]]
    return lines


def code_lines(code: Code, tree: OwnTree) -> list[str]:
    """Which code, and what of it no record holds. What passes through filters the code says, not its record."""
    said = escaped(code.subject or "")
    commit = code.oid
    dirty = "" if code.clean else f", and {counted(code.changed_count or 0, 'file')} that differed from it"
    lines = [f"  code      {commit[:7] if commit else 'no commit'} {said}{dirty}"]
    if commit != tree.head:
        lines.append(
            f"            that commit is not in this clone: HEAD is {tree.head[:7]}, made of the recorded files"
        )
    if code.submodules:
        named = ", ".join(escaped(path) for path in code.submodules[:SHOWN]) + and_more(len(code.submodules), SHOWN)
        lines.append(f"            without the files of submodules, which no record holds: {named}")
    passing = filtered(tree)
    for name, paths in passing.items():
        named = ", ".join(escaped(os.fsdecode(path)) for path in paths[:SHOWN]) + and_more(len(paths), SHOWN)
        how = "git-lfs fetches them" if name == "lfs" else f"your filter {name} makes them"
        lines.append(f"            {named}: {how}")
    if "lfs" in passing:
        told = lfs_addresses(tree)
        named = ", ".join(map(escaped, told[:SHOWN])) + and_more(len(told), SHOWN)
        lines += [f"            from where the .lfsconfig of that code says: {named}"] if told else []
    elif code.lfs:
        named = ", ".join(map(escaped, code.lfs[:SHOWN]))
        lines.append(f"            files of git-lfs ({named}): pointers, since git-lfs is not set up")
    return lines


def data_lines(sources: Sequence[Source]) -> list[str]:
    """Each dataset, and where it comes from."""
    lines = []
    for source in sources:
        of = source.record
        size = "" if of.files is None else f" ({counted(of.files, 'file')}, {of.size_bytes or 0:,} bytes)"
        lines.append(f"  data      {source.name}{size}: {source.origin}")
        if source.place and source.place.startswith("/") and not source.here:
            lines.append(
                f"            it lay at {escaped(of.path or source.place)}, outside of the code, and is not there"
            )
    return lines


def why_ask(spec: Spec, *, there: Clone, home: Clone, sources: Sequence[Source]) -> str | None:
    """Why somebody has to say yes to what this clone has not recorded itself; None: nobody has to.

    `there`: the working tree with the code.
    """
    record = spec.original.record
    if len({run.commit for run in spec.runs}) > 1 or record is None:
        return "It is a mixture of runs, not all of which this clone recorded."
    if not _is_own_code(home.repo, home.config.branch, spec):
        return "Its code is in no branch of this clone, and does whatever its author wrote."
    if record.recipe_path is None:
        return "Its command is whatever that record says."
    try:
        found = beside(spec.recipe, recipe_here(record, there))
    except GitexpError:
        return "The code has no such recipe."
    told = [path for path in (*found.changed, *found.added, *found.left_out)]
    values = {**found.changed, **found.added}
    odd = [path for path in told if path[0] in ("run", "data") or not isinstance(values.get(path), NUMBERS)]
    if odd:
        named = ", ".join(dotted(path) for path in odd[:SHOWN]) + and_more(len(odd), SHOWN)
        return f"That record sets what the recipe in its code does not: {named}."
    unknown = [source.name for source in sources if not source.known]
    if unknown:
        named = ", ".join(unknown[:SHOWN]) + and_more(len(unknown), SHOWN)
        return f"Its data would be whatever that record says, and nothing here pins it: {named}."
    strange = [source.strange for source in sources if source.strange]
    return f"Data would come from an address that only the record names: {escaped(strange[0])}." if strange else None


def _is_own_code(repo: Repo, branch: str, spec: Spec) -> bool:
    """Whether a local branch has its commit in its history, and the code is all of it and nothing else."""
    commit = spec.commit
    if commit is None or revision(repo, commit) is None:
        return False
    if output(repo, "rev-parse", f"{commit}^{{tree}}").decode().strip() != spec.code:
        return False
    listed = output(repo, "for-each-ref", f"--contains={commit}", "--format=%(refname)", "refs/heads")
    return bool({*listed.decode(errors="replace").split()} - {branch_ref(branch)})
