"""A branch of runs to the sentences of docs/format.md that it breaks. Written from that page; knows nothing of gitexp.

What another lab could write in an afternoon: git, a TOML and a CSV reader, zlib's CRC and xxhash. Each claim of the
page that can be checked on a record is checked here, also that a writer adds nothing that the page does not name.
"""

from __future__ import annotations

import csv
import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from contract.history import check_history, check_metric_names
from contract.keys import (
    ALWAYS,
    ARTIFACTS_KEYS,
    CODE_KEYS,
    DATA_KEYS,
    ENVIRONMENT_KEYS,
    GITEXP_KEYS,
    HISTORY_KEYS,
    IMPORTED_ALWAYS,
    IMPORTED_KEYS,
    ITEMS_KEYS,
    MIXTURE_KEYS,
    REQUIRED,
    RESOURCE_KEYS,
    RUN_KEYS,
    STRINGS,
    SUMMARY_KEYS,
)
from contract.manifests import check_manifest, joined
from contract.verdict import check_verdict
from xxhash import xxh3_128_hexdigest

ROOTS = {
    "sha1": "bd649e5b4206e0f538ce41e3875a9377c19c7f7c",
    "sha256": "0e5115cce90c6b82c68f8c335f1fc654f2103929d4e660791ac91a3d90d387df",
}
STATUSES = {"completed", "failed", "interrupted", "timed-out", "crashed"}
RUN_ID = re.compile(r"[k-z]{16}")
DIGEST = re.compile(r"xxh128:[0-9a-f]{32}")
GIT_ID = re.compile(r"sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}")

TRAILERS = ["Run", "Attempt", "Status", "Recipe", "Kind", "Seed", "Code", "Reproduces", "Verdict"]


class Commit(NamedTuple):
    """One commit of the branch, as `git cat-file` shows it."""

    id: str
    tree: str
    parents: list[str]
    author: str
    authored: datetime
    committer: str
    committed: datetime
    encoding: str | None
    message: str

    @property
    def paragraphs(self) -> list[str]:
        return self.message.rstrip("\n").split("\n\n")

    @property
    def trailers(self) -> dict[str, str]:
        """Of the last paragraph, which must consist of them."""
        lines = [line.partition(": ") for line in self.paragraphs[-1].split("\n")]
        return {name: value for name, colon, value in lines if colon}


EVENTS = {
    "note": ({"text"}, {"outcome"}),
    "tag": ({"name"}, {"why", "from"}),
    "untag": ({"name"}, {"why"}),
    "retract": ({"why"}, set()),
    "reinstate": (set(), {"why"}),
    "baseline": ({"recipe"}, {"why", "from"}),
    "unbaseline": ({"recipe"}, {"why"}),
    "decision": ({"text", "because"}, {"instead"}),
}  # keys of the payload that must be there, and that may


def breaches(repo: Path, ref: str = "experiments", *, store: Path | None = None) -> list[str]:
    """What the branch and each of its records break of the format, as sentences. Empty: another lab can read it.

    `store` is the object store where the bytes of artifacts and whole histories must lie; None: not at hand.
    """
    return [f"{commit[:12]}: {what}" for commit, what in _branch(repo, ref, store)]


def _branch(repo: Path, ref: str, store: Path | None) -> Iterator[tuple[str, str]]:
    ids = git(repo, "rev-list", "--topo-order", ref).decode().split()
    commits = {name: _commit(repo, name) for name in ids}
    keys: dict[tuple[str, str], str] = {}
    for one in commits.values():
        for what in _shape(repo, one, commits):
            yield one.id, what
        if "Gitexp-Run" not in one.trailers:
            continue
        key = one.trailers["Gitexp-Run"], one.trailers.get("Gitexp-Attempt", "1")
        if key in keys:
            yield one.id, f"has the same id and attempt as {keys[key]}"
        keys[key] = one.id
        for what in _record(repo, one, store):
            yield one.id, what
    readmes = {git(repo, "rev-parse", f"{commit}:README.md", f"{commit}:FORMAT.md") for commit in keys.values()}
    if len(readmes) > 1:
        yield ref, "README.md and FORMAT.md are not the same texts in all runs"


