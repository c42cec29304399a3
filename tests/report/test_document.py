"""A page's document: what is packed comes back, what no number can be is text, and nothing in it ends a script."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import accumulate
from typing import Any

import pytest

from gitexp.cli.render import safe
from gitexp.curves.series import load_history
from gitexp.history.row import Row, dump_values
from gitexp.report.document import Asked, Made, document, dump, packed
from gitexp.report.material import Reported
from gitexp.report.page import MARK, page

MADE = Made(at=0.0, gitexp="0.1.0", branch="experiments", tip="0123456789ab", code="", command="gitexp report")


def row(run_id: str, **keys: Any) -> Row:
    metrics, settings = keys.pop("metrics", {}), keys.pop("settings", {})
    return Row(
        id=run_id, commit=run_id * 2, attempt=1, finished=0.0, ordered=0.0, author="Ada", status="completed",
        metrics_text=dump_values(metrics), settings_text=dump_values(settings), **keys,
    )  # fmt: skip


def unpacked(found: Any) -> list[float]:
    if isinstance(found, list):
        return found
    steps = found.get("steps", [found.get("by")] * (found.get("n", 1) - 1))
    return [unit / 10 ** found["places"] for unit in accumulate([found["from"], *steps])]


@pytest.mark.parametrize(
    "values", [[0.1, 0.5, 0.25], [1000.001, 1000.002, 1000.004], [1e-9, 3e-9], [-2.0, 2.0, 0.0], [0.5], [7.0, 7.0]]
)
def test_a_curve_comes_back_to_a_thousandth_of_its_range(values: list[float]) -> None:
    room = (max(values) - min(values) or abs(values[0])) / 1000
    assert unpacked(packed(values)) == pytest.approx(values, abs=room)


def test_steps_that_are_equally_far_from_each_other_are_four_numbers() -> None:
    assert packed(list(range(0, 5000, 5))) == {"places": 0, "from": 0, "by": 5, "n": 1000}


def test_what_is_no_number_is_text_and_what_is_not_recorded_is_null() -> None:
    assert packed([0.5, float("nan"), None, float("-inf")]) == [0.5, "nan", None, "-inf"]


def test_integers_beyond_what_a_browser_counts_are_not_packed() -> None:
    assert packed([2**60, 2**60 + 2**55]) == [float(2**60), float(2**60 + 2**55)]


def test_a_long_curve_keeps_its_extremes() -> None:
    values = [0.5] * 20_000
    values[7_777], values[12_345] = 9.0, -9.0
    text = "step,time_s,loss\n" + "".join(f"{n},{n}.5,{value}\n" for n, value in enumerate(values))
    runs = [Reported(row("k" * 16, metrics={"loss": 0.5}), history=load_history(text.encode()))]
    found = document(runs, Asked("t", MADE, {}), safe=safe)
    [line] = found["curves"][0]["lines"]
    curve = unpacked(line["y"])
    assert (max(curve), min(curve), found["thinned"]) == (9.0, -9.0, 1000)
    assert len(curve) <= 1000
    assert unpacked(found["axes"][line["s"]])[curve.index(9.0)] == 7_777


def test_replicates_are_a_group_and_a_run_of_which_the_inputs_are_not_known_is_alone() -> None:
    runs = [Reported(row(letter * 16, alike=alike)) for letter, alike in (("k", "a"), ("l", ""), ("m", "a"), ("n", ""))]
    assert document(runs, Asked("t", MADE, {}), safe=safe)["groups"] == [[0, 2], [1], [3]]


def test_marks_and_control_characters_are_escapes_and_settings_keep_their_kinds() -> None:
    hostile = row("k" * 16, settings={"a": "x\u202ey\x1b[31m", "b": True, "c": 1e-3, "d": [1, 2]}, message="\u2028")
    found = document([Reported(hostile)], Asked("t\x07", MADE, {}), safe=safe)
    values = {one["name"]: one["values"] for one in found["settings"]}
    assert values == {"a": ["x\\u202ey\\x1b[31m"], "b": ["true"], "c": [0.001], "d": ["[1, 2]"]}
    assert found["runs"]["message"]["values"] == ["\\u2028"]
    assert found["title"] == "t\\x07"


def test_no_text_can_end_the_script_element_that_holds_it() -> None:
    hostile = {"a": "</script><script>alert(1)</script><!--<script>&lt;\u2028\u2029"}
    text = dump(hostile)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == hostile


def test_a_page_says_what_it_is_and_has_one_refresh_only_while_it_is_watched() -> None:
    found = document([], Asked("</title><b>", MADE, {}), safe=safe)
    assert page(found).startswith(MARK)
    assert "<title>&lt;/title&gt;&lt;b&gt;</title>" in page(found)
    assert "refresh" not in page(found).partition("<style>")[0]
    assert '<meta http-equiv="refresh" content="5">' in page(found, refresh_s=5)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["light", "dark", "print"])
def test_texts_have_the_contrast_of_wcag_aa_and_lines_that_of_pictures(mode: int) -> None:
    css = files("gitexp.report").joinpath("report.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", css.split(":root {")[mode + 1].split("}")[0]))
    for name in ("ink", "soft", "accent", "bad", "warn"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours[name], colours["wash"]) >= 4.5, name
    for name in ("c0", "c1", "c2", "c3", "c4", "c5"):
        assert contrast(colours[name], colours["paper"]) >= 3, name


def test_what_is_too_much_for_a_page_is_counted() -> None:
    settings = [{f"s{at}": number if at < 200 else 0 for at in range(300)} for number in range(2)]
    columns = ",".join(f"m{at}" for at in range(130))
    rows = "".join(f"{step},1," + ",".join(["0.5"] * 130) + "\n" for step in range(2))
    history = load_history(f"step,time_s,{columns}\n{rows}".encode())
    found = document(
        [Reported(row(letter * 16, settings=told, metrics={f"m{at}": 1 for at in range(130)}), history=history)
         for letter, told in zip("kl", settings, strict=True)],
        Asked("t", MADE, {}), safe=safe,
    )  # fmt: skip
    assert (len(found["settings"]), len(found["metrics"]), len(found["curves"])) == (300, 120, 24)
    assert found["beyond"] == {"metric": 10, "setting": 0, "curve": 106}
