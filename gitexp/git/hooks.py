"""Install the shipped hooks into a repository, find the hook that decides about runs, and run it.

Hooks go to `<common dir>/hooks`, or to `<common dir>/gitexp/hooks` where that folder is a link to somewhere else; never
into a core.hooksPath of the user's. A hook that was there is kept beside, and ours hands over to it. Each file we write
ends with a digest of itself: one that still matches is ours to update, one that does not was edited and is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError, Refused
from gitexp.git.repo import Repo, start
from gitexp.wholefile import WholeFile

PRE_RUN = "gitexp-pre-run"
GUARDS = ("pre-commit", "pre-push")  # git calls these itself
SERVER = "pre-receive"  # and this one where it is pushed to
MARK = b"# installed by gitexp; an edited copy is left alone. sha256 of the lines above: "


class Installed(NamedTuple):
    """What became of the hooks."""

    folder: Path
    written: tuple[str, ...]  # new or updated; empty: nothing to do
    handed_over: tuple[str, ...]  # hooks of others that ours now call, by their new names
    edited: tuple[str, ...]  # ours once, edited since: left as they are
    missing_calls: Mapping[Path, str]  # a hook of the user's own → the line that calls ours from it

    @property
    def lines(self) -> list[str]:
        """The same for people, a label of eleven columns before each."""
        lines = [f"hook       {self.folder / name}" for name in self.written]
        lines += [f"kept       {name}, which the new hook calls" for name in self.handed_over]
        lines += [f"edited     {name} has changes of your own and stays as it is" for name in self.edited]
        if self.missing_calls:
            lines.append("attention  core.hooksPath is set, so git does not call these guards. Add to your hooks:")
            lines += [f"           {path}:  {call}" for path, call in self.missing_calls.items()]
        return lines


def hooks_source() -> Path:
    """Where the shipped hooks lie: in the package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "hooks", package.parent / "hooks"):
        if (folder / PRE_RUN).is_file():
            return folder
    raise GitexpError("This installation of gitexp lacks its hooks", fix="pip install --force-reinstall gitexp")


def install_hooks(repo: Repo) -> Installed:
    """Write the three hooks of a clone, idempotently."""
    return _install(repo, (PRE_RUN, *GUARDS), called=GUARDS)


def install_server_hook(repo: Repo) -> Installed:
    """Write the hook of a repository that others push to, idempotently."""
    return _install(repo, (SERVER,), called=(SERVER,))


def shipped(name: str) -> bytes:
    """A hook as it is installed."""
    return _sealed((hooks_source() / name).read_bytes())


def _install(repo: Repo, names: Sequence[str], *, called: Sequence[str]) -> Installed:
    """`called`: those that git calls itself."""
    folder = _own_folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    written, handed_over, edited = [], [], []
    for name in names:
        content = shipped(name)
        path = _our_place(folder, name)
        there = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if MARK in there:
            if not _is_sealed(there):
                edited.append(name)
                continue
            if there == content and os.access(path, os.X_OK):
                continue
        elif os.path.lexists(path):
            handed_over.append(_keep_beside(path, name))
        with WholeFile(path) as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(content)
        written.append(name)
    missing = _missing_calls(repo, folder, called)
    return Installed(folder, tuple(written), tuple(handed_over), tuple(edited), missing)


def pre_run_hook(repo: Repo) -> Path | None:
    """The hook that decides about runs: in core.hooksPath, else where gitexp installs hooks. None: there is none.

    A relative core.hooksPath counts from the root of the working tree; a linked one may lack it. Raises Refused for a
    hook that is there and not executable, which git would skip with a hint.
    """
    configured = _configured_folder(repo)
    folders = [repo.common_dir / "hooks", repo.common_dir / "gitexp" / "hooks"]
    for folder in folders if configured is None else [configured, *folders]:
        hook = folder / PRE_RUN
        if not hook.is_file():
            continue
        if not os.access(hook, os.X_OK):
            import shlex

            raise Refused(
                f"The hook {hook} is not executable, so it cannot decide about this run",
                fix=f"chmod +x {shlex.quote(str(hook))}",
            )
        return hook
    return None