def _shape(repo: Path, one: Commit, commits: dict[str, Commit]) -> Iterator[str]:
    if one.encoding is not None:
        yield f"has an encoding header: {one.encoding}"
    if not one.parents:
        algorithm = git(repo, "rev-parse", "--show-object-format").decode().strip()
        yield from [] if one.id == ROOTS[algorithm] else ["is a root, but not the constant one"]
        who = "gitexp <gitexp@localhost>", "gitexp <gitexp@localhost>"
        yield from [] if (one.author, one.committer) == who else ["the root is not by gitexp <gitexp@localhost>"]
        epoch = datetime.fromtimestamp(0, UTC)
        yield from [] if (one.authored, one.committed) == (epoch, epoch) else ["the root is not of @0"]
        yield from [] if one.message == "Begin the experiments branch\n" else ["the root has another message"]
        listing = git(repo, "ls-tree", "-r", "--name-only", one.tree)
        yield from [] if listing == b"README.md\n" else ["the root holds more than README.md"]
        return
    event, run = one.trailers.get("Gitexp-Event"), one.trailers.get("Gitexp-Run")
    if (event is None) == (run is None):
        yield "must have one of the trailers Gitexp-Run and Gitexp-Event"
    if event == "merge":
        yield from [] if len(one.parents) == 2 else [f"is a merge of {len(one.parents)} parents"]
        yield from [] if one.tree == commits[one.parents[0]].tree else ["the merge's tree is not its first parent's"]
    elif len(one.parents) != 1:
        yield f"has {len(one.parents)} parents"
    elif event is not None and one.tree != commits[one.parents[0]].tree:
        yield "the event's tree is not its parent's"
    if event in EVENTS:
        yield from _event(event, one, {other.trailers.get("Gitexp-Run") for other in commits.values()})


def _event(kind: str, one: Commit, runs: set[str | None]) -> Iterator[str]:
    if kind != "decision" and one.trailers.get("Gitexp-About") not in runs:
        yield "is about no run of the branch"
    try:
        payload = tomllib.loads("\n\n".join(one.paragraphs[1:-1]))
    except tomllib.TOMLDecodeError:
        yield "the event's payload is no TOML"
        return
    must, may = EVENTS[kind]
    missing = must - payload.keys()
    if kind == "decision" and not {*payload.get("because", ())} <= runs:
        yield "the decision rests on no run of the branch"
    yield from [f"the payload lacks {key}" for key in sorted(missing)]
    yield from [f"the payload has {key}, which {kind} does not know" for key in sorted(payload.keys() - must - may)]


def _record(repo: Path, one: Commit, store: Path | None) -> Iterator[str]:
    files, code, problems = _files(repo, one.id)
    yield from problems
    imported = one.trailers.get("Gitexp-Kind") == "imported"
    missing = (IMPORTED_ALWAYS if imported else ALWAYS) - set(files)
    if missing or (code is None and not imported):
        yield f"lacks {', '.join(sorted(missing)) or 'code/'}"
        return
    tables: dict[str, dict[str, Any]] = {}
    for name in sorted(name for name in files if name.endswith(".toml")):
        try:
            tables[name] = tomllib.loads(files[name].decode())
        except ValueError as error:
            yield f"{name}: {error}"
            return
        yield from (f"{name}: {what}" for what in _plain(tables[name], ""))
    run = tables["run.toml"]
    yield from (f"run.toml: {what}" for what in _run(run, one))
    yield from (f"code/: {what}" for what in _code(repo, run, code or ""))
    yield from (f"message: {what}" for what in _message(one, run, tables.get("verdict.toml", {}).get("grade")))
    if "mixture" in run:
        yield from (f"mixture: {what}" for what in _typed(run["mixture"], MIXTURE_KEYS))
        yield from (
            [] if run["kind"] in ("rerun", "smoke") and "reproduces" not in run else ["a mixture reproduces nothing"]
        )
    if imported:
        extra = set(files) - IMPORTED_ALWAYS - {"settings.toml"}
        yield from (f"an imported run has no {name}" for name in sorted(extra))
        yield from [] if (code is None) == ("commit" not in run["code"]) else ["code/ is no commit's"]
        yield from (f"imported: {what}" for what in _typed(run["imported"], IMPORTED_KEYS))
        yield from (f"metrics.toml: {what}" for what in check_metric_names(list(tables["metrics.toml"])))
        yield from _history(run, tables, files["history.csv"], store)
        return
    yield from (f"data: {what}" for what in _data(tables["data.toml"], files))
    yield from _environment(tables["environment.toml"], files["requirements.txt"].decode())
    yield from (f"output.log: {what}" for what in _output(files["output.log"]))
    yield from (f"artifacts.xxh128: {what}" for what in _artifacts(files, store))
    yield from (f"metrics.toml: {what}" for what in check_metric_names(list(tables["metrics.toml"])))
    yield from (f"usage.csv: {what}" for what in _usage(files.get("usage.csv")))
    if "verdict.toml" in tables:
        checked = check_verdict(tables["verdict.toml"], files, lambda commit: _files(repo, commit)[0])
        yield from (f"verdict.toml: {what}" for what in checked)
    yield from (f"items.csv: {what}" for what in _items(run.get("items"), files))
    yield from _history(run, tables, files["history.csv"], store)
    yield from [] if b"\r\n" not in files["history.csv"] else ["history.csv: has CRLF"]


