"""A script that a research loop edits and runs: it prints METRIC name=value, and one __RESULT__ at the end."""

import json
import time

import numpy as np
import torch
from torch import nn

HIDDEN = 32
LR = 1e-2
EPOCHS = 3
SEED = 0

started = time.time()
torch.manual_seed(SEED)
rows = torch.tensor(np.loadtxt("data/digits.csv.gz", delimiter=","), dtype=torch.float32)
x, y = rows[:, :-1] / 16, rows[:, -1].long()
model = nn.Sequential(nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
for epoch in range(EPOCHS):
    for batch in torch.randperm(1400).split(64):
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"METRIC step={epoch} train_loss={loss.item():.6f}", flush=True)
with torch.no_grad():
    accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"METRIC val_accuracy={accuracy:.6f}")
print(f"METRIC training_seconds={time.time() - started:.1f}")
print("__RESULT__ " + json.dumps({"val_accuracy": accuracy, "num_params": sum(p.numel() for p in model.parameters())}))
