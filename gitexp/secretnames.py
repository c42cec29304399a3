"""Names (of variables, options, keys) to whether what stands behind them is a secret; and secrets taken out by that.

One rule for environment variables, options of a program, keys of a recipe and words of a message. Options and keys are
judged by their values too: a recipe is full of `pad_token = "<pad>"` and `image_key = "image"`, which are no secrets.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; typing itself imports re
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

SHORTEST = 6  # a shorter value would hit ordinary words
REDACTED = "[redacted:named]"

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

# Of options and keys: names that can only mean a secret, whatever its value looks like …
CERTAIN_ENDINGS = """
    PASSWORD PASSWD PASSPHRASE PASSCODE API_KEY APIKEY ACCESS_KEY ACCESSKEY SECRET_KEY ACCOUNT_KEY PRIVATE_KEY SECRET
    API_TOKEN AUTH_TOKEN ACCESS_TOKEN REFRESH_TOKEN SESSION_TOKEN BEARER_TOKEN HF_TOKEN HUB_TOKEN GITHUB_TOKEN
    GITLAB_TOKEN WANDB_TOKEN BOT_TOKEN CREDENTIAL CREDENTIALS CONNECTION_STRING COOKIE _PWD _PAT _DSN"""
CERTAIN_NAMES = "TOKEN PASS PW PWD PAT DSN AUTH"
NOTHING = "NONE NULL TRUE FALSE YES NO ON OFF AUTO NAN INF"
LIKELY = 8  # characters, a letter and a digit among them, that make the value of another such name a secret

# Options of one letter, by program. Those of two characters may have their value attached: -pX.
SHORT_OPTIONS = {
    "sshpass": "-p", "mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mariadb": "-p", "mongo": "-p",
    "mongosh": "-p", "mongodump": "-p", "redis-cli": "-a", "docker": "-p", "podman": "-p", "ldapsearch": "-w",
    "unzip": "-P", "zip": "-P", "7z": "-p", "curl": "-u", "smbclient": "-U",
}  # fmt: skip
ATTACHED_ALONE = "mysql mysqldump mysqladmin mariadb 7z"  # -p X is a question and a database


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


# ---- options, keys, words


def is_named_secret(name: str, value: str) -> bool:
    """Whether an option or a key of this name (`--api-key`, `db.password`, `authToken`) with this value is a secret."""
    name = _as_variable(name)
    bare = value.strip("\"'")
    if not bare or bare[0] in "<{[$*" or bare.upper() in NOTHING.split() or bare.lower() in HARMLESS_VALUES.split():
        return False
    if _has_part(name, HARMLESS_PARTS) or _has_ending(name, HARMLESS_ENDINGS) or name in HARMLESS_NAMES.split():
        return False
    if _is_number(bare):
        return _has_part(name, "PASSWORD PASSWD PASSPHRASE")
    if name in CERTAIN_NAMES.split() or _has_ending(name, CERTAIN_ENDINGS):
        return True
    likely = len(bare) >= LIKELY and any(c.isdigit() for c in bare) and any(c.isalpha() for c in bare)
    return likely and _is_secret_name(name) and not _is_identifier(bare)


def _as_variable(name: str) -> str:
    """`--db.api-key` and `db.apiKey` as `API_KEY`: of a path of keys, the last one."""
    last = name.lstrip("-+").rpartition(".")[2].replace("-", "_")
    humps = (f"_{c}" if c.isupper() and before.islower() else c for before, c in zip(" " + last, last, strict=False))
    return "".join(humps).upper()


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_identifier(value: str) -> bool:
    """Words joined as names of columns, files and keys are: image_256, val/acc1."""
    import re

    return re.fullmatch(r"[a-z]+(?:[_./-][a-z0-9]+)+", value) is not None


def named_in_argv(argv: Sequence[str]) -> list[str]:
    """The secrets among a program's arguments; of those attached to an option, the argument as well."""
    found = list(_argv(argv))
    attached = [argv[index] for index, value in found if argv[index] == f"{argv[index][:2]}{value}"]
    return [*attached, *(value for _, value in found)]