def _files(repo: Path, commit: str) -> tuple[dict[str, bytes], str | None, list[str]]:
    """The record's files but for code/, the id of code/, and entries that have no place in a record."""
    files, code, problems = {}, None, []
    for line in git(repo, "ls-tree", "-z", commit, "data/", "environment/", ".").decode().split("\0")[:-1]:
        about, name = line.split("\t")
        mode, kind, oid = about.split()
        if name == "code":
            code = oid
            problems += [] if mode == "040000" else ["code is no folder"]
        elif kind == "tree" and re.fullmatch(r"data|data/[^/]+\.xxh128", name):
            inner = git(repo, "ls-tree", "-z", "--name-only", oid).decode().split("\0")[:-1]
            files |= {
                f"{name}/{part}": git(repo, "cat-file", "blob", f"{oid}:{part}") for part in inner if name != "data"
            }
        elif kind == "tree" and name == "environment":
            pass  # its files come of themselves
        elif name in {
            *ALWAYS,
            "components.toml",
            "settings.toml",
            "artifacts.sha256",
            "artifacts.sizes",
            "items.csv",
            "usage.csv",
            "verdict.toml",
        } or re.fullmatch(r"data/[^/]+\.xxh128|environment/\d+\.toml", name):
            files[name] = git(repo, "cat-file", "blob", oid)
            problems += [] if mode == "100644" else [f"{name} has mode {mode}"]
        else:
            problems.append(f"{name} has no place in a record")
    return files, code, problems


