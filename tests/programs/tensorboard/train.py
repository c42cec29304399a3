"""A loop in plain torch with a SummaryWriter at its default place: runs/DATE_HOST/events.out.tfevents…"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--data", default="data/digits.csv.gz")
args = parser.parse_args()

torch.manual_seed(args.seed)
rows = torch.tensor(np.loadtxt(args.data, delimiter=","), dtype=torch.float32)
x, y = rows[:, :-1] / 16, rows[:, -1].long()
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
writer = SummaryWriter()
step = 0
for epoch in range(args.epochs):
    for batch in torch.randperm(1400).split(64):
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        writer.add_scalar("Loss/train", loss.item(), step)
        step += 1
    with torch.no_grad():
        accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    writer.add_scalar("Accuracy/test", accuracy, epoch)
    writer.add_histogram("fc1/weight", model[0].weight, epoch)
    print(f"epoch {epoch}: accuracy {accuracy:.4f}")
writer.close()
torch.save(model.state_dict(), "model.pt")
