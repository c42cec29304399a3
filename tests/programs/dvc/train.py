"""The second stage of the pipeline: params.yaml in, model.pkl and metrics.json out."""

import json
import pickle

import numpy as np
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, log_loss

with open("params.yaml") as file:
    params = yaml.safe_load(file)["train"]
digits = np.load("prepared/digits.npz")
x, y = digits["x"], digits["y"]
model = RandomForestClassifier(params["n_est"], max_depth=params["max_depth"], random_state=params["seed"])
model.fit(x[:1400], y[:1400])
with open("model.pkl", "wb") as file:
    pickle.dump(model, file)
metrics = {
    "accuracy": accuracy_score(y[1400:], model.predict(x[1400:])),
    "log_loss": log_loss(y[1400:], model.predict_proba(x[1400:])),
}
with open("metrics.json", "w") as file:
    json.dump(metrics, file)
