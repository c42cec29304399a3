"""Decide whether a run may start: the tree by the lab's hook, the program by being there.

Everything here raises Refused, or what becomes it, before anything is written or run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gitexp.clone import place_of
from gitexp.errors import Refused, and_more
from gitexp.git.branch import require_not_checked_out, require_startable
from gitexp.git.hooks import is_set_up, pre_run_hook, run_pre_run_hook
from gitexp.git.standing import Look, branch_ref
from gitexp.git.worktree import Change, Surveyed
from gitexp.regularfile import read_regular
from gitexp.spec.config import Config
from gitexp.spec.recipe import Recipe
from gitexp.spec.recipe_shape import OWN
from gitexp.text.schema import dotted, escaped, inline

MOST_SOURCE = 1 << 20  # bytes of a program that are looked at


def look_at_branch(surveyed: Surveyed, config: Config) -> Look:
    """Begin to ask what the experiments branch is; `check_branch` reads the answer."""
    return Look(surveyed.repo, branch_ref(config.branch))


def check_branch(look: Look, surveyed: Surveyed, config: Config) -> tuple[str, ...]:
    """A run can be put on the experiments branch: it is gitexp's own, or may be begun, and is nowhere checked out.

    Returns what there is to warn of.
    """
    require_not_checked_out(surveyed.repo, config.branch, why="Recording a run moves that branch")
    if look.tip() is not None:
        return ()
    require_startable(surveyed.repo, config.branch)
    from gitexp.history.cache import left_behind

    gone = left_behind(surveyed.repo, config.branch)
    return (f"warning: {gone.what}. fix:  {gone.fix}",) if gone else ()


def check_hook(surveyed: Surveyed, config: Config, *, subject: str) -> tuple[str, ...]:
    """Run the hook gitexp-pre-run on what `git status` said; its words. Raises Refused, with them, if it refuses."""
    hook = pre_run_hook(surveyed.repo)
    if hook is None:
        what = "The hook gitexp-pre-run is missing here, so nobody has said which runs may start"
        if not is_set_up(surveyed.repo):
            what = "gitexp is not set up in this clone"
        raise Refused(what, fix="gitexp init    (or --no-verify for this run alone)")
    env = {
        "GITEXP_STATUS": os.devnull,
        "GITEXP_POLICY_DIRTY": config.policy.dirty,
        "GITEXP_SUBJECT": subject,
        "GITEXP_HEAD": surveyed.head.commit[:7],
    }
    if surveyed.clean:
        return run_pre_run_hook(surveyed.repo, hook, env=env)
    import tempfile

    env["GITEXP_FIX"] = _advice(surveyed) if config.policy.dirty == "refuse" else ""
    with tempfile.NamedTemporaryFile("w", prefix="gitexp-status-", encoding="utf-8") as listing:
        listing.writelines(f"{describe(change)}\n" for change in surveyed.changes)
        listing.flush()
        return run_pre_run_hook(surveyed.repo, hook, env={**env, "GITEXP_STATUS": listing.name})


def describe(change: Change) -> str:
    """One line for one change, safe to print: git's two letters and the path, whatever is unprintable escaped."""
    raw = (c if c.isprintable() else os.fsencode(c) for c in change.path)
    shown = "".join(c if isinstance(c, str) else "".join(f"\\x{byte:02x}" for byte in c) for c in raw)
    # `git add` in this repository would not help: the line has to say where to go.
    return f"{change.code} {shown}" + ("  (a submodule: commit inside it first)" if change.submodule else "")


