"""Secrets do not reach a record, and what merely looks random does.

Tokens are put together here from two halves, or hosts that scan pushed code for secrets would refuse this file.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gitexp.redact
from gitexp.redact import redact, redact_toml, redact_url
from gitexp.secretnames import secret_values


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "WANDB_API_KEY",
        "OPENAI_API_KEY_2",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "VAULT_SECRET_ID",
        "PGPASSWORD",
        "MYSQL_PWD",
        "DB_PASS",
        "SSH_PASSPHRASE",
        "GOOGLE_CREDENTIALS",
        "GITHUB_PAT",
        "REDISCLI_AUTH",
        "SENTRY_DSN",
        "github_token",
    ],
)
def test_a_variable_with_this_name_holds_a_secret(name: str) -> None:
    assert secret_values({name: "tr0ub4dor"}) == ["tr0ub4dor"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "parallel"),
        ("TOKENIZER_NAME", "gpt2-large"),
        ("MAX_TOKENS", "100000"),
        ("KEY_SCALE", "1.2345e-05"),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
        ("SSH_PUBLIC_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/home/ada/.aws/credentials"),
        ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
        ("GITEXP_DATA_SECRET_TOKENS", "/data/tokens"),
        ("SECRET_BACKEND", "kubernetes"),
        ("POSTGRES_PASSWORD", "password"),
        ("API_TOKEN", "short"),
        ("API_TOKEN", ""),
        ("PWD", "/home/ada/project"),
        ("OLDPWD", "/home/ada"),
        ("SSH_ASKPASS", "/usr/bin/askpass"),
        ("MONKEY", "gorilla"),
        ("PATH", "/usr/local/bin:/usr/bin"),
    ],
)
def test_a_setting_with_this_name_and_value_is_no_secret(name: str, value: str) -> None:
    assert secret_values({name: value}) == []


def test_a_number_is_a_secret_only_as_a_password() -> None:
    assert secret_values({"DB_PASSWORD": "19840312", "TRAIN_TOKEN_COUNT": "19850413"}) == ["19840312"]


def test_the_password_of_a_url_is_a_secret_whatever_the_variable_is_called() -> None:
    environ = {"DATABASE_URL": "postgres://ada:s3cr%40t-one@db.example:5432/runs", "HOMEPAGE": "https://me@example.org"}
    assert secret_values(environ) == ["s3cr%40t-one", "s3cr@t-one"]


def test_secrets_come_longest_first_and_without_blanks_around_them() -> None:
    assert secret_values({"A_TOKEN": "abcdef1\n", "B_TOKEN": " abcdef12 ", "C_TOKEN": "abcdef1"}) == [
        "abcdef12",
        "abcdef1",
    ]


def test_every_occurrence_of_a_value_is_replaced() -> None:
    text = b"key=tr0ub4dor-and-three\nagain: 'tr0ub4dor-and-three', xtr0ub4dor-and-threex\n"
    assert redact(text, secrets=["tr0ub4dor-and-three"]) == (
        b"key=[redacted:variable]\nagain: '[redacted:variable]', x[redacted:variable]x\n"
    )


def test_a_short_value_is_replaced_as_a_word_only() -> None:
    text = b"hunter2 hunter22 shunter2 (hunter2) hunter2.\n"
    assert redact(text, secrets=["hunter2"]) == (
        b"[redacted:variable] hunter22 shunter2 ([redacted:variable]) [redacted:variable].\n"
    )


def test_a_secret_that_contains_another_leaves_no_rest() -> None:
    assert redact(b"abcdefghijkl-mnopqr\n", secrets=["abcdefghijkl", "abcdefghijkl-mnopqr"]) == b"[redacted:variable]\n"


def test_a_value_too_short_to_tell_from_words_is_left() -> None:
    assert redact(b"epoch 1\n", secrets=["epoch", "1", ""]) == b"epoch 1\n"


def test_a_value_is_found_where_json_escaped_it() -> None:
    assert redact(b'{"k": "a\\"b\\\\c-0123"}', secrets=['a"b\\c-0123']) == b'{"k": "[redacted:variable]"}'
    assert redact(b'{"k": "gr\\u00fcn-0123"}', secrets=["grün-0123"]) == b'{"k": "[redacted:variable]"}'
    assert redact('{"k": "grün-0123"}'.encode(), secrets=["grün-0123"]) == b'{"k": "[redacted:variable]"}'


def test_a_value_of_many_lines_is_found_as_a_terminal_prints_it() -> None:
    assert redact(b"<first-line\r\nsecond-line>", secrets=["first-line\nsecond-line"]) == b"<[redacted:variable]>"


def test_a_value_that_is_not_utf8_is_found() -> None:
    assert redact(b"k \xff\xfesecret-ish k", secrets=["\udcff\udcfesecret-ish"]) == b"k [redacted:variable] k"


def test_a_value_with_the_special_characters_of_a_pattern_is_taken_literally() -> None:
    assert redact(b"a.c+(d) abcc+(d)", secrets=["a.c+(d"]) == b"[redacted:variable]) abcc+(d)"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("id AKIA" + "IOSFODNN7EXAMPLE.", "id [redacted:aws]."),
        ("aws_secret_access_key = " + "aB3/" * 10, "aws_secret_access_key = [redacted:aws]"),
        ('"SecretAccessKey": "' + "aB3/" * 10 + '"', '"SecretAccessKey": "[redacted:aws]"'),
        ("AWS_SESSION_TOKEN=" + "IQoJb3JpZ2lu" * 10 + " x", "AWS_SESSION_TOKEN=[redacted:aws] x"),
        ("AccountName=lab;AccountKey=" + "aB3+" * 21 + "ab==;", "AccountName=lab;AccountKey=[redacted:azure];"),
        ("t=ghp" + "_" + "a1B2" * 9 + "\n", "t=[redacted:github]\n"),
        (r'{"t": "one\ngho' + "_" + "a1B2" * 9 + '"}', r'{"t": "one\n[redacted:github]"}'),
        ("github_pat" + "_11ABCDEFG0" + "_a1B2" * 10, "[redacted:github]"),
        ("(glpat" + "-" + "a1B2c" * 4 + ")", "([redacted:gitlab])"),
        ("glpat" + "-" + "a1B2c" * 6 + ".01.a1b2c3d4e", "[redacted:gitlab]"),
        ("HF: hf" + "_" + "aBcDe" * 7, "HF: [redacted:huggingface]"),
        ("sk" + "-proj-" + "a1B2_" * 12, "[redacted:api-key]"),
        ("sk" + "-ant-api03-" + "a1-B2" * 12, "[redacted:api-key]"),
        ("sk" + "-" + "a1B2" * 12, "[redacted:api-key]"),
        ("sk" + "_live_" + "a1B2" * 6, "[redacted:stripe]"),
        ("xoxb" + "-123456789012-" + "a1B2" * 6, "[redacted:slack]"),
        ("https://hooks.slack.com/services/" + "T0000/B0000/" + "a1B2" * 6, "https://hooks.slack.com/services/[redacted:slack]"),
        ("AIza" + "a1B2c" * 7, "[redacted:google]"),
        ("ya29" + "." + "a1B2c" * 6, "[redacted:google]"),
        ("pypi-AgE" + "a1B2c" * 12, "[redacted:pypi]"),
        ("npm" + "_" + "a1B2" * 9, "[redacted:npm]"),
        ("j eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmN-q_Z k", "j [redacted:jwt] k"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted:authorization]"),
        ("'authorization': 'Basic dXNlcjpwYXNz'}", "'authorization': 'Basic [redacted:authorization]'}"),
        (r"\"Authorization\": \"token abcdef\"", r"\"Authorization\": \"token [redacted:authorization]\""),
        ("curl -H 'X-Api-Key: abcdef123456'", "curl -H 'X-Api-Key: [redacted:authorization]'"),
        ("-H Bearer " + "a1B2c" * 5, "-H Bearer [redacted:authorization]"),
        ("https://ada:hunter2@example.org/x", "https://[redacted:url]@example.org/x"),
        ("redis://:p@ss@cache:6379", "redis://[redacted:url]@cache:6379"),
        ("https://" + "a1B2c" * 5 + "@example.org/x", "https://[redacted:url]@example.org/x"),
        ("https://h/x?a=1&X-Amz-Signature=0123456789ab&b=2", "https://h/x?a=1&X-Amz-Signature=[redacted:url]&b=2"),
        ("https://h/x?X-Amz-Security-Token=0123456789ab", "https://h/x?X-Amz-Security-Token=[redacted:url]"),
        ("http://localhost:8888/?token=0123456789abcdef", "http://localhost:8888/?token=[redacted:url]"),
    ],
)  # fmt: skip
def test_a_well_known_token_is_replaced_and_its_kind_named(text: str, redacted: str) -> None:
    assert redact(text.encode(), secrets=[]).decode() == redacted
    assert redact(redacted.encode(), secrets=[]).decode() == redacted


@pytest.mark.parametrize(
    "text",
    [
        "commit 4f1c2ab90d3e5f60718293a4b5c6d7e8f9012345",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "xxh128:99aa06d3014798d86001c324468d497f",
        "Gitexp-Run: kmzqtrvxwyloupsn",
        "id = 123e4567-e89b-12d3-a456-426614174000",
        "run sk-learn-baseline-of-tuesday-2 of disk-0123456789abcdef01234567",
        "sk-learnpipelinewithoutdigits",
        "tokens: 123456 token_ids=[101, 2023, 102] secret=0.5 monkey=bananas",
        "the bearer of transformer-architecture-news-and-more",
        "git@github.com:lab/models.git ssh://git@github.com/lab/models.git mail ada@example.org",
        "https://example.org:8443/a@b https://ada@example.org/x https://example.org/@ada/post",
        "https://ada:${GITHUB_TOKEN}@github.com/lab/x https://x:{secrets.key}@h https://ada:***@h",
        "https://example.org/?page=7&sort=name&keys=abcdefgh",
        "git+https://github.com/lab/tool@4f1c2ab90d3e5f60718293a4b5c6d7e8f9012345#egg=tool",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
        "val.acc 0.9722 [redacted:api-key]",
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact(text.encode(), secrets=[]).decode() == text


KEY_LINES = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKB\nq83+w==\n"
BEGIN, END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"a\n{BEGIN}\n{KEY_LINES}{END}\nb\n", "a\n[redacted:private-key]\nb\n"),
        (f"a\r\n{BEGIN}\n{KEY_LINES}{END}\n".replace("\n", "\r\n"), "a\r\r\n[redacted:private-key]\r\n"),
        (f'{{"key": "{BEGIN}\n{KEY_LINES}{END}"}}'.replace("\n", "\\n"), '{"key": "[redacted:private-key]"}'),
        (
            f"{BEGIN}\n{KEY_LINES}{END}\nepoch 1\n{BEGIN}\n{KEY_LINES}{END}\n",
            "[redacted:private-key]\nepoch 1\n[redacted:private-key]\n",
        ),
        (
            f"{BEGIN}\n{KEY_LINES[:66]}[gitexp: 9 bytes cut]\nepoch 9\n",
            "[redacted:private-key]\n[gitexp: 9 bytes cut]\nepoch 9\n",
        ),
        (
            f"epoch 1\n[gitexp: 9 bytes cut]\n{KEY_LINES}{END}\nb\n",
            "epoch 1\n[gitexp: 9 bytes cut]\n[redacted:private-key]\nb\n",
        ),
    ],
)
def test_a_private_key_is_replaced_whole_or_cut(text: str, redacted: str) -> None:
    assert redact(text.encode(), secrets=[]).decode() == redacted


def test_bytes_that_are_no_text_stay() -> None:
    assert (
        redact(b"\x00\xff\xfe\x1b[31mloss\x1b[0m\r\n", secrets=["tr0ub4dor"]) == b"\x00\xff\xfe\x1b[31mloss\x1b[0m\r\n"
    )


def test_a_text_without_secrets_costs_no_import() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gitexp.redact; "
        "gitexp.redact.redact(b'epoch 1 loss 0.5', secrets=['tr0ub4dor']); print('re' in sys.modules)"
    )
    package = Path(gitexp.redact.__file__).parent
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, package.parent], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


def test_toml_is_redacted_in_strings_and_comments_and_keeps_its_keys_and_numbers() -> None:
    text = b"""\
