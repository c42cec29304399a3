"""What a name says: of a metric that it is a clock or a learning rate, of a table that it holds settings; by words."""

from __future__ import annotations

import re
from collections.abc import Iterable

# fmt: off
_CLOCKS = frozenset((
    "time", "runtime", "walltime", "wallclock", "clock", "elapsed", "eta", "timestamp", "datetime", "duration",
    "latency", "uptime", "timer", "timers", "timing", "timings", "throughput", "fps", "sps", "ips", "qps", "wps", "mfu",
    "tflops", "sec", "secs", "seconds", "msec", "msecs", "milliseconds", "ms", "mins", "minutes", "hours", "hrs",
))
_UNITS = frozenset((  # what may stand behind a clock, and behind "per"
    "s", "sec", "secs", "second", "seconds", "ms", "msec", "msecs", "us", "ns", "min", "mins", "minute", "minutes",
    "h", "hr", "hrs", "hour", "hours", "day", "days",
))
_STATISTICS = frozenset((
    "mean", "avg", "average", "median", "total", "sum", "max", "min", "std", "last", "ema", "p50", "p90", "p95", "p99",
))
_PHASES = frozenset((  # what takes time
    "elapsed", "epoch", "epochs", "iter", "iteration", "batch", "train", "training", "val", "valid", "validation",
    "eval", "evaluation", "test", "forward", "backward", "optimizer", "optim", "data", "load", "loading", "rollout",
    "sample", "sampling", "generate", "generation", "gen", "update", "save", "checkpoint", "inference", "this",
    "since", "start", "restore", "per", "it",
))
_COUNTED = frozenset((  # what is counted per second
    "it", "its", "iter", "iters", "iterations", "step", "steps", "sample", "samples", "tok", "toks", "token", "tokens",
    "image", "images", "img", "imgs", "example", "examples", "batch", "batches", "frame", "frames", "seq", "seqs",
    "sequences", "episode", "episodes", "row", "rows", "item", "items", "word", "words", "graphs", "b", "kb",
    "mb", "gb",
))
_SPANS = _UNITS - {"min"}
_TIMERS = ("timer", "timers", "timing", "timings")
_SETTINGS = frozenset((
    "arg", "args", "arguments", "cfg", "conf", "config", "configs", "configuration", "flags", "hparams", "hyperparams",
    "hyperparameters", "kwargs", "opt", "opts", "option", "options", "param", "parameters", "params", "setting",
    "settings",
))
# fmt: on
_RATES = ("lr", "learning_rate")
_SHARES = frozenset((
    "acc", "accuracy", "top1", "top5", "precision", "recall", "f1", "auc", "auroc", "auprc", "ap", "map", "iou", "miou",
    "dice", "sensitivity", "specificity", "error", "err", "wer", "cer", "eer", "fpr", "fnr", "tpr", "rate",
))  # fmt: skip


def is_setting(name: str) -> bool:
    """Whether a metric is a learning rate: `lr`, `optim/lr-group0`, `train.learning_rate`."""
    words = name.lower().replace("/", ".").replace("-", ".").split(".")
    return any(word.rstrip("0123456789_") in _RATES for word in words)


def holds_settings(table: str) -> bool:
    """Whether a table of this name in a document is what a program was told, not what it found: `config`, `my_args`."""
    return re.split(r"[^a-z]+", table.lower().rstrip("_"))[-1] in _SETTINGS


def is_clock(name: str) -> bool:
    """Whether a metric is a time that something took, a moment, or how much was done in a time.

    `train_runtime`, `time/forward`, `it/s`, `tokens_per_sec`; but not `timesteps`, `section_acc`, `time_series_loss`.
    Two equal runs differ in these.
    """
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.partition("[")[0])
    words = [word for word in re.split(r"[^A-Za-z0-9]+", spelled) if word]
    if not words or words[-1] in ("FPs", "TPs"):  # false positives
        return False
    words = [word.lower() for word in words]
    if words[0] in _TIMERS or _is_rate(words, spelled):
        return True
    named = len(words)
    while len(words) > 1 and (words[-1] in _UNITS or words[-1] in _STATISTICS) and words[-1] not in _CLOCKS:
        words.pop()
    if (words[-1] == "duration" and "episode" in words) or (words[-1] == "eta" and len(words) < named):
        return False  # in steps; of a schedule
    if words[-1] in _CLOCKS:
        return True
    at = next((at for at, word in enumerate(words) if word in _CLOCKS), len(words))
    return at < len(words) and all(w in _PHASES or w in _UNITS or w in _STATISTICS for w in words[at + 1 :])


def _is_rate(words: list[str], spelled: str) -> bool:
    """Something per time, or time per something."""
    for before, word, behind in zip(["", *words], words, words[1:], strict=False):
        if word == "per" and (behind in _UNITS or (before in _SPANS and (behind in _COUNTED or behind in _PHASES))):
            return True
    over = re.search(r"([a-z]+)\s*/\s*([a-z]+)\W*$", spelled.lower())
    return over is not None and (
        (over[1] in _COUNTED and over[2] == "s") or (over[1] in _SPANS and over[2] in _COUNTED)
    )


def is_share(name: str, values: Iterable[float | int | None]) -> bool:
    """Whether a metric is a part of a whole, such as an accuracy, by its name and its values."""
    words = name.partition("[")[0].lower().replace("-", "_").replace("/", ".").replace("_", ".").split(".")
    return not _SHARES.isdisjoint(words) and all(value is not None and 0 <= value <= 1 for value in values)
