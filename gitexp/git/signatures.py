"""What git and the user's own keys say of the signatures of commits. Reads; fetches no key.

`good`: by a key that the user trusts (gpg.ssh.allowedSignersFile, gpg's keyring) as the committer's own. `bad`: the
commit is not what was signed. `unknown`: anything between, and why.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import AS_IT_IS, ENGLISH, Repo, said, start
from gitexp.regularfile import read_regular

STATES = ("good", "unknown", "bad", "missing")
# Git gives up on all commits at once where a signature begins like none of these.
_BEGINNINGS = {
    b"-----BEGIN SSH SIGNATURE-----": "ssh",
    b"-----BEGIN PGP SIGNATURE-----": "openpgp",
    b"-----BEGIN PGP MESSAGE-----": "openpgp",
    b"-----BEGIN SIGNED MESSAGE-----": "x509",
}
_PROGRAMS = {"ssh": "ssh-keygen", "openpgp": "gpg", "x509": "gpgsm"}
_FORMAT = "%H%x00%G?%x00%GK%x00%ce%x00%GS%x00%GG"
_NOBODY = ("-c", "gpg.ssh.allowedSignersFile=/dev/null")  # without any such file git looks at no signature of ssh
_AT_ONCE = 8  # processes


class Signature(NamedTuple):
    """Of one commit. Names and keys are as they were found: to be escaped where they are shown."""

    state: str  # one of STATES
    signer: str = ""  # whose key it is, by the user's own list; empty: nobody's that is on it
    key: str = ""
    why: str = ""  # it is not good

    @property
    def words(self) -> str:
        """In one line: `good: ada@example.org`, `unknown: key SHA256:… is nobody's that you know`."""
        return f"{self.state}: {self.why or self.signer}".removesuffix(": ")


MISSING = Signature("missing")


def signatures(repo: Repo, commits: Iterable[str]) -> Mapping[str, Signature]:
    """The signature of each commit, by its whole id; of one that cannot be read, none. Without any, no git is asked."""
    wanted = list(dict.fromkeys(commits))
    found = dict.fromkeys(wanted, MISSING)
    forms: dict[str, str] = {}
    with ObjectReader(repo, env=AS_IT_IS) as reader:
        for commit, answer in zip(wanted, reader.find_many(wanted), strict=True):
            text = _signature(answer[1] or b"", commit) if answer else None
            if text is None:
                continue
            form = next((form for start, form in _BEGINNINGS.items() if text.startswith(start)), "")
            if not form:
                found[commit] = Signature("bad", why="it is no signature that git knows")
            elif program := program_lacking(repo, form):
                found[commit] = Signature("unknown", why=f"{program}, which could tell, is not installed here")
            else:
                forms[commit] = form
    known = "gpg.ssh.allowedsignersfile" in repo.settings
    found |= _asked(repo, [*forms], () if known else _NOBODY)
    altered = [one for one, form in forms.items() if form == "ssh" and found[one].state == "bad"] if known else []
    for commit, again in _asked(repo, altered, _NOBODY).items():
        if again.state != "bad":  # what was signed is what is there
            found[commit] = again._replace(why=f"key {again.key} was revoked, or is not for git")
    return found


def program_lacking(repo: Repo, form: str) -> str | None:
    """The program for signatures of this form (as gpg.format has it), where it is not installed."""
    plain = repo.settings.get("gpg.program", "") if form == "openpgp" else ""
    program = repo.settings.get(f"gpg.{form}.program") or plain or _PROGRAMS.get(form, form)
    return None if shutil.which(Path(program).expanduser()) else program


def _signature(commit: bytes, oid: str) -> bytes | None:
    """How the signature in a commit's header begins, as git looks for it; None: there is none."""
    name = b"\ngpgsig " if len(oid) == 40 else b"\ngpgsig-sha256 "
    header, _, _ = commit.partition(b"\n\n")
    _, there, text = header.partition(name)
    return text if there else None


def _asked(repo: Repo, commits: Sequence[str], options: Sequence[str]) -> dict[str, Signature]:
    """What git says: several at work, since each commit costs it one or two programs."""
    if not commits:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    workers = min(len(os.sched_getaffinity(0)), _AT_ONCE, len(commits))
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(lambda at: _answers(repo, commits[at::workers], options), range(workers))
        return {commit: signature for part in parts for commit, signature in part.items()}


