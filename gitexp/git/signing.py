"""Sign a commit as git signs: with the user's own key, format and programs. Only where that was asked for.

A signer that cannot do it (no key, no agent, a locked one, killed) is told from a git that cannot store anything: what
was to be signed waits, and is never stored without a signature.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gitexp.git.repo import POLICY, SIGN, Repo, SigningFailed, failure, said, start
from gitexp.git.signatures import program_lacking
from gitexp.text.schema import escaped

LONGEST_S = 20.0  # that a signer may take where nobody can answer it; each command tries again what waits


def sign(repo: Repo, args: Sequence[str], *, feed: bytes, env: Mapping[str, str]) -> str:
    """Do `git commit-tree` with a signature; the commit. `args`: those without. Raises SigningFailed and GitFailed.

    Who sits at a terminal is asked for a passphrase there. In the background, or where there is no terminal, a signer
    that asked would stop or wait for ever: it finds none, and fails.
    """
    place = args.index("commit-tree") + 1
    attended = _attended()
    signing = start(
        repo.root,
        *args[:place],
        "-S",
        *args[place:],
        env={**env, **({} if attended else {"GPG_TTY": ""})},
        stdin=subprocess.PIPE,
        alone=not attended,
    )
    try:
        out, err = signing.communicate(feed, timeout=None if attended else LONGEST_S)
    except KeyboardInterrupt:  # so that it is said where what was to be signed waits
        _end(signing, attended=attended)
        raise _failed(repo, ["it was interrupted"]) from None
    except subprocess.TimeoutExpired:
        _end(signing, attended=attended)
        raise _failed(repo, [f"it took more than {LONGEST_S:g} s, with nobody there to be asked"]) from None
    if signing.returncode == 0:
        return out.decode().strip()
    plain = start(repo.root, *args, env=env, stdin=subprocess.PIPE)  # what it makes is in no branch
    _, words = plain.communicate(feed)
    if plain.returncode != 0:
        raise failure(plain.args, plain.returncode, words)  # type: ignore[arg-type]
    killed = [f"git was killed (signal {-signing.returncode})"] if signing.returncode < 0 else []
    raise _failed(repo, [*said(err), *killed])


def _end(signing: subprocess.Popen[bytes], *, attended: bool) -> None:
    """End it, with its signer where that is in a session of theirs: one that outlives git holds our pipes open."""
    with suppress(ProcessLookupError):
        if attended:
            signing.kill()
        else:
            os.killpg(signing.pid, signal.SIGKILL)
    signing.wait()
    for stream in (signing.stdin, signing.stdout, signing.stderr):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()


def _attended() -> bool:
    """Whether we may ask whoever sits at the terminal: there is one, and we are in its foreground."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _failed(repo: Repo, words: Sequence[str]) -> SigningFailed:
    details = [text for one in words if (text := one.removeprefix("error:").removeprefix("fatal:").strip())]
    return SigningFailed(
        f"The commit could not be signed: {details[0] if details else 'the signer did not say why'}",
        details=details[1:],
        why="A signature is asked for, by "
        + (
            "[policy] sign in gitexp.toml."
            if repo.settings.get(SIGN) == POLICY
            else f"git's configuration. Without one: git config {SIGN} false"
        ),
        fix=_fix(repo),
    )


def _fix(repo: Repo) -> str:
    settings = repo.settings
    key, form = settings.get("user.signingkey", ""), settings.get("gpg.format", "openpgp").lower()
    if program := program_lacking(repo, form):
        return f"install {program}, by which git signs here    (git config --get-regexp '^gpg')"
    if form == "ssh":
        another = "git config --global user.signingKey ~/.ssh/id_ed25519.pub    # or another key of yours"
        if not key:
            return "ssh-add    # unlocks the key" if "gpg.ssh.defaultkeycommand" in settings else another
        if key.startswith(("key::", "ssh-", "ecdsa-", "sk-")):
            return "ssh-add    # unlocks the key"
        if not (repo.root / Path(key).expanduser()).exists():
            return another.replace(" --global", "").replace("or another", f"{escaped(key)} is not there; or another")
        return f"ssh-add {_quoted(key.removesuffix('.pub'))}"
    named = f" -u {shlex.quote(key)}" if key else ""
    program = settings.get(f"gpg.{form}.program") or settings.get("gpg.program") or "gpg"
    return f"echo | GPG_TTY=$(tty) {shlex.quote(program)} --clearsign{named}    # asks for the passphrase"


def _quoted(path: str) -> str:
    """For a shell, which is to know what ~ stands for."""
    home, there, rest = path.partition("/")
    return f"{home}/{shlex.quote(rest)}" if home == "~" and there else shlex.quote(path)
