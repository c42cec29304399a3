"""Gradient boosting on a table: model.json, and results.json with what a colleague asks for."""

import argparse
import json

import numpy as np
import xgboost as xgb
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.3)
parser.add_argument("--max-depth", type=int, default=4)
parser.add_argument("--rounds", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

rows = np.loadtxt("data/digits.csv.gz", delimiter=",")
x_train, x_test, y_train, y_test = train_test_split(rows[:, :-1], rows[:, -1], test_size=0.2, random_state=args.seed)
train, test = xgb.DMatrix(x_train, y_train), xgb.DMatrix(x_test, y_test)
params = {
    "objective": "multi:softmax",
    "num_class": 10,
    "eta": args.lr,
    "max_depth": args.max_depth,
    "subsample": 0.8,
    "seed": args.seed,
    "nthread": 1,
}
history = {}
evals = [(train, "train"), (test, "test")]
booster = xgb.train(params, train, args.rounds, evals=evals, evals_result=history, verbose_eval=5)
booster.save_model("model.json")
results = {
    "accuracy": accuracy_score(y_test, booster.predict(test)),
    "test_mlogloss": history["test"]["mlogloss"][-1],
    "n_train": len(x_train),
    "params": params,
}
with open("results.json", "w") as file:
    json.dump(results, file, indent=2)
print(f"accuracy: {results['accuracy']:.4f}")
