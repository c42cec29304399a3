"""The README.md of every record. It repeats no values of the run, so that all runs share its blob.

tests/scenarios/test_record_readme.py types its commands as they stand.
"""

RECORD_README = """\
# A recorded run

This commit is one run of an experiment. Everything is plain text: git, a TOML
reader and `xxhsum` (of the xxHash tools, 0.8 or later) are enough to read it.

| file | what it holds |
|---|---|
| `code/` | the code that ran, exactly |
| `run.toml` | what was executed (`argv`, `cwd`), when, where, how it ended |
| `recipe.toml` | every setting that took effect |
| `data.toml` | the datasets it read: where they lay, their digests |
| `data/NAME.xxh128` | the digest of each file of dataset NAME |
| `metrics.toml`, `history.csv` | the results, and every step that was logged |
| `environment.toml`, `requirements.txt` | the interpreter, packages and machine |
| `settings.toml` | settings that the program itself noted, if any were found |
| `components.toml` | what a recipe's components take and give, if it has any |
| `artifacts.xxh128`, `.sizes` | the digests and sizes of the files that the run saved |
| `items.csv` | values of metrics for each example of a test set, if the program logged any |
| `verdict.toml` | what comparing it with the run that it reproduces came to, if it does |
| `usage.csv` | CPU, memory, disk and GPUs that it used over time, if it took seconds |
| `output.log` | what the program printed |
| `FORMAT.md` | what each of these files means, precisely |

## Repeating it

With gitexp, in any clone that has this commit, `gitexp rerun RUN` does all of
the below in one command, compares the results with these, and records the
verdict (`gitexp rerun RUN --dry-run` only says what it would do).

## Repeating it with plain git

Capitals stand for what you fill in. RUN is the id of this commit; `git log
experiments --` lists all runs (in a fresh clone, `git log origin/experiments --`).

### 1. Get the code

At the top of a clone:

```sh
git worktree add --detach ../repeat RUN
cd ../repeat/code
record=$(cd .. && pwd)
```

`run.toml` says whether this is a commit of the code's own history and which.
Files of submodules (`submodules` in `[code]`) are not in the record: clone them
from where `.gitmodules` says, at the commit that `git ls-tree RUN:code/PATH/..`
names. Files that git-lfs keeps (`lfs` in `[code]`) are there as pointers, which
`git lfs pull` fills from the code's own repository (`remote` in `[code]`).

### 2. Rebuild the environment

With the Python version that `environment.toml` names:

```sh
python3 -m venv "$record/venv"
. "$record/venv/bin/activate"
pip install -r "$record/requirements.txt"
```

Commented lines of `requirements.txt` name what no index has, such as checkouts:
install by hand those that the code needs. If pip says that versions contradict
each other, add `--no-deps`: the list is complete. Where `argv` in `run.toml` has
`gitexp.training`, or the code imports gitexp, install that too: in the version,
from the `url` and at the `commit` that `[gitexp]` in `run.toml` names, as far as
they are known (`pip install "gitexp @ git+URL@COMMIT"`, or from a checkout).
Whether it is the same, `gitexp_digest` of `[training]` in `environment.toml` tells.

### 3. Check the data

`data.toml` says where each dataset lay: `path` is relative to `code/`. What git
does not hold, put there first. FOLDER is that path, or for a single file the
folder that holds it; NAME is the dataset's name.

```sh
(cd FOLDER && xxhsum --strict -c "$record/data/NAME.xxh128")
```

Where `data/NAME.xxh128` is a folder:
`(cd FOLDER && cat "$record"/data/NAME.xxh128/* | xxhsum --strict -c)`. An empty
one, of an empty dataset, `xxhsum` calls an error.

A dataset that has only a `url` was fetched: do so (`resolved` is the exact
address), into any folder. Where `argv` has a path with `gitexp/data/` and 32
hexadecimal digits, it lay there while the program ran: the digits are those of
its `digest`. Put the path of your folder in its place.
(xxhsum before 0.8.2 cannot read lines that begin with a backslash, which stand
for names with a line break or a backslash.)

### 4. Run it

The program was given these; only one that uses them needs them.

```sh
mkdir -p "$record/saved"
export GITEXP_RECIPE="$record/recipe.toml"
export GITEXP_METRICS="$record/repeated.jsonl"
export GITEXP_OUTPUT="$record/saved"
```

And for each dataset the variable `GITEXP_DATA_NAME` with its absolute path, the
name in capitals and with `_` for `-`.

Now execute `argv` of `run.toml` in its `cwd`, which is relative to `code/`, with
`[variables]` of `run.toml` (the seed; that it is a smoke run) and `[threads]`,
`[flags]` and `[locale]` of `environment.toml` in the environment, but for what
names devices of the machine it ran on. `pythonpath` there, if any, named folders
of that machine: of those in the code, name yours in `PYTHONPATH`. What begins
with `root` in `argv` lies in the code, too: yours takes its place. By hand, or
with any Python from 3.11:

```sh
python3 -c 'if True:
    import os, tomllib
    run = tomllib.load(open("../run.toml", "rb"))
    machine = tomllib.load(open("../environment.toml", "rb"))
    told = [machine.get(table, {}) for table in ("threads", "flags", "locale")]
    for table in [*told, run.get("variables", {})]:
        for name, value in table.items():
            if "VISIBLE_DEVICES" not in name and "[redacted" not in value:
                os.environ[name] = value
    root, here = run["root"] + "/", os.getcwd() + "/"
    argv = [word.replace(root, here) for word in run["argv"]]
    os.chdir(run["cwd"])
    os.execvp(argv[0], argv)'
```

### 5. Compare

What it prints, logs (`repeated.jsonl`) and writes with `output.log`,
`history.csv` and `metrics.toml`; what it saves, if anything, with

```sh
test ! -s "$record/artifacts.xxh128" ||
    (cd "$record/saved" && xxhsum --strict -c "$record/artifacts.xxh128")
```

### 6. Clean up

```sh
cd "$record" && git worktree remove --force .
```

With gitexp installed, `gitexp show RUN` shows all of this, and `gitexp diff`
compares it with any other run.
"""
