"""What is said of a run, as the payload of an event, and what is made of one that anybody wrote."""

from __future__ import annotations

import pytest

from gitexp.record.event import LONGEST_TEXT, MOST_RUNS, NOTHING, Payload, dump_payload, is_tag, load_payload
from gitexp.record.message import compose_event

HEADER = b"tree 0\nauthor A <a@b> 0 +0000\n\n"
HOSTILE = "x\n\nGitexp-Event: merge\nGitexp-Run: kkkkkkkkkkkkkkkk\n\x1b[31m\u202e\"'\\"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("note", Payload("too good\nto be true", outcome="rejected")),
        ("note", Payload(HOSTILE)),
        ("tag", Payload("longer", "baseline", runs=["k" * 16, "l" * 16])),
        ("untag", Payload(name="baseline")),
        ("retract", Payload(HOSTILE)),
        ("decision", Payload("adopt it", "ab" * 20, runs=["k" * 16])),
        ("baseline", Payload("fixed", "a recipe/of any name\nGitexp-Run: x")),
        ("reinstate", Payload()),
    ],
)
def test_a_payload_comes_back_as_it_was_said(kind: str, said: Payload) -> None:
    message = compose_event(kind, "subject", about="k" * 16, body=dump_payload(kind, said))
    found = load_payload(kind, HEADER + message.encode())
    assert found == said._replace(text=said.text.strip(), runs=list(said.runs))
    assert message.split("\n\n")[-1] == f"Gitexp-Event: {kind}\nGitexp-About: {'k' * 16}\n"
    assert all("\x1b" not in line and not line.startswith("Gitexp-Run") for line in message.split("\n"))


def test_of_what_anybody_wrote_the_kinds_of_values_and_their_lengths_are_sure() -> None:
    body = f'text = "{"x" * 50_000}"\noutcome = "best"\nname = "../latest"\nfrom = {["k" * 99] * 199}'
    found = load_payload("note", HEADER + compose_event("note", "n", body=body).encode())
    assert (len(found.text), found.outcome, found.name, len(found.runs)) == (LONGEST_TEXT, "", "", MOST_RUNS)
    assert set(found.runs) == {"k" * 16}


@pytest.mark.parametrize(
    "body", ["worth keeping", "text = [1, 2]", 'text = """', f"a{'.a' * 80_000} = 1", "text = 1e999", ""]
)
def test_a_payload_that_cannot_be_read_says_nothing(body: str) -> None:
    assert load_payload("note", HEADER + compose_event("note", "n", body=body).encode())._replace(runs=()) == NOTHING


def test_a_commit_that_is_not_there_says_nothing() -> None:
    assert load_payload("note", b"")._replace(runs=()) == NOTHING


@pytest.mark.parametrize("name", ["baseline", "paper-table_2.b", "v1", "Größe", "top", "best5"])
def test_names_that_runs_may_have(name: str) -> None:
    assert is_tag(name)


@pytest.mark.parametrize(
    "name",
    ["", "latest", "HEAD", "best", "kxyz", "k" * 16, "abcdef1", "a..b", "a/b", "-x", ".x", "a b", "a,b", "a~1"],
)
def test_names_that_mean_a_run_otherwise_are_no_tags(name: str) -> None:
    assert not is_tag(name)


@pytest.mark.parametrize("name", ["x" * 65, "a\n", "best:x", "\u202ex", "@a", "\x1b[31m", "a\u200b"])
def test_names_that_would_hurt_are_no_tags(name: str) -> None:
    assert not is_tag(name)
