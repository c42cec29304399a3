"""Find the run before this one of the same recipe, while the program runs, so that the end can be told in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from gitexp.git.branch import branch_ref
from gitexp.git.repo import Repo, start
from gitexp.model.message import one_line
from gitexp.model.metrics import load_metrics
from gitexp.model.run import Unreadable

PATIENCE_S = 0.05  # what the search may still take once the program has ended: a run is not held up for one line


class PreviousRun:
    """A search under way. Begin it before the new run is recorded; then `read`, then `metrics`."""

    def __init__(self, repo: Repo, *, branch: str, recipe: str) -> None:
        self._repo = repo
        self._reading: subprocess.Popen[bytes] | None = None
        literal = "".join(f"\\{c}" if c in r"\.[]*^$" else c for c in one_line(recipe))
        found = (f"--grep=^Gitexp-Recipe: {literal}$", "--basic-regexp", "--format=%H")
        self._search = start(repo.root, "log", "-1", "--no-show-signature", *found, branch_ref(branch), "--")

    def read(self) -> None:
        """Begin to read what was found. The program has ended, so a search that still goes on is given up soon."""
        try:
            out, _ = self._search.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._search.kill()
            self._search.communicate()
            return
        commit = out.decode().strip()
        if self._search.returncode == 0 and commit:
            self._reading = start(self._repo.root, "cat-file", "blob", f"{commit}:metrics.toml")

    def metrics(self) -> Mapping[str, float | int] | None:
        """Its metrics; None where there is no such run, or where finding it takes longer than the program took."""
        if self._reading is None:
            return None
        text, _ = self._reading.communicate()
        try:
            return load_metrics(text.decode(errors="replace"))
        except Unreadable:
            return None  # a damaged record; `show` says so
