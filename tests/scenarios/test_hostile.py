"""Records of a lab that means harm: each command that reads answers within bounds, prints nothing raw, writes nothing.

A hostile record is a name and what is in it; a reading command is a line. All are run over all.
"""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import xxhash
from bounds import answers
from byhand import ByHand, Files, Odd, message_of
from harness import Lab
from hostiletexts import EVIL, FORMULA, MARKUP, WORDS, spoilt, texts, toml_of

pytestmark = pytest.mark.long
GOOD = "kkkkllllmmmmnnnn"

# A new command that reads is a line here: of one run, or of all.
OF_A_RUN = """\
show BAD
show BAD --json
show BAD --output
diff GOOD BAD
diff BAD GOOD --json
diff GOOD BAD --patch
diff GOOD BAD --stat
plot val.acc BAD
plot val.acc BAD --json
plot val.acc BAD GOOD --csv
trace BAD val.acc
trace BAD val.acc --json
report BAD -o -
get BAD --to TARGET/get
get BAD run.toml artifact --to TARGET/one
rerun BAD --dry-run
rerun BAD
rerun GOOD --recipe-of BAD --dry-run
rerun GOOD --env-of BAD --data-of BAD --dry-run
rerun BAD --env --dry-run
explain GOOD BAD --dry-run
resume BAD
verify BAD
verify BAD --data --json
log BAD
log BAD --json"""
OF_ALL = """\
log
log --json
log --csv --all
log --markdown --all
log --latex --all
log --notes
log --notes --json
log --summary
log --group
log --group --json
log --by optimizer.lr
log --all --sort val.acc --columns run,message,author,note,tag,optimizer.lr,val.acc,hardware
log --where val.acc>0.5
log --where 'message ~ "(a+)+$"'
log --reproduced 1
report -o -
report -o TARGET/report.html
plot --json val.acc
plot --x optimizer.lr --csv val.acc
plot val.acc
diff @digits @tiny
decisions
decisions --json
status
status --json
verify --all
verify --all --json
log --signatures
bundle TARGET/bundle
data list
data list --json
data gc --dry-run
data runs d
data history d
data lineage d
data show d
recipe list
push
show latest
show best:val.acc
_bash show
_zsh show
_bash plot
_zsh plot
_bash get latest
_zsh log --columns
_zsh data get"""


