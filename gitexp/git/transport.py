"""Fetch one branch from a remote, and push one commit to it. Nothing else goes over the wire, whatever git config says.

Every refspec is spelled out, so push.default, push.followTags, remote.*.push, fetch.prune and their kind have no say.
Nothing is ever forced. git's own progress and its hooks' words are handed to `show` as they come; what went wrong is
kept for the error. Credentials are git's business: it keeps our stdin and the terminal.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.objects import sync_ref
from gitexp.git.repo import (
    ENGLISH,
    Repo,
    commits_among,
    git_environment,
    line,
    object_folder,
    output,
    ref_id,
    remote_names,
    start,
)
from gitexp.git.standing import branch_ref, given_ref, in_the_way
from gitexp.redact import redact_url

Show = Callable[[bytes], None]

# The shipped pre-push hook reads this: what we push is never forced, so git itself refuses what would rewrite.
NEVER_FORCED = {"GITEXP_NEVER_FORCED": "1"}

# What is fetched comes as a pack, however little it is: a `git gc` that already runs leaves new packs alone.
IN_A_PACK = ("-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1")

# Of what a server says, what stands before its words; and the words in which GitHub (GH006, GH013), GitLab, Gitea,
# Forgejo and Bitbucket say that a branch is protected.
_SAYS = re.compile(r"^remote:\s+(?:(?:error|fatal|gitlab|gitea|forgejo):\s+)?(?=.*\w)", re.IGNORECASE)
_PROTECTED = re.compile(
    r"GH0\d\d|protected (branch|ref)|rule violations|not allowed to (force )?push|permission denied to update branch",
    re.IGNORECASE,
)

# What a remote says when two pushes met there; everything else it says is final.
_KEPT_BACK = (b"error: ", b"fatal: ", b"hint: ", b"remote: error: ", b"remote: fatal: ")
_LOST_THERE = ("lock", "failed to update ref", "incorrect old value", "already exists", "fetch first", "stale info")


class TransportFailed(GitexpError):
    """The remote could not be reached, or refused; `details` are git's words."""


class Remote(NamedTuple):
    """Where to push to and fetch from."""

    address: str  # what git is given: a remote's name, a URL, an absolute path
    name: str | None  # None: not a configured remote, so there is no remote-tracking branch

    @property
    def shown(self) -> str:
        """The name, or the URL without what is secret in it."""
        return self.name or redact_url(self.address)

    def tracking_ref(self, branch: str) -> str | None:
        """The ref that remembers the remote's branch; None for a URL."""
        return f"refs/remotes/{self.name}/{branch}" if self.name else None


class There(NamedTuple):
    """What a remote is known to have: commits that are here too."""

    tip: str | None  # of the experiments branch; None: it has none, or nobody knows
    heads: tuple[str, ...] = ()  # of all its branches


class Taken(NamedTuple):
    """The remote's branch is now what was pushed. `before` is what it was; None: it was not there."""

    before: str | None


class Lost(NamedTuple):
    """Somebody else was faster, or holds the lock: look again."""

    words: tuple[str, ...]


def choose_remote(repo: Repo, asked: str | None, *, branch: str, cwd: Path) -> Remote:
    """The remote to share with: the one asked for, else gitexp.remote, the branch's upstream, origin, the only one.

    What is asked for is a remote's name, a URL, or a path seen from `cwd`.
    """
    names = remote_names(repo)
    upstream = repo.settings.get(f"branch.{branch}.remote")
    wanted = asked or repo.settings.get("gitexp.remote") or (upstream if upstream != "." else None)
    if wanted is not None:
        if wanted in names:
            return Remote(wanted, wanted)
        if asked and "://" not in asked and (cwd / asked).exists():
            return Remote(os.path.normpath(cwd / asked), None)  # git runs in the root, the user typed it elsewhere
        if re.search(r"[:/]", wanted):
            return Remote(wanted, None)
        raise GitexpError(
            f"There is no remote named {wanted}",
            why=f"This repository knows {', '.join(names)}." if names else "This repository has no remotes.",
            fix=f"git remote add {wanted} URL",
        )
    if "origin" in names or len(names) == 1:
        name = "origin" if "origin" in names else names[0]
        return Remote(name, name)
    if names:
        raise GitexpError(
            f"Which remote? This repository has {', '.join(names)}, and none is called origin",
            fix=f"git config gitexp.remote {names[0]}    or name it in the command",
        )
    raise GitexpError("There is no remote to share runs with", fix="git remote add origin URL    then type it again")