def redact_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """A program's arguments without the secrets among them."""
    found = list(argv)
    for index, value in _argv(argv):
        before, there, after = found[index].rpartition(value)
        found[index] = before + REDACTED + after if there else found[index]
    return tuple(found)


def _argv(argv: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The places of secrets: which argument, and the part of it."""
    option, attached = "", False
    previous = ""
    for index, word in enumerate(argv):
        program = word.rpartition("/")[2]
        name, equals, value = word.partition("=")
        if index and option and word.startswith(option) and len(word) > 2 and not word.startswith("--"):
            yield index, word[2:].rpartition(":")[2] if option == "-u" else word[2:]
        elif index and previous == option and option and not attached:
            mark = {"-u": ":", "-U": "%"}.get(option)
            if mark is None or mark in word:
                yield index, word.partition(mark)[2] if mark else word
        elif equals and _is_name(name.lstrip("-+")):
            if is_named_secret(name, value):
                yield index, value
        elif _is_option(previous) and not word.startswith("-") and is_named_secret(previous, word):
            yield index, word
        if any(c.isspace() for c in word):
            yield from ((index, secret) for secret in named_in_text(word))
        if program in SHORT_OPTIONS:
            option, attached = SHORT_OPTIONS[program], program in ATTACHED_ALONE.split()
        previous = word


def _is_option(word: str) -> bool:
    return word.startswith("-") and len(word) > 2 and _is_name(word.lstrip("-"))


def _is_name(word: str) -> bool:
    return bool(word) and all(c.isalnum() or c in "_.-" for c in word)


_TOLD = r"(?:\s*(?:=|:|->|\bis\b|\bwas\b)\s*)"
_WORD = r"(?P<value>\"[^\"]+\"|'[^']+'|(?!\[redacted|-)[^\s,;\"')]+)"


def named_in_text(text: str) -> list[str]:
    """The secrets that words in front of them give away: `password is X`, `--token X`, `API_KEY=X`."""
    return [match["value"].strip("\"'") for match in _named(text)]


def redact_text(text: str) -> str:
    """The text without them."""
    for match in reversed(list(_named(text))):
        text = text[: match.start("value")] + REDACTED + text[match.end("value") :]
    return text


def _named(text: str) -> Iterator[re.Match[str]]:
    folded = text.upper()
    if not any(part in folded for part in f"{SECRET_PARTS} PASS PW KEY AUTH PAT DSN".split()):
        return
    import re

    # The value is only looked at: in `the password is X` it may be the next name.
    for match in re.finditer(rf"(?<![\w.-])(?P<name>--?[\w.-]+|[A-Za-z][\w.-]*)(?=(?P<how>{_TOLD}|\s+){_WORD})", text):
        name, how, value = match["name"], match["how"].strip(), match["value"].strip("\"'")
        # Behind words alone only a value that looks like one: "better token handling" names no secret.
        looks = any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and len(value) >= SHORTEST
        plain = how == "is" and _has_ending(_as_variable(name), "PASSWORD PASSPHRASE PASSWD") and len(value) >= SHORTEST
        told = how in ("=", ":") or name.startswith("-") or looks
        if plain or (told and is_named_secret(name, value)):
            yield match


def named_in_values(values: Mapping[str, Any]) -> list[str]:
    """The secrets among a recipe's values."""
    found: list[str] = []
    _without(values, found)
    return found


def redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's values with each secret replaced, visibly. The command is taken as arguments."""
    clean = _without(values, [])
    assert isinstance(clean, dict)
    return clean


JUDGED_ELSEWHERE = ("about", "why", "metrics", "data", "space")  # gitexp's own words, names of metrics and datasets


def _without(value: Any, found: list[str], path: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        if len(path) == 1 and path[0] in JUDGED_ELSEWHERE:
            return value
        return {key: _without(one, found, (*path, key)) for key, one in value.items()}
    if isinstance(value, list):
        if all(isinstance(one, str) for one in value) and value and not is_named_secret(path[-1], value[0]):
            found += named_in_argv(value)
            return list(redact_argv(value))
        return [_without(one, found, path) for one in value]
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not is_named_secret(path[-1], str(value)):
        return value
    found.append(str(value))
    return REDACTED
