"""Secrets are found in a file with their line, and what a file is full of anyway is none."""

from __future__ import annotations

import base64
import json
import random
import time

import pytest
from test_secret_forms import ORDINARY, TOKENS, drawn

from gitexp.text.secretscan import load_detectors, secrets_in, secrets_in_each

DETECTORS = load_detectors()
GITHUB = TOKENS["GitHub, classic"][1]


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("detectors", [[], DETECTORS], ids=["alone", "with detect-secrets"])
def test_each_known_kind_is_found_once_and_in_its_line(kind: str, detectors: list) -> None:
    before, secret = TOKENS[kind]
    (found,) = secrets_in(f"epoch 1\n  {before}{secret}\nepoch 2\n".encode(), detectors)
    assert found.line == 2 and len(found.fingerprint) == 16
    assert not any(piece in repr(found) for piece in secret.split())


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_an_ordinary_line_holds_none(line: str) -> None:
    assert secrets_in(line.encode(), DETECTORS) == []


def test_what_was_redacted_is_none_any_more() -> None:
    text = (
        b"postgres://[redacted:url]@db/x  --password [redacted:named]\nAuthorization: Bearer [redacted:authorization]\n"
    )
    assert secrets_in(text, DETECTORS) == []


def test_the_fingerprint_is_of_the_secret_wherever_it_stands() -> None:
    one, two = (secrets_in(text.encode(), DETECTORS) for text in (f"\n\n{GITHUB}", f"token = '{GITHUB}'  # mine\n"))
    assert one[0].fingerprint == two[0].fingerprint and (one[0].line, two[0].line) == (3, 1)


def test_a_line_that_is_code_takes_the_secret_from_elsewhere() -> None:
    for line in (
        "auth_token = self.s3_backend.list_tokens(32)",
        "api_key: str = os.environ['API_KEY1']",
        "client_secret = f'{prefix1}{suffix2}'",
        "secret = mock_random2.get_random_string(32)",
        'headers = {"Authorization": f"Bearer {token}"}',
        "url = f'https://{user}:{password}@example.org'",
        "    http://user:password@proxy.example.org:3128",
        "'s3://{}:{}@bucket'.format(user, key)",
    ):
        assert secrets_in(line.encode(), DETECTORS) == [], line
    for line in (
        "auth_token = abcd1234efgh5678ijkl",
        "password: correct-horse-7battery",
        'api_key="k1-abcd_efgh.ijkl.8"',
    ):
        assert len(secrets_in(line.encode(), DETECTORS)) == 1, line


def test_pictures_and_digests_hold_none() -> None:
    drawn_bytes = random.Random(7).randbytes(3_000_000)
    picture = base64.b64encode(drawn_bytes).decode()
    wrapped = base64.encodebytes(drawn_bytes).decode()
    cells = [{"outputs": [{"data": {"image/png": one}}]} for one in (picture, wrapped)]
    assert secrets_in(json.dumps({"cells": cells}, indent=1).encode(), DETECTORS) == []
    digest = base64.b64encode(random.Random(1).randbytes(64)).decode()
    lines = [
        f'"integrity": "sha512-AP8{digest[3:]}"',  # package-lock.json
        "torch/x.py,sha256=AP8zl45hSNf3TCwcDvxt9LJQmjtLBRpKb1kJJLy3Q,120",  # RECORD
        "    --hash=sha256:" + drawn(64, "0123456789abcdef"),
        '{"tree": "' + drawn(40, "0123456789abcdef") + '", "run": "kmzqtrvxwyloupsn"}',
    ]
    assert secrets_in("\n".join(lines).encode(), DETECTORS) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("before", ["x\r\n", 40 * "密钥"])
def test_words_of_several_bytes_a_letter_are_read(encoding: str, before: str) -> None:
    text = f"{before}token {GITHUB}\r\n".encode(encoding)
    assert [one.kind for one in secrets_in(text, DETECTORS)] == ["github"]


def test_a_binary_file_is_searched_for_what_begins_as_nothing_else_does() -> None:
    content = b"\0\1\2" + GITHUB.encode() + b"\0password=hunter2hunter2\0"
    assert [(one.kind, one.line) for one in secrets_in(content, DETECTORS)] == [("github", 0)]


def test_a_file_of_nothing_but_secrets_takes_no_longer_than_another() -> None:
    text = b"".join(b"password=abc123x%d\n" % number for number in range(100_000))
    began = time.process_time()
    found = secrets_in(text, DETECTORS)
    assert len(found) == 100_000 and found[-1].line == 100_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize("piece", ["token=", "password=", "&token=", "sk-", "://"])
def test_a_long_line_of_nothing_but_beginnings_takes_no_longer_than_another(piece: str) -> None:
    """From each of them on the rest of the line was looked at: a quarter of an hour for this one."""
    text = f"{piece * 150_000} {GITHUB}"[-1_000_000:]
    began = time.process_time()
    assert [one.kind for one in secrets_in(text.encode(), DETECTORS)] == ["github"]
    assert time.process_time() - began < 10


def test_files_looked_through_together_give_what_each_gives_alone() -> None:
    contents = [line.encode() for line in ORDINARY.splitlines()]
    contents += [f"{before}{secret}".encode() for before, secret in TOKENS.values()]
    contents += [
        b"",
        b"\0\1" + GITHUB.encode(),
        f"x {GITHUB}".encode("utf-16"),
        b"x" * 300_000,
        b"password =",
        b"abc123x7\n",
    ]
    contents += [base64.b64encode(b"+" * 90) + b"\n", GITHUB.encode(), b"-----BEGIN PRIVATE " + b"KEY-----\n", b"MIIE"]
    for some in (contents, contents[::-1], contents[20:22], contents[:20] + contents[-1:]):
        assert list(secrets_in_each(some, DETECTORS)) == [secrets_in(one, DETECTORS) for one in some]
    assert list(secrets_in_each([], DETECTORS)) == []