def _advice(surveyed: Surveyed) -> str:
    """What to type about a dirty tree, as lines: never to commit what git should not hold, nor to lose anything."""
    from gitexp.git.ignoring import kept_out
    from gitexp.git.worktree import filters_of

    root = surveyed.repo.root
    heavy = [change for change in surveyed.changes if not change.hidden and _is_no_code(root, change)]
    new = list(dict.fromkeys(_outermost(change.path) for change in heavy if change.code == "??"))
    tracked = [change.path for change in heavy if change.code != "??"]
    filters = filters_of(surveyed.repo, [change.path for change in surveyed.changes])
    bare = [
        path for path, name in filters.items() if name == "lfs" and "filter.lfs.clean" not in surveyed.repo.settings
    ]
    lines = []
    if new:
        rest = len(heavy) - len(tracked) < len(surveyed.changes)
        more = "    then commit the rest:  git add -A && git commit" if rest and not tracked and not bare else ""
        lines.append(f"{kept_out(new, root=root)}{more}")
        lines.append("what a run wrote, to be kept with it:  gitexp init --outputs    or --save PATH for this run")
    if bare:
        lines.append(
            f"git lfs install    first: without git-lfs, git would keep the bytes of {_named(bare)}, not a pointer"
        )
    if tracked:
        lines.append(f"have the program write {_named(tracked)} to a place that git ignores")
    if not lines:
        lines.append("git add -A && git commit    or    git stash -u    then run the command again")
    return "\n".join([*lines, *(line for line in OTHERWISE if not new or "gitignore" not in line)])


OTHERWISE = (
    "what is no code:  echo /FILE >>.gitignore",
    'or record the tree as it is:  --no-verify for this run, dirty = "allow" under [policy] in gitexp.toml for all',
)
OUTPUTS = (
    "build dist out output outputs results logs runs checkpoints lightning_logs wandb mlruns __pycache__ node_modules"
)
WRITTEN = """
    .pt .pth .ckpt .safetensors .bin .pkl .pickle .joblib .onnx .gguf .tflite .pb .msgpack .sqlite .db .log .out .o .so
    .pyc"""
DATA = ".h5 .hdf5 .npz .npy .parquet .arrow .feather .zip .tar .gz .tgz .bz2 .xz .zst"  # part of a recipe, beside it
LARGE = 1_000_000  # bytes


def _is_no_code(root: Path, change: Change) -> bool:
    """Whether a changed file is what programs write (a checkpoint, a log), large, or what DVC keeps."""
    if change.path.endswith("/"):
        return False
    place = root / change.path
    try:
        found = place.lstat()
    except OSError:
        return False  # removed
    if change.code == "??" and _outermost(change.path).endswith("/"):
        return True
    endings = WRITTEN if change.path.startswith("recipes/") else f"{WRITTEN} {DATA}"
    by_name = change.path.lower().endswith(tuple(endings.split()))
    return by_name or found.st_size > LARGE or os.path.lexists(f"{place}.dvc")


def _outermost(path: str) -> str:
    """The folder of outputs that a path lies in, else the path."""
    first, below, _ = path.partition("/")
    return f"{first}/" if below and first in OUTPUTS.split() else path


def _named(paths: list[str]) -> str:
    shown = ", ".join(describe(Change("", path)).strip() for path in paths[:3])
    return shown + (and_more(len(paths), 3))


def check_components(surveyed: Surveyed, recipe: Recipe) -> None:
    """The files that a recipe's components come from must be recorded with the code: git must not ignore them."""
    import subprocess

    from gitexp.errors import RecipeErrors
    from gitexp.git.repo import finish_answer, start
    from gitexp.spec.assembly import components_in, files_of

    root = surveyed.repo.root
    files = [
        ((*path, "use"), file)
        for path, table in components_in(recipe.values)
        for file in files_of(str(table.get("use", "")).partition(":")[0])
        if (root / file).is_file()
    ]
    if not files:
        return
    asking = start(root, "check-ignore", "-z", "--stdin", stdin=subprocess.PIPE)
    _, listed = finish_answer(asking, os.fsencode("\0".join(file for _, file in files)))
    ignored = set(os.fsdecode(listed).split("\0"))
    problems = [
        f"{recipe.where(path)}: {dotted(path)}: git ignores {file}, so no record would hold it; see .gitignore"
        for path, file in files
        if file in ignored
    ]
    if problems:
        raise RecipeErrors(problems)


