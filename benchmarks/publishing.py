"""What looking for secrets adds to `gitexp push` of one run, and how long it takes in code that was never published."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ratios import Row, pair
from world import Bench, quiet

# The command as in an environment without detect-secrets.
ALONE = "import sys; sys.modules['detect_secrets'] = None; from gitexp.cli.main import main; main()"


def publishing_rows(bench: Bench, gitexp: str, python: str) -> Iterator[Row | str]:
    """One run, pushed again and again to a remote that is put back: with the look, and with `secrets = "off"`."""
    lab, bare = bench.lab(0), bench.root / "published.git"
    git = ["git", "-C", str(lab)]
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    subprocess.run([*git, "remote", "add", "published", str(bare)], check=True)
    subprocess.run([*git, "push", "-q", "--no-verify", "published", "HEAD", "experiments"], env=bench.env, check=True)

    def pushing(argv: list[str], policy: str) -> Callable[[], float]:
        def go() -> float:
            (lab / "gitexp.toml").write_text(f'[policy]\nsecrets = "{policy}"\n')
            for folder, ref in ((bare, "heads/experiments"), (lab, "remotes/published/experiments")):
                subprocess.run(["git", "-C", str(folder), "update-ref", f"refs/{ref}", before], check=True)
            return quiet([*argv, "push", "published"], cwd=lab, env=bench.env)

        return go

    before = _line(*git, "rev-parse", "experiments~1")
    own = [python, "-c", ALONE]
    yield pair("push a run, own forms", 'secrets = "off"', None, pushing(own, "refuse"), pushing(own, "off"))
    both = pair(
        "push a run, and detect-secrets", 'secrets = "off"', None, pushing([gitexp], "refuse"), pushing(own, "off")
    )
    yield both
    yield _first(lab, own, bench)
    subprocess.run([*git, "checkout", "-q", "gitexp.toml"], check=True)


def _first(lab: Path, own: list[str], bench: Bench) -> str:
    """Code that no remote has: as much a second as there is of it."""
    url = bench.root / "nobody.git"
    subprocess.run(["git", "init", "-q", "--bare", str(url)], check=True)
    sizes = _line("git", "-C", str(lab), "ls-tree", "-r", "-l", "experiments").splitlines()
    size = sum(int(line.split()[3]) for line in sizes)
    began = time.perf_counter()
    quiet([*own, "push", "--check", "experiments", str(url)], cwd=lab, env=bench.env)
    took_s = time.perf_counter() - began
    return f"{'first look, own forms':<36}{took_s * 1000:>8.0f} ms{size / 1e6:>9.1f} MB"


def _line(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
