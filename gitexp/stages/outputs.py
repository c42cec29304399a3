"""What a program writes and the record keeps (`[run] outputs`): no change of the tree's, out of the way, kept after.

Names are posix paths relative to the program's working folder. Links are followed nowhere, and what git tracks is never
removed or moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.attempt import Ended
from gitexp.capture.before import below
from gitexp.capture.whose import LATE, Whose, holds
from gitexp.errors import Refused, and_more, counted
from gitexp.git.repo import Repo, finish
from gitexp.git.untracked import entries_of, files_in, list_untracked
from gitexp.git.worktree import Surveyed
from gitexp.record.manifest import display
from gitexp.record.written import Written, glance, is_as_before
from gitexp.regularfile import open_regular, walk
from gitexp.spec.outputs import covers, is_pattern

MOST = 1_000_000  # untracked files among which outputs are looked for by a pattern
OLD = "old-outputs"  # in gitexp's folder of the git folder
GIT = ".git"  # a folder or, of a submodule or another working tree, a file
_RESTRICTED = "it lies in a dataset that is restricted"
NAMED = 3  # files of which the same is to be said


def leave_out(surveyed: Surveyed, outputs: Sequence[str], *, cwd: Path) -> Surveyed:
    """The survey without changes of outputs: those are nobody's, and no snapshot's.

    A tracked file counts as one where an entry names it, or its folder, outright: `*.py` is no excuse for edited code.
    """
    if not outputs or not surveyed.changes:
        return surveyed
    any_kind = is_output(outputs, root=surveyed.repo.root, cwd=cwd)
    outright = is_output([entry for entry in outputs if not is_pattern(entry)], root=surveyed.repo.root, cwd=cwd)
    own = {c.path for c in surveyed.changes if (any_kind if c.code == "??" else outright)(c.path)}
    return surveyed._replace(
        changes=tuple(change for change in surveyed.changes if change.path not in own),
        own_output=surveyed.own_output | own,
    )


def is_output(outputs: Sequence[str], *, root: Path, cwd: Path) -> Callable[[str], bool]:
    """Whether a path relative to the root is an output of a program that runs in `cwd`."""
    covered, prefix = covers(outputs), cwd.relative_to(root).as_posix() + "/" if cwd != root else ""
    return lambda path: path.startswith(prefix) and covered(path[len(prefix) :])


def present(outputs: Sequence[str], *, cwd: Path) -> Iterator[str]:
    """The regular files that are outputs now, each once. Other repositories are not looked into."""
    found: dict[str, None] = {}
    for entry in outputs:
        if not is_pattern(entry):
            found |= dict.fromkeys(_below(cwd, os.path.normpath(entry)))
    patterns = [entry for entry in outputs if is_pattern(entry)]
    if patterns:
        everything = files_in(cwd, entries_of(finish(list_untracked(cwd))), wanted=lambda name: True, most=MOST)
        matching = filter(covers(patterns), everything)
        found |= dict.fromkeys(name for name in matching if not (cwd / name).is_symlink())
    return iter(found)


def _below(cwd: Path, name: str) -> Iterator[str]:
    path = cwd / name
    if _link(cwd, name):
        return
    if path.is_file():
        yield name
    for folder, folders, files in walk(path):
        if GIT in files or GIT in folders:
            folders.clear()
            continue
        folders.sort()
        for file in map(Path(folder).joinpath, sorted(files)):
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(cwd).as_posix()


def _link(cwd: Path, name: str) -> str | None:
    """The link that a path is, or leads through."""
    path = Path(name)
    return next((one.as_posix() for one in (*reversed(path.parents), path) if (cwd / one).is_symlink()), None)


def put_there_before(folder: Path, outputs: Sequence[str]) -> None:
    """Note which of the files that an attempt finds in its folder are outputs of those before: it may replace them."""
    saved, covered = folder / runfolder.SAVED, covers(outputs)
    paths = (Path(at, name) for at, _, names in walk(saved) for name in names)
    files = (path.relative_to(saved).as_posix() for path in paths if path.is_file())
    runfolder.write_json(str(folder), runfolder.OUTPUTS, {"names": [*filter(covered, files)]})


def note_present(outputs: Sequence[str], *, cwd: Path) -> dict[str, Written]:
    """The outputs that are there before a run, by name: what stays as it is, is no output of this run."""
    found = {}
    for name in present(outputs, cwd=cwd):
        with suppress(OSError):  # removed meanwhile
            found[name] = glance((cwd / name).lstat())
    return found


class Untouchable(NamedTuple):
    """What is never removed or moved. Paths are relative to the root."""

    tracked: Collection[str]  # silently
    places: Mapping[str, str]  # what lies there: then the run is refused
    runs: Mapping[str, float]  # those that are not recorded yet, and since when each may have written files

    def why_not(self, path: str, *, root: Path) -> str | None:
        """Why a file must stay, as the end of a sentence."""
        for place, what in self.places.items():
            if path == place or path.startswith(f"{place}/"):
                return f"is {what}" if path == place else f"lies in {what}"
        if any((root / parent / GIT).exists() for parent in list(Path(path).parents)[:-1]):
            return "lies in another repository"
        changed = (root / path).lstat().st_ctime
        run = next((run for run, since in self.runs.items() if changed >= since), None)
        return run and f"may be of run {run}, which is not recorded yet: gitexp status"


def make_way(
    outputs: Sequence[str], how: str, *, cwd: Path, repo: Repo, untouchable: Untouchable, stamp: str
) -> tuple[str, ...]:
    """Clear old outputs, or move them aside, as the recipe says (`old_outputs`); what there is to say of it.

    Raises Refused where that cannot be done: a program would go on with what an earlier one left.
    """
    prefix = cwd.relative_to(repo.root)
    paths = {name: (prefix / name).as_posix() for name in present(outputs, cwd=cwd)}
    names = [name for name, path in paths.items() if path not in untouchable.tracked]
    aside = repo.common_dir / "gitexp" / OLD / stamp
    try:
        for name in names:
            if why := untouchable.why_not(paths[name], root=repo.root):
                raise Refused(
                    f"Old output {display(os.fsencode(name))} is not moved out of the way: it {why}",
                    fix='name the outputs more narrowly, or set old_outputs = "keep"',
                )
        for name in names:
            if how == "clear":
                (cwd / name).unlink()
            else:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                _move(cwd / name, aside / name)
            _prune(cwd, name)
    except OSError as error:
        raise Refused(f"An old output cannot be moved out of the way: {error.strerror}: {error.filename}") from error
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


def gather(ended: Ended, outputs: Sequence[str], *, cwd: Path, whose: Whose) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy the outputs that a run wrote into its folder, where what it saved is; problems and notes, in sentences.

    It may be done again after a kill: what was put there is noted first.
    """
    folder, before, withheld = ended.folder, ended.submission.outputs, below(cwd, ended.submission.withheld)
    lost: dict[str, list[str]] = {}  # by the reason
    doubtful: dict[str, list[str]] = {}  # by the run of which they may be
    there, fresh = list(present(outputs, cwd=cwd)), []
    for name in there:
        try:
            info = (cwd / name).lstat()
        except OSError as error:
            lost.setdefault(str(error.strerror), []).append(name)
            continue
        if (name in before and is_as_before(info, before[name])) or whose.is_anothers(name):
            continue
        why = LATE if whose.is_late(info) else _RESTRICTED if any(holds(place, name) for place in withheld) else None
        if why:
            lost.setdefault(why, []).append(name)
            continue
        fresh.append(name)
        if run := whose.other(name):
            doubtful.setdefault(run, []).append(name)
    ours = runfolder.gathered(str(folder))
    runfolder.write_json(str(folder), runfolder.OUTPUTS, {"names": [*ours.union(fresh)]})
    _copy_all(fresh, cwd, folder / runfolder.SAVED, ours, lost)
    problems = [f"not kept: {_named(names)}: {why}" for why, names in lost.items()]
    problems += [
        f"{_named(names)} may be of run {run}, which was at work here at the same time"
        for run, names in doubtful.items()
    ]
    told = [*fresh, *(name for names in lost.values() for name in names)]
    notes = []
    for entry in outputs if ended.status == "completed" else ():
        link = None if is_pattern(entry) else _link(cwd, os.path.normpath(entry))
        if link:
            problems.append(f"{entry}: {link} is a link, and links are not followed ([run] outputs)")
        elif any(map(covers([entry]), told)):
            continue
        elif any(map(covers([entry]), there)):
            notes.append(f"{entry}: not kept, since this run did not write to what is there ([run] outputs)")
        else:
            problems.append(f"{entry}: this run wrote no such output ([run] outputs)")
    return tuple(problems), tuple(notes)


