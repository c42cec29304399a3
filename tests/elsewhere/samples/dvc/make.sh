#!/bin/sh
# make.sh: how the bundle and exp-show.csv beside it were made, in an empty folder, by dvc 3.67.1 and dvclive 3.49.1
set -e
git init -q -b main . && dvc init -q
printf 'seed: 1\ntrain:\n  lr: 0.1\n  layers: [8, 8]\n' > params.yaml
cat > train.py <<E
import json, yaml
p = yaml.safe_load(open("params.yaml"))
from dvclive import Live
with Live(save_dvc_exp=False, dvcyaml=None) as live:
    for s in range(4):
        live.log_metric("train/loss", p["train"]["lr"] / (s + 1))
        live.log_metric("acc", 0.5 + s / 10)
        live.next_step()
json.dump({"final": {"acc": 0.8, "name": "x"}}, open("scores.json", "w"))
open("model.bin", "wb").write(b"0" * 100)
E
cat > dvc.yaml <<E
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [seed, train]
    outs: [model.bin]
    metrics:
      - scores.json:
          cache: false
      - dvclive/metrics.json:
          cache: false
    plots:
      - dvclive/plots/metrics:
          cache: false
E
git add -A && git commit -qm "a pipeline"
dvc exp run -n small -S train.lr=0.01
dvc exp run -S train.lr=0.5 -S seed=2
cat > live.py <<E
from dvclive import Live
with Live(save_dvc_exp=True, exp_name="live-only", exp_message="without a pipeline") as live:
    live.log_params({"lr": 0.2, "model": "mlp"})
    for s in range(3):
        live.log_metric("val/acc", 0.6 + s / 10)
        live.next_step()
    live.summary["best"] = 0.8
E
git checkout -q -f main && git add -A && git commit -qm shorter
python live.py
dvc exp show -A --csv > exp-show.csv
git bundle create experiments.bundle main $(git for-each-ref --format='%(refname)' refs/exps | grep -v exec)
