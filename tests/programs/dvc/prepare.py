"""The first stage of the pipeline: rows to arrays."""

from pathlib import Path

import numpy as np

rows = np.loadtxt("data/digits.csv.gz", delimiter=",")
Path("prepared").mkdir(exist_ok=True)
np.savez("prepared/digits.npz", x=rows[:, :-1] / 16, y=rows[:, -1])
