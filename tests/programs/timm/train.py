"""timm's train.py, shortened: output/train/DATE-MODEL/ with summary.csv, args.yaml and CheckpointSaver's files."""

import argparse
import os
from collections import OrderedDict
from datetime import datetime

import numpy as np
import torch
import yaml
from timm import create_model, utils
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="test_resnet")
parser.add_argument("--opt", default="adamw")
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--output", default="./output/train")
args = parser.parse_args()


def validate(model, loader):
    losses, top1 = utils.AverageMeter(), utils.AverageMeter()
    model.eval()
    with torch.no_grad():
        for images, target in loader:
            output = model(images)
            losses.update(nn.functional.cross_entropy(output, target).item(), len(target))
            top1.update(utils.accuracy(output, target)[0].item(), len(target))
    return OrderedDict([("loss", losses.avg), ("top1", top1.avg)])


utils.setup_default_logging()
utils.random_seed(args.seed, 0)
rows = torch.tensor(np.loadtxt("data/digits.csv.gz", delimiter=","), dtype=torch.float32)
images, target = rows[:, :-1].reshape(-1, 1, 8, 8) / 16, rows[:, -1].long()
images = nn.functional.interpolate(images, 32)
train = DataLoader(TensorDataset(images[:600], target[:600]), 64, shuffle=True)
test = DataLoader(TensorDataset(images[-200:], target[-200:]), 256)
model = create_model(args.model, num_classes=10, in_chans=1)
optimizer = create_optimizer_v2(model, opt=args.opt, lr=args.lr)
scheduler = CosineLRScheduler(optimizer, t_initial=args.epochs)
loss_fn = LabelSmoothingCrossEntropy(0.1)
name = f"{datetime.now():%Y%m%d-%H%M%S}-{args.model}-32"
output_dir = utils.get_outdir(args.output, name)
saver = utils.CheckpointSaver(model, optimizer, args=args, checkpoint_dir=output_dir, recovery_dir=output_dir)
with open(os.path.join(output_dir, "args.yaml"), "w") as file:  # noqa: PTH118
    file.write(yaml.safe_dump(vars(args)))
for epoch in range(args.epochs):
    model.train()
    losses = utils.AverageMeter()
    for batch, labels in train:
        loss = loss_fn(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.update(loss.item(), len(batch))
    evaluated = validate(model, test)
    lr = optimizer.param_groups[0]["lr"]
    utils.update_summary(
        epoch,
        OrderedDict(loss=losses.avg),
        evaluated,
        filename=os.path.join(output_dir, "summary.csv"),  # noqa: PTH118
        lr=lr,
        write_header=epoch == 0,
    )
    best, best_epoch = saver.save_checkpoint(epoch, metric=evaluated["top1"])
    scheduler.step(epoch + 1, evaluated["top1"])
print(f"*** Best metric: {best} (epoch {best_epoch})")
