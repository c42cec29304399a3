"""Runs from lab to lab in a file: what the other lacks → free of secrets → a bundle; and that, checked, taken up."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.progress import Watch
from gitexp.errors import GitexpError, beyond, counted
from gitexp.git.bundle import read_head, remember_given, write_bundle
from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import sync_ref
from gitexp.git.repo import Repo, commits_among, is_ancestor, line, output, ref_id, remote_names
from gitexp.git.standing import branch_ref, is_shallow
from gitexp.git.trailers import commits_with
from gitexp.git.transport import Remote, There, TransportFailed
from gitexp.history.datause import manifest_at
from gitexp.history.listing import New, count_new
from gitexp.history.needed import is_in_code, needed
from gitexp.history.share import Shared, local_tip, pull_runs
from gitexp.pipelines.publish import Cleared, clear
from gitexp.record.identity import RUN_TRAILER
from gitexp.record.manifest import parse_manifest

TRIES = 5  # of a branch that grows while it is written
SHOWN = 5
FOLDER = "a folder as a remote in gitexp.toml carries them"


class Bundled(NamedTuple):
    """What was written."""

    tip: str
    new: New
    cleared: Cleared
    left_out: str  # a sentence on the bytes that git does not hold; empty: there are none


def bundle(clone: Clone, file: Path, *, there: There, watch: Watch) -> Bundled:
    """Write what `there` lacks of the branch. Raises GitexpError, and Refused as a push does."""
    repo, branch = clone.repo, clone.config.branch
    if file.exists() or file.is_symlink():
        raise GitexpError(f"{file} exists already", fix="gitexp bundle ANOTHER-FILE")
    if not file.parent.is_dir():
        raise GitexpError(f"There is no folder {file.parent}", fix=f"mkdir -p {shlex.quote(str(file.parent))}")
    if there.tip is None and is_shallow(repo):
        raise GitexpError(
            f"This clone has only the end of {branch}, and a file of that is of no use to a lab that has none of it",
            fix="git fetch --unshallow    or gitexp bundle FILE --since RUN, one that is here and there",
        )
    for _ in range(TRIES):
        tip = local_tip(repo, branch)
        cleared = clear(clone, tip, there=there, watch=watch)
        if not cleared.commits:
            raise GitexpError("There is nothing to write: the other side has all of it")
        written = write_bundle(repo, file, branch=branch, without=[there.tip] if there.tip else [])
        if written == tip:
            break
        file.unlink()  # it has a run that nobody looked at
    else:
        raise GitexpError(f"Runs were recorded {TRIES} times while {branch} was written", fix="type it again")
    remember_given(repo, tip, branch=branch)
    new = count_new(repo, include=tip, exclude=there.tip)
    sentence = _left_out(repo, cleared.runs)
    return Bundled(tip, new, cleared, f"{sentence} not in it: {FOLDER} (gitexp data push)" if sentence else "")


class Unbundled(NamedTuple):
    """What was taken up."""

    shared: Shared
    tip: str  # of the other lab
    left_out: str  # as above


def unbundle(clone: Clone, file: Path, *, name: str | None) -> Unbundled:
    """Take up the runs of a file. `name`: what the other lab's branch is called here from now on, as a remote's is."""
    repo, branch = clone.repo, clone.config.branch
    if name in remote_names(repo):
        raise GitexpError(
            f"{name} is a remote of this clone",
            why="What it has is what git last fetched from there. A lab that a file comes from has a name of its own.",
            fix="gitexp unbundle FILE --as ANOTHER-NAME    or without --as",
        )
    head = read_head(file)
    if branch not in head.tips:
        known = ", ".join(sorted(head.tips)[:SHOWN]) or "none"
        raise GitexpError(f"{file} has no branch {branch}; branches in it: {known}")
    ours, theirs = line(repo, "rev-parse", "--show-object-format"), "sha256" if len(head.tips[branch]) > 40 else "sha1"
    if ours != theirs:
        raise GitexpError(f"{file} has ids of {theirs}, this clone those of {ours}: git brings no such two together")
    here = commits_among(repo, head.built_on)
    if lacked := [f"  {commit[:12]} {words[:80]}" for commit, words in head.built_on.items() if commit not in here]:
        own = ref_id(repo, branch_ref(branch))
        since = f" --since {own[:12]}" if own else ""
        raise GitexpError(
            f"{file} builds on {counted(len(lacked), 'commit')} that this clone does not have",
            details=[*lacked[:SHOWN], *beyond(len(lacked), SHOWN)],
            why="The other lab wrote only what is new since then."
            + (" If it does not know the commit below: an older one that both have." if own else ""),
            fix=f"gitexp bundle FILE{since}    in the lab that it is from",
        )
    try:
        shared = pull_runs(repo, Remote(str(file), None), branch=branch)
    except TransportFailed as error:
        why = "Nothing of it was taken up."
        raise GitexpError(f"{file} is damaged, or broke off", details=error.details, why=why) from error
    if name is not None:
        ref = f"refs/remotes/{name}/{branch}"
        had = ref_id(repo, ref)
        if had is None or not is_ancestor(repo, head.tips[branch], had):  # else it is an older file of theirs
            output(repo, "update-ref", "-m", "gitexp unbundle", ref, head.tips[branch])
            sync_ref(repo, ref)
    without = [f"^{shared.before}"] if shared.before else []
    moved = shared.before != shared.after
    sentence = _left_out(repo, commits_with(repo, RUN_TRAILER, shared.after, *without) if moved else [])
    how = f"{sentence} not in it: {FOLDER}, and gitexp get RUN brings them back" if sentence else ""
    return Unbundled(shared, head.tips[branch], how)


def _left_out(repo: Repo, runs: list[str]) -> str:
    """`2 datasets and 7 other files of these runs are`; empty where git holds all that they need."""
    with ObjectReader(repo) as reader:
        needs = needed(reader, runs)
        datasets = 0
        for need in needs.datasets:
            manifest = manifest_at(reader, need.commit, need.record.name, digest=need.digest)
            datasets += manifest is None or not is_in_code(reader, need, parse_manifest(manifest))
    parts = [counted(datasets, "dataset")] * bool(datasets) + [counted(len(needs.files), "other file")] * bool(
        needs.files
    )
    return f"the bytes of {' and '.join(parts)} of these runs are" if parts else ""
