"""The texts of a record, all of them, and what a stranger may write behind each."""

from __future__ import annotations

import re
from typing import Any

MARKUP = "</script><script>alert(1)</script>|\\input{/etc/passwd}[x](javascript:1)$&%#_`x`"
EVIL = "\x1b]0;x\x07\u202ea\u2066\u200b\r\n\x9b2J\ud800" + MARKUP
FORMULA = "=cmd|' /C calc'!A0"


def toml_of(value: Any) -> str:
    """Any text as TOML spells it, lone surrogates left out, which TOML cannot have."""
    return '"' + "".join(f"\\u{ord(c):04x}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'


def spoilt(text: str, with_: str) -> str:
    """TOML with each string value, and each quoted key, followed by this."""
    tail = toml_of(with_)[1:]
    return re.sub(r'(?<=[\w./: -])"(?=[\]\s,}]|$)', tail.replace("\\", "\\\\"), text, flags=re.M)


WORDS = {
    "run.toml": """\
format = 1
id = "ID"
attempt = 1
kind = "run"
status = "failed"
error = "no"
stopped_by = "x"
signal = "x"
started = 2026-11-20T10:00:00Z
finished = 2026-11-20T10:00:00Z
argv = ["python", "train.py"]
cwd = "x"
root = "/x"
recipe = "digits"
recipe_path = "recipes/digits.toml"
user = "ada"
host = "lab"
message = "a try"
job = "slurm:1"
defects = ["data changed"]
notes = ["a note"]
recorded_by = "x@y"
[variables]
X = "x"
"Y" = "y"
[gitexp]
version = "x"
url = "x"
[code]
clean = false
commit = "sha1:x"
subject = "x"
branch = "main"
remote = "https://example.org/x"
changed = ["a.py"]
changed_count = 1
edited = ["a.py"]
edited_count = 1
submodules = ["x"]
lfs = ["x"]
license = "x"
[resources]
memory_asked = "16GB"
[digests]
"weights" = "x"
[splits.train]
rows = 1
by = "x"
digest = "x"
[summary]
by = "x"
goal = "max"
row = 1
[imported]
tool = "x"
store = "x"
id = "x"
name = "x"
url = "x"
status = "x"
artifacts = ["x"]
[imported.tags]
"a" = "x"
[[seen]]
kind = "x"
path = "x"
rows = 1
metrics = 1
[mixture]
of = "x"
code = "x"
keys = ["x"]
packages = ["x"]
set = ["x"]
[mixture.data]
"d" = "x"
""",
    "recipe.toml": """\
[about]
summary = "x"
[why]
"optimizer.lr" = "settles"
[run]
command = ["python", "train.py"]
env = { "A" = "x" }
outputs = ["x"]
[data]
d = "./data"
[metrics]
files = ["log.csv"]
goal = { "val.acc" = "max" }
tolerance = { "val.acc" = "x" }
not_compared = ["x"]
[optimizer]
"lr" = "x"
""",
    "data.toml": """\
["d"]
entry = "x"
path = "x"
url = "x"
kind = "x"
digest = "x"
key = "x"
source = "x"
license = "x"
owner = "x"
access = "x"
tags = ["a"]
fetched = "x"
resolved = "x"
version = "x"
mirror = "x"
contract = "x"
[d.counts]
"a=b" = 1
[d.split."train"]
by = "x"
[d.lineage]
recipe = "x"
command = ["x"]
run = "x"
stale = ["x"]
parents = { "raw" = "x" }
""",
    "metrics.toml": '"val.acc" = 0.9\n"loss" = 1\n',
    "environment.toml": """\
probed = "x"
how = "x"
reason = "x"
doubt = "x"
cuda = "x"
driver = "x"
gpus = [{ model = "x", uuid = "x" }]
others = [{ path = "x", implementation = "x", version = "x" }]
[launcher]
path = "x"
[interpreter]
implementation = "x"
version = "x"
executable = "x"
pythonpath = ["x"]
[packages]
"numpy" = "x"
mine = { version = "x", editable = "x", vcs = "x", commit = "x" }
[system]
os = "x"
[cpu]
model = "x"
capability = "x"
[container]
kind = "x"
digest = "x"
image = "x"
[training]
level = "x"
"k" = "x"
[flags]
"A" = "x"
[variables]
"B" = "x"
""",
    "settings.toml": '[hydra]\n"a.b" = "x"\n["params.yaml"]\n"c" = "x"\n',
    "components.toml": '[components."loader"]\nuse = "x"\nslot = "x"\nsource = "x"\n[[flow]]\nafter = "x"\n',
    "verdict.toml": """\
run = "kkkkllllmmmmnnnn"
attempt = 1
commit = "sha1:0000000000000000000000000000000000000000"
grade = "different"
reason = "x"
names = ["x"]
declared = ["x"]
not_compared = ["x"]
missing = ["x"]
[ending]
original = "failed"
rerun = "failed"
[compared]
values = 1
[divergence]
metric = "x"
[[inputs]]
kind = "x"
name = "x"
original = "x"
rerun = "x"
[[finals]]
metric = "x"
tolerance = "x"
""",
}
LINES = {
    "output.log": "TAIL\n" * 30 + "Traceback (most recent call last):\n  File x\nValueError: TAIL\n",
    "history.csv": 'step,time_s,val.acc,"TAIL"\n0,0,0.5,1\n1,1,0.9,2\n',
    "items.csv": 'id,val.acc,"TAIL"\n"TAIL",1,2\n=1+1,1,2\n',
    "artifacts.xxh128": "1" * 32 + "  TAIL\n" + "2" * 32 + "  ../../up\n" + "3" * 32 + "  /abs\n",
    "artifacts.sizes": "1" * 32 + "  TAIL\n",
    "requirements.txt": "--index-url=http://TAIL\n-r TAIL\nnumpy==TAIL\n",
    "usage.csv": "time_s,cpu_s,TAIL\n2,TAIL,1\n4,2,2\n",
    "README.md": "TAIL",
}


def texts(tail: str) -> dict[str, Any]:
    """A record in which each text ends so."""
    tomls = {name: spoilt(text, tail) for name, text in WORDS.items()}
    lines = {name: text.replace("TAIL", tail).encode("utf-8", "surrogatepass") for name, text in LINES.items()}
    return {**tomls, **lines, "data": {"d.xxh128": f"{'1' * 32}  a{tail}\n".encode("utf-8", "surrogatepass")}}
