"""How many trainings `gitexp explain` starts on four factors: two each, less what exists; and how long they take."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from world import Bench, quiet

KEYS = ("optimizer.lr", "+model.width", "+model.depth", "+train.steps")


def explain_line(bench: Bench, gitexp: str) -> str:
    """Beside as many times `gitexp run`."""
    lab = bench.lab(0)

    def asked(*words: str) -> Any:
        done = subprocess.run([gitexp, *words], cwd=lab, env=bench.env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def run(value: int, keys: tuple[str, ...] = KEYS) -> list[str]:
        others = [key for key in KEYS if key not in keys]
        pairs = [*(f"{key}={value}" for key in keys), *(f"{key}=1" for key in others)]
        return ["run", "program", "--json", *(word for pair in pairs for word in ("-s", pair))]

    a, b = (asked(*run(value))["run"]["id"] for value in (1, 2))
    asked(*run(2, KEYS[:1]))  # one of the mixtures, run by hand
    plan = ("explain", a, b, "--dry-run", "--json")
    first = asked(*plan)["explanation"]["trainings"]
    took = quiet([gitexp, "explain", a, b, "--yes"], cwd=lab, env=bench.env)
    then = asked(*plan)["explanation"]["trainings"]
    one = quiet([gitexp, *run(3)], cwd=lab, env=bench.env)
    most = 2 * len(KEYS) - 1
    verdict = "ok" if first <= most and then == 0 else "OVER"
    return (
        f"explain, {len(KEYS)} factors: {first} trainings (≤ {most}, as one exists), {then} asked again  {verdict}; "
        f"{took / first:.2f} s each, gitexp run {one:.2f} s"
    )