def fetch_branch(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None) -> str | None:
    """Fetch the remote's branch and return its tip; None where the remote has no such branch.

    A configured remote's remote-tracking branch moves along; for a URL nothing is left behind but objects.
    """
    target = remote.tracking_ref(branch) or f"refs/gitexp/incoming/{os.getpid()}"
    for _ in range(5):
        code, words = _fetch(repo, remote, f"+{branch_ref(branch)}:{target}", show=show)
        if code == 0:
            break
        if any("couldn't find remote ref" in text for text in words):
            return None
        if any("; cannot create " in text for text in words):
            raise TransportFailed(
                f"Cannot fetch {branch} from {remote.shown}: a ref that it had before is in the way",
                details=words,
                fix=f"git remote prune {remote.name}" if remote.name else "",
            )
        if not any("cannot lock ref" in text or "unable to update local ref" in text for text in words):
            raise TransportFailed(f"Cannot fetch {branch} from {remote.shown}", details=words)
    else:
        raise TransportFailed(f"Cannot fetch {branch} from {remote.shown}: the ref is locked", details=words)
    tip = ref_id(repo, target)
    sync_ref(repo, target)
    if remote.name is None and tip is not None:
        start(repo.root, "update-ref", "-d", target).communicate()
    return tip


def _fetch(
    repo: Repo, remote: Remote, refspec: str, *, env: Mapping[str, str] | None = None, show: Show | None
) -> tuple[int, tuple[str, ...]]:
    """Fetch one ref. Plain English: git says only in words that it is not there, or that another holds the lock."""
    args = [*IN_A_PACK, "fetch", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head"]
    args += ["--refmap=", *(["--progress"] if show else []), "--", remote.address, refspec]
    code, _, words = _talk(repo, args, env={**ENGLISH, **(env or {})}, show=show)
    return code, words


def fetch_whole(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None) -> str | None:
    """Fetch all of the remote's branch again, whatever is here, and return its tip; None where it has no such branch.

    git fetches nothing into a repository with a damaged ref, nor an object of which a damaged copy is there. So this
    goes by way of a repository beside it, which has its configuration and nothing else; the packs are then moved.
    """
    import shutil
    import tempfile

    objects = object_folder(repo)
    with tempfile.TemporaryDirectory(prefix="gitexp-fetch-", dir=objects) as folder:
        apart = Path(folder)
        (apart / "refs").mkdir()
        (apart / "objects").mkdir()
        (apart / "HEAD").write_text("ref: refs/heads/none\n")
        shutil.copyfile(repo.common_dir / "config", apart / "config")
        env = {"GIT_DIR": folder, "GIT_WORK_TREE": str(repo.root), "GIT_OBJECT_DIRECTORY": f"{folder}/objects"}
        code, words = _fetch(repo, remote, f"+refs/heads/{branch}:refs/heads/{branch}", env=env, show=show)
        if any("couldn't find remote ref" in text for text in words):
            return None
        if code != 0:
            raise TransportFailed(f"Cannot fetch {branch} from {remote.shown}", details=words)
        tip = line(repo, "rev-parse", "--verify", f"refs/heads/{branch}", env=env)
        for file in sorted(apart.glob("objects/pack/pack-*"), key=lambda path: path.suffix == ".idx"):
            file.rename(objects / "pack" / file.name)  # the index last: it makes a pack known
    output(repo, "prune-packed", "-q")  # a loose object that broke off would be complained of for ever
    if ref := remote.tracking_ref(branch):
        start(repo.root, "update-ref", "-m", "gitexp pull", ref, tip).communicate()
        sync_ref(repo, ref)
    return tip


def branch_in_the_way(repo: Repo, remote: Remote, *, branch: str) -> str | None:
    """The remote's branch beside which it cannot have one of this name; None where git finds none."""
    other = in_the_way(branch_ref(branch), _heads_there(repo, remote), any_case=False)
    return other and other.removeprefix("refs/heads/")


def known_there(repo: Repo, remote: Remote, *, branch: str) -> There:
    """What a configured remote had when it was last spoken to; one that is only a URL is asked."""
    if remote.name is not None:
        listing = output(repo, "for-each-ref", "--format=%(objectname)\t%(refname)", f"refs/remotes/{remote.name}/")
        heads = _by_ref(listing.decode(errors="surrogateescape"))
    else:
        heads = _heads_there(repo, remote)
    here, tip = commits_among(repo, heads.values()), heads.get(remote.tracking_ref(branch) or branch_ref(branch))
    return There(tip if tip in here else None, tuple(sorted(here)))


def _heads_there(repo: Repo, remote: Remote) -> dict[str, str]:
    """The commits of the remote's branches, by their refs there; none where it does not answer."""
    code, out, _ = _talk(repo, ["ls-remote", "--heads", "--", remote.address], env={}, show=None)
    return _by_ref(out) if code == 0 else {}


def _by_ref(listing: str) -> dict[str, str]:
    return dict(text.split("\t")[::-1] for text in listing.splitlines() if "\t" in text)


def reason(words: Sequence[str]) -> str:
    """The first of git's words that says what is wrong, the remote's own before what git makes of it."""
    for beginning in ("remote: error: ", "remote: fatal: ", "error: ", "fatal: ", ""):
        for text in words:
            if text.startswith(beginning):
                return text.removeprefix(beginning).strip()
    return "it does not say why"


def push_commit(repo: Repo, remote: Remote, commit: str, *, branch: str, show: Show | None = None) -> Taken | Lost:
    """Make `commit` the remote's branch if that only adds to it. Raises TransportFailed when the remote will not.

    The user's pre-push hook runs, as with `git push`.
    """
    target = branch_ref(branch)
    args = ["-c", "advice.pushUpdateRejected=false"]
    if remote.name:
        args += ["-c", f"remote.{remote.name}.mirror=false"]  # a mirror remote takes no refspec at all
    args += ["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--no-force-with-lease"]
    args += ["--progress"] if show else []
    args += ["--", remote.address, f"{commit}:{target}"]
    code, out, words = _talk(repo, args, env=NEVER_FORCED, show=show)
    verdicts = re.findall(rf"^([ *=!])\t[^\t]*:{re.escape(target)}\t(.*)$", out, re.MULTILINE)
    refused = [said for flag, said in verdicts if flag == "!"]
    if code == 0 and verdicts and not refused:
        _remember(repo, remote, commit, branch=branch)
        flag, said = verdicts[0]
        if flag == "=":
            return Taken(commit)
        return Taken(ref_id(repo, said.partition("..")[0]) if ".." in said else None)  # from git's `old..new`
    if refused and all(said.startswith("[rejected]") or any(w in said for w in _LOST_THERE) for said in refused):
        return Lost((*words, *refused))
    what = f"Cannot push {branch} to {remote.shown}"
    if not any(said.startswith("[remote rejected]") for said in refused):
        raise TransportFailed(what, details=(*words, *refused))
    raise _declined(what, [*words, *refused], branch=branch, shown=show is not None)


def _declined(what: str, words: Sequence[str], *, branch: str, shown: bool) -> TransportFailed:
    """The error for what a server would not have: its own reason first. `shown`: all but its errors was, as it came."""
    said = [text for text in words if _SAYS.match(text)]
    protected = next((text for text in (*said, *words) if _PROTECTED.search(text)), None)
    errors = [text for text in said if text.startswith("remote: error: ")]
    first = protected or next(iter([*errors, *said]), words[-1])
    why = _SAYS.sub("", first).strip()
    seen = {*errors[:1], *(text for text in said if shown and text not in errors)}
    rest = [text for text in words if text not in seen]
    if protected is None:
        return TransportFailed(f"{what}: {why}", details=rest if len(said) > 1 or not errors else ())
    return TransportFailed(
        f"{what}: it is protected there ({why.rstrip('.:')})",
        details=[text for text in said if text != first and text not in seen],
        why="Your runs are safe on the local branch.",
        fix=f"in the settings there allow pushes to {branch} without a pull request, merges too; never by force",
    )


def _remember(repo: Repo, remote: Remote, commit: str, *, branch: str) -> None:
    """Move the remote-tracking branch, which git does only for branches that remote.NAME.fetch covers.

    It goes with the remote (`git remote remove`); that others have the commit is not forgotten with it.
    """
    for ref in (remote.tracking_ref(branch), given_ref(branch)):
        if ref is not None and ref_id(repo, ref) != commit:
            start(repo.root, "update-ref", "-m", "gitexp push", ref, commit).communicate()


def _talk(
    repo: Repo, args: Sequence[str], *, env: Mapping[str, str], show: Show | None
) -> tuple[int, str, tuple[str, ...]]:
    """Run git, handing on what it says as it says it. Returns exit code, stdout, and the words kept for an error.

    With `show`, its errors and hints are kept back: whether they matter is known only later (a lost race is tried
    again). Without, everything is kept and nothing shown.
    """
    import selectors

    out, kept, rest = b"", [], b""
    with (
        subprocess.Popen(
            ["git", "-c", "color.ui=false", *args],
            cwd=repo.root,
            env=git_environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        selectors.DefaultSelector() as streams,
    ):
        assert process.stdout is not None and process.stderr is not None
        streams.register(process.stdout, selectors.EVENT_READ)
        streams.register(process.stderr, selectors.EVENT_READ)
        while streams.get_map():
            for key, _ in streams.select():
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    streams.unregister(key.fileobj)
                if key.fd == process.stdout.fileno():
                    out += chunk
                    continue
                # Progress ends in a carriage return, all else in a line feed; what has neither yet is waited for.
                pieces = re.split(rb"(?<=[\r\n])", rest + chunk)
                rest = pieces.pop() if chunk else b""
                for piece in filter(None, pieces):
                    if show is not None and not piece.startswith(_KEPT_BACK):
                        show(piece)
                        if not piece.startswith(b"remote: ") or piece.rstrip().endswith((b"done.", b"%)")):  # progress
                            continue
                    kept.append(piece)
    words = b"".join(kept).decode(errors="replace").splitlines()
    return process.returncode, out.decode(errors="replace"), tuple(text.rstrip() for text in words if text.strip())