def is_set_up(repo: Repo) -> bool:
    """Whether `gitexp init` was here: one of the guards is ours."""
    folders = (repo.common_dir / "hooks", repo.common_dir / "gitexp" / "hooks")
    return any(_mentions(_our_place(folder, name), MARK) for folder in folders for name in GUARDS)


def run_pre_run_hook(repo: Repo, hook: Path, *, env: Mapping[str, str]) -> tuple[str, ...]:
    """Run the hook as git runs hooks; returns what it said. Raises Refused with the hook's own lines if it refuses."""
    command = ["-c", f"core.hooksPath={hook.parent}", "hook", "run"]
    process = start(repo.root, *command, PRE_RUN, env=env)
    _, said = process.communicate()
    if process.returncode != 0 and b"--allow-unknown-hook-name" in said:
        # From git 2.54 on a hook that git does not know needs this flag, which older ones do not know.
        process = start(repo.root, *command, "--allow-unknown-hook-name", PRE_RUN, env=env)
        _, said = process.communicate()
    lines = tuple(said.decode(errors="replace").rstrip().splitlines())
    if process.returncode == 0:
        return lines
    if not lines:
        raise Refused(f"The hook {hook} refused this run without a word (exit code {process.returncode})")
    raise Refused("", details=lines)


def _own_folder(repo: Repo) -> Path:
    hooks = repo.common_dir / "hooks"
    # Some link .git/hooks to a tracked folder: writing through that link would change the user's working tree.
    inside = hooks.resolve().is_relative_to(repo.common_dir.resolve())
    return hooks if inside else repo.common_dir / "gitexp" / "hooks"


def _configured_folder(repo: Repo) -> Path | None:
    configured = repo.settings.get("core.hookspath")
    return repo.root / os.path.expanduser(configured) if configured else None  # noqa: PTH111 -- cheaper than Path's


def _our_place(folder: Path, name: str) -> Path:
    """Where our hook belongs: under its name, or where the pre-commit framework keeps and calls the hook before it.

    In front of the framework it would not stay: `pre-commit install`, typed again, puts it there and drops what was.
    """
    by_framework = _mentions(folder / name, b"File generated by pre-commit")
    return folder / (f"{name}.legacy" if by_framework else name)


def _sealed(program: bytes) -> bytes:
    return program + MARK + _digest(program) + b"\n"


def _is_sealed(content: bytes) -> bool:
    program, _, digest = content.partition(MARK)
    return digest.strip() == _digest(program)


def _digest(program: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(program).hexdigest().encode()


def _keep_beside(path: Path, name: str) -> str:
    """Give a hook that is not ours the name under which ours calls it, and return that name.

    The name may be taken: somebody installed a hook over ours and the one before it. That older one, which nothing
    has called since, gets a number. Until ours replaces it, the hook stays in its own place too.
    """
    beside = path.with_name(f"{name}.before-gitexp")
    if os.path.lexists(beside):
        number = 1
        while os.path.lexists(f"{beside}.{number}"):
            number += 1
        beside.rename(f"{beside}.{number}")
    try:
        os.link(path, beside, follow_symlinks=False)
    except OSError:  # a file system without hard links
        path.rename(beside)
    return beside.name


def _missing_calls(repo: Repo, ours: Path, called: Sequence[str]) -> dict[Path, str]:
    """For each guard that git will not call, the user's own hook and the line that it needs."""
    active = _configured_folder(repo) or repo.common_dir / "hooks"
    if active.resolve() == ours.resolve():
        return {}
    # husky generates the folder that git calls, and runs from there what people write in its parent.
    theirs = active.parent if active.parent.name == ".husky" and active.name == "_" else active
    inner = ours.relative_to(repo.common_dir).as_posix()
    lines = {theirs / name: f'"$(git rev-parse --git-common-dir)/{inner}/{name}" "$@"' for name in called}
    return {path: line for path, line in lines.items() if not _mentions(path, line.encode())}


def _mentions(path: Path, text: bytes) -> bool:
    try:
        return text in path.read_bytes()
    except OSError:
        return False
