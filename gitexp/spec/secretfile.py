"""A file's name and beginning to why it looks like a secret. What is public by nature (certificates, .pub) does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from gitexp.redact import redact
from gitexp.secretforms import PREFIXED
from gitexp.text.secretscan import as_text

READ = 1 << 20  # bytes of a file that are looked at

NAMES = """
    .netrc _netrc .pgpass .my.cnf .pypirc .htpasswd .git-credentials .s3cfg .boto .dockercfg .vault-token .token
    credentials credentials.* client_secret*.json service-account*.json service_account*.json *-service-account.json
    secrets.* kaggle.json rclone.conf kubeconfig id_rsa* id_dsa* id_ecdsa* id_ed25519* .env .env.* *.env .renviron
    token.txt *_token *_token.txt *api_key *api_key.txt password.txt terraform.tfstate
    *.pem *.key *.p12 *.pfx *.pkcs12 *.p8 *.jks *.keystore *.kdbx *.ppk"""
COPIES = ("~", ".bak", ".old", ".orig", ".save")  # as editors and people leave them beside a file
PLACES = ".aws/credentials .docker/config.json .kube/config .ssh/id_* .huggingface/token"
# Templates of such files, what is public, and programs that happen to be called so.
HARMLESS = """
    *.example *.sample *.template *.dist *.defaults *.schema *.schema.json *.md *.rst *.pub *.py *.pyi *.sh *.js *.ts
    *.go *.rs *.html *.ipynb"""
PUBLIC = (b"-----BEGIN CERTIFICATE", b"-----BEGIN PUBLIC KEY", b"-----BEGIN RSA PUBLIC KEY", b"PK\x03\x04")


def looks_secret(path: str, beginning: bytes, *, secrets: Iterable[str]) -> str | None:
    """Why this new file is taken for a secret; None: it is not. `secrets`: values that must not be recorded."""
    kinds = _kinds(beginning, secrets)
    if kinds:
        return f"it holds what looks like a secret: {', '.join(kinds)}"
    folded = path.lower()
    while folded.endswith(COPIES):
        folded = folded[: max(folded.rfind("."), folded.rfind("~"))]
    name = folded.rpartition("/")[2]
    if not beginning.strip() or beginning.lstrip().startswith(PUBLIC):
        return None
    if any(fnmatchcase(name, pattern) for pattern in HARMLESS.split()):
        return None
    by_name = any(fnmatchcase(name, pattern) for pattern in NAMES.split())
    by_place = any(fnmatchcase(folded, f"*{place}") for place in PLACES.split())
    return "files of this name hold secrets" if by_name or by_place else None


def typed_secret(text: bytes, before: Callable[[], bytes], *, secrets: Iterable[str]) -> str | None:
    """Why the lines that a file did not have `before`, in git, are taken for a secret; None: they are not."""
    if not _kinds(text, secrets):
        return None
    known = set(before().split(b"\n"))
    kinds = _kinds(b"\n".join(line for line in text.split(b"\n") if line not in known), secrets)
    return f"what was typed into it looks like a secret: {', '.join(kinds)}" if kinds else None


def _kinds(text: bytes, secrets: Iterable[str]) -> list[str]:
    text, is_binary = as_text(text)
    clean = redact(text, secrets=secrets)
    if clean == text:
        return []
    import re

    found = dict.fromkeys(kind.decode() for kind in re.findall(rb"\[redacted:([a-z-]+)\]", clean))
    return [kind for kind in found if not is_binary or kind in PREFIXED.split()]
