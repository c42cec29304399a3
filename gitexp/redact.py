"""Turn text that is about to be recorded into the same text without secrets, each replaced by `[redacted:KIND]`.

Two sources: the values of environment variables whose names look secret, and the forms of well-known tokens. What only
looks random (git ids, digests, ids of runs) stays: a record that hides its own facts is worth less than none.
A text without secrets comes back as it was, at the price of some substring searches; `re` is not even imported.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; typing itself imports re
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

SHORTEST = 6  # a shorter value would hit ordinary words
UNMISTAKABLE = 12  # from this length on a value is also replaced in the middle of a word

# Of names, in capitals:
SECRET_PARTS = """
    TOKEN SECRET PASSWORD PASSWD PASSPHRASE CREDENTIAL COOKIE APIKEY API_KEY ACCESS_KEY ACCOUNT_KEY PRIVATE_KEY
    CONNECTION_STRING WEBHOOK"""
SECRET_ENDINGS = "_KEY _PASS _PWD _PAT _AUTH _DSN"
NUMBERS_TOO = "PASSWORD PASSWD PASSPHRASE _PASS _PWD"  # elsewhere a number is a setting: MAX_TOKENS=100000

HARMLESS_PARTS = "TOKENIZER PUBLIC_KEY GITEXP_DATA_"
HARMLESS_ENDINGS = """
    _FILE _FILES _PATH _DIR _DIRECTORY _SOCK _SOCKET _TYPE _METHOD _MODE _NAME _HOST _PORT _USER _USERNAME _TTL
    _EXPIRY _EXPIRES _ALGORITHM _BACKEND _PROVIDER _HELPER _MANAGER _REGION _LENGTH _SIZE _LIMIT _TIMEOUT
    _ENABLED _DISABLED"""
# GPG_KEY: official Python images name a public key's fingerprint so.
HARMLESS_NAMES = "GPG_KEY SORT_KEY PARTITION_KEY PRIMARY_KEY FOREIGN_KEY GROUP_KEY"

# Settings and stand-ins rather than secrets, and words that every record is made of.
HARMLESS_VALUES = """
    bearer changeme completed crashed default disabled enabled example failed ignore interrupted password public
    python redacted required running secret system timed-out unknown"""

_EDGE = rb"(?<![A-Za-z0-9])"  # of what else might be part of some base64
_PEM = rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_NEWLINE = rb"(?:\s|\\[nr])"  # real, or escaped as in JSON
_EQUALS = rb"\\?[\"']?\s{0,3}[=:]\s{0,3}\\?[\"']?"  # between a name and its value, in shell, JSON, YAML, HTTP
_SCHEME = rb"(?:bearer|basic|token|digest|negotiate)"
_NO_NAME = rb"(?!\$\{?\w+\}?@|\{[\w.]+\}@|\*+@|\[redacted)"  # a reference to a secret is none

# kind, what the lower-cased text must contain for the pattern to be tried, the pattern. Group 1 stays.
# No possessive quantifiers: those of Python 3.11.2 match too little.
SHAPES: tuple[tuple[str, tuple[bytes, ...], bytes], ...] = (
    # Whole; or without its end, then its lines of base64; or without its beginning, where the output was cut.
    (
        "private-key",
        (b"private key",),
        rb"()" + _PEM + rb"(?:(?:[^\[-]|-(?!----))*" + _PEM_END + rb"|(?:" + _NEWLINE + rb"*[A-Za-z0-9+/=]{16,})*)",
    ),
    ("private-key", (b"private key",), rb"(bytes cut\]\n)(?:[A-Za-z0-9+/=]+\r?\n)+" + _PEM_END),
    (
        "authorization",
        (b"authorization",),
        rb"(?i)(authorization" + _EQUALS + _SCHEME + rb"\s+)(?!\[redacted)[^\s\"',;\\]{4,}",
    ),
    ("authorization", (b"bearer",), rb"(?i)(\bbearer\s+)(?=[^\s\"']*[0-9])[A-Za-z0-9._~+/=-]{20,}"),
    (
        "authorization",
        (b"x-api-key", b"private-token", b"x-auth-token"),
        rb"(?i)((?:x-api-key|private-token|x-auth-token)\\?[\"']?\s*:\s*\\?[\"']?)(?!\[redacted)[^\s\"',;\\]{8,}",
    ),
    ("aws", (b"akia", b"asia"), rb"()" + _EDGE + rb"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (
        "aws",
        (b"secretaccesskey", b"secret_access_key"),
        rb"(?i)(secret_?access_?key" + _EQUALS + rb")[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    ("aws", (b"sessiontoken", b"session_token"), rb"(?i)(session_?token" + _EQUALS + rb")[A-Za-z0-9/+=]{100,}"),
    ("azure", (b"accountkey=",), rb"(?i)(accountkey=)[A-Za-z0-9/+=]{40,}"),
    ("github", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"()gh[pousr]_[A-Za-z0-9]{30,}"),
    ("github", (b"github_pat_",), rb"()github_pat_[A-Za-z0-9_]{22,}"),
    (
        "gitlab",
        (b"glpat-", b"glptt-", b"glrt-", b"gldt-", b"gloas-", b"glcbt-", b"glft-", b"glimt-", b"glagent-"),
        rb"()gl(?:pat|ptt|rt|dt|oas|cbt|ft|imt|agent)-[\w-]{20,}(?:\.[\w-]{2,})*",
    ),
    ("huggingface", (b"hf_", b"api_org_"), rb"()(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    # Names such as sk-learn-baseline-of-tuesday are no keys: without a known beginning there is no dash, but a digit.
    (
        "api-key",
        (b"sk-",),
        rb"()(?<![\w-])sk-(?:(?:proj|svcacct|admin|ant-\w+|or-v\d)-[\w-]{20,}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,})",
    ),
    ("stripe", (b"k_live_", b"k_test_"), rb"()[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("slack", (b"xox", b"xapp-"), rb"()(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    ("slack", (b"hooks.slack.com/",), rb"(?i)(hooks\.slack\.com/(?:services|workflows)/)[\w/-]{16,}"),
    ("google", (b"aiza",), rb"()" + _EDGE + rb"AIza[\w-]{35}(?![\w-])"),
    ("google", (b"ya29.",), rb"()" + _EDGE + rb"ya29\.[\w-]{20,}"),
    ("pypi", (b"pypi-",), rb"()pypi-AgE[\w-]{50,}"),
    ("npm", (b"npm_",), rb"()npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("jwt", (b"eyj",), rb"()(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    ("url", (b"@",), rb"(://)[^\s/@:\"'<>]*:" + _NO_NAME + rb"[^\s/\"'<>]*(?=@)"),
    ("url", (b"@",), rb"(?i)(https?://)" + _NO_NAME + rb"[^\s/@:\"'<>]{16,}(?=@)"),
    (
        "url",
        (b"token=", b"key=", b"secret=", b"password=", b"sig=", b"signature="),
        rb"(?i)([?&#](?:access_token|auth_token|private_token|token|api_?key|client_secret|password|sig|signature|"
        rb"x-(?:amz|goog)-(?:signature|security-token))=)(?!\[redacted)[^&\s\"'<>#\\]{6,}",
    ),
)
_QUERY = SHAPES[-1][2]


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """The values that must not be recorded: of variables with secret names, and passwords in URLs. Longest first."""
    found: set[str] = set()
    for name, value in environ.items():
        value = value.strip()
        if "@" in value and "://" in value:
            found |= _url_passwords(value)
        if len(value) >= SHORTEST and _is_secret_name(name.upper()) and not _is_setting(name.upper(), value):
            found.add(value)
    return sorted(found, key=lambda value: (-len(value), value))


def _is_secret_name(name: str) -> bool:
    if name in HARMLESS_NAMES.split() or _has_part(name, HARMLESS_PARTS) or _has_ending(name, HARMLESS_ENDINGS):
        return False
    return _has_part(name, SECRET_PARTS) or _has_ending(name, SECRET_ENDINGS)


def _has_part(name: str, parts: str) -> bool:
    return any(part in name for part in parts.split())


def _has_ending(name: str, endings: str) -> bool:
    return name.endswith(tuple(endings.split()))


def _is_setting(name: str, value: str) -> bool:
    if value.lower() in HARMLESS_VALUES.split():
        return True
    try:
        float(value)
    except ValueError:
        return False
    return not _has_part(name, NUMBERS_TOO)


def _url_passwords(value: str) -> set[str]:
    """The password of a URL, as written and as meant (`p%40ss` is `p@ss`)."""
    credentials = value.partition("://")[2].partition("/")[0].rpartition("@")[0]
    found = {credentials.partition(":")[2]}
    if "%" in credentials:
        from urllib.parse import unquote

        found |= {unquote(password) for password in found}
    return {word for word in found if len(word) >= SHORTEST and word.lower() not in HARMLESS_VALUES.split()}


def redact(text: bytes, *, secrets: Iterable[str]) -> bytes:
    """The text without these values, as they are or escaped as in JSON, and without anything shaped like a token."""
    text = _redact_values(text, secrets)
    folded = text.lower()
    for kind, needles, pattern in SHAPES:
        for needle in needles:
            if needle in folded:
                text = _compiled(pattern).sub(rb"\g<1>[redacted:" + kind.encode() + b"]", text)
                break
    return text


def redact_toml(text: bytes, *, secrets: Iterable[str]) -> bytes:
    """The same for TOML, in strings and comments only: bare keys and numbers stay, and it still parses."""
    secrets = list(secrets)
    # Nothing found as it stands: then only a string with an escape can still hide something.
    unseen = b"\\" if redact(text, secrets=secrets) == text else b""
    if unseen not in text:
        return text
    literals = _compiled(
        rb'"""(?:\\[\s\S]|[^\\])*?"{3,5}|' + rb"'''[\s\S]*?'{3,5}|" + rb'"(?:\\.|[^"\\\n])*"|' + rb"'[^'\n]*'|#[^\n]*"
    )
    return literals.sub(lambda match: _redact_literal(match[0], secrets) if unseen in match[0] else match[0], text)


def _redact_literal(literal: bytes, secrets: list[str]) -> bytes:
    if literal.startswith(b"#"):
        return redact(literal, secrets=secrets)
    value = literal[1:-1]
    if b"\\" in literal or literal.startswith((b'"""', b"'''")):
        import tomllib

        try:
            value = str(tomllib.loads(f"x = {literal.decode()}")["x"]).encode()
        except ValueError:  # not TOML after all
            return redact(literal, secrets=secrets)
    redacted = redact(value, secrets=secrets)
    if redacted == value:
        return literal
    import json

    # A JSON string is a TOML string, but for DEL, which TOML wants escaped.
    return json.dumps(redacted.decode(errors="replace"), ensure_ascii=False).replace("\x7f", "\\u007f").encode()