def _plain(value: Any, key: str) -> Iterator[str]:
    """What TOML allows and the format does not."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _plain(part, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for part in value:
            yield from _plain(part, key)
    elif isinstance(value, datetime) and value.utcoffset() != timedelta(0):
        yield f"{key} is not in UTC: {value}"
    elif type(value) is int and not -(2**63) <= value < 2**63:
        yield f"{key} is too large: {value}"


def _typed(table: dict[str, Any], keys: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if key not in keys:
            yield f"{key} is not in docs/format.md"
        elif type(value) is not keys[key]:
            yield f"{key} is {type(value).__name__}, not {keys[key].__name__}"
        elif keys[key] is STRINGS and key != "gpus" and not all(type(part) is str for part in value):
            yield f"{key} holds other things than strings"
        elif key.endswith(("_s", "_bytes", "_count")) and value < 0:
            yield f"{key} is negative"


def _run(run: dict[str, Any], one: Commit) -> Iterator[str]:
    yield from _typed(run, RUN_KEYS)
    imported = run.get("kind") == "imported"
    missing = REQUIRED - set(run) - ({"argv"} if imported else set())
    yield from [] if imported == ("imported" in run) else ["kind and [imported] differ"]
    if missing:
        yield f"lacks {', '.join(sorted(missing))}"
        return
    yield from _typed(run["code"], CODE_KEYS)
    yield from _typed(run.get("resources", {}), RESOURCE_KEYS)
    yield from _typed(run.get("gitexp", {}), GITEXP_KEYS)
    yield from _typed(run.get("artifacts", {}), ARTIFACTS_KEYS)
    for name, value in run.get("variables", {}).items():
        yield from [] if name.startswith("GITEXP_") and type(value) is str else [f"variables.{name} is {value!r}"]
    yield from _typed(run.get("history", {}), HISTORY_KEYS)
    yield from _typed(run.get("items", {}), ITEMS_KEYS)
    yield from _typed(run.get("summary", {}), SUMMARY_KEYS)
    for name, digest in run.get("digests", {}).items():
        right = re.fullmatch("sha256:[0-9a-f]{64}", str(digest))
        yield from [] if right else [f"digests.{name} is no digest: {digest}"]
    yield from [] if run["format"] == 1 else [f"format is {run['format']}"]
    yield from [] if RUN_ID.fullmatch(run["id"]) else [f"id is {run['id']}"]
    yield from [] if run["attempt"] >= 1 else [f"attempt is {run['attempt']}"]
    yield from [] if run["kind"] in ("run", "smoke", "rerun", "imported") else [f"kind is {run['kind']}"]
    yield from [] if imported else _ending(run)
    yield from [] if run["started"] <= run["finished"] else ["finished before it started"]
    if one.authored != run["finished"].replace(microsecond=0):
        yield f"finished is {run['finished']}, the author date {one.authored}"
    if one.committed < one.authored:
        yield "was recorded before it finished"
    for key in ("cwd", "recipe_path"):
        path = run.get(key, ".")
        if path.startswith("/") or ".." in path.split("/"):
            yield f"{key} leads out of code/: {path}"
    for url in [run["code"].get("remote", "")]:
        yield from [] if not re.search(r"://[^/@]*:[^/@]*@", url) else [f"code.remote has a password: {url}"]


def _ending(run: dict[str, Any]) -> Iterator[str]:
    status, code = run["status"], run.get("exit_code")
    if status not in STATUSES:
        yield f"status is {status}"
    if status == "completed" and (code != 0 or "signal" in run or "stopped_by" in run or "error" in run):
        yield "completed, but not by exiting with 0"
    if status == "failed" and (code == 0 or not {"exit_code", "signal", "error"} & set(run) or "stopped_by" in run):
        yield "failed, but does not say by what"
    if status == "interrupted" and run.get("stopped_by") not in ("SIGINT", "SIGTERM", "SIGHUP"):
        yield f"interrupted, but stopped by {run.get('stopped_by')}"
    if (status == "timed-out") != (run.get("stopped_by") == "timeout"):
        yield f"{status}, but stopped by {run.get('stopped_by')}"
    if (status == "crashed") != run.get("finished_is_last_sign", False):
        yield f"{status}, but finished_is_last_sign is {run.get('finished_is_last_sign')}"
    if status == "crashed" and {"exit_code", "signal", "duration_s"} & set(run):
        yield "crashed, but its end was seen"
    if "exit_code" in run and "signal" in run:
        yield "has an exit code and a signal"
    if not re.fullmatch(r"SIG[A-Z0-9+-]+", run.get("signal", "SIGKILL")):
        yield f"signal is {run['signal']}"


def _code(repo: Path, run: dict[str, Any], tree: str) -> Iterator[str]:
    code = run["code"]
    for key in ("changed", "edited"):
        named, count = code.get(key, []), code.get(f"{key}_count", 0)
        if len(named) != min(count, 20):
            yield f"{count} {key}, but {len(named)} are named"
    if "commit" not in code:
        return
    if not GIT_ID.fullmatch(code["commit"]):
        yield f"commit is no git id: {code['commit']}"
        return
    known = subprocess.run(
        ["git", "rev-parse", "-q", "--verify", f"{code['commit'].partition(':')[2]}^{{tree}}"],
        cwd=repo,
        capture_output=True,
        text=True,
    ).stdout.strip()
    if known and code["clean"] and known != tree:
        yield "said to be clean, but is not the tree of the commit"
    if known and not code["clean"] and known == tree and not code.get("changed_count"):
        yield "said to be dirty, but nothing differs"


def _message(one: Commit, run: dict[str, Any], grade: str | None) -> Iterator[str]:
    subject = one.paragraphs[0]
    if "\n" in subject or not subject.startswith(f"{run['recipe']}: "):
        yield f"the subject is {subject!r}"
    names = [line.partition(": ")[0] for line in one.paragraphs[-1].split("\n")]
    known = [f"Gitexp-{name}" for name in TRAILERS]
    if names != [name for name in known if name in names]:
        yield f"the last paragraph is not the trailers: {names}"
    code = run["code"]
    expected = {
        "Gitexp-Run": run["id"],
        "Gitexp-Attempt": str(run["attempt"]) if run["attempt"] > 1 else None,
        "Gitexp-Status": run["status"],
        "Gitexp-Recipe": run["recipe"],
        "Gitexp-Kind": run["kind"] if run["kind"] != "run" else None,
        "Gitexp-Seed": str(run["seed"]) if "seed" in run else None,
        "Gitexp-Code": f"{code['commit']}{'' if code['clean'] else ' dirty'}" if "commit" in code else None,
        "Gitexp-Reproduces": run.get("reproduces"),
        "Gitexp-Verdict": grade,
    }
    found = {name: one.trailers.get(name) for name in expected}
    if found != expected:
        yield f"{found} differ from run.toml"
    said = "\n\n".join(one.paragraphs[1:-1])
    if said != run.get("message", "").strip():
        yield f"says {said!r}, run.toml {run.get('message')!r}"


def _data(tables: dict[str, Any], files: dict[str, bytes]) -> Iterator[str]:
    manifests = {name.split("/")[1] for name in files if name.startswith("data/")}
    if manifests != {f"{name}.xxh128" for name in tables}:
        yield f"data.toml names {sorted(tables)}, data/ holds {sorted(manifests)}"
        return
    for name, about in tables.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name) or re.fullmatch(r"con|prn|aux|nul|(com|lpt)[0-9]", name):
            yield f"{name} is no name of a dataset"
        yield from (f"{name}: {what}" for what in _typed(about, DATA_KEYS))
        if ("path" in about) == ("url" in about) or about.get("kind") not in ("data", "model", "binary"):
            yield f"{name}: must have a path or a url, and a kind"
        entries, problems = check_manifest(files, f"data/{name}.xxh128")
        yield from (f"{name}: {what}" for what in problems)
        if about.get("files") != len(entries):
            yield f"{name}: {about.get('files')} files, but the manifest has {len(entries)}"
        digest = f"xxh128:{xxh3_128_hexdigest(joined(files, f'data/{name}.xxh128'))}"
        if about.get("digest") != digest:
            yield f"{name}: the digest is {about.get('digest')}, that of the manifest {digest}"


def _environment(environment: dict[str, Any], requirements: str) -> Iterator[str]:
    yield from (f"environment.toml: {what}" for what in _typed(environment, ENVIRONMENT_KEYS))
    if (environment.get("probed") == "unknown") != ("reason" in environment and "how" not in environment):
        yield "environment.toml: must say why where nothing is known"
    if environment.get("probed") == "unknown" and {"interpreter", "packages", "cuda", "hip"} & set(environment):
        yield "environment.toml: no Python was asked, but its packages are known"
    if environment.get("how", "argv") not in ("argv", "shebang", "process"):
        yield f"environment.toml: how is {environment['how']}"
    names = []
    for line in requirements.splitlines():
        stated, comment = re.match(r"(.*?)(?:(?:^|\s+)(#.*))?$", line).groups()  # type: ignore[union-attr]
        pinned = re.fullmatch(r"([a-z0-9][a-z0-9-]*)(==[\w.!+-]+| @ \S+)", stated)
        if stated and not pinned and not re.fullmatch(r"--extra-index-url https://\S+", stated):
            yield f"requirements.txt: {line}"
        if pinned:
            names.append(pinned[1])
            version = environment["packages"][pinned[1]]
            if (
                isinstance(version, str)
                and pinned[2] != f"=={version}"
                and (version.split("+")[0] != pinned[2][2:] or ("+" in version) != bool(comment))
            ):
                yield f"requirements.txt: {line}, but it was {version}"
        elif comment and (named := re.match(r"# ([a-z0-9-]+)==", comment)):
            names.append(named[1])
    if names != sorted(environment.get("packages", {})):
        yield "requirements.txt: does not name each package once, in order"


def _output(text: bytes) -> Iterator[str]:
    if len(text) > 64 * 1024:
        yield f"has {len(text)} bytes"
    markers = re.findall(rb"(?m)^\[gitexp: \d+ bytes cut\]$", text)
    if len(markers) > 1 or (len(text) > 60 * 1024 and not markers):
        yield f"has {len(text)} bytes and {len(markers)} marks of a cut"


def _usage(text: bytes | None) -> Iterator[str]:
    if text is None:
        return
    if len(text) > 16 * 1024:
        yield f"has {len(text)} bytes"
    header, *rows = csv.reader(text.decode("ascii").splitlines())
    if header[:6] != ["time_s", "cpu_s", "processes", "memory_bytes", "read_bytes", "written_bytes"]:
        yield f"begins with {header[:6]}"
    if not all(re.fullmatch(r"gpu\d+_(percent|memory_bytes)", name) for name in header[6:]):
        yield f"has columns of other things: {header[6:]}"
    if not rows or any(len(row) != len(header) for row in rows):
        yield "has no rows, or a row of another length"
        return
    for at, grows in enumerate(name in ("time_s", "cpu_s", "read_bytes", "written_bytes") for name in header):
        values = [float(row[at]) for row in rows if row[at]]
        if any(not 0 <= value < float("inf") for value in values) or (grows and values != sorted(values)):
            yield f"{header[at]} is negative, or falls"


def _items(about: dict[str, Any] | None, files: dict[str, bytes]) -> Iterator[str]:
    text = files.get("items.csv")
    if about is None or "digest" in about:
        yield from [] if text is None else ["is there, and [items] does not say so"]
        listed = (about or {}).get("digest", "xxh128:").removeprefix("xxh128:")
        yield from (
            [] if f"{listed}  gitexp-items.csv" in files["artifacts.xxh128"].decode() or not about else ["no artifact"]
        )
        return
    header, *rows = csv.reader((text or b"").decode().splitlines())
    if header[0] != "id" or len(header) < 2:
        yield f"begins with {header}"
    yield from check_metric_names(header[1:])
    if len({row[0] for row in rows}) != len(rows) or len(rows) != about["examples"]:
        yield f"has {len(rows)} rows, not each id once, or not as many as run.toml says"
    if any(len(row) != len(header) for row in rows):
        yield "has a row of another length"
    [float(cell) for row in rows for cell in row[1:] if cell]


def _artifacts(files: dict[str, bytes], store: Path | None) -> Iterator[str]:
    entries, problems = check_manifest(files, "artifacts.xxh128")
    yield from problems
    lines = [line.split("  ") for line in files.get("artifacts.sizes", b"").decode().splitlines()]
    if [digest for digest, _ in lines] != sorted({digest.removeprefix("xxh128:") for _, digest in entries}):
        yield "artifacts.sizes: not one line for each digest, in their order"
    known = {digest: int(size) for digest, size in lines}
    for path, digest in entries if store else []:
        data, problems = stored(store, digest)
        yield from (f"{path!r}: {what}" for what in problems)
        if not problems and known.get(digest.removeprefix("xxh128:")) != len(data):
            yield f"artifacts.sizes: {path!r} has {len(data)} bytes"


def stored(store: Path, digest: str) -> tuple[bytes, list[str]]:
    """An object's bytes, and what is wrong with it."""
    digits = digest.removeprefix("xxh128:")
    path = store / "xxh128" / digits[:2] / digits[2:]
    if not path.is_file():
        return b"", [f"{digest} is not in the object store"]
    data = path.read_bytes()
    return data, [] if xxh3_128_hexdigest(data) == digits else [f"{digest} has other bytes"]