def check_store(surveyed: Surveyed) -> None:
    """There must be a place for the bytes that a run writes: once it has ended, it would wait for one."""
    repo = surveyed.repo
    _ = place_of(repo).store_folder


def seed_that_nothing_takes(recipe: Recipe, argv: Sequence[str], *, cwd: Path) -> str | None:
    """What to warn of where a seed is recorded, and neither the command nor a file that it names shows who takes it."""
    if recipe.seed is None or recipe.made_of_components:  # those are all seeded
        return None
    from gitexp.spec.placeholders import parse

    if any(("seed",) in parse(element) for element in recipe.values.get("run", {}).get("command", ())):
        return None
    if any("GITEXP_SEED" in word or _mentions_seed(cwd / word) for word in argv):
        return None
    where = "recipe" if recipe.path else "command"
    return f"nothing in the {where} takes the seed {recipe.seed}; the program may read GITEXP_SEED"


def tables_that_may_be_meant(recipe: Recipe) -> list[str]:
    """What to warn of where a key of the program's own is one letter off from one of gitexp's that is not there."""
    return [
        f"{recipe.where((key,))}: {key} is taken for the program's own; did you mean {own}?"
        for key, value in recipe.values.items()
        if key not in OWN
        for own in (*OWN, "extends")
        if own not in recipe.values
        and isinstance(value, dict) != (own in ("seed", "extends"))
        and _is_one_off(key, own)
    ]


def _is_one_off(word: str, other: str) -> bool:
    """Whether a letter that is missing, too many, or another one is all that differs, or two changed places."""
    if len(word) == len(other):
        differing = [pair for pair in zip(word, other, strict=True) if pair[0] != pair[1]]
        return len(differing) == 1 or (len(differing) == 2 and differing[0] == differing[1][::-1])
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


def _mentions_seed(path: Path) -> bool:
    """Whether a file of the program's reads the seed, or speaks with gitexp, from which it may have it."""
    try:
        text = read_regular(path, most=MOST_SOURCE)
    except (OSError, ValueError):
        return False
    return b"GITEXP_SEED" in text or b"gitexp" in text


def check_program(argv: tuple[str, ...], *, cwd: Path, recipe: Recipe | None = None) -> None:
    """The program must be there before anything is recorded about it. `recipe`: whose command it is."""
    name = argv[0]
    # As the kernel looks: a name with a slash counts from the working folder. (`import shutil` for this costs 3 ms.)
    places = [cwd / name] if os.sep in name else [Path(folder, name) for folder in os.get_exec_path()]
    files = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 -- Path's raises for forbidden folders
    if any(os.access(file, os.X_OK) for file in files):
        return
    if os.sep in name and places[0].is_dir():
        raise Refused(f"{places[0]} is a folder, not a program", fix="name a program in it")
    import shlex

    what = f"{files[0]} is not executable" if files else f"{escaped(name)}: command not found"
    fix = _startable_line(recipe, argv, cwd=cwd)
    if fix or files:
        raise Refused(what, fix=fix or f"chmod +x {shlex.quote(str(files[0]))}")
    raise Refused(
        what,
        why="Aliases and functions of your shell are no programs.",
        fix="check the command, or activate the environment that has it",
    )


def _startable_line(recipe: Recipe | None, argv: tuple[str, ...], *, cwd: Path) -> str | None:
    """What to type, or to write into the recipe, for the command that was meant."""
    import shlex

    from gitexp.executors.startable import meant

    if recipe is None or recipe.made_of_components:  # whose command is ours
        return None
    command = meant(recipe.command if recipe.path else argv, cwd=cwd)
    if command is None:
        return None
    if not recipe.path:
        return f"gitexp run -- {shlex.join(command)}"
    return f"{recipe.where(('run', 'command'))}:  command = {inline(command)}"
