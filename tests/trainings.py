"""Trainings without the front: a run folder laid out by hand, `python -m gitexp.training` as a process, what it left.

And, for tests in this process, a session built by hand around a few rows and a tiny model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import gitexp
from gitexp.training.data import Table
from gitexp.training.loop import Train
from gitexp.training.preprocess import Prepared
from gitexp.training.processes.ranks import Ranks
from gitexp.training.session import Session

# Components as a user would write them beside a recipe. DIE_AT says at which batch, optimizer step, … a process dies;
# HOLD_AT, in the same words, where all of them wait to be killed.
COMPONENTS = '''\
import os
import signal

import torch
from torch import nn

from gitexp.training.data import Table


def die(where, count):
    """kill -9 of this process, when DIE_AT asks for it: "batch 7", "step 3", of rank DIE_RANK."""
    asked = (os.environ.get("DIE_AT"), os.environ.get("DIE_RANK", "0"))
    if asked == (f"{where} {count}", os.environ.get("RANK", "0")):
        once = os.path.join(os.environ["GITEXP_FOLDER"], f"died at {where} {count}")
        if not os.path.exists(once):
            open(once, "w").close()
            number = int(os.environ.get("DIE_BY", signal.SIGKILL))
            os.killpg(0, number) if os.environ.get("DIE_GROUP") else os.kill(os.getpid(), number)
    if os.environ.get("HOLD_AT") == f"{where} {count}":
        open(os.path.join(os.environ["GITEXP_FOLDER"], "held by " + os.environ.get("RANK", "0")), "w").close()
        signal.pause()


class HalfWritten:
    """Stands in for os.fsync: DIE_AT="write 2" leaves half of the second file that is made safe."""

    def __init__(self):
        self.fsync, self.files = os.fsync, 0

    def __call__(self, file):
        self.files += 1
        if os.environ.get("DIE_AT") == f"write {self.files}":
            os.ftruncate(file, os.fstat(file).st_size // 2)
        die("write", self.files)
        self.fsync(file)


os.fsync = HalfWritten()


class Rows:
    def __init__(self, *, rows=53, held_out=11, batch_size=8, workers=0, leak=False, nan=False, lazy=False):
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(rows + held_out, 4, generator=generator)
        targets = (inputs.sum(1) > 0).long()
        if nan:
            inputs[3, 2] = float("nan")
        first = 0 if leak else rows
        table = Table({"input": inputs[:rows], "target": targets[:rows]})
        self.splits = {
            "train": Lazy(table) if lazy else table,
            "val": Table({"input": inputs[first:], "target": targets[first:]}),
        }
        self.batch_size = batch_size
        self.workers = workers


class Lazy(torch.utils.data.Dataset):
    def __init__(self, table):
        self.table = table

    def __len__(self):
        return len(self.table)

    def __getitem__(self, row):
        return {name: value + 0 for name, value in self.table[row].items()}


class Noise:
    """A random step. Counts the batches it sees; batch 0 is the one that the checks send through."""

    random = True

    def __init__(self, scale=0.1):
        self.scale = scale
        self.seen = -1

    def __call__(self, fields, generator):
        self.seen += 1
        die("batch", self.seen)
        noise = torch.randn(fields["input"].shape, generator=generator) * self.scale
        return {**fields, "input": fields["input"] + noise}


class Mean:
    """A fitted step; each fit leaves a line in the run folder."""

    def fit(self, fields):
        self.mean = fields["input"].mean(0)
        with open(os.path.join(os.environ["GITEXP_FOLDER"], "fitted"), "a") as file:
            file.write(f"{len(fields['input'])}\\n")

    def __call__(self, fields):
        return {**fields, "input": fields["input"] - self.mean}

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


class Net(nn.Module):
    def __init__(self, hidden=5, dropout=0.3):
        super().__init__()
        self.first = nn.Linear(4, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 2)
        self.dropout = dropout

    def forward(self, input):
        made = nn.functional.dropout(torch.relu(self.norm(self.first(input))), self.dropout, self.training)
        return self.last(torch.relu(self.second(made)))


class AdamW(torch.optim.AdamW):
    """Counts its steps, and may die before one."""

    def __init__(self, params, *, lr):
        super().__init__(params, lr=lr)
        self.done = 0

    def step(self, closure=None):
        self.done += 1
        die("step", self.done)
        if os.environ.get("FAIL_AT") == str(self.done) and os.environ.get("RANK") == "1":
            raise ValueError("the cat sat on the keyboard")
        super().step(closure)
        with open(os.path.join(os.environ["GITEXP_FOLDER"], "steps"), "a") as file:
            file.write("x")


class Loss(nn.CrossEntropyLoss):
    """Is no finite number for one training batch of one rank."""

    def __init__(self, *, lost_at, rank=0, factor="nan"):
        super().__init__()
        self.left = lost_at if os.environ.get("RANK", "0") == str(rank) else 0
        self.factor = float(factor)

    def forward(self, output, target):
        self.left -= torch.is_grad_enabled()
        return super().forward(output, target) * (self.factor if self.left == 0 and torch.is_grad_enabled() else 1)


class Breaks:
    def __init__(self):
        raise ValueError("no such weights")


class BreaksLater(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Linear(4, 2)

    def forward(self, input):
        raise KeyError("attention")


class Unrepeatable(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Linear(4, 2)

    def forward(self, input):
        return self.only(input.put(torch.tensor([0]), torch.tensor([1.0])))  # torch has one order for it on GPUs only


class Endless:
    def __init__(self, *, batch_size=8):
        self.batch_size = batch_size
        self.splits = {"train": iter([])}
'''

RECIPE: dict[str, Any] = {
    "seed": 1,
    "metrics": {"goal": {"val.loss": "min"}},
    "reproducibility": {"level": "bitwise", "threads": 1},
    "resources": {"processes": 1, "max_restarts": 0},
    "loader": {"use": "parts.py:Rows"},
    "preprocess": {"steps": ["mean", "noise"], "mean": {"use": "parts.py:Mean"}, "noise": {"use": "parts.py:Noise"}},
    "model": {"use": "parts.py:Net"},
    "loss": {"use": "torch.nn:CrossEntropyLoss"},
    "optimizer": {"use": "parts.py:AdamW", "lr": 0.01},
    "scheduler": {"use": "torch.optim.lr_scheduler:CosineAnnealingLR", "T_max": 6},
    "train": {"epochs": 6, "accumulate": 2, "checkpoint_every": 3, "log_every": 2},
}


@dataclass(frozen=True)
class Ended:
    """How the training program ended."""

    exit_code: int  # below 0: by this signal
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Run:
    """A run folder, and the root in which its program runs."""

    root: Path
    folder: Path

    def start(self, *, python: str = sys.executable, **env: str) -> subprocess.Popen[str]:
        """Start the program, in a session of its own."""
        keep = {
            k: v
            for k, v in os.environ.items()
            if k in {"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "ATEN_CPU_CAPABILITY"}
        }
        given = {
            **keep,
            "GITEXP_FOLDER": str(self.folder),
            "GITEXP_OUTPUT": str(self.folder / "saved"),
            "GITEXP_METRICS": str(self.folder / "metrics.jsonl"),
            "PYTHONPATH": str(self.folder / "lib"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **env,
        }
        return subprocess.Popen(
            [python, "-m", "gitexp.training"],
            cwd=self.root,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def go(self, **options: str) -> Ended:
        """Run the program to its end. Once more in the same folder: it goes on."""
        process = self.start(**options)
        stdout, stderr = process.communicate(timeout=120)
        return Ended(process.returncode, stdout, stderr)

    def read(self, name: str) -> Any:
        """A JSON file of the run folder."""
        return json.loads((self.folder / name).read_text())

    @property
    def digest(self) -> str:
        """Of the final weights."""
        weights: str = self.read("trained.json")["digests"]["weights"]
        return weights

    @property
    def metrics(self) -> dict[int, dict[str, float]]:
        """By step; of a step that was done twice, what was said last."""
        rows = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return {row.pop("step"): row for row in rows}

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Why the recipe was refused: dotted path, words."""
        return [(".".join(problem["path"]), problem["what"]) for problem in self.read("refused.json")["problems"]]

    @property
    def checkpoints(self) -> list[str]:
        """Their names, the oldest first."""
        return sorted(path.name for path in (self.folder / "saved/checkpoints").iterdir())


