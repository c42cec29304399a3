"""Turn the commit of a run into a Run. Every part is tolerant: what is missing is None, what is damaged is a problem.

Parts are parsed when they are first asked for: an environment with hundreds of packages costs more than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.record.digests import Digest
from gitexp.record.identity import VERDICT
from gitexp.record.runrecord import RunRecord, load_run
from gitexp.text.bounded import LARGEST, Unreadable, load_tables

if TYPE_CHECKING:
    from gitexp.record.usage import Used
    from gitexp.record.verdict import Verdict

T = TypeVar("T")

OUTPUT_LIMIT = 1 << 20  # bytes of output.log: format 1 holds 64 KiB
_PARTS = ("run.toml", "metrics.toml", "recipe.toml", "data.toml", "environment.toml", "usage.csv", VERDICT)
ARTIFACTS = "artifacts.xxh128"
SIZES = "artifacts.sizes"
MOST_ARTIFACTS = 20_000
OUTCOME = ("run.toml", "metrics.toml")  # the parts that say what came out
INPUTS = ("run.toml", "recipe.toml", "data.toml", "environment.toml")  # and what went in


class Artifacts(NamedTuple):
    """How many files the program saved, and path and digest of the first twenty thousand."""

    total: int
    first: Sequence[tuple[str, str]]


class Run:
    """A run as its commit holds it. Raises NewerFormat on construction where this gitexp is too old for the record."""

    def __init__(
        self,
        commit: str,
        header: bytes,
        tree: Mapping[str, str],
        parts: Mapping[str, bytes | None],
        blocks: Callable[[str], Iterable[bytes]],
    ) -> None:
        self.commit = commit
        self._blocks = blocks  # of a file of any size, in pieces of whole lines
        self.tree = tree  # object ids of the record's files and folders by name
        self.problems: list[str] = []  # one sentence for each part that is damaged
        self.packages_of: Run | None = None  # whose some of its packages are: then no record holds its environment
        self._header = header
        self._parts = parts
        try:
            self.record: RunRecord | None = load_record(self._text("run.toml") or "")
        except Unreadable as error:
            self.record = None
            self.problems.append(error.what)

    @property
    def code(self) -> str | None:
        """The id of the tree that ran; None where the record has none."""
        return self.tree.get("code")

    @cached_property
    def author(self) -> str:
        """Who recorded the run: `Name <address>`."""
        for line in self._header.partition(b"\n\n")[0].split(b"\n"):
            if line.startswith(b"author "):
                return line[len(b"author ") : line.rfind(b">") + 1].decode("utf-8", "replace")
        return "unknown"

    @cached_property
    def committed(self) -> int | None:
        """When the run was recorded, in seconds since 1970; None where the commit does not say."""
        for line in self._header.partition(b"\n\n")[0].split(b"\n"):
            fields = line.split(b" ")
            if fields[0] == b"committer" and len(fields) > 2 and fields[-2].isdigit():
                return int(fields[-2])
        return None

    @cached_property
    def message(self) -> str:
        """The commit message."""
        return self._header.partition(b"\n\n")[2].decode("utf-8", "replace")

    @cached_property
    def metrics(self) -> Mapping[str, float | int]:
        """One summary value for each metric."""
        from gitexp.record.metrics import load_metrics

        return self._parsed("metrics.toml", lambda text: load_metrics(text)) or {}

    @cached_property
    def recipe(self) -> Mapping[str, Any] | None:
        """The resolved recipe."""
        return self._parsed("recipe.toml", lambda text: load_tables(text, where="recipe.toml"))

    @cached_property
    def recipe_values(self) -> Mapping[str, Any]:
        """The recipe by dotted key, without [about] and [why]: what counts as an input."""
        from gitexp.spec.recipe import flatten

        return flatten(dict(self.recipe or {}))

    @cached_property
    def why(self) -> Mapping[str, str]:
        """Reasons beside the recipe's keys."""
        reasons = (self.recipe or {}).get("why")
        return {k: v for k, v in reasons.items() if isinstance(v, str)} if isinstance(reasons, dict) else {}

    @cached_property
    def goals(self) -> Mapping[str, str]:
        """`max` or `min` for each metric whose recipe states it."""
        metrics = (self.recipe or {}).get("metrics")
        goal = metrics.get("goal") if isinstance(metrics, dict) else None
        return {k: v for k, v in goal.items() if v in ("max", "min")} if isinstance(goal, dict) else {}

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The datasets by name: DatasetRecord each."""
        from gitexp.record.datarecord import load_data

        return self._parsed("data.toml", lambda text: load_data(text)) or {}

    @cached_property
    def environment(self) -> Mapping[str, Any] | None:
        """environment.toml, parsed."""
        return self._parsed("environment.toml", lambda text: load_tables(text, where="environment.toml"))

    @cached_property
    def environment_lines(self) -> list[str]:
        """Those of environment.toml that do not tell what was measured."""
        from gitexp.record.environment import lines_but_measures

        return lines_but_measures(self._text("environment.toml") or "")

    @cached_property
    def hardware(self) -> str:
        """The kind of machine that it ran on, in a few words: the same where runs may be compared."""
        from gitexp.record.environment import environment_class

        return environment_class(dict(self.environment or {}))

    @cached_property
    def packages_recorded(self) -> bool:
        """Whether the interpreter that is known to have computed was asked what was installed, and answered."""
        text = self._text("environment.toml") or ""
        if "\n[packages" in text and "\ndoubt = " not in text:  # without parsing hundreds of them
            return True
        known = self.environment or {}
        return isinstance(known.get("packages"), Mapping) and "doubt" not in known

    @cached_property
    def verdict(self) -> Verdict | None:
        """What this rerun says of the run that it repeats, or is a mixture of. None: nothing that counts."""
        if self.record is None or VERDICT not in self.tree:
            return None
        from gitexp.record.verdict import load_verdict_of

        return self._parsed(VERDICT, partial(load_verdict_of, self.record))

    def with_packages(self, other: Run, names: Collection[str]) -> Run:
        """The same, but for these packages, which are as in another run's environment."""
        from copy import copy

        mine, theirs = (_packages(run) for run in (self, other))
        packages = {name: stated for name, stated in mine.items() if name not in names}
        packages |= {name: theirs[name] for name in names if name in theirs}
        made = copy(self)
        made.packages_of = other
        made.tree = {name: oid for name, oid in self.tree.items() if name != "environment.toml"}
        made.environment = {**(self.environment or {}), "packages": packages}
        made.environment_lines = []
        made.packages_recorded = self.packages_recorded and other.packages_recorded
        return made

    @cached_property
    def used(self) -> Used | None:
        """What it used of its machine. None: not recorded."""
        content = self._parts.get("usage.csv")
        if content is None:
            return None
        from gitexp.record.usage import load_usage, summed_up

        found = summed_up(load_usage(content))
        if found is None:
            self.problems.append("usage.csv holds no usage")
        return found

    @cached_property
    def artifacts(self) -> Artifacts:
        """What the program saved."""
        from gitexp.record.manifest import display, parse_blocks

        first: list[tuple[str, str]] = []
        count = 0
        try:
            for block in self._blocks(ARTIFACTS) if ARTIFACTS in self.tree else ():
                count += block.count(b"\n")
                if len(first) < MOST_ARTIFACTS:
                    entries = parse_blocks([block], where=ARTIFACTS)
                    first += [(display(entry.path), Digest.xxh128(entry.digest)) for entry in entries]
        except GitexpError as error:
            self.problems.append(error.what)
            return Artifacts(0, [])
        return Artifacts(count, first[:MOST_ARTIFACTS])

    @cached_property
    def artifact_sizes(self) -> Mapping[str, int]:
        """In bytes, by digest, of what the program saved; of a record from before these were kept nothing."""
        from gitexp.record.manifest import load_sizes

        try:
            found = load_sizes(self._blocks(SIZES) if SIZES in self.tree else (), most=MOST_ARTIFACTS)
        except GitexpError as error:
            self.problems.append(error.what)
            return {}
        return {Digest.xxh128(digest): size for digest, size in found.items()}

    def _parsed(self, name: str, load: Callable[[str], T]) -> T | None:
        text = self._text(name)
        if text is None:
            return None
        try:
            return load(text)
        except GitexpError as error:
            self.problems.append(error.what)
            return None

    def _text(self, name: str) -> str | None:
        content = self._parts.get(name)
        if content is None:
            if name in self.tree:
                how = "too large to be read" if name in self._parts else "missing from this clone: gitexp pull"
                self.problems.append(f"{name} is {how}")
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            self.problems.append(f"{name} is not UTF-8")
            return None


