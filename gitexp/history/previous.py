"""Find the run before this one of the same recipe, while the program runs, so that the end can be told in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, start
from gitexp.git.standing import branch_ref
from gitexp.git.trailers import asked, told
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.identity import KIND_TRAILER, RECIPE_TRAILER, RUN_TRAILER
from gitexp.record.message import one_line
from gitexp.record.metrics import load_metrics
from gitexp.record.runrecord import SplitRows, load_run

FAR = 10  # runs back; smoke runs are compared with smoke runs alone, and none with a rerun of an older one
PATIENCE_S = 0.05  # what the search may still take once the program has ended: a run is not held up for one line


class PreviousRun:
    """A search under way. Begin it before the new run is recorded; then `read`, then `metrics`.

    `run_id` is the new one's: an earlier attempt of it is no other run.
    """

    def __init__(self, repo: Repo, *, branch: str, recipe: str, run_id: str, smoke: bool = False) -> None:
        self._repo = repo
        self._id = run_id
        self._kind = "smoke" if smoke else ""
        self._found = ""
        self._reader: ObjectReader | None = None
        self.other_held_out: tuple[str, ...] = ()  # splits; known once `metrics` is
        self.count = 0  # of the last ten of this recipe that are of another run; fewer where the search was given up
        self._recipe = one_line(recipe)
        wanted = asked(RECIPE_TRAILER, self._recipe, tell=(RUN_TRAILER, KIND_TRAILER))
        self._search = start(repo.root, "log", f"-{FAR}", *wanted, branch_ref(branch), "--")

    def read(self) -> None:
        """Begin to read what was found. The program has ended, so a search that still goes on is given up soon."""
        try:
            out, _ = self._search.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._search.kill()
            out, _ = self._search.communicate()  # what it had found by then
            out = out[: out.rfind(b"\n") + 1]
        found = told(out, self._recipe)
        others = [(commit, kind) for commit, run_id, kind in found if run_id != self._id]
        self.count = len(others)
        commit = next(
            (c for c, kind in others if kind != "rerun" and (kind == "smoke") == (self._kind == "smoke")), None
        )
        if commit:
            self._found, self._reader = commit, ObjectReader(self._repo)

    def metrics(
        self, splits: Mapping[str, SplitRows], data: Mapping[str, DatasetRecord]
    ) -> Mapping[str, float | int] | None:
        """Its metrics; None where there is no such run, or where finding it takes longer than the program took.

        None, too, where the new run's splits and data say that it had other held-out rows: see `other_held_out`.
        """
        if self._reader is None:
            return None
        stated = bool(splits) or any(one.split for one in data.values())
        parts = ("metrics.toml", *(("run.toml", "data.toml") if stated else ()))
        with self._reader as reader:
            names = (f"{self._found}:{part}" for part in parts)
            texts = [(found[1] or b"").decode(errors="replace") if found else "" for found in reader.find_many(names)]
        try:
            if stated:
                from gitexp.history.inputs import held_out, other_rows

                before = load_run(texts[1], where="run.toml").splits, load_data(texts[2])
                self.other_held_out = held_out(other_rows(before, (splits, data)))
            return load_metrics(texts[0]) if texts[0] and not self.other_held_out else None
        except GitexpError:
            return None  # a damaged record; `show` says so