def _answers(repo: Repo, commits: Sequence[str], options: Sequence[str]) -> dict[str, Signature]:
    found: dict[str, Signature] = {}
    names = _names(repo)
    args = (
        *options,
        "log",
        "--no-show-signature",
        "--no-walk=unsorted",
        "-s",
        "-z",
        "--encoding=UTF-8",
        f"--format={_FORMAT}%x00",
        "--stdin",
    )
    while left := [one for one in commits if one not in found]:
        asking = start(repo.root, *args, env={**ENGLISH, **AS_IT_IS}, stdin=subprocess.PIPE)
        out, err = asking.communicate("".join(f"{one}\n" for one in left).encode())
        fields = out.decode("utf-8", "replace").split("\0")
        for at in range(0, len(fields) - 6, 7):  # the seventh is empty
            commit, letter, key, committer, signer, told = fields[at : at + 6]
            lines = names.get(key, [])
            lines = lines if any(signer in one for one in lines) else [*lines, signer]  # git cuts a line at its comma
            own = letter == "G" and _is_of(committer.lower(), lines, told)
            found[commit] = _judged(letter, key, committer, signer, own=own)
        for one in left:
            if one not in found:  # of which it died: the others are to be looked at all the same
                words = said(err) or ["without a word"]
                found[one] = Signature("unknown", why=f"git gave up on it: {words[-1]}")
                # Of a signature that is none ssh-keygen reads no commit, and git dies of telling it one, or does not.
                if asking.returncode == -signal.SIGPIPE:
                    found[one] = _judged("B", "", "", "", own=False)
                break
    return found


_WORDS = {"X": "the signature has expired", "Y": "its key has expired", "R": "its key was revoked"}


def _judged(letter: str, key: str, committer: str, signer: str, *, own: bool) -> Signature:
    """What git's letter means. A good signature by somebody else says nothing of who the commit says committed it."""
    if letter == "G":
        why = "" if own else f"signed by {signer}, committed as {committer}"
        return Signature("good" if own else "unknown", signer, key, why)
    if letter == "B":
        return Signature("bad", signer, key, "the commit was changed after it was signed")
    if letter in _WORDS:
        return Signature("unknown", signer, key, _WORDS[letter])
    if letter == "N":  # of an ssh-keygen before 8.2, say
        return Signature("unknown", why="the program here that checks signatures could not tell")
    named = f"key {key}{f' of {signer}' if signer else ''}" if key else "its key"
    return Signature("unknown", signer, key, f"{named} is on no list of yours")


# Each of a key's names ends its line: in gpg's with how far it is vouched for, in gpgsm's without. What stands before
# its address is the owner's to choose, and may look like such an end.
_VALID = r'<%s>"(?: \[ *(?:full|ultimate) *\])?$'


def _is_of(committer: str, names: Sequence[str], told: str) -> bool:
    """Whether one of a signer's names is the committer's address. Names that are none are taken; ssh has `*@lab.org`.

    `told`: gpg's words, which have all names of a key.
    """
    lines = [[one.strip() for one in name.lower().split(",")] for name in names if "<" not in name]
    if lines:
        return not any("@" in one for line in lines for one in line) or any(
            _names_it(line, committer) for line in lines
        )
    return re.search(_VALID % re.escape(committer), told, re.IGNORECASE | re.MULTILINE) is not None


def _names_it(patterns: Sequence[str], committer: str) -> bool:
    """As ssh takes patterns: one with a ! before it takes out what another lets in."""
    others = [one[1:] for one in patterns if one.startswith("!")]
    return any(fnmatchcase(committer, one) for one in patterns) and not any(
        fnmatchcase(committer, one) for one in others
    )


def _names(repo: Repo) -> dict[str, list[str]]:
    """Whose each key of the allowed signers is: ssh-keygen says only the first. By fingerprint.

    A line that holds for some time or for some use alone is ssh-keygen's to judge: it counts where that names it.
    """
    from base64 import b64decode, b64encode
    from hashlib import sha256

    found: dict[str, list[str]] = {}
    path = repo.root / Path(repo.settings.get("gpg.ssh.allowedsignersfile", os.devnull)).expanduser()
    try:
        lines = read_regular(path, most=1 << 20).decode("utf-8", "replace").split("\n")
    except OSError:
        return {}
    for line in lines:
        names, _, rest = line.strip().partition(" ")
        for word in rest.split():
            if word.startswith(("valid-", "namespaces=")):
                break
            if word.startswith("AAAA"):
                with suppress(ValueError):
                    key = b64encode(sha256(b64decode(word)).digest()).decode().rstrip("=")
                    found.setdefault(f"SHA256:{key}", []).append(names.strip('"'))
                break
    return found
