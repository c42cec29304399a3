"""Turn what people type for a run (RUN) into its row.

In this order: `[REMOTE/]latest[~N]`, `[REMOTE/]best:METRIC[@RECIPE]` or worst, `[REMOTE/]` and a run id or a unique
beginning of one (with `/ATTEMPT` where an earlier attempt is meant), `[REMOTE/]TAG`, a git revision that names a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy

from gitexp.clone import Clone
from gitexp.errors import GitexpError, counted
from gitexp.git.branch import find_tips, left_out, tip_to_read
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import BranchUnusable, output, remote_names, revision
from gitexp.git.standing import Look, is_shallow
from gitexp.history.cache import Condition, left_behind
from gitexp.history.listing import Runs, unreadable
from gitexp.history.read import read_run
from gitexp.history.row import Row
from gitexp.history.said import NOT_RETRACTED, tagged
from gitexp.history.where import a_number, best_first, metric_value
from gitexp.record.event import is_tag
from gitexp.record.identity import RUN_ID_LENGTH, RUN_ID_LETTERS
from gitexp.record.metricnames import is_setting
from gitexp.record.metrics import goal_of

SHORTEST = 4  # letters of an id that are enough, where they are unique
SHOWN = 8  # letters of an id in lists

_LATEST = re.compile(r"(?:(?P<remote>[^~:@]+)/)?latest(?:~(?P<back>\d{0,9}))?")
_BEST = re.compile(r"(?:(?P<remote>[^~:@]+)/)?(?P<end>best|worst):(?P<metric>.+?)(?:@(?P<recipe>[^@]+))?", re.DOTALL)
_ID = re.compile(
    rf"(?:(?P<remote>[^~:@]+)/)?(?P<id>[{RUN_ID_LETTERS}]{{{SHORTEST},{RUN_ID_LENGTH}}})(?:/(?P<attempt>\d{{1,6}}))?"
)


NO_RUNS = "There are no runs yet"


class UnknownRun(GitexpError):
    """No run is meant by this: nothing is called `typed`, or NO_RUNS there are at all."""

    typed = ""


def no_metric(of_whom: str, metric: str, known: Iterable[str]) -> UnknownRun:
    """The error for a metric that none has, with the nearest name and those there are."""
    from gitexp.text.schema import near

    names = list(known)
    hint = f"metrics there are: {', '.join(names[:12])}" if names else "no metric was logged"
    return UnknownRun(f"{of_whom} has a metric {metric!r}{near(metric, names)}", details=[hint])


class AmbiguousRun(GitexpError):
    """More than one run may be meant by this."""


class History:
    """The runs of this repository, as RUN sees them: those of the local branch, or of a remote's by name.

    `runs` are those among which is chosen; `seen` are all, with what is said of them, that a page about chosen ones may
    tell of: the same, until a remote's was named.
    """

    def __init__(
        self, clone: Clone, *, reader: ObjectReader, tell: Callable[[GitexpError], None] | None = None
    ) -> None:
        self.repo = clone.repo
        self.reader = reader
        self.branch = clone.config.branch
        self.goals = clone.config.goal
        self._tell = tell
        self.tips = find_tips(self.repo, self.branch)
        tip = tip_to_read(self.tips, remote=self.repo.settings.get("gitexp.remote"))
        self.runs = self.seen = Runs(self.repo, tip, reader=reader, tell=tell)

    def everywhere(self) -> History:
        """The same for all runs: those here and of all remotes as last fetched, each once."""
        there = copy(self)
        tips = [tip for tip in self.tips.values() if tip.damage is None]
        first = self.runs.tip or next(iter(tips), None)
        others = [tip for tip in tips if first is not None and tip.commit != first.commit]
        if others:
            there.runs = there.seen = Runs(self.repo, first, reader=self.reader, tell=self._tell, others=others)
        return there

    def holders(self, commits: Iterable[str]) -> dict[str, list[str]]:
        """Where each of these runs is: the names of remotes, as last fetched; an empty one for here."""
        tips = {name: tip.commit for name, tip in sorted(self.tips.items()) if tip.damage is None}
        held: dict[str, list[str]] = {commit: [] for commit in commits}
        for name, tip in tips.items():
            others = {one for one in tips.values() if one != tip}
            lacks = set(output(self.repo, "rev-list", *others, "--not", tip, "--").decode().split()) if others else ()
            for commit in held:
                if commit not in lacks:
                    held[commit].append(name)
        return held

    def of_remote(self, remote: str | None) -> Runs:
        """The runs as last fetched from a remote; None: those that are listed here. Raises UnknownRun."""
        if remote is None:
            return self.runs
        if remote not in self.tips:
            known = ", ".join(sorted(name for name in self.tips if name)) or "none yet"
            raise UnknownRun(
                f"No runs of {remote!r} were fetched (remotes with runs: {known})", fix=f"gitexp pull {remote}"
            )
        if self.seen is self.runs:
            self.seen = self.everywhere().runs
        return Runs(self.repo, self.tips[remote], reader=self.reader, tell=self._tell)

    def at(self, remote: str | None) -> History:
        """The same for the runs as last fetched from a remote; None: itself. Raises UnknownRun."""
        if remote is None:
            return self
        there = copy(self)
        there.runs = there.seen = self.of_remote(remote)
        return there

    def select(self, text: str) -> Row:
        """The run that is meant. Raises UnknownRun or AmbiguousRun."""
        if match := _LATEST.fullmatch(text):
            back = match["back"]
            return self._latest(text, match["remote"], int(back or 1) if back is not None else 0)
        if match := _BEST.fullmatch(text):
            return self._best(match["remote"], match["metric"], match["recipe"], end=match["end"])
        match = _ID.fullmatch(text)
        if match and (match["remote"] is None or match["remote"] in self.tips):
            found = self.of_remote(match["remote"]).with_id(match["id"])
            if found:
                return _one_of(found, text, attempt=int(match["attempt"]) if match["attempt"] else None)
        if row := self._tagged(text):
            return row
        commit = revision(self.repo, text) if text else None
        row = self.runs.at_commit(commit) if commit else None
        if row is not None:
            return row
        error = self._unknown(text, commit)
        if isinstance(error, UnknownRun):
            error.typed = text
        raise error

    def goal(self, metric: str, *, recipe: str | None = None) -> str:
        """`max` or `min`: the newest recipe's that states it, else gitexp.toml's. Raises GitexpError."""
        having = metric_value(metric)
        wanted = Condition(f"{having.sql} IS NOT NULL", having.values)
        wanted = wanted if recipe is None else wanted & Condition("r.recipe = ?", (recipe,))
        of = f"SELECT r.recipe FROM runs AS r WHERE {wanted.sql} GROUP BY r.recipe ORDER BY max(r.ordered) DESC"
        for (name,) in self.runs.ask(of, wanted.values):
            for row in self.runs.rows(wanted & Condition("r.recipe = ?", (name,)), limit=1):
                stated = goal_of(metric, read_run(self.reader, row.commit).goals)
                if stated:
                    return stated
        stated = goal_of(metric, self.goals)
        if stated:
            return stated
        from gitexp.text.schema import inline

        raise GitexpError(
            f"Is a high or a low {metric!r} better? Neither the recipe nor gitexp.toml says",
            why='In gitexp.toml, the line below [metrics]; "max": a high one, "min": a low one.',
            fix=f"goal = {inline({**self.goals, metric: 'max'})}",
        )

    @property
    def remote(self) -> str | None:
        """The remote with which runs are shared, as push and pull choose it; only that they refuse to guess."""
        remotes, settings = remote_names(self.repo), self.repo.settings
        named = (settings.get("gitexp.remote"), settings.get(f"branch.{self.branch}.remote"), "origin", *remotes[:1])
        return next((name for name in named if name in remotes), None)

    def no_runs(self) -> GitexpError:
        """There is nothing to choose from: why not, and what to type."""
        if self.runs.tip is not None:
            try:
                Look(self.repo, self.runs.tip.ref).tip()
            except BranchUnusable as error:
                return error  # it is no branch of gitexp's
            remote = self.remote
            if fetched := [name for name, tip in self.tips.items() if name and tip.commit != self.runs.tip.commit]:
                why = f"Those of {' and '.join(fetched)} were fetched, and not taken up: `gitexp log --all` lists them."
                return UnknownRun("There are no runs here yet", why=why, fix=f"gitexp pull {fetched[0]}")
            if remote is not None and remote not in self.tips:
                why = f"Those of {remote}, if it has any, were not fetched yet."
                return UnknownRun(NO_RUNS, why=why, fix="gitexp pull    or    gitexp run -- COMMAND")
            if is_shallow(self.repo):  # its tip is where two branches met
                return UnknownRun("This clone is shallow, and has none of the runs", fix="git fetch --unshallow")
            return UnknownRun(NO_RUNS, fix="gitexp run RECIPE    or    gitexp run -- COMMAND")
        remotes = remote_names(self.repo)
        for remote in ("", *remotes):
            if gone := left_behind(self.repo, self.branch, remote=remote):
                return UnknownRun(gone.what, why=gone.why, fix=gone.fix.replace("-before", ""))
        if not remotes:
            from gitexp.git.hooks import is_set_up

            ready = is_set_up(self.repo)
            return UnknownRun(
                NO_RUNS,
                why="" if ready else "gitexp is not set up in this clone.",
                fix=f"{'' if ready else 'gitexp init && '}gitexp run -- COMMAND",
            )
        several = sorted(name for name in self.tips if name)
        out = left_out(self.repo, self.branch, remote=self.remote) if self.remote and not several else None
        return UnknownRun(
            f"gitexp is not set up in this clone: no runs of {' or '.join(several or remotes)} were fetched, or chosen",
            why=f"{out.what}." if out else "",
            fix=f"git config gitexp.remote {several[0]}"
            if several
            else f"gitexp init && {out.fix if out else 'gitexp pull'}",
        )

    def _latest(self, text: str, remote: str | None, back: int) -> Row:
        runs, met = self.of_remote(remote), dict[str, Row]()

        def counts(row: Row) -> bool:
            if row.problem is not None:
                met[row.commit] = row
            return row.kind != "smoke" and (row.problem is None or row.lost)  # nobody's forgery stands in the way

        row = runs.first(counts, skip=back)
        if runs.tip is not None and runs.tip.damage and revision(self.repo, runs.tip.commit) is None:
            from gitexp.git.damage import bring_back

            raise GitexpError(f"Which run {text} is cannot be told: {runs.tip.damage}", fix=bring_back(self.repo))
        if row is not None and row.lost:
            raise unreadable(self.repo, [row])
        if met and self._tell is not None:
            self._tell(unreadable(self.repo, [*met.values()][::-1]))
        if row is not None:
            return row
        if runs.first(counts) is None:
            smoke = runs.first(lambda row: row.kind == "smoke")
            if smoke is not None:
                fix = f"gitexp show {smoke.id}\ngitexp log --smoke    lists them"
                raise UnknownRun("There are smoke runs alone, and none of them is the latest run", fix=fix)
            raise self.no_runs()
        raise UnknownRun(f"There are not that many runs: {text}", fix="gitexp log")

    def _tagged(self, text: str) -> Row | None:
        """The run that is tagged so. Where labs gave the name to different runs, the later holds, and all are told."""
        remote, _, name = text.rpartition("/")
        if not is_tag(name) or (remote and remote not in self.tips):
            return None
        runs = self.of_remote(remote or None)
        tags = tagged(runs, name)
        found = runs.with_id(tags[0].about) if tags else []
        if not found:
            return None
        if len(tags) > 1 and self._tell is not None:
            told = [f"  {one.about}, by {one.author}" for one in tags]
            what = f"{len(tags)} runs are tagged {name!r}, of which the first is meant: its tag is the latest"
            self._tell(GitexpError(what, details=told, fix=f"gitexp tag RUN {name} --delete    for the wrong one"))
        return _one_of(found, tags[0].about, attempt=None)

    def _best(self, remote: str | None, metric: str, recipe: str | None, *, end: str) -> Row:
        runs = self.of_remote(remote)
        runs.say_what_is_lost()
        if recipe is not None and f"{metric}@{recipe}" in runs.keys("metric"):
            metric, recipe = f"{metric}@{recipe}", None  # `acc@5` is a name that metrics have
        wanted = Condition("r.status = 'completed' AND r.kind != 'smoke'") & a_number(metric) & NOT_RETRACTED
        wanted = wanted if recipe is None else wanted & Condition("r.recipe = ?", (recipe,))
        if not runs.count(wanted):
            if remote is None and not runs.count():
                raise self.no_runs()
            raise _no_best(runs.all(), metric, recipe)
        goal = self.goal(metric, recipe=recipe)
        if end == "worst":
            goal = "min" if goal == "max" else "max"
        [best] = runs.rows(wanted, order=best_first(metric, goal=goal), limit=1)
        others = 0
        if best.held_out:
            others = runs.count(wanted & Condition("r.held_out NOT IN ('', ?)", (best.held_out,)))
        if others and self._tell is not None:
            count = counted(others, "run")
            words = f"{best.id} is the {end} by {metric!r}, but {count} compared with it had other held-out rows"
            self._tell(GitexpError(f"{words}: not comparable"))
        return best

    def _elsewhere(self, text: str) -> list[tuple[str, Row]]:
        """A run of that id, or tag, that only remotes have, and the commit that says so."""
        there = self.everywhere().runs
        if there is self.runs:
            return []
        if is_tag(text):
            tags = tagged(there, text)[:1]
            return [(tag.commit, row) for tag in tags for row in there.with_id(tag.about)[-1:]]
        match = _ID.fullmatch(text)
        return [(row.commit, row) for row in (there.with_id(match["id"])[-1:] if match else ())]

    def _unknown(self, text: str, commit: str | None) -> GitexpError:
        if commit:
            return UnknownRun(
                f"{text!r} is the commit {commit[:10]}, and that is no run",
                why="Runs are the commits on the experiments branch that have a Gitexp-Run trailer.",
                fix="gitexp log",
            )
        if (remote := text.rpartition("/")[0]) and remote in remote_names(self.repo):
            self.of_remote(remote)  # raises where nothing of it was fetched
        rows = self.runs.all()
        if not rows:
            return self.no_runs()
        if (end := text.rstrip(":")) in ("best", "worst"):
            names = sorted({name for row in rows[:1000] if row.status == "completed" for name in row.metrics})
            names = [name for name in names if "[" not in name and not is_setting(name)]
            return UnknownRun(f"The {end} run by which metric?", fix="\n".join(f"{end}:{name}" for name in names[:5]))
        if 0 < len(text) < SHORTEST and not text.strip(RUN_ID_LETTERS):
            return UnknownRun(f"{text!r} is too short: {SHORTEST} letters of a run's id, or more", fix="gitexp log")
        from difflib import get_close_matches

        recent = [row.id for row in rows[:1000]]
        close = get_close_matches(text[:RUN_ID_LENGTH], [i[: max(len(text), SHORTEST)] for i in recent], n=3)
        near = [row for beginning in close for row in rows[:1000] if row.id.startswith(beginning)][:3]
        named = [row for row in rows if row.recipe == text][:1]
        details = [f"  did you mean {describe(row)}" for row in near]
        details += [f"  {text!r} is a recipe; its newest run is {describe(row)}" for row in named]
        fix = "gitexp log    lists the runs there are"
        if text == "baseline" and self.runs.count():
            details.append("  a recipe's baseline is what diff and show measure against by themselves: gitexp diff RUN")
            fix += "\ngitexp baseline    lists them; gitexp tag RUN baseline gives a run that name"
        for commit, row in self._elsewhere(text):
            held = next(filter(None, self.holders([commit])[commit]), None)
            details.append(f"  {f'{held} has it, as last fetched' if held else 'this clone has it'}: {describe(row)}")
            fix = f"{held}/{text}    means that one; `gitexp pull {held}` takes it up" if held else fix
        if is_shallow(self.repo):
            fix += "\ngit fetch --unshallow    # this clone is shallow, so older runs are not here"
        return UnknownRun(f"No run is called {text!r}", details=details, fix=fix)


def describe(row: Row) -> str:
    """A run in a few words, for a choice among several."""
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(row.finished, UTC).strftime("%Y-%m-%d %H:%M")
    attempt = f"/{row.attempt}" if row.attempt > 1 else ""
    return f"{row.id}{attempt}  {when}  {row.recipe}  {row.status}  commit {row.commit[:10]}"


def _no_best(rows: list[Row], metric: str, recipe: str | None) -> UnknownRun:
    """Why none of the runs is the best by a metric: no such recipe, no such metric, or none with a number."""
    of = [row for row in rows if recipe in (None, row.recipe)]
    if recipe is not None and not of:
        from gitexp.text.schema import near

        names = list(dict.fromkeys(row.recipe for row in rows if row.problem is None))
        hint = [f"recipes there are: {', '.join(names[:12])}"] if names else []
        return UnknownRun(
            f"There is no run of a recipe {recipe!r}{near(recipe, names)}", details=hint, fix="gitexp log"
        )
    where = f" of {recipe!r}" if recipe else ""
    having = [row for row in of if metric in row.metrics]
    if having:
        ends = sorted({row.status if row.kind != "smoke" else "smoke" for row in having} - {"completed"})
        if any(row.status == "completed" and row.kind != "smoke" for row in having):
            return UnknownRun(f"{metric!r} is NaN in every completed run{where}", fix="gitexp log")
        what = f"No completed run{where} has {metric!r}; it was logged by runs that are {' or '.join(ends)}"
        return UnknownRun(what, fix="gitexp log")
    return no_metric(f"No completed run{where}", metric, sorted({name for row in of[:1000] for name in row.metrics}))


def _one_of(found: list[Row], text: str, *, attempt: int | None) -> Row:
    """The row meant among those whose id begins right: the highest attempt of the one id, or the attempt asked for."""
    ids = sorted({row.id for row in found})
    if len(ids) > 1:
        raise AmbiguousRun(
            f"{text!r} may mean {len(ids)} runs",
            details=[f"  {describe(row)}" for row in sorted(found, key=lambda row: row.order)[-10:]],
            fix="type more letters",
        )
    wanted = max(row.attempt for row in found) if attempt is None else attempt
    rows = [row for row in found if row.attempt == wanted]
    if not rows:
        raise UnknownRun(
            f"The run {ids[0]} has no attempt {wanted}",
            details=[f"  {describe(row)}" for row in sorted(found, key=lambda row: row.order)],
        )
    if len(rows) > 1:
        raise AmbiguousRun(
            f"{len(rows)} different commits claim to be attempt {wanted} of run {ids[0]}",
            details=[f"  {describe(row)}" for row in rows],
            why="One of them was not written by that run. `gitexp show COMMIT` shows each.",
            fix="name the commit instead of the run",
        )
    return rows[0]
