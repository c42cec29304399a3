"""The same question put to `dvc exp show` and to MLflow's `search_runs`, of as many runs, where they are installed.

GITEXP_PROGRAMS names an interpreter that has them; else that of `make programs` is taken, else `python3` on PATH. Both
are asked as a user asks: DVC by its command, MLflow by a program that imports it, each with its caches warm.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from ratios import Row, pair, timed
from world import Bench

CHECKOUT = Path(__file__).parents[1]
ROUNDS = 3
LONGEST_S = 600.0

# What `sweep` of findings.py makes, as the tool's own way to write it has it.
_VALUES = """
import sys
from random import Random
def values(n):
    noise = Random(n)
    metrics = {f"val.metric{at}": noise.random() for at in range(9)} | {"acc": noise.random()}
    trial = Random(n // 5)
    told = {f"setting{at}": trial.choice((0.1, 0.01, 0.001)) for at in range(10)}
    return metrics, told | {f"part{at}.setting{k}": k + 0.5 for at in range(5) for k in range(10)}
"""
_FILL_MLFLOW = f"""{_VALUES}
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
client = MlflowClient()
experiment = client.create_experiment("sweep")
for n in range(int(sys.argv[1])):
    metrics, told = values(n)
    run = client.create_run(experiment).info.run_id
    client.log_batch(run, [Metric(k, v, 0, 0) for k, v in metrics.items()], [Param(k, str(v)) for k, v in told.items()])
    client.set_terminated(run)
"""
_ASK_MLFLOW = """
from time import perf_counter
from mlflow import MlflowClient
began = perf_counter()
client = MlflowClient()
experiment = client.get_experiment_by_name("sweep").experiment_id
found = client.search_runs([experiment], "params.setting1 = '0.1'", order_by=["metrics.acc DESC"], max_results=20)
assert len(found) == 20 and len(found[0].data.params) == 60, found
print(perf_counter() - began)
"""
_FILL_DVC = f"""{_VALUES}
import json, subprocess
def git(*args, feed=None):
    return subprocess.run(["git", *args], input=feed, check=True, capture_output=True).stdout.decode().strip()
base, stream = git("rev-parse", "HEAD"), []
def put(name, content):
    text = json.dumps(content)
    return f"M 100644 inline {{name}}\\ndata {{len(text)}}\\n{{text}}\\n"
for n in range(int(sys.argv[1])):
    metrics, told = values(n)
    stream.append(f"commit refs/exps/{{base[:2]}}/{{base[2:]}}/exp-{{n}}\\n")
    stream.append(f"committer A <a@b> {{1700000000 + n}} +0000\\ndata 1\\nx\\nfrom {{base}}\\n")
    stream.append(put("metrics.json", metrics) + put("params.json", told))
git("fast-import", "--quiet", feed="".join(stream).encode())
"""


def others_rows(bench: Bench, gitexp: str, lab: Path, size: int) -> Iterator[Row | str]:
    """Our table against theirs; a line where a tool is not there."""
    python = os.environ.get("GITEXP_PROGRAMS") or str(CHECKOUT / ".venv-programs" / "bin" / "python")
    python = python if Path(python).is_file() else shutil.which("python3") or ""
    env = {
        **bench.env,
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for tool, row in (("mlflow", _mlflow), ("dvc", _dvc)):
        there = (
            python and subprocess.run([python, "-c", f"import {tool}"], env=env, capture_output=True).returncode == 0
        )
        if not there:
            yield f"{tool}: not installed, not compared (GITEXP_PROGRAMS names an interpreter that has it)"
            continue
        folder = bench.root / f"{tool}-{size}"
        folder.mkdir()
        yield from row(python, folder, env, gitexp, lab, size)


def _mlflow(python: str, folder: Path, env: dict[str, str], gitexp: str, lab: Path, size: int) -> Iterator[Row | str]:
    _do([python, "-c", _FILL_MLFLOW, str(size)], folder, env)
    theirs = timed(python, "-c", _ASK_MLFLOW, cwd=folder, env=env)
    ours = timed(gitexp, "log", "-n", "20", "--where", "sweep.setting1 == 0.1", "--sort", "acc", cwd=lab, env=env)
    yield pair(
        f"log -n 20 --where --sort, {size:,} runs", "MLflow search_runs, import too", None, ours, theirs, rounds=ROUNDS
    )
    alone = [float(_do([python, "-c", _ASK_MLFLOW], folder, env)) for _ in range(ROUNDS)]
    yield f"MLflow's search_runs of {size:,} runs without its import: {median(alone) * 1000:.0f} ms, median of {ROUNDS}"


def _dvc(python: str, folder: Path, env: dict[str, str], gitexp: str, lab: Path, size: int) -> Iterator[Row | str]:
    (folder / "dvc.yaml").write_text("metrics: [metrics.json]\nparams: [params.json]\n")
    (folder / "metrics.json").write_text("{}")
    (folder / "params.json").write_text("{}")
    for command in (["git", "init", "-q"], [python, "-m", "dvc", "init", "-q"], ["git", "add", "-A"]):
        _do(command, folder, env)
    _do(["git", "commit", "-qm", "base"], folder, env)
    _do([python, "-c", _FILL_DVC, str(size)], folder, env)
    asked = (python, "-m", "dvc", "exp", "show", "--csv", "--sort-by", "acc", "--sort-order", "desc")
    shown = subprocess.run(asked, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout
    assert shown.count("exp-") == size, shown[:2000]
    theirs = timed(*asked, cwd=folder, env=env)
    ours = timed(gitexp, "log", "--csv", "--sort", "acc", cwd=lab, env=env)
    yield pair(f"log --csv --sort, {size:,} runs", "dvc exp show --csv --sort-by", None, ours, theirs, rounds=ROUNDS)


def _do(command: list[str], folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
