"""The index gives back what records hold, whatever it wrote down once for many, and --where finds what fits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
import tomli_w
from harness import Lab
from records import commit_files, run_toml, write_run

from gitexp.clone import configured
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.choosing import choose
from gitexp.history.read import read_run
from gitexp.history.select import History

KEYS = [
    "lr", "LR", "a.b", 'q"uote', "ap'os", "back\\slash", "new\nline", "tab\tkey", "__proto__", "$", '"]', "",
    "ключ", "∞∞", "-∞∞", "nan", "a[0]", "0", "#", "é", "\N{LINE SEPARATOR}", "x" * 190, "' OR 1=1 --",
]  # fmt: skip
NAN, INF = float("nan"), float("inf")
VALUES = [
    1, 1.0, True, 0, 0.0, -0.0, False, "1", "nan", "NaN", 'x"nan', ':NaN,', "∞∞", "Infinity", "", "null", NAN, INF,
    -INF, [1], [1.0], [True], [], [[1], [1.0]], [NAN], ["nan"], [INF, "∞∞"], 2**63 - 1, -(2**63),
    2**53 + 1, 1e308, 5e-324,
    "a\nb", '"', "'", "\\", "Ä", "[x]", "*", 0.1, 0.30000000000000004, "'; DROP TABLE run; --",
]  # fmt: skip
A = "kkkkllllmmmmnnnn"


def put(
    lab: Lab, run_id: str, settings: Mapping[str, Any], *, recipe: str = "r", metrics: str = "", at: int = 0
) -> str:
    files: dict[str, str | bytes | None] = {
        "run.toml": run_toml(run_id, finished=f"2026-11-20T10:00:{at:02}Z", recipe=recipe, status="completed"),
        "recipe.toml": tomli_w.dumps({"on": dict(settings)}),
        "metrics.toml": metrics,
    }
    return commit_files(lab, files, message=f"x\n\nGitexp-Run: {run_id}\n", finished="2026-11-20T10:00:59Z")


def history(repo: Repo, reader: ObjectReader) -> History:
    return History(configured(repo), reader=reader)


def test_settings_are_those_of_the_records_however_they_change_from_run_to_run(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    draw = random.Random(18)
    base = {key: draw.choice(VALUES) for key in KEYS}
    told: dict[str, Mapping[str, Any]] = {}
    for number in range(32):
        for key in draw.sample(KEYS, draw.choice([0, 1, 3, 12])):
            base[key] = draw.choice(VALUES)
        settings = {key: value for key, value in base.items() if draw.random() > 0.05}
        letters = "klmnopqrstuvwxyz"
        run_id = f"kkkkkkkkkkkkkk{letters[number // 16]}{letters[number % 16]}"
        told[put(fresh, run_id, settings, recipe=draw.choice("rs"), at=draw.randrange(50))] = settings
        if number % 3 == 0:
            history(repo, reader).runs.count()
    rows = history(repo, reader).runs.all()
    assert [row.commit for row in rows] == [r.commit for r in sorted(rows, key=lambda row: row.order, reverse=True)]
    assert len(rows) == len(told)
    recorded = {row.commit: read_run(reader, row.commit).recipe_values for row in rows}
    for row in rows:
        assert len(recorded[row.commit]) == len(told[row.commit])
        assert {k: repr(v) for k, v in row.settings.items()} == {k: repr(v) for k, v in recorded[row.commit].items()}
    for key in dict.fromkeys(key for values in recorded.values() for key in values):
        having = {commit for commit, values in recorded.items() if key in values}
        small = {commit for commit in having if isinstance(v := recorded[commit][key], int | float) and v < 1}
        found = choose(history(repo, reader), where=f"setting(`{key}`) < 1")
        assert {row.commit for row in found} == small, key
        assert {r.commit for r in choose(history(repo, reader), where=f"has(setting(`{key}`))")} == having, key


def test_what_ends_a_text_for_sqlite_makes_no_key_another_and_no_value_shorter(
    fresh: Lab, repo: Repo, reader: ObjectReader
) -> None:
    put(fresh, A, {"x": 1, "x\0y": 2, "text": "a\0b"})
    [row] = history(repo, reader).runs.all()
    assert row.settings == {"on.x": 1, 'on."x\\u0000y"': 2, "on.text": "a\\x00b"}
    assert choose(history(repo, reader), where="on.text == 'a'") == []


def test_a_key_too_long_for_the_index_is_left_out_and_no_other_s(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    put(fresh, A, {"k" * 300 + "1": 1, "k" * 300 + "2": 2})
    assert history(repo, reader).runs.all()[0].settings == {}


def test_a_pattern_knows_letters_beyond_ascii(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    put(fresh, A, {"name": "Ärger"})
    assert [row.id for row in choose(history(repo, reader), where='on.name ~ "ÄRG"')] == [A]
    assert choose(history(repo, reader), where='on.name !~ "ärg"') == []


def test_bytes_that_are_no_utf8_fit_nothing(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    put(fresh, A, {"name": "x"})
    assert choose(history(repo, reader), where='on.name == "\udcff" or recipe == "\udcff"') == []


def test_of_too_many_metrics_those_with_a_goal_are_there(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    metrics = "".join(f'"m{number}" = {number}\n' for number in range(3000)) + '"val.acc" = 0.5\n"x[a=1]" = 1\n'
    goal = '[metrics.goal]\n"val.acc" = "max"\n'
    write_run(fresh, A, files={"metrics.toml": metrics, "recipe.toml": goal})
    [row] = choose(history(repo, reader), where="val.acc == 0.5 and m900 == 900")
    assert len(row.metrics) == 1000


def test_a_name_that_the_index_may_have_left_out_is_said_to_be(fresh: Lab, repo: Repo, reader: ObjectReader) -> None:
    write_run(fresh, A, metrics={f"m{number}": number for number in range(1100)})
    with pytest.raises(GitexpError, match=r"no run has 'm1099' \(of one run the index has 1,000 metrics"):
        choose(history(repo, reader), where="m1099 == 1")
