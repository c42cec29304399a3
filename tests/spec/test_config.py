"""gitexp.toml: what may be in it, and how it is told that something may not."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.datasets.remotes import OPENERS
from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import REMOTE_SCHEMES, Config, Policy, load_config, parse_duration, parse_size
from gitexp.spec.template import CONFIG_TEMPLATE

DIGEST = "xxh128:00112233445566778899aabbccddeeff"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        load_config(text)
    assert caught.value.exit_code == 3
    assert "gitexp.toml is wrong" in caught.value.what
    return caught.value.details


def test_an_empty_file_means_the_defaults() -> None:
    config = load_config("")
    assert config.branch == "experiments"
    assert config.policy == Policy(
        dirty="refuse", untracked_limit_bytes=10_000_000, history_limit_bytes=262_144, variables=()
    )
    assert config.goal == {}
    assert config.datasets == {}


def test_the_file_that_init_writes_means_the_defaults() -> None:
    config = load_config(CONFIG_TEMPLATE)
    assert (config.branch, config.policy, config.goal, config.datasets) == ("experiments", Policy(), {}, {})


def test_what_the_template_shows_commented_out_is_accepted() -> None:
    lines = [line.removeprefix("# ") for line in CONFIG_TEMPLATE.splitlines()[3:]]
    config = load_config("\n".join(lines).replace("xxh128:…", DIGEST))
    assert config.goal == {"val.acc": "max"}
    assert config.datasets == {"digits": DatasetRef("digits", path="data/digits.csv.gz", digest=DIGEST, entry="digits")}


def test_every_setting_is_read() -> None:
    config = load_config(
        'branch = "lab/runs"\n[policy]\ndirty = "allow"\nuntracked_limit = "1GiB"\nhistory_limit = 1000\n'
        'variables = ["MY_VAR"]\n[metrics]\ngoal = { "val.acc" = "max" }\n'
        f'[datasets.digits]\npath = "../data/digits"\ndigest = "{DIGEST}"\n'
    )
    assert config.branch == "lab/runs"
    assert config.policy == Policy("allow", 2**30, 1000, ("MY_VAR",))
    assert config.goal == {"val.acc": "max"}
    assert config.datasets == {"digits": DatasetRef("digits", path="../data/digits", digest=DIGEST, entry="digits")}


def test_all_problems_are_named_at_once_with_their_lines() -> None:
    text = (
        'brnch = "x"\n[policy]\ndirty = "alow"\nuntracked_limit = "10 XB"\nvariables = "A"\n[metrics]\n'
        'goal = { "step" = "max", loss = "down" }\n[datasets.con]\npath = "x"\n[datasets.a]\nurl = "s4://b"\n'
    )
    assert problems(text) == (
        "gitexp.toml:1: brnch: unknown key; did you mean branch?",
        'gitexp.toml:3: policy.dirty: expected "refuse" or "allow", got "alow"; did you mean "allow"?',
        'gitexp.toml:4: policy.untracked_limit: expected a size such as "10MB" or "256KiB", got "10 XB"',
        'gitexp.toml:5: policy.variables: expected an array of strings, got "A"',
        "gitexp.toml:7: metrics.goal.step: not a metric's name: this name is reserved",
        'gitexp.toml:7: metrics.goal.loss: expected "max" or "min", got "down"',
        "gitexp.toml:8: datasets.con: not a dataset's name: Windows keeps it for a device",
        "gitexp.toml:11: datasets.a.url: cannot fetch from s4://; known: s3, https, http, hf",
    )


def test_a_dataset_needs_a_place() -> None:
    assert problems("[datasets.a]\n") == ('gitexp.toml:1: datasets.a: missing: path = "…", or url = "…"',)


def test_a_digest_must_be_one() -> None:
    (problem,) = problems('[datasets.a]\npath = "x"\ndigest = "abc"\n')
    assert problem.startswith('gitexp.toml:3: datasets.a.digest: expected a digest such as "xxh128:"')


def test_broken_toml_is_named_with_its_line() -> None:
    assert problems("branch = \n") == ("gitexp.toml:1: Invalid value (column 10)",)


def test_toml_nested_without_end_is_an_error_and_not_a_crash() -> None:
    assert problems("a = " + "[" * 5000) == ("gitexp.toml: nested too deeply",)


def test_control_characters_of_a_wrong_key_are_not_printed() -> None:
    (problem,) = problems('"a\\u001b[2J" = 1\n')
    assert problem.startswith('gitexp.toml:1: "a\\u001b[2J": unknown key')


@pytest.mark.parametrize("branch", ["", "a b", "-x", "a..b", "x.lock", "a/", "/a", "a~1", "@", "a\\\\b", "x:y"])
def test_a_branch_name_that_git_would_not_take_is_refused(branch: str) -> None:
    (problem,) = problems(f'branch = "{branch}"\n')
    assert problem.startswith("gitexp.toml:1: branch: expected a branch name")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12B", 12),
        ("1kB", 1000),
        ("1KB", 1000),
        ("256KiB", 262_144),
        ("10MB", 10_000_000),
        ("1.5 MiB", 1_572_864),
        ("2GB", 2_000_000_000),
        ("1GiB", 1_073_741_824),
        (4096, 4096),
    ],
)
def test_a_size_is_a_number_of_bytes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "10 potatoes", "1,5MB", -1, True, 1.5, None])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("1d", 86_400), ("1.5h", 5400), ("90", 90), (0.5, 0.5)],
)
def test_a_duration_is_a_number_of_seconds(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "2 weeks", "-5m", "0s", 0, float("inf"), float("nan"), True, "h"])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_a_config_made_without_a_file_has_the_defaults() -> None:
    assert Config() == load_config("")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '[remotes.lab]\nurl = "s4://bucket"\n',
            '2: remotes.lab.url: "s4://" is no kind of remote; did you mean s3://?',
        ),
        (
            '[remotes.lab]\nurl = "rsync://host/x"\n',
            '2: remotes.lab.url: "rsync://" is no kind of remote; known: file://, s3://, gs://, az://, https://, '
            "http://, ssh://, and folders",
        ),
        (
            '[policy]\ndirty = "allow"\ncatalogue = "c.toml"\n',
            "3: policy.catalogue: unknown key; catalogue stands before the first [table]",
        ),
        (
            '[remotes]\ncatalogue = "c.toml"\n',
            "2: remotes.catalogue: unknown key; catalogue stands before the first [table]",
        ),
        (
            '[datasets.a]\npath = "x"\ncatalogue = "c.toml"\n',
            "3: datasets.a.catalogue: unknown key; catalogue stands before the first [table]",
        ),
    ],
)
def test_slips_in_remotes_and_below_tables_are_found_where_they_stand(text: str, complaint: str) -> None:
    with pytest.raises(Refused) as caught:
        load_config(text)
    assert caught.value.details == (f"gitexp.toml:{complaint}",)


def test_the_kinds_of_remotes_that_gitexp_toml_may_name_are_those_that_there_are() -> None:
    assert tuple(OPENERS) == REMOTE_SCHEMES


def test_components_may_come_from_torch_and_gitexp_unless_the_policy_says_more() -> None:
    assert load_config("").policy.imports == ("torch", "gitexp.training")
    assert load_config('[policy]\nimports = ["torch", "lab_models.nets"]\n').policy.imports == (
        "torch",
        "lab_models.nets",
    )
    with pytest.raises(Refused) as caught:
        load_config('[policy]\nimports = ["torch", "lab/models"]\n')
    assert caught.value.details == ('gitexp.toml:2: policy.imports: "lab/models" is no module\'s name',)


def test_imports_that_are_no_array_are_refused_with_their_line() -> None:
    with pytest.raises(Refused) as caught:
        load_config("[policy]\nimports = 3\n")
    assert caught.value.details == ("gitexp.toml:2: policy.imports: expected an array of strings, got 3",)
