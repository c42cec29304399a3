"""Setting one string in a TOML file: everything else stays as it was written."""

from __future__ import annotations

import pytest

from gitexp.text.tomledit import set_string

OLD, NEW = "xxh128:" + "a" * 32, "xxh128:" + "b" * 32
PATH = ("datasets", "d", "digest")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[datasets.d]\npath = "x"  # here\n', f'[datasets.d]\npath = "x"  # here\ndigest = "{NEW}"\n'),
        (f'[datasets.d]\ndigest = "{OLD}" # {OLD}\n', f'[datasets.d]\ndigest = "{NEW}" # {OLD}\n'),
        (f"[datasets.d]\ndigest='{OLD}'", f"[datasets.d]\ndigest='{NEW}'"),
        ('[datasets]\nd = { path = "x" } # }\n', f'[datasets]\nd = {{ path = "x", digest = "{NEW}" }} # }}\n'),
        (
            'datasets.d.path = "x"\r\nz = nan\r\n',
            f'datasets.d.path = "x"\r\ndatasets.d.digest = "{NEW}"\r\nz = nan\r\n',
        ),
        ('[datasets]\n  d.path = "x"', f'[datasets]\n  d.path = "x"\n  d.digest = "{NEW}"'),
        ('[datasets."d"]\n"path" = \'x\'\n', f'[datasets."d"]\n"path" = \'x\'\ndigest = "{NEW}"\n'),
        ('[datasets.d]\npath = """\nx"""\n', f'[datasets.d]\ndigest = "{NEW}"\npath = """\nx"""\n'),
    ],
    ids=["added", "replaced", "in single quotes", "inline", "dotted, CRLF", "indented", "quoted", "several lines"],
)
def test_a_digest_is_set_however_the_table_is_written(before: str, after: str) -> None:
    assert set_string(before, PATH, NEW) == after


def test_another_value_with_the_same_text_on_the_same_line_stays() -> None:
    before = f'datasets = {{d = {{derived = {{parents = {{r = "{OLD}"}}}}, digest = "{OLD}"}}}}'
    assert set_string(before, PATH, NEW) == before[: before.rindex(OLD)] + NEW + '"}}'


def test_a_parent_deep_in_a_table_is_set() -> None:
    before = f'[datasets.d.derived]\nparents = {{ a = "{OLD}", b = "{OLD}" }}  # note\n'
    after = f'[datasets.d.derived]\nparents = {{ a = "{OLD}", b = "{NEW}" }}  # note\n'
    assert set_string(before, ("datasets", "d", "derived", "parents", "b"), NEW) == after


def test_a_table_that_is_not_there_is_not_made() -> None:
    assert set_string('[datasets.e]\npath = "x"\n', PATH, NEW) is None


def test_a_value_that_is_spelled_with_escapes_is_left_to_its_author() -> None:
    assert set_string(f'[datasets.d]\ndigest = "\\u0078{OLD[1:]}"\n', PATH, NEW) is None