# for hunter2
hunter2 = 19840312
argv = ["train.py", "--key=hunter2", 'hunter2']
note = \"\"\"
is
"hunter2"\"\"\"

[hunter2]
seed = 19840312
path = 'C:\\hunter2\\x'
"""
    assert redact_toml(text, secrets=["hunter2", "19840312"]) == b"""\
# for [redacted:variable]
hunter2 = 19840312
argv = ["train.py", "--key=[redacted:variable]", "[redacted:variable]"]
note = "is\\n\\"[redacted:variable]\\""

[hunter2]
seed = 19840312
path = "C:\\\\[redacted:variable]\\\\x"
"""  # fmt: skip


def test_a_secret_that_begins_inside_an_escape_leaves_toml_that_parses() -> None:
    text = b'a = "one\\nabcdefghijklmno"\nb = "x nabcdefghijklmno"\n'
    assert (
        redact_toml(text, secrets=["nabcdefghijklmno"]) == b'a = "one\\nabcdefghijklmno"\nb = "x [redacted:variable]"\n'
    )


def test_a_secret_that_toml_escapes_is_found_and_its_neighbours_survive() -> None:
    text = 'a = "\\u007f \\u0001 a\\"b\\\\c-\\u00fc123 ü"\n'.encode()
    redacted = redact_toml(text, secrets=['a"b\\c-ü123'])
    assert tomllib.loads(redacted.decode()) == {"a": "\x7f \x01 [redacted:variable] ü"}


def test_toml_without_secrets_stays_byte_for_byte() -> None:
    text = b'a = "tab\\t"  # why\nb = \'\'\'\nx\'\'\'\nc = """\n"x" """\n'
    assert redact_toml(text, secrets=["tr0ub4dor"]) == text


def test_what_is_not_toml_after_all_is_redacted_all_the_same() -> None:
    assert redact_toml(b'a = "\\q hunter2\nb = "\\q hunter2"', secrets=["hunter2"]) == (
        b'a = "\\q hunter2\nb = "\\q [redacted:variable]"'
    )


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://ada:hunter2@example.org/lab/x.git", "https://example.org/lab/x.git"),
        ("https://ada@example.org/lab/x.git", "https://example.org/lab/x.git"),
        ("https://ada:pa/ss@example.org/x", "https://example.org/x"),
        ("https://ada:p@ss@example.org/x", "https://example.org/x"),
        ("git+https://x-token:abc@example.org/x@v1", "git+https://example.org/x@v1"),
        ("ssh://git:hunter2@example.org:22/x.git", "ssh://git@example.org:22/x.git"),
        ("ssh://git@example.org/x.git", "ssh://git@example.org/x.git"),
        ("s3://KEY:SECRET@bucket/x", "s3://bucket/x"),
        ("https://h/x?v=1&sig=abcdef%3D&y=2", "https://h/x?v=1&sig=redacted&y=2"),
        ("https://h/x#access_token=abcdef", "https://h/x#access_token=redacted"),
        ("git@example.org:lab/x.git", "git@example.org:lab/x.git"),
        ("../sibling@2", "../sibling@2"),
        ("file:///data/a:b@c/x", "file:///data/a:b@c/x"),
        ("https://example.org:8443/a@b", "https://example.org:8443/a@b"),
        ("https://[::1]/a@b", "https://[::1]/a@b"),
        ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
        ("", ""),
    ],
)
def test_a_url_loses_its_credentials_and_nothing_else(url: str, clean: str) -> None:
    assert redact_url(url) == clean
    assert redact_url(clean) == clean
