"""The README.md of every record. It repeats no values of the run, so that all runs share its blob."""

RECORD_README = """\
# A recorded run

This commit is one run of an experiment. Everything is plain text; git, a TOML
reader and `xxhsum` (from the xxHash tools, 0.8 or later) are enough to read it.
RUN below stands for the id of this commit.

| file | what it holds |
|---|---|
| `code/` | the code that ran, exactly |
| `run.toml` | what was executed (`argv`, `cwd`), when, where, how it ended |
| `recipe.toml` | every setting that took effect |
| `data.toml` | the datasets it read: where they lay, their digests |
| `data/NAME.xxh128` | the digest of each file of dataset NAME |
| `metrics.toml`, `history.csv` | the results, and every step that was logged |
| `environment.toml`, `requirements.txt` | the interpreter, packages and machine |
| `artifacts.xxh128` | the digests of the files that the run saved |
| `output.log` | what the program printed |

The format is documented in `docs/format.md` of gitexp.

## Repeating it with plain git

1. Get the code:

       git worktree add --detach ../repeat RUN
       cd ../repeat/code

2. Rebuild the environment, with the Python version that `environment.toml` names:

       python3 -m venv ../venv
       . ../venv/bin/activate
       pip install -r ../requirements.txt

3. Check the data. `data.toml` says where each dataset lay, relative to `code/`.
   For a dataset that is a folder, go there; for one that is a file, go to the
   folder that holds it. Then, with NAME and the way back to this folder:

       xxhsum -c WAY/BACK/data/NAME.xxh128

   (Where `data/NAME.xxh128` is a folder: `cat WAY/BACK/data/NAME.xxh128/* | xxhsum -c`.)

4. Give the program what it was given. Only a program that uses them needs these:

       export GITEXP_RECIPE=$PWD/../recipe.toml
       export GITEXP_METRICS=$PWD/../repeated.jsonl
       export GITEXP_OUTPUT=$PWD/../saved
       export GITEXP_SEED=...          # `seed` in run.toml
       export GITEXP_DATA_NAME=...     # absolute path of each dataset, its name in capitals, - as _
       mkdir -p ../saved

5. Run the `argv` of `run.toml`, in the folder that its `cwd` names (relative to
   `code/`), and compare what it reports with `metrics.toml` and `history.csv`.

6. Clean up:

       cd .. && git worktree remove --force .

With gitexp installed, `gitexp show RUN` shows all of this, and `gitexp diff`
compares it with any other run.
"""
