"""`gitexp diff A B`: all kinds of difference at once."""

from __future__ import annotations

from collections.abc import Mapping

import click

from gitexp.cli.choice import Choice, choosing_options, chosen_rows, fitting_rows
from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write
from gitexp.cli.render import BASIC_STYLES, Screen, safe
from gitexp.errors import GitexpError, UsageError, and_more, counted
from gitexp.git.repo import output
from gitexp.history.compare import compare
from gitexp.history.read import Run, read_run
from gitexp.history.row import Row
from gitexp.history.said import baseline_of, measured_against, retractions, said_of
from gitexp.history.select import History, no_metric

EXIT_DIFFERENT = 1
MOST_BESIDE = 50  # runs


@click.command("diff")
@choosing_options
@click.option("--patch", "-p", is_flag=True, help="Show the code's changed lines, as `git diff` does.")
@click.option("--stat", is_flag=True, help="Show the code's changed files, as `git diff --stat` does.")
@click.option(
    "--metric", "only", metavar="NAME", multiple=True, help="As groups: compare this metric; may be repeated."
)
@click.option("--noise", metavar="RUNS", help="Judge 1 run a side by what these replicates vary by: @RECIPE, k1,k2,k3.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when the runs differ in anything.")
def command(
    choice: Choice,
    patch: bool,
    stat: bool,
    only: tuple[str, ...],
    noise: str | None,
    level: float,
    as_json: bool,
    exit_code: bool,
) -> int:
    """Compare runs A and B: code, arguments, recipe, data, environment, metrics, artifacts, duration and memory.

    Without B, A (the latest run, where none is named) is compared with the baseline of its recipe (`gitexp baseline`).
    Where there is none, A is compared with the latest run, and that with the run before it of the same recipe (a rerun
    with its original). Three runs or more stand beside each other: what is common once, what differs as columns.
    `gitexp show --help` says how to name a run.

    A side may be several runs: `k1,k2,k3`, `A..B`, `@RECIPE`, or a condition such as `optimizer.lr == 0.01`. Two such
    sides are groups: the difference of each metric, its interval, and what so many runs can show (needs scipy:
    gitexp[stats]). So are two single runs with --metric or --noise. One selection alone, or --where, puts its runs
    beside each other.
    """
    runs, where = choice.words, bool(choice.where)
    several = [*map(_means_several, runs)]
    groups = len(runs) == 2 and (any(several) or where or bool(only) or noise is not None)
    if noise is not None and not groups:
        raise UsageError("--noise compares two sides", fix="gitexp diff --noise @RECIPE A B")
    many = len(runs) > 2 or (len(runs) < 2 and (any(several) or where))
    if (groups or many) and (patch or stat or exit_code):
        raise UsageError("--patch, --stat and --exit-code compare two single runs", fix="gitexp diff --patch A B")
    with opened_here() as here:
        if groups:
            return _groups(here, choice, only=only, noise=noise, level=level, as_json=as_json)
        if many:
            return _many(here, choice, as_json=as_json)
        old, new = _sides(here.history.at(choice.remote), runs)
        a, b = read_run(here.reader, old.commit), read_run(here.reader, new.commit)
        if patch or stat:
            show(lambda on: _git_diff(here, a, b, patch=patch, stat=stat, on=on), repo=here.repo)
            return EXIT_DIFFERENT if exit_code and a.code != b.code else 0
        said = said_of(here.history.at(choice.remote).seen, (old.id, new.id))
        found = compare(here.repo, here.reader, a, b=b, goals=here.config.goal)
        found = found._replace(unfair=(*retractions(said), *found.unfair))
        if as_json:
            from gitexp.cli.shapes import diff_document, run_shape

            write(diff_document(run_shape(a, old), run_shape(b, new), found, place=here.place))
        else:
            from gitexp.cli.diffpage import diff_page

            show(lambda on: diff_page(a, b, found, rows=(old, new), said=said, place=here.place, on=on), repo=here.repo)
    return EXIT_DIFFERENT if exit_code and found.differs else 0


