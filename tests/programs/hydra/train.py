"""A Hydra application: outputs/DATE/TIME/ with .hydra/config.yaml, train.log and what it saves; -m: multirun/."""

import json
import logging
from pathlib import Path

import hydra
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import to_absolute_path
from omegaconf import DictConfig
from torch import nn

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    out = Path(HydraConfig.get().runtime.output_dir)
    torch.manual_seed(cfg.seed)
    rows = torch.tensor(np.loadtxt(to_absolute_path(cfg.data), delimiter=","), dtype=torch.float32)
    x, y = rows[:, :-1] / 16, rows[:, -1].long()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = getattr(torch.optim, cfg.optim.name)(model.parameters(), lr=cfg.optim.lr)
    with open(out / "metrics.jsonl", "w") as file:
        for epoch in range(cfg.epochs):
            for batch in torch.randperm(1400).split(64):
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
            log.info("epoch %d: loss %.4f, accuracy %.4f", epoch, loss.item(), accuracy)
            file.write(json.dumps({"epoch": epoch, "loss": loss.item(), "accuracy": accuracy}) + "\n")
    torch.save(model.state_dict(), out / "model.pt")
    return accuracy


if __name__ == "__main__":
    main()
