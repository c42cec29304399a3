"""One run's record held against the format, file by file. What many records share is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from gitexp.datasets.digest import digest_blocks
from gitexp.errors import GitexpError
from gitexp.record.digests import Digest
from gitexp.record.environment import table_of
from gitexp.record.identity import VERDICT
from gitexp.record.metrics import MetricRules, metric_rules
from gitexp.record.runrecord import NewerFormat, RunRecord, record_of
from gitexp.text.bounded import LARGEST, load_tables
from gitexp.text.schema import spell
from gitexp.verify import files as check
from gitexp.verify.commits import Commit
from gitexp.verify.data import Parts, artifact_problems, data_problems
from gitexp.verify.looking import Looking
from gitexp.verify.metrics import NOTHING, history_problems, read_table, sample_problems
from gitexp.verify.objects import COMMIT, Absent
from gitexp.verify.runs import message_problems, run_problems

IMPORTED = ("README.md", "FORMAT.md", "run.toml", "recipe.toml", "metrics.toml", "history.csv")
ALWAYS = (*IMPORTED, "data.toml", "environment.toml", "requirements.txt", "artifacts.xxh128", "output.log")
MORE = ("settings.toml", "components.toml", "artifacts.sizes", "artifacts.sha256", "items.csv", "usage.csv", VERDICT)
TEXTS = ("README.md", "FORMAT.md")  # for people
FOLDERS = ("code", "data", "environment")
FILE, FOLDER = "100644", "40000"
NEWER = "record of a newer format, of which nothing was looked at"
NO_CODE = "run whose code commit is not here, to hold code/ against it"
SAMPLES = "history of which git has a sample, without its whole"
NO_RECIPE = "run whose recipe file is not in its code/"
UNKNOWN_FILES = "file that this gitexp does not know"
MOST_ITEMS = 16 << 20  # bytes of values by example


class Tree(NamedTuple):
    """What a record holds: modes and names as they stand there, ids of its files by name, its manifests, and code/."""

    entries: list[tuple[str, str, str]]
    files: Mapping[str, str]
    manifests: Mapping[str, Parts]
    code: str | None


def listing(one: Commit, at: Looking) -> Tree:
    """What lies in the record. Raises Absent."""
    files, manifests, code = dict[str, str](), dict[str, Parts](), None
    top = at.objects.tree(one.tree)
    for mode, name, oid in top:
        if name == "code":
            code = oid
        elif mode == FOLDER and name in ("data", "environment"):
            for inner, part, part_oid in at.objects.tree(oid):
                if name == "environment":
                    files[f"{name}/{part}"] = part_oid
                elif inner == FOLDER:
                    parts = at.objects.tree(part_oid)
                    manifests[part] = [(number, one_part) for _, number, one_part in parts]
                else:
                    manifests[part] = part_oid
        else:
            files[name] = oid
    return Tree(top, files, manifests, code)


class Looked(NamedTuple):
    """What came of a record. `run` and `tree` None: they cannot be read."""

    problems: list[str]
    run: RunRecord | None = None
    tree: Tree | None = None
    data: tuple[str, ...] = ()  # digests


def look_at(one: Commit, at: Looking) -> Looked:
    """Everything that is wrong with a run's commit, by itself."""
    try:
        tree = listing(one, at)
        table = load_tables(at.text(_required(tree, "run.toml")), where="run.toml")
        run = record_of(table)
    except NewerFormat:
        at.unseen[NEWER] += 1
        return Looked([])
    except Absent as error:
        return Looked(at.lacking("its record", error))
    except GitexpError as error:
        return Looked([error.what])
    problems = at.told("its tree", lambda: _placed(tree, run, at))
    recipe = at.readable("recipe.toml", tree.files) or {}
    problems += at.told("run.toml", lambda: _of_table(table, run_problems(run, table, one, recipe)))
    if run.id != one.run:
        problems.append(f"run.toml is of run {run.id}, the message of {spell(one.run)}")
    datasets = (at.readable("data.toml", tree.files) or {}).values()
    data = [table.get("digest") for table in datasets if isinstance(table, dict)]
    return Looked([*problems, *_of_files(one, run, tree, at)], run, tree, tuple(map(str, data)))


def _required(tree: Tree, name: str) -> str:
    if name not in tree.files:
        raise Absent(f"no record: it has no {name}")
    return tree.files[name]


def _of_table(table: Mapping[str, Any], problems: Iterator[str]) -> Iterator[str]:
    yield from check.toml_problems(table)
    yield from problems


