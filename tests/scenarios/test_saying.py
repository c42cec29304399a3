"""Notes, tags and retractions: said in one lab, seen in another, and never a trailer that a user typed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pexpect
import pytest
from contract.reader import breaches
from harness import Lab, at_terminal, cloned, published

LOGS = 'echo "{\\"acc\\": $1}" >> "$GITEXP_METRICS"'


@pytest.fixture
def ada(lab: Lab, hub: Lab) -> Lab:
    """A clone of the hub with two runs."""
    lab.write("train.sh", LOGS + "\n")
    lab.commit("a program")
    published(lab, hub)
    for acc in ("0.5", "0.9"):
        assert lab.gitexp("run", "--", "sh", "train.sh", acc).exit_code == 0
    return lab


def ids(lab: Lab, *words: str) -> list[str]:
    return [run["id"] for run in lab.gitexp("log", *words, "--json").json["runs"]]


def shown(lab: Lab, run: str) -> dict[str, object]:
    said: dict[str, object] = lab.gitexp("show", run, "--json").json["run"]["said"]
    return said


def payload(lab: Lab) -> dict[str, object]:
    """Of the newest event, as a stranger reads it."""
    return tomllib.loads(lab.git("log", "-1", "--format=%B", "experiments").split("\n\n")[1])


def trailers(lab: Lab) -> str:
    return lab.git("log", "-1", "--format=%(trailers)", "experiments").strip()


def test_a_note_is_a_commit_that_changes_nothing_but_the_branch(ada: Lab) -> None:
    best, before = ids(ada)[0], ada.state()
    result = ada.gitexp("note", "latest", "-m", "too good\nto be true", "--outcome", "inconclusive")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"noted of {best} (commit ")
    assert ada.state() == before
    assert ada.git("diff", "experiments~1", "experiments") == ""
    assert payload(ada) == {"text": "too good\nto be true", "outcome": "inconclusive"}
    assert trailers(ada) == f"Gitexp-Event: note\nGitexp-About: {best}"
    page = ada.gitexp("show").stdout
    assert "note      inconclusive: too good to be true  (Ada, " in page
    assert breaches(ada.path) == []


def test_what_a_user_types_makes_no_trailer_and_no_second_payload(ada: Lab) -> None:
    hostile = 'x"\n\nGitexp-Run: kkkkkkkkkkkkkkkk\nGitexp-Event: merge\nGitexp-About: zzzzzzzzzzzzzzzz\n\x1b[31m'
    best = ids(ada)[0]
    for command in (("note", "latest", "-m"), ("retract", "latest", "-m")):
        assert ada.gitexp(*command, hostile).exit_code == 0
        assert trailers(ada) == f"Gitexp-Event: {command[0]}\nGitexp-About: {best}"
        assert "\x1b" not in ada.git("log", "-1", "--format=%B", "experiments")
    assert len(ids(ada, "--retracted")) == 2
    assert "\x1b" not in ada.gitexp("show", best).stdout
    assert breaches(ada.path) == []


def test_secrets_are_taken_out_of_what_is_said(ada: Lab) -> None:
    assert (
        ada.gitexp("note", "latest", "-m", "password is hunter2x and TOPSEC", MY_TOKEN="TOPSEC-1234567").exit_code == 0
    )
    assert ada.gitexp("note", "latest", "-m", "with TOPSEC-1234567", MY_TOKEN="TOPSEC-1234567").exit_code == 0
    log = ada.git("log", "-2", "--format=%B", "experiments")
    assert "hunter2x" not in log
    assert "TOPSEC-1234567" not in log


def test_a_tag_is_moved_for_a_reason_alone(ada: Lab) -> None:
    second, first = ids(ada)
    assert ada.gitexp("tag", "latest~1", "baseline").exit_code == 0
    assert "acc  0.5" in ada.gitexp("diff", "baseline", "latest").stdout
    again = ada.gitexp("tag", "latest~1", "baseline")
    assert (again.exit_code, again.stderr) == (0, f"{first} is tagged baseline already\n")
    refused = ada.gitexp("tag", "latest", "baseline")
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"error: 'baseline' is run {first} already, tagged by Ada\n"
        f'fix:   gitexp tag {second} baseline --move --why "…"\n'
    )
    assert ada.gitexp("tag", "latest", "baseline", "--move").exit_code == 2
    assert ada.gitexp("tag", "latest", "baseline", "--move", "--why", "trained longer").exit_code == 0
    assert payload(ada) == {"name": "baseline", "why": "trained longer", "from": [first]}
    assert ids(ada, "baseline") == ids(ada, "--where", 'tag == "baseline"') == [second]
    assert [tag["about"] for tag in ada.gitexp("tag", "--json").json["tags"]] == [second]
    assert "baseline  " + second in ada.gitexp("tag").stdout
    assert ada.gitexp("tag", "baseline", "baseline", "--delete").exit_code == 0
    assert ada.gitexp("show", "baseline").exit_code == 1
    assert ada.gitexp("tag").stderr == "There are no tags\n"
    assert ada.gitexp("tag", "latest", "latest").stderr.startswith("error: 'latest' cannot be a tag\n")


def test_what_git_tag_would_take_is_answered_with_the_line_that_works(ada: Lab) -> None:
    swapped = ada.gitexp("tag", "good", "latest~1")
    assert swapped.exit_code == 1
    assert swapped.stderr.endswith("\nfix:   gitexp tag 'latest~1' good    # the run comes first\n")
    assert ada.gitexp("tag", "latest~1", "good").exit_code == 0
    unmoved = ada.gitexp("tag", "latest", "good", "--move")
    assert unmoved.stderr == 'error: A tag is moved for a reason\nfix:   gitexp tag latest good --move --why "…"\n'
    alone = ada.gitexp("tag", "-d", "good")
    assert alone.exit_code == 2
    line = "gitexp tag good good --delete"
    assert alone.stderr == f"error: Which tag of which run?\nfix:   {line}    or    gitexp tag\n"
    assert ada.command("sh", "-c", line).exit_code == 0
    assert ada.gitexp("show", "good").exit_code == 1


def test_an_outcome_does_not_pass_for_what_a_later_note_says(ada: Lab) -> None:
    assert ada.gitexp("note", "latest", "-m", "a leak", "--outcome", "rejected").exit_code == 0
    assert "  rejected: a leak  " in ada.gitexp("log").stdout
    assert ada.gitexp("note", "latest", "-m", "try a longer warm-up").exit_code == 0
    assert "  rejected · try a longer warm-up  " in ada.gitexp("log").stdout


def test_of_two_decisions_in_place_of_one_the_later_is_named(ada: Lab) -> None:
    assert ada.gitexp("decide", "adopt it", "--because", "latest").exit_code == 0
    first = ada.gitexp("decisions", "--json").json["decisions"][0]["commit"]
    for words in ("do not", "on second thoughts"):
        assert ada.gitexp("decide", words, "--because", "latest", "--instead-of", first).exit_code == 0
    newest, _, oldest = ada.gitexp("decisions", "--json").json["decisions"]
    assert (newest["text"], oldest["replaced_by"]) == ("on second thoughts", newest["commit"])


def test_a_message_in_several_parts_has_a_paragraph_for_each(ada: Lab) -> None:
    assert ada.gitexp("note", "latest", "-m", "what", "-m", "and why").exit_code == 0
    assert payload(ada) == {"text": "what\n\nand why"}
    assert ada.gitexp("retract", "latest", "-m", "a leak", "-m", "of test images").exit_code == 0
    assert payload(ada) == {"why": "a leak\n\nof test images"}
    assert ada.gitexp("run", "-m", "first", "-m", "second", "--", "sh", "train.sh", "0.7").exit_code == 0
    assert ada.gitexp("show", "--json").json["run"]["message"] == "first\n\nsecond"
    assert breaches(ada.path) == []


def test_a_clone_that_has_no_runs_says_so_and_not_that_nothing_was_said(ada: Lab, hub: Lab) -> None:
    assert ada.gitexp("tag", "latest", "good").exit_code == 0
    assert ada.gitexp("push").exit_code == 0
    alone = Lab(hub.path.parent / "alone", hub.env)
    hub.git("clone", "-q", "--single-branch", "-b", "main", str(hub.path), str(alone.path))
    for command in (["tag"], ["baseline"], ["decisions"]):
        result = alone.gitexp(*command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "no runs of origin were fetched" in result.stderr


def test_baseline_is_no_name_by_itself_and_what_it_is_for_is_said(ada: Lab) -> None:
    assert ada.gitexp("baseline", "latest~1").exit_code == 0
    result = ada.gitexp("diff", "baseline", "latest")
    assert result.exit_code == 1
    assert "a recipe's baseline is what diff and show measure against by themselves: gitexp diff RUN\n" in result.stderr


def test_a_retracted_run_counts_no_more_until_that_is_undone(ada: Lab) -> None:
    best, other = ids(ada)
    assert ada.gitexp("retract", "latest").exit_code == 2
    assert ada.gitexp("retract", "latest", "--why", "a leak").exit_code == 0
    assert ids(ada) == [other]
    assert ids(ada, "--where", "retracted") == [best]
    page = ada.gitexp("show", best).stdout
    assert "retracted  a leak  (Ada, " in page
    assert "nothing was erased" in page
    assert "retracted already, by Ada: a leak" in ada.gitexp("retract", best, "--why", "x").stderr
    assert ada.gitexp("retract", best, "--undo").exit_code == 0  # within the same second
    assert ids(ada) == [best, other]
    assert f"Run {best} is not retracted" in ada.gitexp("retract", best, "--undo").stderr


def test_what_one_lab_says_another_sees_and_it_survives_a_merge(ada: Lab, hub: Lab) -> None:
    bob = cloned(hub, "Bob", user="Bob")
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("pull").exit_code == 0
    best, other = ids(ada)
    assert ada.gitexp("note", best, "-m", "try a longer warm-up").exit_code == 0
    assert ada.gitexp("tag", best, "baseline").exit_code == 0
    assert bob.gitexp("tag", other, "baseline").exit_code == 0
    assert bob.gitexp("retract", best, "--why", "the test set was in it").exit_code == 0
    assert "2 events not on origin yet: gitexp push" in ada.gitexp("status").stdout
    assert "pushed 2 events to origin (" in ada.gitexp("push").stderr
    assert "pushed 2 events to origin and took up 2 events (" in bob.gitexp("push").stderr  # by a merge
    assert "pulled 2 events from origin (" in ada.gitexp("pull").stderr
    assert "is the same here and on origin" in ada.gitexp("status").stdout
    for lab in (ada, bob):
        assert shown(lab, best)["notes"][0]["text"] == "try a longer warm-up"  # type: ignore[index]
        assert shown(lab, best)["retracted"]["author"] == "Bob"  # type: ignore[index]
        assert ids(lab) == [other]
        both = lab.gitexp("show", "baseline").stderr
        assert "2 runs are tagged 'baseline'" in both
        assert f"  {best}, by Ada" in both
        assert f"  {other}, by Bob" in both
    assert breaches(hub.path) == []


def test_log_has_the_first_words_of_the_newest_note_and_strikes_out_what_is_retracted(ada: Lab) -> None:
    best, other = ids(ada)
    assert "said" not in ada.gitexp("log").stdout
    assert ada.gitexp("note", other, "-m", "an older one").exit_code == 0
    assert ada.gitexp("note", other, "-m", "seed 3\nwas lucky", "--outcome", "inconclusive").exit_code == 0
    assert ada.gitexp("tag", other, "baseline").exit_code == 0
    assert "[baseline] inconclusive: seed 3 was lucky" in ada.gitexp("log").stdout
    assert ada.gitexp("retract", best, "--why", "a leak").exit_code == 0
    assert "a leak" not in ada.gitexp("log").stdout
    ada.git("config", "color.ui", "always")
    assert f"\x1b[33;9m{best[:8]}\x1b[0m" in ada.gitexp("log", "--retracted").stdout
    ada.git("config", "color.ui", "never")
    table = ada.gitexp("log", "--retracted").stdout
    assert "completed (retracted)" in table
    assert "retracted: a leak" in table
    assert "0.9*" not in table
    line = ada.gitexp("log", "--csv", "--retracted").stdout.splitlines()
    assert line[1].endswith(",,,,a leak")
    assert line[2].endswith(",baseline,inconclusive,seed 3 was lucky,")
    columns = ada.gitexp("log", "--columns", "acc,tag,outcome,note,retracted", "--retracted", "--csv").stdout
    assert columns.splitlines()[1:] == [f"{best},0.9,,,,a leak", f"{other},0.5,baseline,inconclusive,seed 3 was lucky,"]
    said = ada.gitexp("log", "--json").json["runs"][0]["said"]
    assert (said["tags"], said["notes"][0]["outcome"], said["retracted"]) == (["baseline"], "inconclusive", None)
    assert "retracted runs are left out without --retracted" in ada.gitexp("log", "--where", "acc > 0.8").stderr


def test_a_terminal_of_80_columns_has_the_notes_and_the_metric(ada: Lab) -> None:
    assert ada.gitexp("note", "latest", "-m", "seed 3 was lucky, as it seems to me now").exit_code == 0
    terminal = at_terminal(ada, "log", columns=80, PAGER="cat")
    terminal.expect(pexpect.EOF)
    assert terminal.before is not None
    assert "acc" in terminal.before
    assert "seed 3 was" in terminal.before


def test_diff_says_that_a_run_is_retracted_and_what_was_noted(ada: Lab) -> None:
    best, other = ids(ada)
    assert ada.gitexp("retract", best, "--why", "a leak").exit_code == 0
    assert ada.gitexp("note", other, "-m", "honest").exit_code == 0
    page = ada.gitexp("diff", other, best).stdout
    assert f"! {best[:8]} is retracted: a leak\n" in page
    assert page.split("\n")[0].endswith("  honest")
    assert ada.gitexp("diff", other, best, "--json").json["unfair"] == [f"{best[:8]} is retracted: a leak"]
    assert ada.gitexp("run", "--", "sh", "train.sh", "0.7").exit_code == 0
    assert f"{best[:8]} is retracted: a leak" in ada.gitexp("diff", other, best, "latest").stdout
    assert ada.gitexp("diff", "@train", "--json").json["unfair"] == []


def test_runs_are_measured_against_the_baseline_of_their_recipe(ada: Lab) -> None:
    second, first = ids(ada)
    assert ada.gitexp("baseline", first).stderr.startswith(f"{first} is the baseline of train (commit ")
    assert payload(ada) == {"recipe": "train"}
    for acc in ("0.7", "0.8"):
        assert ada.gitexp("run", "--", "sh", "train.sh", acc).exit_code == 0
    newest = ids(ada)[0]
    assert f"against {first[:8]}, the baseline of this recipe" in ada.gitexp("show").stdout
    assert ada.gitexp("diff", "--json").json["a"]["id"] == first
    pair = ada.gitexp("diff", second, "--json").json
    assert (pair["a"]["id"], pair["b"]["id"]) == (first, second)
    assert f"against {second[:8]}, the run before it" not in ada.gitexp("show", first).stdout  # it is its own measure
    refused = ada.gitexp("baseline", second)
    assert refused.stderr == (
        f"error: The baseline of train is run {first}, since Ada said so\n"
        f'fix:   gitexp baseline {second} --for train --why "…"\n'
    )
    assert ada.gitexp("baseline", second, "--why", "longer").exit_code == 0
    assert ada.gitexp("baseline", "--json").json["baselines"][0]["about"] == second
    assert ada.gitexp("show", second, "--json").json["run"]["said"]["baseline"] == ["train"]
    assert "did you mean" in ada.gitexp("baseline", second, "--for", "trane").stderr
    assert ada.gitexp("retract", second, "--why", "a leak").exit_code == 0
    assert ada.gitexp("diff", "--json").json["a"]["id"] != second
    assert "  retracted: a leak\n" in ada.gitexp("baseline").stdout
    again = ada.gitexp("baseline", second)
    assert again.exit_code == 1
    assert again.stderr == (
        f"error: Run {second} is retracted, and so no baseline: a leak\nfix:   gitexp retract {second} --undo\n"
    )
    assert ada.gitexp("retract", second, "--undo").exit_code == 0
    assert ada.gitexp("baseline", "--none", "--for", "train").exit_code == 0
    assert ada.gitexp("baseline").stderr == "There are no baselines\n"
    assert ada.gitexp("diff", second, "--json").json["b"]["id"] == newest
    assert breaches(ada.path) == []


def test_of_two_labs_baselines_the_later_holds_and_both_see_the_other(ada: Lab, hub: Lab) -> None:
    bob = cloned(hub, "Bob", user="Bob")
    assert ada.gitexp("push").exit_code == 0
    assert bob.gitexp("pull").exit_code == 0
    second, first = ids(ada)
    assert ada.gitexp("baseline", first).exit_code == 0
    assert bob.gitexp("note", second, "-m", "the longer one").exit_code == 0  # what follows is a second later
    assert bob.gitexp("baseline", second).exit_code == 0
    assert ada.gitexp("push").exit_code == bob.gitexp("push").exit_code == ada.gitexp("pull").exit_code == 0
    assert ada.gitexp("run", "--", "sh", "train.sh", "0.7").exit_code == 0
    for lab in (ada, bob):
        assert [one["about"] for one in lab.gitexp("baseline", "--json").json["baselines"]] == [second, first]
        assert shown(lab, second)["baseline"] == ["train"]
        assert shown(lab, first)["baseline"] == []
    assert f"against {second[:8]}, the latest of 2 baselines of this recipe" in ada.gitexp("show").stdout
    refused = ada.gitexp("baseline", second).stderr
    assert refused.startswith(f"error: The baseline of train is run {first}, since Ada said so\n")
    assert ada.gitexp("baseline", second, "--why", "we agreed").exit_code == 0
    assert payload(ada) == {"recipe": "train", "why": "we agreed", "from": [first]}
    assert f"against {second[:8]}, the baseline of this recipe" in ada.gitexp("show").stdout
    assert ada.gitexp("baseline", "--none", "--for", "train").exit_code == 0
    assert ada.gitexp("baseline").stderr == "There are no baselines\n"
    assert breaches(ada.path) == []
    assert ada.gitexp("verify", "--all").exit_code == 0


def test_a_decision_names_the_runs_that_it_rests_on_and_what_became_of_them(ada: Lab) -> None:
    second, first = ids(ada)
    assert ada.gitexp("decisions").stderr == 'Nothing was decided yet: gitexp decide "…" --because RUN\n'
    words = "adopt the cosine schedule\n\nGitexp-Run: kkkkkkkkkkkkkkkk"
    assert ada.gitexp("decide", words, "--because", f"latest,{first}").exit_code == 0
    assert payload(ada) == {"text": words, "because": [second, first]}
    assert trailers(ada) == "Gitexp-Event: decision"
    [one] = ada.gitexp("decisions", "--json").json["decisions"]
    assert (one["text"], one["because"], one["replaced_by"]) == (words, [second, first], None)
    assert f"supports  {one['commit'][:8]}: adopt the cosine schedule" in ada.gitexp("show", first).stdout
    assert ada.gitexp("retract", second, "--why", "a leak").exit_code == 0
    assert f"because of {second}  retracted: a leak\n" in ada.gitexp("decisions").stdout
    assert ada.gitexp("decide", "back to constant", "--because", first, "--instead-of", "zzzz").exit_code == 1
    done = ada.gitexp("decide", "back to constant", "--because", first, "--instead-of", one["commit"][:7])
    assert done.exit_code == 0, done.stderr
    leaky = ada.gitexp("decide", "y", "--because", second)
    assert (leaky.exit_code, leaky.stderr.splitlines()[0]) == (0, f"warning: {second[:8]} is retracted: a leak")
    page = ada.gitexp("decisions").stdout
    assert "replaced by " in page
    assert page.index("back to constant") < page.index("adopt the cosine")
    assert len(shown(ada, first)["decisions"]) == 2  # type: ignore[arg-type]
    assert ada.gitexp("decide", "x").exit_code == 2
    assert len(ids(ada, "--retracted")) == 2
    assert breaches(ada.path) == []


def test_log_notes_lists_what_was_learnt_and_what_did_not_work_first(ada: Lab) -> None:
    best, other = ids(ada)
    assert ada.gitexp("log", "--notes").stderr == "Nothing was said of these runs yet: gitexp note RUN -m TEXT\n"
    for words, outcome in (("it works", "kept"), ("adam diverges\n\nat any rate", "rejected"), ("\x1b[31mso so", "")):
        options = ["--outcome", outcome] if outcome else []
        assert ada.gitexp("note", other, "-m", words, *options).exit_code == 0
    assert ada.gitexp("retract", best, "--why", "a leak").exit_code == 0
    found = ada.gitexp("log", "--notes", "--json").json["notes"]
    assert [(one["kind"], one.get("outcome"), one["recipe"]) for one in found] == [
        ("retract", None, "train"), ("note", "rejected", "train"), ("note", None, "train"), ("note", "kept", "train")
    ]  # fmt: skip
    page = ada.gitexp("log", "--notes").stdout
    assert page.startswith(f"{best[:8]}  train  retracted  Ada, ")
    assert "\n    a leak\n" in page
    assert "    adam diverges\n\n    at any rate\n" in page
    assert "\x1b" not in page
    assert "1 of 4 notes; -n 4 shows all of them" in ada.gitexp("log", "--notes", "-n", "1").stderr
    assert ada.gitexp("log", "--notes", "--sort", "acc").exit_code == 2
    assert [one["kind"] for one in ada.gitexp("log", "--notes", other, "--json").json["notes"]] == ["note"] * 3


def test_a_run_that_is_not_on_the_branch_is_said_to_be_missing(ada: Lab, hub: Lab) -> None:
    assert ada.gitexp("push").exit_code == 0
    bob = cloned(hub, "Bob", user="Bob")
    assert ada.gitexp("run", "--", "sh", "train.sh", "0.7").exit_code == 0
    assert ada.gitexp("push").exit_code == 0
    bob.git("fetch", "-q", "origin")
    result = bob.gitexp("note", "origin/latest", "-m", "x")
    assert result.exit_code == 1
    assert "is not on the branch here yet" in result.stderr


def test_without_a_name_nothing_is_said(ada: Lab, tmp_path: Path) -> None:
    ada.git("config", "--global", "--unset-all", "user.name")
    ada.git("config", "--global", "--unset-all", "user.email")
    ada.git("config", "user.useConfigOnly", "true")
    tip = ada.git("rev-parse", "experiments")
    result = ada.gitexp("note", "latest", "-m", "x")
    assert result.exit_code == 1
    assert "error: " in result.stderr
    assert ada.git("rev-parse", "experiments") == tip
