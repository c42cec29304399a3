"""A loop with DVCLive: dvclive/ with params.yaml, metrics.json and plots/metrics/*.tsv."""

import argparse

import numpy as np
from dvclive import Live
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

rows = np.loadtxt("data/digits.csv.gz", delimiter=",")
x, y = rows[:, :-1] / 16, rows[:, -1]
model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=args.lr, random_state=args.seed)
with Live(save_dvc_exp=False) as live:
    live.log_params(vars(args))
    for _ in range(args.epochs):
        model.partial_fit(x[:1400], y[:1400], classes=range(10))
        live.log_metric("train/loss", log_loss(y[:1400], model.predict_proba(x[:1400])))
        live.log_metric("val/accuracy", accuracy_score(y[1400:], model.predict(x[1400:])))
        live.next_step()
