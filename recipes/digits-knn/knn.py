"""Read handwritten digits by their nearest neighbours, and write how many were read right as JSON.

A program like any other: standard library only, and it has never heard of the tool that runs it.
"""

import argparse
import csv
import gzip
import heapq
import json
import math
import random
import time
from collections import Counter
from pathlib import Path


def read_digits(path: Path) -> tuple[list[list[float]], list[int]]:
    """Images as 64 numbers of 0..16, and their labels."""
    with gzip.open(path, "rt", newline="") as file:
        rows = [[float(value) for value in row] for row in csv.reader(file)]
    return [row[:64] for row in rows], [int(row[64]) for row in rows]


def split(labels: list[int], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to know and to be asked about: the same fraction of every digit, chosen by the seed alone."""
    shuffler = random.Random(seed)
    known: list[int] = []
    asked: list[int] = []
    for digit in sorted(set(labels)):
        indices = [i for i, label in enumerate(labels) if label == digit]
        shuffler.shuffle(indices)
        count = round(fraction * len(indices))
        asked += indices[:count]
        known += indices[count:]
    return known, asked


def vote(image: list[float], known: list[tuple[list[float], int]], k: int) -> int:
    """The commonest label among the k nearest images; of equally common ones, that of the nearest image."""
    nearest = heapq.nsmallest(k, ((math.dist(image, other), label) for other, label in known))
    return Counter(label for _, label in nearest).most_common(1)[0][0]


def main() -> None:
    parser = argparse.ArgumentParser(description="k nearest neighbours on the handwritten digits")
    parser.add_argument("data", type=Path, help="rows of 64 pixels and a label, as gzipped CSV")
    parser.add_argument("-k", type=int, default=3, help="how many neighbours vote")
    parser.add_argument("--val-fraction", type=float, default=0.2, help="how much of each digit is held out")
    parser.add_argument("--seed", type=int, default=1, help="decides which images are held out")
    parser.add_argument("--metrics", type=Path, required=True, help="the JSON file to write")
    args = parser.parse_args()

    # What an earlier run left here must not be taken for this run's result if this one fails.
    args.metrics.unlink(missing_ok=True)
    if not args.metrics.parent.exists():
        args.metrics.parent.mkdir(parents=True)
        (args.metrics.parent / ".gitignore").write_text("*\n")  # results are no code: git leaves the folder alone

    images, labels = read_digits(args.data)
    known_indices, asked = split(labels, args.val_fraction, args.seed)
    known = [(images[i], labels[i]) for i in known_indices]
    print(f"{len(known)} images known, {len(asked)} asked, {args.k} neighbours vote", flush=True)

    wrong: Counter[int] = Counter()
    began = time.perf_counter()
    for done, i in enumerate(asked, start=1):
        wrong[labels[i]] += vote(images[i], known, args.k) != labels[i]
        if done % 60 == 0 or done == len(asked):
            print(f"{done:>4}/{len(asked)} read, {wrong.total()} wrong", flush=True)
    accuracy = 1 - wrong.total() / len(asked)
    rate = len(asked) / (time.perf_counter() - began)
    print(f"accuracy {accuracy:.4f}, {rate:.0f} images a second")

    args.metrics.write_text(json.dumps({"val": {"acc": accuracy, "errors": wrong.total()}}) + "\n")


if __name__ == "__main__":
    main()
