"""Signatures of commits: what is good, what is nobody's, what was changed, and what git itself gives up on."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Lab
from signers import signs_by_gpg, signs_by_ssh, ssh_key, trusts

from gitexp.git.repo import find_repo
from gitexp.git.signatures import MISSING, Signature, signatures


def signed(lab: Lab, message: str = "signed", *args: str) -> str:
    return lab.git("commit-tree", "-S", *args, "HEAD^{tree}", "-m", message).strip()


def rewritten(lab: Lab, commit: str, old: str, new: str) -> str:
    """The commit with other bytes, as somebody writes it who has not the key."""
    text = lab.git("cat-file", "commit", commit)
    assert old in text
    return lab.git("hash-object", "-t", "commit", "-w", "--stdin", feed=text.replace(old, new)).strip()


def looked_at(lab: Lab, *commits: str) -> list[Signature]:
    found = signatures(find_repo(lab.path), commits)
    return [found[commit] for commit in commits]


def test_a_commit_is_good_by_its_committers_own_key_alone(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    mine = signed(here)
    tampered = rewritten(here, mine, "\n\nsigned", "\n\nother words")
    plain = here.git("rev-parse", "HEAD").strip()
    [unknown, bad, missing] = looked_at(here, mine, tampered, plain)
    assert (unknown.state, bad.state, missing) == ("unknown", "bad", MISSING)
    assert unknown.why == f"key {unknown.key} is on no list of yours"
    trusts(here, key)
    [good, bad, missing] = looked_at(here, mine, tampered, plain)
    assert good == Signature("good", "ada@example.org", unknown.key)
    assert (bad.state, bad.why, missing) == ("bad", "the commit was changed after it was signed", MISSING)


def test_a_good_signature_under_anothers_name_is_none_of_the_committer(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    mine = signed(here)
    here.git("config", "user.email", "bob@example.org")
    forged = signed(here)
    trusts(here, key)
    good, other = looked_at(here, mine, forged)
    assert good.state == "good"
    assert (other.state, other.why) == ("unknown", "signed by ada@example.org, committed as bob@example.org")


@pytest.mark.parametrize(
    "names", ["*@example.org", "zoe@example.org,ADA@example.org", "ada", "zoe@x.org KEY\nada@example.org"]
)
def test_a_key_may_be_of_a_pattern_of_several_names_or_of_one_without_address(
    here: Lab, ssh_keygen: str, names: str
) -> None:
    key = signs_by_ssh(here)
    trusts(here, key, names=names.replace("KEY", key.with_suffix(".pub").read_text().strip()))
    assert [one.state for one in looked_at(here, signed(here))] == ["good"]


@pytest.mark.parametrize(
    "names",
    [
        'ada@example.org valid-before="20200101" KEY\nzoe@x.org',
        'zoe@x.org KEY\nada@example.org namespaces="file"',
        "!ada@example.org,*@example.org",
        "*@example.org,!ada@example.org",
    ],
)
def test_a_name_that_is_no_more_or_for_something_else_is_none_of_the_committers(
    here: Lab, ssh_keygen: str, names: str
) -> None:
    key = signs_by_ssh(here)
    trusts(here, key, names=names.replace("KEY", key.with_suffix(".pub").read_text().strip()))
    assert [one.state for one in looked_at(here, signed(here))] == ["unknown"]


def test_a_revoked_key_is_unknown_and_what_was_changed_stays_bad(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    trusts(here, key)
    here.git("config", "gpg.ssh.revocationFile", f"{key}.pub")
    mine = signed(here)
    revoked, bad = looked_at(here, mine, rewritten(here, mine, "\n\nsigned", "\n\nother"))
    assert (revoked.state, revoked.why) == ("unknown", f"key {revoked.key} was revoked, or is not for git")
    assert bad.state == "bad"


def test_one_hostile_signature_does_not_hide_the_others(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    trusts(here, key)
    mine = signed(here)
    nothing = rewritten(here, mine, "gpgsig -----BEGIN SSH SIGNATURE-----", "gpgsig hello")
    empty = rewritten(here, mine, "\n U1NIU0lH", "\n " + "A" * 100_000)
    x509 = rewritten(here, mine, "BEGIN SSH SIGNATURE", "BEGIN SIGNED MESSAGE")
    here.git("config", "gpg.x509.program", "no-such-gpgsm")
    found = looked_at(here, nothing, empty, x509, mine)
    assert [one.state for one in found] == ["bad", "bad", "unknown", "good"]
    assert found[0].why == "it is no signature that git knows"
    assert found[2].why == "no-such-gpgsm, which could tell, is not installed here"


def test_a_long_commit_with_a_signature_that_is_none_is_bad_every_time(here: Lab, ssh_keygen: str) -> None:
    """ssh-keygen does not read it to its end then, and git dies of a pipe that nobody reads."""
    trusts(here, signs_by_ssh(here))
    mine = signed(here, "x" * 120_000)
    found = looked_at(here, rewritten(here, mine, "\n U1NIU0lH", "\n AAAA"), mine)
    assert [one.state for one in found] == ["bad", "good"]


def test_without_the_program_nothing_is_called_changed(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    trusts(here, key)
    mine = signed(here)
    here.git("config", "gpg.ssh.program", "no-such-keygen")
    assert [one.state for one in looked_at(here, mine)] == ["unknown"]


def test_of_a_program_that_is_too_old_for_it_nothing_is_said_of_the_key(
    here: Lab, ssh_keygen: str, tmp_path: Path
) -> None:
    trusts(here, signs_by_ssh(here))
    mine = signed(here)
    old = tmp_path / "ssh-keygen"
    old.write_text("#!/bin/sh\necho 'unknown option -- Y' >&2\necho 'usage: ssh-keygen [-q]' >&2\nexit 1\n")
    old.chmod(0o755)
    here.git("config", "gpg.ssh.program", str(old))
    (unknown,) = looked_at(here, mine)
    assert (unknown.state, unknown.why) == ("unknown", "the program here that checks signatures could not tell")


def test_the_words_of_a_message_are_no_signature(here: Lab, ssh_keygen: str) -> None:
    words = "x\n\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----"
    assert looked_at(here, here.git("commit-tree", "HEAD^{tree}", "-m", words).strip()) == [MISSING]


def test_gpg_knows_all_names_of_a_key_and_trusts_as_its_keyring_does(here: Lab, keyring: Path) -> None:
    signs_by_gpg(here, keyring)
    mine = signed(here)
    bad = rewritten(here, mine, "\n\nsigned", "\n\nother words")
    added = here.command("gpg", "--batch", "--quick-add-uid", "ada@example.org", "Ada <ada@work.example.org>")
    assert added.exit_code == 0, added.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(keyring))
        assert [one.state for one in looked_at(here, mine, bad)] == ["good", "bad"]
        here.git("config", "user.email", "eve@example.org")
        here.git("config", "user.signingKey", "ada@example.org")
        [forged] = looked_at(here, signed(here))
    assert forged.why == "signed by Ada <ada@work.example.org>, committed as eve@example.org"
    [stranger] = looked_at(here, mine)
    assert (stranger.state, stranger.why) == ("unknown", f"key {stranger.key} is on no list of yours")


def test_a_name_that_nobody_vouches_for_cannot_pass_for_one_by_what_is_in_it(here: Lab, keyring: Path) -> None:
    signs_by_gpg(here, keyring)
    gpg = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")

    def by_gpg(*args: str, feed: str | None = None) -> str:
        done = here.command(*gpg, *args, feed=feed)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    by_gpg("--quick-gen-key", "Eve <eve@example.org>", "ed25519", "sign", "never")
    told = by_gpg("--with-colons", "--list-keys", "eve@example.org")
    eve = next(line for line in told.split("\n") if line.startswith("fpr:")).strip("fpr:")
    by_gpg("--import-ownertrust", feed=f"{eve}:2:\n")
    by_gpg("--local-user", "ada@example.org", "--quick-lsign-key", eve)
    by_gpg("--allow-freeform-uid", "--quick-add-uid", eve, 'x <bob@example.org>" [ultimate] y')
    here.git("config", "user.signingKey", eve)
    here.git("config", "user.email", "bob@example.org")
    forged = signed(here)
    here.git("config", "user.email", "eve@example.org")
    own = signed(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(keyring))
        assert [one.state for one in looked_at(here, forged, own)] == ["unknown", "good"]


def test_hundreds_of_commits_are_looked_at_side_by_side(here: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(here)
    trusts(here, key)
    other = ssh_key(here, "other")
    commits = [signed(here, f"number {number}") for number in range(20)]
    here.git("config", "user.signingKey", str(other))
    commits.append(signed(here))
    assert [one.state for one in looked_at(here, *commits)] == ["good"] * 20 + ["unknown"]


def test_no_other_object_stands_for_a_commit(here: Lab, ssh_keygen: str) -> None:
    trusts(here, signs_by_ssh(here))
    plain, mine = here.git("rev-parse", "HEAD").strip(), signed(here)
    here.git("replace", plain, mine)
    assert here.git("log", "-1", "--format=%G?", plain) == "G\n"
    assert looked_at(here, plain) == [MISSING]