def redact_url(url: str) -> str:
    """The URL without user, password and signed parameters. The user of an SSH URL stays: it is half of the address."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url  # a path, or host:path, which has no place for a password
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    host = rest[:end]
    port = host.rpartition("]")[2].partition(":")[2]
    if "@" in rest and "@" not in host and port and not port.isdigit():
        end = rest.index("@") + 1  # no port, but a password with an unescaped "/"
        host = rest[:end]
    credentials, at, address = host.rpartition("@")
    user = credentials.partition(":")[0]
    keeps_user = bool(user) and scheme.lower().endswith(("ssh", "sftp", "rsync"))
    clean = f"{scheme}://{user}@{address}{rest[end:]}" if at and keeps_user else f"{scheme}://{address}{rest[end:]}"
    if "=" not in clean:
        return clean
    encoded = _compiled(_QUERY).sub(rb"\g<1>redacted", clean.encode("utf-8", "surrogateescape"))
    return encoded.decode("utf-8", "surrogateescape")


def _redact_values(text: bytes, secrets: Iterable[str]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):  # one may contain another
        if len(secret) < SHORTEST:
            continue
        for value in _spellings(secret):
            if value not in text:
                continue
            if len(value) >= UNMISTAKABLE:
                text = text.replace(value, b"[redacted:variable]")
            else:
                import re

                text = re.sub(_EDGE + re.escape(value) + rb"(?![A-Za-z0-9])", b"[redacted:variable]", text)
    return text


def _spellings(secret: str) -> set[bytes]:
    """As it is, as a terminal prints it, and as JSON or TOML write it."""
    plain = secret.encode("utf-8", "surrogateescape")
    spellings = {plain}
    if "\n" in secret:
        spellings.add(plain.replace(b"\n", b"\r\n"))
    if not secret.isalnum():
        import json

        spellings.add(json.dumps(secret)[1:-1].encode())
        spellings.add(json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"))
    return spellings


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    import re

    return re.compile(pattern)  # re itself keeps what it has compiled