def _history(run: dict[str, Any], tables: dict[str, Any], text: bytes, store: Path | None) -> Iterator[str]:
    about, whole = run.get("history"), text
    if about is None:
        yield from [] if text == b"step,time_s\n" else ["history.csv: has rows that run.toml does not know of"]
        yield from [] if tables["metrics.toml"] == {} else ["metrics.toml: has values that nothing logged"]
        return
    if about["kept"] < about["rows"]:
        if store is None:
            return
        whole, problems = stored(store, about["digest"])
        yield from (f"history: {what}" for what in problems)
        if problems:
            return
    elif f"xxh128:{xxh3_128_hexdigest(text)}" != about["digest"]:
        yield "history.csv: is not what [history] digest says"
    rules = tables["recipe.toml"].get("metrics", {})
    yield from check_history(
        text,
        whole,
        about=about,
        attempt=run["attempt"],
        rules=rules,
        summary=tables["metrics.toml"],
        judged=run.get("summary"),
    )


def _commit(repo: Path, name: str) -> Commit:
    raw = git(repo, "cat-file", "commit", name)
    head, _, message = raw.partition(b"\n\n")
    fields = [line.partition(" ")[::2] for line in head.decode().split("\n")]
    one = dict(fields)
    people = {role: re.fullmatch(r"(.*) (\d+) [+-]\d{4}", one[role]) for role in ("author", "committer")}
    return Commit(
        id=name,
        tree=one["tree"],
        parents=[value for key, value in fields if key == "parent"],
        author=people["author"][1],
        authored=datetime.fromtimestamp(int(people["author"][2]), UTC),
        committer=people["committer"][1],
        committed=datetime.fromtimestamp(int(people["committer"][2]), UTC),
        encoding=one.get("encoding"),
        message=message.decode(),
    )


def git(repo: Path, *args: str) -> bytes:
    """What git prints."""
    return subprocess.run(["git", *args], cwd=repo, check=True, capture_output=True).stdout
