"""Train a small network on the handwritten digits named by the recipe, and log how well it does on held-out images.

Under `gitexp run digits-mlp` the metrics and the weights are recorded; under plain `python train.py` the same lines
print and nothing is kept. The same recipe gives the same numbers, digit for digit.
"""

import csv
import gzip
import math
import random
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import gitexp

HERE = Path(__file__).parent


def read_digits(path: Path) -> tuple[torch.Tensor, list[int]]:
    """Images as floats of 0..16, shape (n, 64), and their labels. A row is 64 pixels and the digit."""
    with gzip.open(path, "rt", newline="") as file:
        rows = [[int(float(value)) for value in row] for row in csv.reader(file)]
    return torch.tensor([row[:64] for row in rows], dtype=torch.float32), [row[64] for row in rows]


def split(labels: list[int], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on and to hold out: the same fraction of every digit, chosen by the seed alone."""
    shuffler = random.Random(seed)
    train: list[int] = []
    held_out: list[int] = []
    for digit in sorted(set(labels)):
        indices = [i for i, label in enumerate(labels) if label == digit]
        shuffler.shuffle(indices)
        count = round(fraction * len(indices))
        held_out += indices[:count]
        train += indices[count:]
    return train, held_out


def build(hidden: list[int], dropout: float) -> nn.Module:
    """64 pixels in, one score for each digit out."""
    layers: list[nn.Module] = []
    width = 64
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 10))


def lr_factor(epoch: int, epochs: int, final: float) -> float:
    """A cosine from 1 in the first epoch down to `final` in the last."""
    progress = epoch / max(1, epochs - 1)
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


@torch.no_grad()
def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean cross-entropy in nats, and for each image whether the model was right."""
    model.eval()
    scores = model(images)
    return nn.functional.cross_entropy(scores, labels), scores.argmax(dim=1) == labels


def main() -> None:
    recipe = gitexp.recipe(HERE / "recipe.toml")
    seed, epochs, batch = recipe["seed"], recipe["train"]["epochs"], recipe["loader"]["batch_size"]

    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(recipe["train"]["threads"])

    images, digits = read_digits(gitexp.data("digits", HERE / "digits.csv.gz"))
    images = images / recipe["preprocess"]["divide_by"]
    labels = torch.tensor(digits)
    train, held_out = split(digits, recipe["loader"]["val_fraction"], seed)
    x, y, val_x, val_y = images[train], labels[train], images[held_out], labels[held_out]

    model = build(recipe["model"]["hidden"], recipe["model"]["dropout"])
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe["loss"]["label_smoothing"])
    lr, decay = recipe["optimizer"]["lr"], recipe["optimizer"]["weight_decay"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    final = recipe["scheduler"]["final_factor"]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: lr_factor(epoch, epochs, final))

    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(x)} images to train on, {len(val_x)} held out, {parameters} parameters, seed {seed}", flush=True)
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for chosen in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = loss_of(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        scheduler.step()
        if epoch % recipe["eval"]["every"] and epoch != epochs:
            continue
        train_loss = total / len(x)
        val_loss, right = evaluate(model, val_x, val_y)
        val_acc = right.sum().item() / len(right)
        gitexp.log({"train.loss": train_loss, "val.loss": val_loss, "val.acc": val_acc}, step=epoch)
        print(
            f"epoch {epoch:>{len(str(epochs))}}/{epochs}   train.loss {train_loss:.4f}"
            f"   val.loss {val_loss:.4f}   val.acc {val_acc:.4f}",
            flush=True,
        )

    slices = {f"val.acc[digit={d}]": right[val_y == d].sum().item() / (val_y == d).sum().item() for d in range(10)}
    gitexp.log(slices, step=epochs)
    weakest = min(range(10), key=lambda d: slices[f"val.acc[digit={d}]"])
    print(f"weakest digit: {weakest}, {slices[f'val.acc[digit={weakest}]']:.4f} of its held-out images read right")

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "model.pt")
        torch.save(model.state_dict(), weights)
        gitexp.save(weights)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted: the epochs above are logged, no weights are saved", file=sys.stderr)
        sys.exit(130)
