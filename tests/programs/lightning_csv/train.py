"""Lightning with its CSVLogger: lightning_logs/version_0/metrics.csv, hparams.yaml and checkpoints/."""

import argparse

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class LitDigits(pl.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        scores = self.net(batch[0])
        self.log("val_loss", F.cross_entropy(scores, batch[1]), prog_bar=True)
        self.log("val_acc", (scores.argmax(1) == batch[1]).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--data", default="data/digits.csv.gz")
args = parser.parse_args()

pl.seed_everything(args.seed)
rows = torch.tensor(np.loadtxt(args.data, delimiter=","), dtype=torch.float32)
digits = TensorDataset(rows[:, :-1] / 16, rows[:, -1].long())
train, val = torch.utils.data.random_split(digits, [1400, len(digits) - 1400])
trainer = pl.Trainer(max_epochs=args.epochs, accelerator="cpu", logger=CSVLogger("."), log_every_n_steps=5)
trainer.fit(LitDigits(args.lr), DataLoader(train, 64, shuffle=True), DataLoader(val, 256))
