"""Keys that tests sign with: made by the real programs, in the HOME of the lab alone."""

from __future__ import annotations

from pathlib import Path

from harness import Lab


def ssh_key(lab: Lab, name: str = "id_ed25519", *, passphrase: str = "") -> Path:
    """A new key of ssh; its public half lies beside it."""
    path = Path(lab.env["HOME"]) / ".ssh" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    made = lab.command("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path))
    assert made.exit_code == 0, made.stderr
    return path


def signs_by_ssh(lab: Lab, *, passphrase: str = "") -> Path:
    """Have git in this lab sign each commit by a new key of ssh."""
    key = ssh_key(lab, passphrase=passphrase)
    for setting, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("commit.gpgsign", "true")):
        lab.git("config", setting, value)
    return key


def trusts(lab: Lab, key: Path, *, names: str = "ada@example.org") -> None:
    """Have this lab know whose the key is."""
    signers = Path(lab.env["HOME"]) / "allowed_signers"
    known = signers.read_text() if signers.exists() else ""
    signers.write_text(f"{known}{names} {key.with_suffix('.pub').read_text()}")
    lab.git("config", "gpg.ssh.allowedSignersFile", str(signers))


def signs_by_gpg(lab: Lab, home: Path, *, passphrase: str = "") -> str:
    """Have git in this lab sign each commit by a new key of gpg, in a keyring of its own; the key's address."""
    lab.env["GNUPGHOME"] = str(home)
    options = ("--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase)
    made = lab.command("gpg", *options, "--quick-gen-key", "Ada <ada@example.org>", "ed25519", "sign", "never")
    assert made.exit_code == 0, made.stderr
    lab.git("config", "gpg.format", "openpgp")
    lab.git("config", "user.signingKey", "ada@example.org")
    lab.git("config", "commit.gpgsign", "true")
    return "ada@example.org"
