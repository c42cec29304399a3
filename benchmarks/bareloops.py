"""The loops that a recipe is measured against: the same model, data and settings, and nothing that gitexp adds.

python benchmarks/bareloops.py digits RECIPES 2300    steps a second, printed; RECIPES is the folder of recipes
python benchmarks/bareloops.py chars RECIPES 60
python benchmarks/bareloops.py start                  import torch, one step, and the end
"""

from __future__ import annotations

import importlib.util
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn


def component(file: Path, name: str) -> Any:
    """A class of a recipe's own components."""
    spec = importlib.util.spec_from_file_location(file.parent.name.replace("-", "_"), file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def set_up(threads: int) -> None:
    """As `level = "bitwise"` does."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    torch.manual_seed(1)


def digits(recipes: Path, steps: int) -> float:
    """The digits MLP: 1,438 rows, batches of 64."""
    set_up(1)
    x, y = torch.rand(1438, 1, 8, 8), torch.randint(0, 10, (1438,))
    model = component(recipes / "digits-mlp" / "components.py", "MLP")()
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200, eta_min=1e-4)
    return trained(model, loss_of, optimizer, x, y, batch=64, steps=steps, after_epoch=scheduler.step)


def chars(recipes: Path, steps: int) -> float:
    """The character model, with the sizes of its recipe."""
    folder = recipes / "char-transformer"
    recipe = tomllib.loads((folder / "recipe.toml").read_text())
    set_up(recipe["reproducibility"]["threads"])
    length, vocabulary = recipe["loader"]["length"], recipe["loader"]["vocabulary"]
    sizes = {key: recipe["model"][key] for key in ("width", "layers", "heads", "dropout")}
    x, y = (torch.randint(0, vocabulary, (4096, length)) for _ in range(2))
    model = component(folder / "components.py", "Transformer")(vocabulary, length, **sizes)
    loss_of = component(folder / "components.py", "NextCharacter")()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.003, total_steps=steps, cycle_momentum=False)
    batch, clip = recipe["loader"]["batch_size"], recipe["train"]["clip_norm"]
    return trained(model, loss_of, optimizer, x, y, batch=batch, steps=steps, clip=clip, after_step=scheduler.step)


def nothing() -> None:
    """No schedule."""


def trained(
    model: Any,
    loss_of: Any,
    optimizer: Any,
    x: Any,
    y: Any,
    *,
    batch: int,
    steps: int,
    clip: float = 0.0,
    after_step: Callable[[], None] = nothing,
    after_epoch: Callable[[], None] = nothing,
) -> float:
    """Steps a second."""
    done, total = 0, 0.0
    began = time.perf_counter()
    while done < steps:
        for chosen in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = loss_of(model(x[chosen]), y[chosen])
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            after_step()
            total += loss.item() * len(chosen)
            done += 1
            if done == steps:
                break
        after_epoch()
    return done / (time.perf_counter() - began)


def start() -> None:
    """What any training program does before its second step."""
    model = nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    nn.functional.cross_entropy(model(torch.ones(3, 4)), torch.zeros(3, dtype=torch.long)).backward()
    optimizer.step()


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start()
    else:
        print({"digits": digits, "chars": chars}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