def _placed(tree: Tree, run: RunRecord, at: Looking) -> Iterator[str]:
    """Section 3: which files there are, as what."""
    found = dict[str, str]()
    for mode, name, _ in tree.entries:
        if name in found:
            yield f"has {spell(name)} twice"
        found[name] = mode
        wanted = FOLDER if name in FOLDERS else FILE if name in (*ALWAYS, *MORE) else mode
        if mode != wanted:
            yield f"has {spell(name)} as {mode}, not {wanted}"
        if name not in (*ALWAYS, *MORE, *FOLDERS):
            at.unseen[UNKNOWN_FILES] += 1
    imported = run.imported is not None
    lacking = [name for name in (IMPORTED if imported else (*ALWAYS, "code")) if name not in found]
    if lacking:
        yield f"has no {', '.join(lacking)}"
    beyond = [
        name for name in (*ALWAYS, *MORE) if imported and name in found and name not in (*IMPORTED, "settings.toml")
    ]
    yield from [f"is of an imported run, and has {', '.join(beyond)}"] if beyond else []


def _of_files(one: Commit, run: RunRecord, tree: Tree, at: Looking) -> Iterator[str]:
    """Sections 5 to 11."""
    has = tree.files
    for name in sorted(name for name in has if name.endswith(".toml") and name not in ("run.toml", VERDICT)):
        yield from at.shared(name, partial(_table_problems, at, name, has[name]), has[name])
    for name in TEXTS:
        yield from at.shared(name, partial(_text_problems, at, has[name]), has[name]) if name in has else ()
    stated = at.readable("metrics.toml", has) or {}
    yield from at.told("its message", lambda: _message(one, run, stated, has, at))
    yield from _code(run, tree.code, at)
    yield from _data(tree, at)
    if "requirements.txt" in has:
        ids = has["requirements.txt"], has.get("environment.toml", "")
        yield from at.shared("requirements.txt", lambda: _requirements(has, at), *ids)
    if "artifacts.xxh128" in has:
        own = (has.get(f"artifacts.{ending}", "") for ending in ("xxh128", "sizes", "sha256"))
        key = ("artifacts", *own, str(run.artifacts), str(run.items))
        looked = partial(artifact_problems, has, run, at)
        yield from at.once(key, lambda: at.told("artifacts.xxh128", looked, named=True))
    if "output.log" in has:
        yield from at.told("output.log", lambda: check.output_problems(at.objects.read(has["output.log"])))
    if "usage.csv" in has:
        yield from at.told("usage.csv", lambda: check.usage_problems(at.objects.read(has["usage.csv"])))
    yield from _items(run, has, at)
    yield from at.told("run.toml", lambda: _peaks(run, has, at))
    yield from _history(run, tree, stated, at)
    yield from at.held.told() if at.held else ()


def _message(
    one: Commit, run: RunRecord, stated: Mapping[str, Any], has: Mapping[str, str], at: Looking
) -> Iterator[str]:
    raw = at.objects.read(one.id, COMMIT, limit=LARGEST)
    verdict = at.readable(VERDICT, has) if run.reproduces else None
    grade = str((verdict or {}).get("grade", ""))
    yield from message_problems(raw.partition(b"\n\n")[2].decode("utf-8", "replace"), run, stated, grade=grade)


def _data(tree: Tree, at: Looking) -> Iterator[str]:
    """Section 6: datasets, once for all records that have the same with the same manifests."""
    if "data.toml" not in tree.files:
        return
    oid = tree.files["data.toml"]
    parts = ([one] if isinstance(one, str) else dict(one).values() for one in tree.manifests.values())
    yield from at.shared(
        "data.toml",
        lambda: data_problems(at.text(oid), tree.manifests, at),
        oid,
        *tree.manifests,
        *chain.from_iterable(parts),
    )
    named, said = (at.readable(name, tree.files) for name in ("recipe.toml", "data.toml"))
    if named is not None and said is not None and {*table_of(named, "data")} != {*said}:
        yield "data.toml has other datasets than [data] of recipe.toml"


def _requirements(has: Mapping[str, str], at: Looking) -> Iterator[str]:
    environment = at.readable("environment.toml", has)
    yield from check.requirements_problems(at.text(has["requirements.txt"]), environment)


def _text_problems(at: Looking, oid: str) -> Iterator[str]:
    yield from () if at.text(oid) else ["is empty"]


def _table_problems(at: Looking, name: str, oid: str) -> Iterator[str]:
    table = at.table(name, oid)
    yield from check.toml_problems(table)
    yield from _RULES[name](table) if name in _RULES else ()


