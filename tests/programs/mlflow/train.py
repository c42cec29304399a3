"""MLflow where it puts things by itself: mlflow.db and mlruns/. With MLFLOW_TRACKING_URI=./mlruns, its file store."""

import argparse

import mlflow
import numpy as np
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
mlflow.set_experiment("digits")
with mlflow.start_run(run_name="sgd"):
    mlflow.log_params(vars(args))
    for epoch in range(args.epochs):
        model.partial_fit(x[:1400], y[:1400], classes=range(10))
        mlflow.log_metric("train_loss", log_loss(y[:1400], model.predict_proba(x[:1400])), step=epoch)
        mlflow.log_metric("val_accuracy", accuracy_score(y[1400:], model.predict(x[1400:])), step=epoch)
    mlflow.log_text("\n".join(map(str, model.coef_[0])), "coefficients.txt")
