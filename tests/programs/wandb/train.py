"""W&B on a node without the internet (WANDB_MODE=offline): wandb/offline-run-DATE-ID/."""

import argparse

import numpy as np
import torch
import wandb
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
rows = torch.tensor(np.loadtxt("data/digits.csv.gz", delimiter=","), dtype=torch.float32)
x, y = rows[:, :-1] / 16, rows[:, -1].long()
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
run = wandb.init(project="digits", config=vars(args))
for epoch in range(args.epochs):
    for batch in torch.randperm(1400).split(64):
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    run.log({"train/loss": loss.item(), "val/accuracy": accuracy, "epoch": epoch})
run.finish()
torch.save(model.state_dict(), "model.pt")
