"""What a program writes and the record keeps (`[run] outputs`): no change of the tree's, out of the way, kept after.

Names are posix paths relative to the program's working folder. Links are followed nowhere, and what git tracks is never
removed or moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gitexp import runfolder
from gitexp.errors import Refused, counted
from gitexp.git.repo import Repo
from gitexp.git.untracked import Untracked, files_in
from gitexp.git.worktree import Surveyed
from gitexp.record.written import Written, glance, is_as_before
from gitexp.regularfile import open_regular
from gitexp.spec.outputs import covers, is_pattern

MOST = 1_000_000  # untracked files among which outputs are looked for by a pattern
OLD = "old-outputs"  # in gitexp's folder of the git folder


def leave_out(surveyed: Surveyed, outputs: Sequence[str], *, cwd: Path) -> Surveyed:
    """The survey without changes of outputs: those are nobody's, and no snapshot's.

    A tracked file counts as one where an entry names it, or its folder, outright: `*.py` is no excuse for edited code.
    """
    if not outputs or not surveyed.changes:
        return surveyed
    any_kind = is_output(outputs, root=surveyed.repo.root, cwd=cwd)
    outright = is_output([entry for entry in outputs if not is_pattern(entry)], root=surveyed.repo.root, cwd=cwd)
    own = [c.path for c in surveyed.changes if (any_kind if c.code == "??" else outright)(c.path)]
    return surveyed._replace(
        changes=tuple(change for change in surveyed.changes if change.path not in own),
        own_output=(*surveyed.own_output, *own),
    )


def is_output(outputs: Sequence[str], *, root: Path, cwd: Path) -> Callable[[str], bool]:
    """Whether a path relative to the root is an output of a program that runs in `cwd`."""
    covered, prefix = covers(outputs), cwd.relative_to(root).as_posix() + "/" if cwd != root else ""
    return lambda path: path.startswith(prefix) and covered(path[len(prefix) :])


def present(outputs: Sequence[str], *, cwd: Path) -> Iterator[str]:
    """The regular files that are outputs now, each once."""
    found: dict[str, None] = {}
    for entry in outputs:
        if not is_pattern(entry):
            found |= dict.fromkeys(_below(cwd, os.path.normpath(entry)))
    patterns = [entry for entry in outputs if is_pattern(entry)]
    if patterns:
        everything = files_in(cwd, Untracked(cwd).finish(), wanted=lambda name: True, most=MOST)
        found |= dict.fromkeys(filter(covers(patterns), everything))
    return iter(found)


def _below(cwd: Path, name: str) -> Iterator[str]:
    path = cwd / name
    if path.is_symlink():
        return
    if path.is_file():
        yield name
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in map(Path(folder).joinpath, sorted(files)):
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(cwd).as_posix()


def note_present(outputs: Sequence[str], *, cwd: Path) -> dict[str, Written]:
    """The outputs that are there before a run, by name: what stays as it is, is no output of this run."""
    found = {}
    for name in present(outputs, cwd=cwd):
        with suppress(OSError):  # removed meanwhile
            found[name] = glance((cwd / name).lstat())
    return found


def make_way(
    outputs: Sequence[str], how: str, *, cwd: Path, repo: Repo, tracked: Collection[str], stamp: str
) -> tuple[str, ...]:
    """Clear old outputs, or move them aside, as the recipe says (`old_outputs`); what there is to say of it.

    Raises Refused where that cannot be done: a program would go on with what an earlier one left.
    """
    if how == "keep":
        return ()
    prefix = cwd.relative_to(repo.root)
    names = [name for name in present(outputs, cwd=cwd) if (prefix / name).as_posix() not in tracked]
    aside = repo.common_dir / "gitexp" / OLD / stamp
    for name in names:
        try:
            if how == "clear":
                (cwd / name).unlink()
            else:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                _move(cwd / name, aside / name)
        except OSError as error:
            raise Refused(f"Old output {name} cannot be moved out of the way: {error.strerror}") from error
        _prune(cwd, name)
    if not names:
        return ()
    what = counted(len(names), "file")
    return (f"old outputs: {what} {f'moved to {aside}' if how == 'version' else 'cleared'} before the run",)


def _move(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError:
        import shutil

        shutil.move(old, new)  # to another file system


def _prune(cwd: Path, name: str) -> None:
    """Remove the folders that are empty now."""
    for parent in Path(name).parents:
        if parent == Path():
            return
        try:
            (cwd / parent).rmdir()
        except OSError:
            return


def gather(
    folder: Path, outputs: Sequence[str], before: Mapping[str, Written], *, cwd: Path, completed: bool
) -> tuple[str, ...]:
    """Copy the outputs that a run wrote into its folder, where what it saved is; what went wrong, in sentences.

    It may be done again after a kill: what was put there is noted first.
    """
    problems: list[str] = []
    there = list(present(outputs, cwd=cwd))
    fresh = [name for name in there if name not in before or not is_as_before((cwd / name).lstat(), before[name])]
    saved = folder / runfolder.SAVED
    ours = set((runfolder.read_json(str(folder), runfolder.OUTPUTS) or {}).get("names", ()))
    runfolder.write_json(str(folder), runfolder.OUTPUTS, {"names": [*ours.union(fresh)]})
    for name in fresh:
        target = saved / name
        if os.path.lexists(target) and name not in ours:
            problems.append(f"not kept: output {name}; the program saved a file of that name in $GITEXP_OUTPUT")
            continue
        try:
            _copy(cwd / name, target)
        except OSError as error:
            problems.append(f"not kept: output {name}: {error.strerror}")
    for entry in outputs if completed else ():
        if not any(map(covers([entry]), fresh)):
            was = ", though there are some from before" if any(map(covers([entry]), there)) else ""
            problems.append(f"{entry}: this run wrote no such output{was} ([run] outputs)")
    return tuple(problems)


def _copy(source: Path, target: Path) -> None:
    """By shared blocks where the file system can."""
    import shutil

    from gitexp.datasets.objects.copies import clone

    target.parent.mkdir(parents=True, exist_ok=True)
    with open(open_regular(source)[0], "rb") as reader, target.open("wb") as writer:
        if not clone(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, 1 << 20)
