"""Runs, events, merges and imports are signed as git signs; what cannot be signed waits, and nothing is lost."""

from __future__ import annotations

import stat
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pexpect
import pytest
from contract.reader import breaches
from harness import Lab, abandoned, at_terminal, cloned, exit_code, published, until_over, wait_for
from signers import signs_by_gpg, signs_by_ssh, trusts

LOGS = ("run", "--", "sh", "-c", 'echo "{\\"acc\\": 0.9}" >> "$GITEXP_METRICS"')


def letters(lab: Lab) -> list[str]:
    """What git says of each commit of the branch, the newest first."""
    return lab.git("log", "--format=%G?", "experiments").split()


def waiting(lab: Lab) -> list[str]:
    return [path.name for path in (lab.path / ".git" / "gitexp" / "runs").iterdir()]


def program(lab: Lab, text: str) -> Path:
    """A signer that git calls in the place of ssh-keygen."""
    path = Path(lab.env["HOME"]) / "signer"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    lab.git("config", "gpg.ssh.program", str(path))
    return path


def test_runs_events_merges_and_imports_are_signed_where_git_signs(
    lab: Lab, hub: Lab, ssh_keygen: str, tmp_path: Path
) -> None:
    published(lab, hub)
    trusts(lab, signs_by_ssh(lab))
    assert lab.gitexp(*LOGS).exit_code == 0
    assert lab.gitexp("note", "latest", "-m", "x\ngpgsig -----BEGIN SSH SIGNATURE-----").exit_code == 0
    (tmp_path / "results.tsv").write_text("val_bpb\tdescription\n1.5\tone\n1.4\ttwo\n1.3\tthree\n")
    imported = lab.gitexp("import", str(tmp_path / "results.tsv"))
    assert imported.exit_code == 0, imported.stderr
    assert letters(lab) == ["G"] * 5 + ["N"]
    other = cloned(hub, "other")
    assert other.gitexp(*LOGS).exit_code == 0
    assert other.gitexp("push").exit_code == 0
    assert lab.gitexp("push").exit_code == 0
    assert lab.git("log", "-1", "--format=%G? %s", "experiments") == "G merge: 4 runs and 1 event of another clone\n"
    assert other.gitexp(*LOGS).exit_code == 0
    other.git("config", "user.signingKey", lab.git("config", "user.signingKey").strip())
    other.git("config", "gpg.format", "ssh")
    other.git("config", "commit.gpgsign", "true")
    trusts(other, Path(lab.git("config", "user.signingKey").strip()))
    assert other.gitexp("pull").exit_code == 0
    assert other.git("log", "-1", "--format=%G? %P", "experiments").startswith("G ")
    assert breaches(lab.path) == []


def test_gitexp_toml_asks_for_signatures_of_everybody(lab: Lab, keyring: Path) -> None:
    lab.write("gitexp.toml", "[policy]\nsign = true\n")
    lab.commit("sign")
    signs_by_gpg(lab, keyring)
    lab.git("config", "commit.gpgsign", "false")
    assert lab.gitexp(*LOGS).exit_code == 0
    assert lab.gitexp("tag", "latest", "first").exit_code == 0
    assert abandoned(lab, "--", "sh", "-c", "echo there; sleep 0.3") == "there\n"
    until_over(lab)
    assert "recorded sh" in lab.gitexp("status").stderr
    assert letters(lab) == ["G", "G", "G", "N"]


