"""Turn the working tree into the `code/` tree of a record: HEAD's tree, or a snapshot of exactly what is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import Refused, beyond
from gitexp.git.worktree import Surveyed, other_repositories, untracked_sizes
from gitexp.record.codefacts import LICENSES, lfs_patterns, license_id, submodule_paths
from gitexp.record.digests import Oid
from gitexp.record.identity import Code
from gitexp.regularfile import read_regular
from gitexp.spec.config import Policy

LONGEST_READ = 1 << 16
SHOWN = 20  # paths named in a record; the count says how many there were


class Snapshot(NamedTuple):
    """The code that will run."""

    code: Code
    tree: str  # object id
    env: Mapping[str, str]  # in which git sees a dirty tree's snapshot and its index; empty for a clean one


def check_snapshot(surveyed: Surveyed, policy: Policy) -> None:
    """Refuse what a tree cannot hold, and to sweep large untracked files into git for ever. Raises Refused."""
    inexact = other_repositories(surveyed)
    if inexact:
        raise Refused(
            "A snapshot cannot hold other repositories' changes",
            details=[f"  {path}" for path in inexact],
            why="A run recorded now would point at code that is in none of your commits.",
            fix="commit inside the submodule, or put the nested repository into .gitignore",
        )
    sizes = untracked_sizes(surveyed)
    if sum(sizes.values()) <= policy.untracked_limit_bytes:
        return
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    lines = [f"  {size / 1e6:8.1f} MB  {path}" for path, size in largest[:SHOWN]]
    lines += beyond(len(largest), SHOWN)
    raise Refused(
        f"Untracked files of {sum(sizes.values()) / 1e6:.1f} MB would be swept into the record's code",
        details=lines,
        why=f"The limit is {policy.untracked_limit_bytes / 1e6:.1f} MB; what is in git stays there for ever.",
        fix="put them into .gitignore    or raise [policy] untracked_limit in gitexp.toml",
    )


def snapshot(surveyed: Surveyed, *, index: Path, objects: Path) -> Snapshot:
    """The code as a stored tree. `index`, `objects`: where a dirty tree's temporary git index and objects may lie."""
    head, repo = surveyed.head, surveyed.repo
    paths = [change.path for change in surveyed.changes]
    code = Code(
        clean=surveyed.clean,
        commit=Oid.of(head.commit),
        subject=head.subject,
        branch=head.branch,
        remote=_remote_url(surveyed),
        changed=tuple(paths[:SHOWN]),
        changed_count=len(paths),
        submodules=tuple(submodule_paths(_text(repo.root, ".gitmodules"))[:SHOWN]),
        lfs=tuple(lfs_patterns(_text(repo.root, ".gitattributes")))[:SHOWN],
        license=next(filter(None, (license_id(_text(repo.root, name)) for name in LICENSES)), None),
    )
    if surveyed.clean:
        return Snapshot(code=code, tree=head.tree, env={})
    from gitexp.git.quarantine import snapshot_tree

    tree, env = snapshot_tree(surveyed, index=index, objects=objects)
    return Snapshot(code=code, tree=tree, env=env)


def _text(root: Path, name: str) -> str:
    """The beginning of a file at the root; empty where there is none."""
    try:
        return read_regular(root / name, most=LONGEST_READ).decode("utf-8", "replace")
    except OSError:
        return ""


def _remote_url(surveyed: Surveyed) -> str | None:
    """Where the code may be found: the branch's own remote, else origin. A hint, without credentials."""
    config = surveyed.repo.settings
    remote = config.get(f"branch.{surveyed.head.branch}.remote", "origin")
    url = config.get(f"remote.{remote}.url")
    if not url:
        return None
    from gitexp.redact import redact_url

    return redact_url(url)