def _packages(run: Run) -> Mapping[str, Any]:
    known = (run.environment or {}).get("packages")
    return known if isinstance(known, Mapping) else {}


def load_record(text: str) -> RunRecord:
    """Parse anybody's run.toml, times in UTC. Raises NewerFormat or Unreadable."""
    record = load_run(text, where="run.toml")
    return record._replace(started=record.started.astimezone(UTC), finished=record.finished.astimezone(UTC))


def read_run(reader: ObjectReader, commit: str, *, parts: Sequence[str] = _PARTS) -> Run:
    """Read the run that a commit is, or only those parts of it that will be asked for. Raises NewerFormat."""
    names = [commit, f"{commit}^{{tree}}", *(f"{commit}:{name}" for name in parts)]
    header, tree, *found = reader.find_many(names, limit=LARGEST)
    if header is None or tree is None:
        raise GitexpError(f"The commit {commit} is not in this repository", fix="gitexp pull")
    contents = {name: part[1] for name, part in zip(parts, found, strict=True) if part is not None}

    def blocks(name: str) -> Iterable[bytes]:
        return reader.blocks(f"{commit}:{name}")

    return Run(commit, header[1] or b"", parse_tree(tree[1] or b"", id_bytes=len(commit) // 2), contents, blocks)


def parse_tree(content: bytes, *, id_bytes: int) -> dict[str, str]:
    """Object ids by name of a git tree object."""
    entries = {}
    at = 0
    while (end := content.find(b"\0", at)) >= 0:
        name = content[at:end].partition(b" ")[2].decode("utf-8", "surrogateescape")
        at = end + 1 + id_bytes
        entries[name] = content[end + 1 : at].hex()
    return entries


def manifest_parts(reader: ObjectReader, run: Run, name: str) -> Sequence[str] | None:
    """The ids of what holds a dataset's manifest, in order: a file or parts. None: the record has none (restricted)."""
    found = reader.find(f"{run.commit}:data/{name}.xxh128")
    if found is None:
        return None
    oid, content = found
    return parts_of(content or b"", len(oid) // 2) or [oid]


def parts_of(content: bytes, id_bytes: int) -> list[str]:
    """The object ids of a manifest's parts, where `content` is the folder of them; none where it is a manifest."""
    tree = parse_tree(content, id_bytes=id_bytes) if b"\0" in content[:64] else {}
    return [tree[name] for name in sorted(tree)] if all(name.isdigit() for name in tree) else []


def read_output(reader: ObjectReader, run: Run) -> str | None:
    """What the program printed, as text: colours gone, progress bars at their end. None: nothing was recorded."""
    content = reader.read(f"{run.commit}:output.log")
    if content is None:
        return None
    return settled_lines(content[:OUTPUT_LIMIT])


def settled_lines(content: bytes) -> str:
    """What a program printed, as text: colours gone, progress bars at their end."""
    text = re.sub(r"\x1b\[[0-9;:]*m", "", content.decode("utf-8", "replace"))
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