def _named(names: Sequence[str]) -> str:
    return f"output {', '.join(names[:NAMED])}{and_more(len(names), NAMED)}"


def _copy_all(names: Sequence[str], cwd: Path, saved: Path, ours: Collection[str], lost: dict[str, list[str]]) -> None:
    """`ours`: names there that may be replaced. No link is followed, on neither side, whoever planted it and when."""
    from gitexp.datasets.objects.placing import Below

    try:
        with Below(saved.parent) as run, Below(cwd) as here:
            with suppress(FileExistsError):
                os.mkdir(saved.name, dir_fd=run.fd)  # the program may have removed it
            with Below(os.fsencode(saved.name), dir_fd=run.fd) as there:
                for name in names:
                    if os.path.lexists(saved / name) and name not in ours:
                        why = "the program saved a file of that name in $GITEXP_OUTPUT"
                        lost.setdefault(why, []).append(name)
                        continue
                    try:
                        _copy(*here.parent(os.fsencode(name)), *there.parent(os.fsencode(name), make=True))
                    except OSError as error:
                        lost.setdefault(str(error.strerror), []).append(name)
    except OSError as error:
        lost.setdefault(f"$GITEXP_OUTPUT: {error.strerror}", []).extend(names)


def _copy(source: int, name: bytes, target: int, new: bytes) -> None:
    """From one open folder to another; by shared blocks where the file system can."""
    import shutil

    from gitexp.datasets.objects.copies import clone

    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        open(open_regular(name, dir_fd=source, flags=os.O_NOFOLLOW)[0], "rb") as reader,
        open(os.open(new, flags, 0o666, dir_fd=target), "wb") as writer,
    ):
        if not clone(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, 1 << 20)