def lay_out(root: Path, name: str, *changes: str, smoke: bool = False, mode: str = "run") -> Run:
    """The folder of a run of the tiny recipe, with changes as `-s` takes them: "train.epochs=2"; "eval" removes."""
    root.mkdir(exist_ok=True)
    (root / "parts.py").write_text(COMPONENTS)
    values = json.loads(json.dumps(RECIPE))
    for change in changes:
        key, _, value = change.partition("=")
        *tables, last = key.split(".")
        table = values
        for part in tables:
            table = table.setdefault(part, {})
        if value:
            table[last] = tomllib.loads(f"value = {value}")["value"]
        else:
            del table[last]
    folder = root / name
    (folder / "saved").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "lib" / "gitexp").symlink_to(Path(gitexp.__file__).resolve().parent)
    (folder / "recipe.toml").write_text(_toml(values))
    orders = {
        "format": 1,
        "mode": mode,
        "smoke": smoke,
        "name": name,
        "folder": None,
        "imports": ["torch", "gitexp.training"],
        "data": values.get("data", {}),
        "datasets": {dataset: {"kind": "data"} for dataset in values.get("data", {})},
    }
    (folder / "training.json").write_text(json.dumps(orders))
    return Run(root, folder)


def _toml(values: dict[str, Any]) -> str:
    """JSON's spelling of plain values is TOML's too."""
    lines: list[str] = []

    def table(path: str, values: dict[str, Any]) -> None:
        if path:
            lines.append(f"[{path}]")
        lines.extend(f"{json.dumps(key)} = {json.dumps(v)}" for key, v in values.items() if not isinstance(v, dict))
        for key, value in values.items():
            if isinstance(value, dict):
                table(f"{path}.{json.dumps(key)}" if path else json.dumps(key), value)

    table("", values)
    return "\n".join(lines) + "\n"