def _groups(
    here: Opened, choice: Choice, *, only: tuple[str, ...], noise: str | None, level: float, as_json: bool
) -> int:
    from gitexp.history.choosing import without_repeats
    from gitexp.history.examples import ByExample
    from gitexp.history.groupcompare import compare_groups

    a, b = (fitting_rows(here, choice._replace(words=(word,))) for word in choice.words)
    for side, word in ((a, choice.words[0]), (b, choice.words[1])):
        if not side:
            also = f" and {choice.where!r}" if choice.where else ""
            raise GitexpError(f"No run fits {word!r}{also}", fix="gitexp log")
    both = [row.id for row in a if row.commit in {other.commit for other in b}]
    if both:
        raise UsageError(f"On both sides: {', '.join(both[:3])}{and_more(len(both), 3)}", fix="gitexp diff A1,A2 B1,B2")
    others = fitting_rows(here, choice._replace(words=(noise,), where="")) if noise is not None else []
    named = (("A", a), ("B", b), ("the noise", others))
    sides = [without_repeats(rows, of=f"{name}'s own runs") for name, rows in named]
    a, b, others = (rows for rows, _ in sides)
    if noise is not None and len(others) < 2:
        many = f"--noise {noise!r} names {counted(len(others), 'run')}, and one run shows no noise"
        raise GitexpError(many, fix="gitexp log --group")
    old, new, baseline = ([read_run(here.reader, row.commit) for row in rows] for rows in (a, b, others))
    by_example = ByExample(here.reader, here.place.store)
    found = compare_groups(
        old, new, goals=here.config.goal, only=only, level=level, baseline=baseline, by_example=by_example
    )
    said = said_of(here.history.at(choice.remote).seen, [row.id for row in (*a, *b)])
    found = found._replace(unfair=(*retractions(said), *(one for _, left in sides for one in left), *found.unfair))
    for name in {*only}.difference(one.name for one in found.metrics):
        raise no_metric("None of the runs", name, dict.fromkeys(key for run in (*old, *new) for key in run.metrics))
    if as_json:
        from gitexp.cli.shapes import group_document

        write(group_document((a, b), found))
    else:
        from gitexp.cli.groupdiffpage import group_page

        show(lambda on: group_page((a, b), found, on=on), repo=here.repo)
    return 0


def _many(here: Opened, choice: Choice, *, as_json: bool) -> int:
    from gitexp.history.groupcompare import compare_many

    rows = chosen_rows(here, choice)
    if not 1 < len(rows) <= MOST_BESIDE:
        many = f"{counted(len(rows), 'run')} cannot stand beside each other (2 to {MOST_BESIDE} can)"
        raise UsageError(many, fix="gitexp diff A B C    or two groups:    gitexp diff A1,A2,A3 B1,B2,B3")
    found = compare_many([read_run(here.reader, row.commit) for row in rows], goals=here.config.goal)
    said = said_of(here.history.at(choice.remote).seen, [row.id for row in rows])
    found = found._replace(unfair=(*retractions(said), *found.unfair))
    if as_json:
        from gitexp.cli.shapes import many_document

        write(many_document(rows, found))
    else:
        from gitexp.cli.groupdiffpage import many_page

        show(lambda on: many_page(rows, found, on=on), repo=here.repo)
    return 0


def _means_several(word: str) -> bool:
    """What reads conditions is imported for words with such letters."""
    if ".." not in word and not any(letter in word for letter in "@, <>=()\"'"):
        return False
    from gitexp.history.choosing import means_several

    return means_several(word)


def _sides(history: History, runs: tuple[str, ...]) -> tuple[Row, Row]:
    if len(runs) == 2:
        return history.select(runs[0]), history.select(runs[1])
    new = history.select("latest")
    old = history.select(runs[0]) if runs else new
    if old.commit != new.commit and baseline_of(history.seen, old) is None:
        return old, new
    before, what = measured_against(history.seen, old)
    if before is None:
        why = (
            f"is measured against {what}, which is not here"
            if old.reproduces or old.mixes
            else "is the first run of its recipe"
        )
        raise GitexpError(f"{old.id} {why}: there is nothing to compare it with", fix="gitexp diff A B")
    return before, old


def _git_diff(here: Opened, a: Run, b: Run, *, patch: bool, stat: bool, on: Screen) -> str:
    """What `git diff` says of the code, in the user's colours, without external drivers or text conversions.

    Those are programs: the user's own may do anything, and a record's .gitattributes could choose among them.
    """
    if a.code is None or b.code is None:
        raise GitexpError("A record has no code/ to compare")
    shown = [option for option, wanted in (("--patch", patch), (f"--stat={on.width or 100}", stat)) if wanted]
    args = ("--no-ext-diff", "--no-textconv", "-M", "--no-color", "--submodule=short", *shown)
    text = output(here.repo, "diff", *args, a.code, b.code).decode("utf-8", "replace")
    return coloured_patch(text, here.repo.settings, on=on)


_COLOURS = {"meta": "bold", "frag": "cyan", "old": "red", "new": "green"}


def coloured_patch(text: str, settings: Mapping[str, str], *, on: Screen) -> str:
    """git's diff with control characters escaped, in git's colours or those of the user's `color.diff.*`.

    git colours only what it has not escaped, and a file may hold any control sequence; so the colouring is ours.
    """
    styles = {}
    for part, usual in _COLOURS.items():
        wanted = settings.get(f"color.diff.{part}", "").split()
        styles[part] = " ".join(word for word in wanted if word in BASIC_STYLES) or usual
    lines = []
    header = False
    for line in text.split("\n"):
        header = line.startswith("diff --git") or (header and not line.startswith("@@"))
        part = "meta" if header else {"@": "frag", "-": "old", "+": "new"}.get(line[:1], "")
        lines.append(on.paint(safe(line, lines="kept"), styles.get(part, "")))
    return "\n".join(lines)