def test_a_run_whose_signer_fails_waits_and_is_recorded_once_it_works(lab: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(lab)
    trusts(lab, key)
    moved = key.rename(key.with_suffix(".away"))
    result = lab.gitexp(*LOGS)
    assert result.exit_code == 1
    assert "The run has ended but could not be recorded: The commit could not be signed: " in result.stderr
    assert "Nothing is lost: it waits in " in result.stderr
    assert f"fix:   git config user.signingKey ~/.ssh/id_ed25519.pub    # {key} is not there; or an" in result.stderr
    assert letters(lab) == ["N"]
    [run] = waiting(lab)
    listed = lab.gitexp("log")
    assert "warning: a run waits in " in listed.stderr
    assert "The commit could not be signed: " in listed.stderr
    assert lab.gitexp("note", "latest", "-m", "x").exit_code != 0
    moved.rename(key)
    assert f"recorded sh {run} (completed)" in lab.gitexp("log").stderr
    assert letters(lab) == ["G", "N"]
    assert waiting(lab) == []
    assert breaches(lab.path) == []


@pytest.mark.parametrize(
    ("text", "words", "fix"),
    [
        ("kill -9 $$", "", "ssh-add"),
        ("echo agent refused operation >&2; exit 1", "agent refused operation", "ssh-add"),
        (None, "cannot run ", "install "),
    ],
)
def test_whatever_a_signer_dies_of_the_run_waits(
    lab: Lab, ssh_keygen: str, text: str | None, words: str, fix: str
) -> None:
    trusts(lab, signs_by_ssh(lab))
    path = program(lab, text or "")
    if text is None:
        path.unlink()
    result = lab.gitexp(*LOGS)
    assert f"The commit could not be signed: {words}" in result.stderr
    assert f"fix:   {fix}" in result.stderr
    assert letters(lab) == ["N"]
    lab.git("config", "--unset", "gpg.ssh.program")
    assert lab.gitexp("log").exit_code == 0
    assert letters(lab) == ["G", "N"]


def test_an_event_that_cannot_be_signed_is_not_said(lab: Lab, ssh_keygen: str) -> None:
    assert lab.gitexp(*LOGS).exit_code == 0
    signs_by_ssh(lab).unlink()
    tip = lab.git("rev-parse", "experiments")
    result = lab.gitexp("note", "latest", "-m", "x")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: The commit could not be signed: ")
    why = "A signature is asked for, by git's configuration. Without one: git config gitexp.sign false\n"
    assert why in result.stderr
    assert lab.git("rev-parse", "experiments") == tip
    lab.git("config", "gitexp.sign", "false")
    assert lab.gitexp("note", "latest", "-m", "x").exit_code == 0
    lab.write("gitexp.toml", "[policy]\nsign = true\n")
    result = lab.gitexp("note", "latest", "-m", "x")
    assert "A signature is asked for, by [policy] sign in gitexp.toml.\n" in result.stderr


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(lab: Lab, ssh_keygen: str) -> None:
    signs_by_ssh(lab, passphrase="of my own")
    began = time.monotonic()
    result = lab.gitexp(*LOGS)
    assert result.exit_code == 1
    assert time.monotonic() - began < 30
    assert "incorrect passphrase supplied to decrypt private key" in result.stderr
    assert len(waiting(lab)) == 1


def test_at_a_terminal_the_passphrase_is_asked_for_there(lab: Lab, ssh_keygen: str) -> None:
    trusts(lab, signs_by_ssh(lab, passphrase="of my own"))
    terminal = at_terminal(lab, *LOGS)
    terminal.expect("passphrase")
    terminal.sendline("of my own")
    assert exit_code(terminal) == 0
    assert letters(lab) == ["G", "N"]


def test_a_passphrase_that_nobody_gives_loses_nothing(lab: Lab, ssh_keygen: str) -> None:
    trusts(lab, signs_by_ssh(lab, passphrase="of my own"))
    terminal = at_terminal(lab, *LOGS)
    terminal.expect("passphrase")
    terminal.sendintr()
    terminal.expect("it waits in ")
    assert exit_code(terminal) == 1
    assert letters(lab) == ["N"]
    assert len(waiting(lab)) == 1


def test_a_signer_that_hangs_with_nobody_there_is_given_up(lab: Lab, ssh_keygen: str) -> None:
    signs_by_ssh(lab)
    program(lab, "sleep 600")
    code = (
        "import sys\nfrom gitexp.cli.main import main\nfrom gitexp.git import signing\n"
        "signing.LONGEST_S = 0.5\nsys.exit(main())"
    )
    result = lab.command("python", "-c", code, *LOGS)
    assert "it took more than 0.5 s, with nobody there to be asked" in result.stderr
    assert len(waiting(lab)) == 1


def test_a_signed_run_verifies_in_another_labs_clone_and_a_tampered_one_does_not(
    lab: Lab, hub: Lab, ssh_keygen: str
) -> None:
    published(lab, hub)
    key = signs_by_ssh(lab)
    assert lab.gitexp(*LOGS).exit_code == 0
    assert lab.gitexp("push").exit_code == 0
    other = cloned(hub, "other")
    trusts(other, key)
    text = other.git("cat-file", "commit", "experiments").replace("acc 0.9", "acc 0.99")
    forged = other.git("hash-object", "-t", "commit", "-w", "--stdin", feed=text).strip()
    assert letters(other) == ["G", "N"]
    verified = other.gitexp("verify", "--all")
    unseen = "not looked at: 1 × branch without a reflog here, to tell whether it only grew\n"
    assert verified.stderr == f"{unseen}signatures: 1 good\n1 run, 0 events: no problem\n"
    other.git("update-ref", "refs/heads/experiments", forged)
    assert letters(other) == ["B", "N"]
    verified = other.gitexp("verify", "latest")
    assert verified.exit_code == 1
    assert "  its signature is bad: the commit was changed after it was signed\n" in verified.stdout
    assert verified.stderr.startswith("signatures: 1 bad\n")


def test_where_gitexp_toml_asks_for_signatures_one_that_is_missing_is_a_problem(lab: Lab, ssh_keygen: str) -> None:
    assert lab.gitexp(*LOGS).exit_code == 0
    signs_by_ssh(lab)
    assert lab.gitexp(*LOGS).exit_code == 0
    verified = lab.gitexp("verify", "--all")
    assert (verified.exit_code, verified.stdout) == (0, "")
    assert verified.stderr == "signatures: 1 unknown, 1 missing\n2 runs, 0 events: no problem\n"
    lab.write("gitexp.toml", "[policy]\nsign = true\n")
    verified = lab.gitexp("verify", "--all", "--json")
    assert verified.exit_code == 1
    assert verified.json["signatures"] == {"unknown": 1, "missing": 1}
    unknown, missing = (problem["what"] for problem in verified.json["problems"])
    assert unknown.startswith("its signature is unknown: key SHA256:")
    assert missing == "its signature is missing"


def test_signing_by_an_old_key_of_another_mode_is_gits_own_affair(lab: Lab, ssh_keygen: str) -> None:
    key = signs_by_ssh(lab)
    key.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    result = lab.gitexp(*LOGS)
    assert result.exit_code == 1
    assert "UNPROTECTED PRIVATE KEY FILE" in result.stderr or "bad permissions" in result.stderr


def test_log_shows_whose_the_signatures_are(lab: Lab, ssh_keygen: str) -> None:
    assert lab.gitexp(*LOGS).exit_code == 0
    key = signs_by_ssh(lab)
    assert lab.gitexp(*LOGS).exit_code == 0
    trusts(lab, key, names="ada\x1b[31m@example.org,ada@example.org")
    told = lab.gitexp("log", "--signatures", "--json").json["runs"]
    assert [run["signature"]["state"] for run in told] == ["good", "missing"]
    assert told[0]["signature"]["key"].startswith("SHA256:")
    shown = lab.gitexp("log", "--signatures").stdout
    assert "\x1b" not in shown
    head, signed, plain = shown.splitlines()
    assert head.split() == ["run", "finished", "author", "recipe", "status", "signature"]
    assert "good: ada" in signed
    assert plain.split()[-1] == "missing"
    terminal = at_terminal(lab, "log", "--signatures", columns=60, PAGER="cat", NO_COLOR="1")
    terminal.expect(pexpect.EOF)
    assert terminal.before is not None
    lines = terminal.before.splitlines()
    assert len(lines) == 3 and "good: ada" in lines[1] and max(map(len, lines)) <= 60
    sheet = lab.gitexp("log", "--signatures", "--columns", "acc", "--csv").stdout.splitlines()
    assert sheet[0] == "run,acc,signature"
    assert sheet[2].endswith(",0.9,missing")
    assert lab.gitexp("log", "--signatures", "--group").exit_code == 2


def test_a_locked_agent_loses_no_run(lab: Lab, ssh_keygen: str, tmp_path: Path) -> None:
    key = signs_by_ssh(lab)
    trusts(lab, key)
    with TemporaryDirectory(prefix="agent-") as folder:  # its socket needs a short path
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/s"], env=lab.env, stdout=subprocess.DEVNULL)
        try:
            wait_for(Path(folder, "s").exists)
            lab.env["SSH_AUTH_SOCK"] = f"{folder}/s"
            assert lab.command("ssh-add", str(key)).exit_code == 0
            key.unlink()
            lab.git("config", "user.signingKey", f"{key}.pub")
            asked = {"SSH_ASKPASS": str(program(lab, "echo word")), "SSH_ASKPASS_REQUIRE": "force"}
            lab.git("config", "--unset", "gpg.ssh.program")
            assert lab.command("ssh-add", "-x", **asked).exit_code == 0
            result = lab.gitexp(*LOGS)
            assert "The commit could not be signed: " in result.stderr
            assert f"fix:   ssh-add {key}\n" in result.stderr
            assert len(waiting(lab)) == 1
            assert lab.command("ssh-add", "-X", **asked).exit_code == 0
            assert "recorded sh " in lab.gitexp("status").stderr
        finally:
            agent.terminate()
            agent.wait()
    assert letters(lab) == ["G", "N"]


def test_a_locked_key_of_gpg_loses_no_run(lab: Lab, keyring: Path) -> None:
    signs_by_gpg(lab, keyring, passphrase="of my own")
    assert lab.command("gpgconf", "--kill", "gpg-agent").exit_code == 0  # which knows the passphrase
    result = lab.gitexp(*LOGS)
    assert result.exit_code == 1
    assert "The commit could not be signed: " in result.stderr
    assert (
        "fix:   echo | GPG_TTY=$(tty) gpg --clearsign -u ada@example.org    # asks for the passphrase\n"
        in result.stderr
    )
    preset = ("--batch", "--pinentry-mode", "loopback", "--passphrase", "of my own", "--clearsign")
    assert lab.command("gpg", *preset, feed="x").exit_code == 0
    assert "recorded sh " in lab.gitexp("status").stderr
    assert letters(lab) == ["G", "N"]