# ---- in this process


def table(rows: int, *, seed: int = 0) -> Table:
    """Rows of four numbers, and whether their sum is above 0."""
    inputs = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    return Table({"input": inputs, "target": (inputs.sum(1) > 0).long()})


def session(folder: Path, **changes: Any) -> Session:
    """A session around a linear model: 50 rows to train on, 11 held out, batches of 8, SGD."""
    torch.manual_seed(0)
    model = changes.pop("model", None) or nn.Linear(4, 2)
    (folder / "saved").mkdir(exist_ok=True, parents=True)
    given: dict[str, Any] = {
        "model": model,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "scheduler": None,
        "evaluator": None,
        "prepared": Prepared({"train": table(50), "val": table(11, seed=1)}, {}, (), (), {}),
        "fitted": {},
        "batch_size": 8,
        "workers": 0,
        "seed": 1,
        "goal": {},
        "ranks": Ranks(),
        "device": torch.device("cpu"),
        "folder": folder,
        "saved": folder / "saved",
        "resumed": None,
    }
    return Session(**{**given, **changes})


def train(session: Session, **settings: Any) -> dict[int, dict[str, float]]:
    """Train, and the rows of metrics by step."""
    Train(**settings).run(session)
    rows = [json.loads(line) for line in (session.folder / "metrics.jsonl").read_text().splitlines()]
    return {row.pop("step"): row for row in rows}
