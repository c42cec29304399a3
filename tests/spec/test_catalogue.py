"""[datasets.NAME] tables: everything that may be said of a dataset, and how it is told that something may not."""

from __future__ import annotations

import pytest

from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef, Derived, DrawRule
from gitexp.spec.config import RemoteSettings, load_catalogue_file, load_config

DIGEST = "xxh128:00112233445566778899aabbccddeeff"
KEYED = "hmac-sha256:" + "ab" * 32

WHOLE = f"""
[datasets.raw]
url = "s3://bucket/raw/"
[datasets.digits]
path = "data/digits"
url = "https://data.example/digits.zip"
kind = "model"
digest = "{DIGEST}"
source = "UCI"
auth = "aws-profile lab"
access = "restricted"
license = "CC-BY-4.0"
owner = "Jane <jane@lab.example>"
tags = ["consent:research"]
fetched = 2026-11-21
remotes = ["lab"]
contract = "contracts/digits.toml"
[datasets.digits.splits]
train = {{ fraction = 0.8, stratify = "label", seed = 1 }}
test = {{ rest = true }}
[datasets.digits.samples.small]
count = 100
of = "train"
[datasets.digits.derived]
parents = {{ raw = "{DIGEST}" }}
command = ["python", "clean.py"]
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        load_config(text)
    return caught.value.details


def test_everything_that_the_catalogue_says_is_read() -> None:
    assert load_config(WHOLE).datasets["digits"] == DatasetRef(
        "digits",
        path="data/digits",
        url="https://data.example/digits.zip",
        digest=DIGEST,
        kind="model",
        entry="digits",
        source="UCI",
        auth="aws-profile lab",
        access="restricted",
        license="CC-BY-4.0",
        owner="Jane <jane@lab.example>",
        tags=("consent:research",),
        fetched="2026-11-21",
        remotes=("lab",),
        contract_file="contracts/digits.toml",
        splits={
            "train": DrawRule("train", fraction=0.8, stratify="label", seed=1),
            "test": DrawRule("test", rest=True),
        },
        samples={"small": DrawRule("small", number=100, of="train")},
        derived=Derived({"raw": DIGEST}, command=("python", "clean.py")),
    )


def test_a_catalogue_may_stand_in_a_file_of_its_own() -> None:
    assert load_config('catalogue = "data/catalogue.toml"\n').catalogue == "data/catalogue.toml"
    assert load_catalogue_file(WHOLE, where="data/catalogue.toml") == load_config(WHOLE).datasets


def test_such_a_file_holds_nothing_else() -> None:
    with pytest.raises(Refused) as caught:
        load_catalogue_file('branch = "x"\n[datasets.a]\npaht = "x"\n', where="c.toml")
    assert caught.value.details == (
        "c.toml:1: branch: unknown key; known here: datasets",
        "c.toml:3: datasets.a.paht: unknown key; did you mean path?",
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('url = "digits.zip"', '2: datasets.a.url: expected a URL such as "s3://bucket/folder/", got "digits.zip"'),
        ('url = "https://me:secret@h/x"', "2: datasets.a.url: a URL with a password in it would be recorded"),
        ('path = "x"\nkind = "modle"', '3: datasets.a.kind: expected "data" or "model" or "binary", got "modle"'),
        ('path = "x"\nfetched = "today"', '3: datasets.a.fetched: expected a date, got "today"'),
        ('path = "x"\nremotes = ["lab"]', "3: datasets.a.remotes: only restricted data is held to some remotes"),
        (f'path = "x"\nderived.parents.b = "{DIGEST}"', "3: datasets.a.derived.parents.b: no dataset of this name"),
        (f'path = "x"\ndigest = "{KEYED}"', "3: datasets.a.digest: only restricted data is pinned by a keyed digest"),
        (
            f'path = "x"\n[datasets.b]\npath = "y"\nderived.parents.a = "{KEYED}"',
            "5: datasets.b.derived.parents.a: only restricted data is pinned by a keyed digest",
        ),
        ('path = "x"\ndigest = "hmac-sha256:ab"', '3: datasets.a.digest: expected a digest such as "xxh128:" and 32'),
        ('path = "x"\nlineage.run = "k"', "3: datasets.a.lineage: unknown key; did you mean derived?"),
        ('path = "x"\ndigest = ""', '3: datasets.a.digest: expected a digest such as "xxh128:" and 32'),
        ('path = "x"\nsplits.train = {}', "3: datasets.a.splits.train: expected one of fraction, count, rest and"),
        ('path = "x"\nsplits.t = { count = 1, rest = true }', "3: datasets.a.splits.t: expected one of"),
        ('path = "x"\nsplits.t = { fraction = 1.5 }', "3: datasets.a.splits.t.fraction: expected a fraction above 0"),
        ('path = "x"\nsplits.t = { count = 0 }', "3: datasets.a.splits.t.count: expected an integer from 1, got 0"),
        ('path = "x"\nsamples.t = { rest = true }', "3: datasets.a.samples.t: expected one of fraction, count and"),
        ('path = "x"\nsamples.t = { count = 1, of = "u" }', '3: datasets.a.samples.t.of: no split "u"'),
        (
            'path = "x"\nsplits.t = { count = 1 }\nsamples.t = { count = 1 }',
            "4: datasets.a.samples.t: there is a split of the same name",
        ),
        (
            'path = "x"\nsplits.t = { rest = true }\nsplits.u = { rest = true }',
            "3: datasets.a.splits: two splits cannot both have the rest",
        ),
    ],
)
def test_what_is_wrong_with_a_dataset_is_said_with_its_line(text: str, complaint: str) -> None:
    (problem,) = problems(f"[datasets.a]\n{text}\n")
    assert problem.startswith(f"gitexp.toml:{complaint}")


def test_restricted_data_and_its_children_may_state_a_keyed_digest() -> None:
    datasets = load_config(
        f'[datasets.a]\npath = "x"\naccess = "restricted"\ndigest = "{KEYED}"\n'
        f'[datasets.b]\npath = "y"\nderived.parents.a = "{KEYED}"\n'
    ).datasets
    assert datasets["a"].digest == KEYED
    assert datasets["b"].derived == Derived({"a": KEYED})


def test_a_parent_whose_version_is_not_noted_yet_is_an_empty_string() -> None:
    datasets = load_config('[datasets.a]\npath = "x"\n[datasets.b]\npath = "y"\nderived.parents.a = ""\n').datasets
    assert datasets["b"].derived == Derived({"a": None})


def test_remotes_keep_their_order() -> None:
    config = load_config(
        '[remotes.near]\nurl = "/scratch/store"\n[remotes.far]\nurl = "s3://bucket/lab"\n'
        'endpoint = "http://127.0.0.1:9000"\nregion = "eu-1"\nanonymous = true\nauth = "aws-profile lab"\n'
    )
    assert list(config.remotes.values()) == [
        RemoteSettings("near", "/scratch/store"),
        RemoteSettings("far", "s3://bucket/lab", "http://127.0.0.1:9000", "eu-1", True, "aws-profile lab"),
    ]


def test_a_policy_may_ask_for_digests_that_withstand_forgery() -> None:
    assert load_config('[policy]\ndigests = ["xxh128", "sha256"]\n').policy.digests == ("xxh128", "sha256")
    assert problems('[policy]\ndigests = ["md5"]\n') == (
        'gitexp.toml:2: policy.digests: expected ["xxh128"] or ["xxh128", "sha256"], got ["md5"]',
    )