_RULES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "recipe.toml": check.recipe_problems,
    "environment.toml": check.environment_problems,
    "metrics.toml": check.metrics_problems,
}


def _code(run: RunRecord, code: str | None, at: Looking) -> Iterator[str]:
    """Section 4, [code]: `clean` says whether code/ is the commit's tree; and the recipe is in it."""
    if run.code.commit is not None:
        oid = run.code.oid or ""
        known = at.once(("code", oid), partial(at.objects.reader.find, f"{oid}^{{tree}}", limit=0)) if oid else None
        if known is None:
            at.unseen[NO_CODE] += 1
        elif run.code.clean and known[0] != code:
            yield f"code/ is said to be the tree of {oid[:12]}, and is another"
        elif not run.code.clean and known[0] == code and not run.code.changed_count:
            yield "code/ is said to differ from its commit, and does not"
    if code is not None:
        yield from at.shared("code/", partial(_tree_problems, at, code), code)
        path = tuple((run.recipe_path or "").split("/"))
        if path[0] and not at.once((code, *path), partial(_holds, at, code, path)):
            at.unseen[NO_RECIPE] += 1


def _tree_problems(at: Looking, code: str) -> Iterator[str]:
    """Section 3: code/ is a tree. That all below it is here, git is asked of all at once."""
    at.objects.tree(code)
    yield from ()


def _holds(at: Looking, tree: str, path: Sequence[str]) -> bool:
    """Whether a tree has a file of this path; a link on the way there is somewhere else."""
    try:
        found = next((oid for _, name, oid in at.objects.tree(tree) if name == path[0]), None)
        return found is not None and (len(path) == 1 or _holds(at, found, path[1:]))
    except Absent:
        return False


def _peaks(run: RunRecord, has: Mapping[str, str], at: Looking) -> Iterator[str]:
    """Section 4: of several processes `peak_memory_bytes` is the sum of their peaks."""
    if run.peak_memory_processes is None:
        return
    ranks = [at.table(name, oid) for name, oid in has.items() if name.startswith("environment/")]
    known = [peak for rank in ranks if isinstance(peak := rank.get("peak_memory_bytes"), int)]
    if len(known) != run.peak_memory_processes or sum(known) != run.peak_memory_bytes:
        yield f"peak_memory_bytes is not the sum of {run.peak_memory_processes} peaks in environment/"


def _items(run: RunRecord, has: Mapping[str, str], at: Looking) -> Iterator[str]:
    """Section 8, values by example: in the tree, or the artifact that [items] names."""
    inside = run.items is not None and run.items.digest is None
    if inside != ("items.csv" in has):
        yield "items.csv and [items] of run.toml do not go together"
    elif inside and run.items is not None:
        examples, oid = run.items.examples, has["items.csv"]
        yield from at.told("items.csv", lambda: check.items_problems(at.objects.read(oid, limit=MOST_ITEMS), examples))


def _history(run: RunRecord, tree: Tree, stated: Mapping[str, Any], at: Looking) -> Iterator[str]:
    if "history.csv" not in tree.files or "metrics.toml" not in tree.files:
        return
    oid = tree.files["history.csv"]

    def problems() -> Iterator[str]:
        if run.history is None:
            if at.objects.read(oid) != NOTHING or stated:
                yield "there are rows or values, and run.toml says of none that it was logged"
            return
        blocks = whole = partial(at.objects.blocks, [oid])
        if run.history.kept == run.history.rows:
            if Digest.xxh128(digest_blocks(blocks())) != run.history.digest:
                yield "history.csv is not what [history] digest says"
        elif Digest.xxh128(digest_blocks(blocks())) == run.history.digest:
            rows = f"{run.history.kept:,} of {run.history.rows:,} rows"
            yield f"history.csv is the whole history, and run.toml says that it is {rows}"
        elif at.held is None or at.held.size_of(run.history.digest) is None:
            at.unseen[SAMPLES] += 1
        else:
            whole = partial(at.held.blocks, run.history.digest)
            yield from sample_problems(blocks, whole)
        table = read_table(whole, attempt=run.attempt)
        yield from history_problems(run, table, whole, stated=stated, rules=_rules(tree, at))

    yield from at.told("history.csv", problems, named=True)


def _rules(tree: Tree, at: Looking) -> MetricRules | None:
    """What the recipe says of metrics; None where it is not right."""
    recipe = at.readable("recipe.toml", tree.files)
    if recipe is None or at.shared("rules", lambda: check.recipe_problems(recipe), tree.files["recipe.toml"]):
        return None
    return metric_rules(recipe)
