"""Keras on torch with its CSVLogger: training.csv, and model.keras."""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
rows = np.loadtxt("data/digits.csv.gz", delimiter=",")
x, y = rows[:, :-1] / 16, rows[:, -1]
model = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
model.compile(
    optimizer=keras.optimizers.Adam(args.lr),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    x[:1400],
    y[:1400],
    batch_size=64,
    epochs=args.epochs,
    validation_data=(x[1400:], y[1400:]),
    callbacks=[keras.callbacks.CSVLogger("training.csv")],
    verbose=2,
)
model.save("model.keras")