class World:
    """A lab with one good run and the branch of a stranger on top of it."""

    def __init__(self, lab: Lab, by: ByHand, target: Path, address: str) -> None:
        self.lab, self.by, self.target, self.address = lab, by, target, address
        self.bad: dict[str, str] = {}  # what is wrong: its commit

    def record(self, name: str, files: Files | None = None, **keys: Any) -> str:
        """One bad run more."""
        self.bad[name] = self.by.run(run_id(len(self.bad)), files, **keys)
        return self.bad[name]

    def stored(self, content: bytes) -> str:
        """The digest of bytes that the object store has."""
        digest = xxhash.xxh3_128_hexdigest(content)
        path = self.lab.path / ".git/gitexp/objects/xxh128" / digest[:2] / digest[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return digest

    def problems(self, *, each: str, all_: str, one_in: int) -> list[str]:
        """What the commands do that they must not."""
        named = {"TARGET": str(self.target), "GOOD": GOOD}
        asked = [("all of them", _words(line, named)) for line in all_.splitlines()]
        for at, (name, commit) in enumerate(self.bad.items()):
            lines = [line for n, line in enumerate(each.splitlines()) if (n + at) % one_in == 0]
            asked += [(name, _words(line, {**named, "BAD": commit})) for line in lines]
        found = answers(self.lab, [args for _, args in asked])
        return [
            f"{name}: gitexp {' '.join(answer.args)}: {answer.wrong}"
            for (name, _), answer in zip(asked, found, strict=True)
            if answer.wrong
        ]

    def check(self, *, each: str = OF_A_RUN, all_: str = OF_ALL, one_in: int = 1) -> None:
        """Assert that there are none. `one_in`: where there are many records, each meets one command in so many."""
        found = self.problems(each=each, all_=all_, one_in=int(os.environ.get("HOSTILE_ONE_IN", one_in)))
        assert not found, "\n".join([f"{len(found)} problems", *(f"{one[:200]} … {one[-300:]}" for one in found[:50])])


def _words(line: str, named: dict[str, str]) -> list[str]:
    words = shlex.split(line)
    for name, value in named.items():
        words = [word.replace(name, value) for word in words]
    return words


def run_id(number: int) -> str:
    letters = "klmnopqrstuvwxyz"
    return "llll" + "".join(letters[number >> shift & 15] for shift in range(44, -1, -4))


@pytest.fixture
def world(fresh: Lab, tmp_path: Path) -> Iterator[World]:
    """At the end nobody has asked the address that the records name, and nothing but the target was written."""
    by = ByHand(fresh)
    by.run(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = tmp_path / "target"
        target.mkdir()
        (tmp_path / "secret.txt").write_text("a secret\n")
        before = outside(tmp_path)
        yield World(fresh, by, target, f"http://127.0.0.1:{server.getsockname()[1]}/x")
        assert outside(tmp_path) == before
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def outside(tmp_path: Path) -> dict[str, bytes | None]:
    """Every file of that place, but for the target and what is gitexp's and git's own."""
    # gpg makes its folder where it is asked for a signature the first time.
    skipped = (tmp_path / "target", tmp_path / "lab/.git", tmp_path / "home/.gnupg")
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in tmp_path.rglob("*")
        if not any(path.is_relative_to(one) for one in skipped)
    }


PATHS = [
    "README.md",
    "FORMAT.md",
    "code",
    "run.toml",
    "recipe.toml",
    "data.toml",
    "data",
    "data/d.xxh128",
    "data/d.sha256",
    "metrics.toml",
    "history.csv",
    "environment.toml",
    "environment",
    "environment/1.toml",
    "requirements.txt",
    "settings.toml",
    "components.toml",
    "artifacts.xxh128",
    "artifacts.sizes",
    "artifacts.sha256",
    "output.log",
    "items.csv",
    "verdict.toml",
    "usage.csv",
]
MISSING = "1" * 40
KINDS: dict[str, Callable[[ByHand], Any]] = {
    "a folder": lambda by: {"run.toml": "x = 1\n"},
    "a file": lambda by: "not a folder\n",
    "an empty file": lambda by: "",
    "a link": lambda by: Odd("120000", by.blob("../../../secret.txt")),
    "a submodule": lambda by: Odd("160000", by.tip or MISSING),
    "a missing file": lambda by: Odd("100644", MISSING),
    "a missing folder": lambda by: Odd("40000", MISSING),
    "a folder that is a file": lambda by: Odd("40000", by.blob("x")),
    "a file that is a folder": lambda by: Odd("100644", by.code),
    "a file that is a commit": lambda by: Odd("100644", by.tip or MISSING),
    "bytes": lambda by: bytes(range(256)) * 40,
    "a mode of nothing": lambda by: Odd("777", by.blob("x")),
}


def at(path: str, what: Any) -> Files:
    folder, slash, name = path.partition("/")
    return {folder: {name: what}} if slash else {path: what}


def test_something_else_at_any_path_of_a_record(world: World) -> None:
    for kind, path in product(KINDS, PATHS):
        world.record(f"{kind} at {path}", at(path, KINDS[kind](world.by)))
    world.check(one_in=11)


@pytest.mark.parametrize("tail", [EVIL, MARKUP, "\u2028", "x" * 20_000], ids=["controls", "markup", "line", "long"])
def test_the_same_in_every_text(world: World, tail: str) -> None:
    """The keys of run.toml that must fit stay as they are in some records, or nobody would read on."""
    files = texts(tail)
    for name, plain in (("all", ""), ("run", WORDS["run.toml"])):
        own = run_id(len(world.bad))
        about = files["run.toml"] if not plain else "\n".join(kept(plain, tail))
        message = f"digits{tail}: failed\n\n{tail}\n\nGitexp-Run: {own}\nGitexp-Status: failed\nGitexp-Recipe: {tail}\n"
        tree = world.by.record(own, {**files, "run.toml": about.replace('"ID', f'"{own}')})
        raw = (tail + " <" + tail + "@x>").replace("\n", "").encode("utf-8", "surrogatepass")
        world.bad[name] = world.by.commit(tree, message.encode("utf-8", "surrogatepass"), who=raw)
    for kind, payload in EVENTS.items():
        text = payload.replace("TAIL", toml_of(tail)[1:-1])
        world.by.event(kind, None if kind == "decision" else run_id(1), text, who=raw)
    world.check()


def test_formulas_for_spreadsheets(world: World) -> None:
    key = toml_of(FORMULA)
    recipe = f'{key} = {key}\n"@x" = "@x"\n[run]\ncommand = [{key}]\n[metrics.goal]\n{key} = "max"\n'
    metrics = f'{key} = 1\n"+x" = 2\n"-x" = 3\n"val.acc" = 1\n'
    history = f'step,time_s,val.acc,"{FORMULA}"\n0,0,1,1\n'
    data = f"[{key}]\npath = {key}\n[d]\nowner = {key}\n"
    files = {"recipe.toml": recipe, "metrics.toml": metrics, "history.csv": history, "data.toml": data}
    own = run_id(0)
    tree = world.by.record(own, files, recipe=FORMULA, message=FORMULA, user=FORMULA, host=FORMULA)
    who = f"{FORMULA} <=x@y>".encode()
    world.bad["formulas"] = world.by.commit(tree, message_of(own), who=who)
    world.by.event("note", own, f"text = {key}", who=who)
    world.by.event("tag", own, 'name = "t"\nwhy = "x"', who=who)
    world.check(all_=OF_ALL + CSV)


CSV = f"""
log --csv --all --columns "run,message,author,note,tag,recipe,{FORMULA},@x,val.acc"
plot --csv "{FORMULA}"
plot --csv --x "@x" val.acc
plot --csv --group val.acc"""


EVENTS = {
    "note": 'text = "TAIL"\noutcome = "kept"',
    "tag": 'name = "aTAIL"\nwhy = "TAIL"\nfrom = ["TAIL"]',
    "retract": 'why = "TAIL"',
    "reinstate": 'why = "TAIL"',
    "baseline": 'recipe = "digitsTAIL"\nwhy = "TAIL"',
    "decision": f'text = "TAIL"\nbecause = ["{run_id(1)}", "TAIL"]\ninstead = "TAIL"',
    "TAIL": 'text = "TAIL"',
}
STAY = ("format", "id", "attempt", "kind", "status", "started", "finished", "clean", "[", "commit")


def kept(text: str, tail: str) -> Iterator[str]:
    """run.toml with its texts spoilt, but for what is looked at before the rest is read; neither imported nor mixed."""
    for line in text.partition("[imported]")[0].splitlines():
        yield line if line.startswith(STAY) else spoilt(line, tail)


DIGITS = "9" * 400
HEAVY: dict[str, str] = {
    "a number of 400 digits": f"x = {DIGITS}\n'val.acc' = {DIGITS}\n",
    "a float of 400 digits": f"x = {DIGITS}.5\n'val.acc' = 1e{DIGITS}\n",
    "a number beyond a double": "x = 0x" + "f" * 900 + "\n'val.acc' = 9223372036854775807\n",
    "brackets in brackets": "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "tables in tables": "x = " + "{ a = " * 30 + "1" + " }" * 30 + "\n",
    "a key of very many parts": "a" + ".a" * 80_000 + " = 1\n",
    "very many keys": "".join(f"k{n} = 1\n" for n in range(30_000)),
    "very many tables": "".join(f"[t{n}]\n" for n in range(30_000)),
    "a long array": "x = [" + "1," * 130_000 + "]\n",
    "a long text": 'x = "' + "x" * (2 << 20) + '"\n',
    "a text that never ends": 'x = """\n' + "y = 1\n" * 100_000,
    "times": "started = 0001-01-01T00:00:00+14:00\nfinished = 9999-12-31T23:59:59-14:00\nx = 0001-01-01\n",
    "no TOML": "\x00\xff{]",
    "nan": "x = nan\n'val.acc' = nan\nloss = -inf\n",
}
TOMLS = ("run.toml", "recipe.toml", "data.toml", "metrics.toml", "environment.toml", "settings.toml", "verdict.toml")


def test_toml_that_costs_whoever_reads_it(world: World) -> None:
    for what, name in product(HEAVY, TOMLS):
        world.record(f"{what} in {name}", {name: HEAVY[what]}, kind="rerun", reproduces=GOOD)
    world.check(one_in=7)


ROWS: dict[str, bytes] = {
    "zeros": b"\0" * (24 << 20),
    "one long line": b"step,time_s,val.acc\n" + b"1," * (12 << 20),
    "rows": b"step,time_s,val.acc\n" + b"0,0,0\n" * (4 << 20),
    "columns": b"step,time_s," + b",".join(b"m%d" % n for n in range(200_000)) + b"\n0,0" + b",1" * 200_000 + b"\n",
    "quotes": b'step,time_s,"' + b'""' * 1_000_000 + b'\n0,0,"' + b"\n" * 1_000_000,
    "numbers of many digits": b"step,time_s,val.acc\n" + (b"9" * 5000 + b",0," + b"9" * 5000 + b"\n") * 200,
    "steps without end": b"step,time_s,val.acc\n9223372036854775807,0,1\n-9223372036854775808,1e308,2\n1e400,nan,inf\n",
    "manifest": b"".join(b"%032x  a/%07d\n" % (n, n) for n in range(200_000)),
}
TABLES = (
    "history.csv",
    "items.csv",
    "usage.csv",
    "artifacts.xxh128",
    "artifacts.sizes",
    "output.log",
    "requirements.txt",
)


def test_tables_that_cost_whoever_reads_them(world: World) -> None:
    for what, name in product(ROWS, TABLES):
        world.record(f"{what} in {name}", {name: ROWS[what]})
    world.check(one_in=7)


def test_a_gigabyte_of_zeros_that_is_a_megabyte_in_git(world: World) -> None:
    world.record("history.csv", {"history.csv": Odd("100644", world.by.zeros(1 << 30))})
    world.check(
        each="show BAD\nplot val.acc BAD --json\ndiff GOOD BAD\nreport BAD -o -\nget BAD --to TARGET/x", all_="log"
    )


HEADERS: dict[str, dict[str, Any]] = {
    "no date": {"when": b""},
    "a date before 1970": {"when": b"-99999999999 +0000"},
    "a date far away": {"when": b"99999999999999999999 +0000"},
    "the year 9999": {"when": b"253402300799 -1400"},
    "a zone of nowhere": {"when": b"1 +9999"},
    "no number": {"when": b"yesterday"},
    "no name": {"who": b""},
    "a name without an address": {"who": b"<<>> >"},
    "an encoding": {"extra": b"encoding iso-2022-kr\n"},
    "no such encoding": {"extra": b"encoding \x1b[31m\n"},
    "a signature": {"extra": b"gpgsig -----BEGIN PGP SIGNATURE-----\n \x1b\n"},
    "a header of a megabyte": {"extra": b"x " + b"y" * (1 << 20) + b"\n"},
}
MESSAGES: dict[str, bytes] = {
    "nothing": b"",
    "no end": b"Gitexp-Run: lllllllllllllll",
    "bytes": b"x\0y\xff\n\nGitexp-Run: ID\n\0",
    "an id of a terminal": b"x\n\nGitexp-Run: \x1b[2J\n",
    "two ids": b"x\n\nGitexp-Run: ID\nGitexp-Run: kkkkllllmmmmnnnn\n",
    "another's id": b"x\n\nGitexp-Run: kkkkllllmmmmnnnn\nGitexp-Attempt: 999999999999999999999999\n",
    "an event and a run": b"x\n\nGitexp-Event: note\nGitexp-About: kkkkllllmmmmnnnn\nGitexp-Run: ID\n",
    "a number for an attempt": b"x\n\nGitexp-Run: ID\nGitexp-Attempt: -1\nGitexp-Seed: " + b"9" * 5000 + b"\n",
    "a fold": b"x\n\nGitexp-Run: ID\n  \x1b]0;x\x07\n\x1f\n",
    "separators": b"x\x1fy\x1ez\n\nGitexp-Run: ID\x1f\x1e\x1d\nGitexp-Event: \x1f\n",
}


def odd_commits(world: World) -> None:
    for name, odd in HEADERS.items():
        own = run_id(len(world.bad))
        world.bad[name] = world.by.commit(world.by.record(own), message_of(own), **odd)
    for name, message in MESSAGES.items():
        own = run_id(len(world.bad))
        world.bad[name] = world.by.commit(world.by.record(own), message.replace(b"ID", own.encode()))


def test_commits_as_nobody_would_write_them(world: World) -> None:
    odd_commits(world)
    world.check(one_in=4)


def test_what_is_said_of_runs_of_a_stranger(world: World) -> None:
    """These write events to the branch, and nothing else."""
    odd_commits(world)
    for n, name in enumerate(("controls", "formula")):
        world.record(name, texts((EVIL, FORMULA)[n]))
    world.check(each=SAYING, all_="verify --all\nlog --all\ndecisions\nlog --notes", one_in=3)


SAYING = """\
note BAD -m words
tag BAD name
tag BAD other --move -m why
retract BAD --why words
baseline BAD
decide words --because BAD
drop BAD"""


def test_a_pull_from_a_stranger(world: World, tmp_path: Path) -> None:
    """What he has comes, beside a run of one's own, and is read there."""
    odd_commits(world)
    world.record("controls", texts(EVIL))
    by, lab, theirs = world.by, world.lab, str(world.target / "theirs")
    by.point("refs/heads/evil", by.tip or "")
    lab.git("clone", "-q", "--bare", str(lab.path), theirs)
    lab.git("--git-dir", theirs, "branch", "-qf", "experiments", "evil")
    lab.git("remote", "add", "origin", theirs)
    by.tip, count, world.bad = by.root, len(world.bad), {}
    by.run(run_id(9999))
    world.check(all_=PULLED)
    assert len(lab.git("rev-list", "--first-parent", "experiments^2").split()) == 2
    assert len(lab.git("rev-list", "experiments").split()) == count + 4


PULLED = """\
pull
log --all
log --remote origin --all
verify --all
report -o -
show latest
status
log --all --csv"""


def test_a_message_of_fifty_megabytes_of_which_git_itself_makes_two(world: World) -> None:
    tail = message_of(run_id(0)).encode()
    world.bad["long"] = world.by.commit(world.by.record(run_id(0)), b"x" * (50 << 20) + b"\n\n" + tail)
    world.bad["event"] = world.by.event("note", GOOD, 'text = "' + "y" * (20 << 20) + '"')
    world.check(all_="log\nlog --json\nlog --notes\ndecisions\nstatus\nreport -o -\nshow latest")


PATHS_OF_FILES = [
    "../up",
    "../../../up",
    "/TARGET/../abs",
    ".git/hooks/post-checkout",
    ".git/config",
    "./x",
    "a//b",
    "a/../../b",
    "-",
    "-rf",
    "~/x",
    "$HOME",
    "x\\n/../../y",
    "a",
    "a/b",
    "a\\\\..\\\\b",
    "CON",
    "nul.txt",
    ".gitattributes",
    "a/.git/x",
    "\\x1b[2J",
    "..",
    ".",
    "a/.",
    "gitexp-history.csv",
]


def test_paths_that_lead_out_of_where_they_are_put(world: World) -> None:
    digest = world.stored(b"bytes of a stranger\n")
    for name in PATHS_OF_FILES:
        lines = f"{digest}  {name}\n"
        about = (
            f'[d]\npath = {toml_of(name)}\nurl = "{world.address}"\ndigest = "xxh128:{world.stored(lines.encode())}"\n'
        )
        recipe = f'[run]\ncommand = ["true"]\n[data]\nd = {{ path = {toml_of(name)}, url = "{world.address}" }}\n'
        files = {"data.toml": about, "data": {"d.xxh128": lines}, "recipe.toml": recipe, "artifacts.xxh128": lines}
        world.record(name, files)
    world.record("all of them", {"artifacts.xxh128": "".join(f"{digest}  {name}\n" for name in PATHS_OF_FILES)})
    world.check(
        each="show BAD\nget BAD --to TARGET/NAME\nget BAD d --to TARGET/d\nget BAD artifacts --to TARGET/a\nrerun BAD"
    )


ADDRESSES = [
    "ADDRESS",
    "file:///etc/passwd",
    "/etc/passwd",
    "http://169.254.169.254/latest",
    "http://[::1]/x",
    "ext::sh",
    "ssh://-oProxyCommand=x",
    "s3://bucket/x",
    "hf://datasets/x",
    "git+file:///x",
    "http://0x7f000001/",
    "https://user:token@127.0.0.1/",
    "gs://x",
    "az://x",
    "sftp://127.0.0.1/x",
]


def test_addresses_that_a_record_names_are_not_asked(world: World) -> None:
    for name in ADDRESSES:
        url = name.replace("ADDRESS", world.address)
        about = (
            f'[d]\npath = "data/x"\nurl = "{url}"\nresolved = "{url}"\nmirror = "{url}"\ndigest = "xxh128:{"1" * 32}"\n'
        )
        recipe = f'[run]\ncommand = ["true"]\n[data]\nd = {{ path = "data/x", url = "{url}" }}\n'
        world.record(name, {"data.toml": about, "recipe.toml": recipe})
    world.check(
        each="show BAD\nget BAD --to TARGET/x\nget BAD d --to TARGET/d\nrerun BAD\nresume BAD\ntrace BAD val.acc"
    )


def test_code_that_leads_out_of_its_folder(world: World) -> None:
    here = Odd("120000", world.by.blob(str(world.target.parent)))
    below: Any = "x"
    for _ in range(3000):
        below = Odd("40000", world.by.tree({"d": below}))
    hook = {"hooks": {"post-checkout": "#!/bin/sh\ntouch /tmp/pwned\n"}, "config": "[core]\n\tfsmonitor = touch x\n"}
    codes: dict[str, Files] = {
        "..": {"..": {"up": "x"}},
        ".": {".": {"up": "x"}},
        ".git": {".git": hook},
        ".GIT": {".GIT": hook, ".git\u200c": hook, "git~1": hook},
        "a slash": {"../up": "x", "a/b": "y"},
        "nothing": {"": "x"},
        "a line feed": {"a\nb": "x", "\x1b[2J": "y", "\u202e": "z"},
        "a link out": {"train.py": here, "run.toml": here},
        "a link and what lies below it": {"a": here, "a/": {"secret.txt": "x"}},
        "gitmodules": {
            ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/pwned\n',
            "x": Odd("160000", MISSING),
        },
        "attributes": {
            ".gitattributes": "* filter=evil diff=evil merge=evil working-tree-encoding=UTF-32 ident eol=crlf\n"
        },
        "deep": {"d": below},
        **{
            f"gitexp.toml: {name}": {"gitexp.toml": text, "recipes": {"digits.toml": text}}
            for name, text in HEAVY.items()
        },
        "a catalogue out of it": {"gitexp.toml": 'catalogue = "../../../secret.txt"\n'},
        "recipes of each other": {"recipes": {"a.toml": 'extends = "b"\n', "b.toml": 'extends = "a"\n'}},
    }
    for name, code in codes.items():
        world.record(name, {"code": code})
    world.check(one_in=3)


def test_runs_that_reproduce_each_other_and_decisions_that_replace_each_other(world: World) -> None:
    ids = [run_id(n) for n in range(3)]
    for n, own in enumerate(ids):
        verdict = f'run = "{ids[n - 1]}"\nattempt = 1\ncommit = "sha1:{"0" * 40}"\ngrade = "bitwise"\n'
        verdict += "[compared]\nvalues = 1\n"
        world.record(own, {"verdict.toml": verdict}, kind="rerun", reproduces=ids[n - 1])
    world.record("itself", {}, kind="rerun", reproduces=run_id(3))
    world.record("mixed of itself", {}, kind="rerun", mixture={"of": run_id(4), "code": run_id(4)})
    first = world.by.event("decision", None, f'text = "a"\nbecause = ["{ids[0]}"]\ninstead = "experiments"')
    world.by.event("decision", None, f'text = "b"\nbecause = ["{ids[0]}"]\ninstead = "{first}"')
    world.check()


def test_very_many_runs_under_one_id(world: World) -> None:
    for n in range(1500):
        world.bad = {"one of them": world.by.run(run_id(0), attempt=n % 7 + 1)}
    world.check()


TIPS: dict[str, Callable[[ByHand], str]] = {
    "a tag": lambda by: by.put("tag", f"object {by.tip}\ntype commit\ntag x\ntagger A <a@x> 1 +0000\n\nx\n".encode()),
    "a file": lambda by: by.blob("x"),
    "a folder": lambda by: by.code,
    "nothing": lambda by: MISSING,
    "no object": lambda by: "\x1b[2J",
    "another ref": lambda by: "ref: refs/heads/experiments",
    "a commit without a tree": lambda by: by.put("commit", b"author A <a@x> 1 +0000\n\nx"),
    "a commit whose parent is gone": lambda by: by.commit(
        by.record(run_id(0)), message_of(run_id(0)), parents=(MISSING,)
    ),
    "a commit whose tree is gone": lambda by: by.commit(MISSING, message_of(run_id(0))),
    "a commit whose tree is a file": lambda by: by.commit(by.blob("x"), message_of(run_id(0))),
    "a commit of itself twice": lambda by: by.commit(by.code, message_of(run_id(0)), parents=(by.tip or "",) * 3),
}


@pytest.mark.parametrize("what", TIPS)
def test_a_branch_whose_tip_is_something_else(world: World, what: str) -> None:
    by = world.by
    good, tip = by.tip or "", TIPS[what](by)
    by.point("refs/heads/experiments", tip)
    world.bad = {"tip": "experiments", "good": good}
    world.check()
