"""`gitexp drop`: what nobody else has leaves the branch, and what came after it stays as it was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.reader import breaches
from harness import Lab, cloned, published
from records import write_run
from signers import signs_by_ssh, trusts

LOGS = 'echo "{\\"acc\\": $1}" >> "$GITEXP_METRICS"'
WORDS = "%an <%ae> %ad %cn <%ce> %cd%n%B"


@pytest.fixture
def ada(lab: Lab, hub: Lab) -> Lab:
    """A clone of the hub with two runs that the hub does not have, and a note between them."""
    lab.write("train.sh", LOGS + "\n")
    lab.commit("a program")
    published(lab, hub)
    run(lab, "0.5")
    assert lab.gitexp("note", "latest", "-m", "to be dropped").exit_code == 0
    run(lab, "0.9")
    return lab


def run(lab: Lab, acc: str) -> str:
    done = lab.gitexp("run", "--", "sh", "train.sh", acc)
    assert done.exit_code == 0, done.stderr
    return ids(lab)[0]


def ids(lab: Lab) -> list[str]:
    return [run["id"] for run in lab.gitexp("log", "--json").json["runs"]]


def tip(lab: Lab) -> str:
    return lab.git("rev-parse", "experiments").strip()


def test_what_came_after_a_dropped_run_has_the_same_words_dates_and_files(ada: Lab) -> None:
    newest, oldest = ids(ada)
    assert ada.gitexp("note", newest, "-m", "stays").exit_code == 0
    kept = [ada.git("log", "-1", f"--format={WORDS}", f"experiments{back}") for back in ("~1", "")]
    tree, before, state = ada.git("rev-parse", "experiments~1^{tree}"), tip(ada), ada.state()
    result = ada.gitexp("drop", "latest~1")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(f"dropped {oldest} and 1 event; 2 commits after it have new ids\n")
    back = f"git update-ref -m 'gitexp drop: taken back' refs/heads/experiments {before} {tip(ada)}"
    assert f"back       {back}\n" in result.stderr
    assert ada.state() == state
    assert [ada.git("log", "-1", f"--format={WORDS}", f"experiments{back}") for back in ("~1", "")] == kept
    assert ada.git("rev-parse", "experiments~1^{tree}") == ada.git("rev-parse", "experiments^{tree}") == tree
    assert ada.git("rev-list", "--count", "experiments").strip() == "3"
    assert ids(ada) == [newest]
    assert breaches(ada.path) == []
    verified = ada.gitexp("verify", "--all")
    assert verified.exit_code == 0, verified.stdout
    assert ada.command("sh", "-c", back).exit_code == 0
    assert ada.gitexp("verify", "--all").exit_code == 0
    assert ada.gitexp("drop", "latest").exit_code == 0  # what was taken back came about here all the same


def test_nothing_of_a_dropped_run_is_left_in_what_is_pushed(ada: Lab, hub: Lab) -> None:
    secret = run(ada, "0.1234")
    assert ada.gitexp("note", "latest~1", "-m", "said while it was the newest").exit_code == 0
    assert ada.gitexp("drop", secret).exit_code == 0
    assert ada.gitexp("push").exit_code == 0
    assert "0.1234" not in hub.git("log", "-p", "experiments")
    assert secret not in hub.git("log", "--format=%B", "experiments")
    assert len(ids(ada)) == 2


def test_the_newest_run_leaves_the_branch_where_it_was_and_comes_back_by_the_line_that_is_printed(ada: Lab) -> None:
    before, earlier = tip(ada), ada.git("rev-parse", "experiments~1").strip()
    result = ada.gitexp("drop", "latest")
    assert tip(ada) == earlier
    [line] = [text for text in result.stderr.splitlines() if text.startswith("back ")]
    assert ada.command("sh", "-c", line.removeprefix("back ")).exit_code == 0
    assert tip(ada) == before
    assert len(ids(ada)) == 2


def test_it_can_be_erased_by_the_line_that_is_printed(ada: Lab) -> None:
    before = tip(ada)
    result = ada.gitexp("drop", "latest")
    [line] = [text for text in result.stderr.splitlines() if text.startswith("for good ")]
    assert ada.command("sh", "-c", line.removeprefix("for good ")).exit_code == 0
    assert ada.command("git", "cat-file", "-e", before).exit_code != 0


def test_what_a_remote_has_is_not_dropped(ada: Lab) -> None:
    assert ada.gitexp("push").exit_code == 0
    mine = run(ada, "0.7")
    before, shared = tip(ada), ids(ada)[1]
    result = ada.gitexp("drop", shared)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: Run {shared} is on origin/experiments\n"
        "It stays in the history: others may have it, or build on it.\n"
        f'fix:   gitexp retract {shared} --why "…"    # it counts no more\n'
    )
    assert tip(ada) == before
    assert ada.gitexp("drop", mine).exit_code == 0


@pytest.mark.parametrize("how", ["a bundle", "a URL", "a remote that is none any more"])
def test_what_went_into_a_bundle_or_to_a_server_is_not_dropped(ada: Lab, hub: Lab, tmp_path: Path, how: str) -> None:
    ways = {"a bundle": ("bundle", str(tmp_path / "to-lab-b")), "a URL": ("push", str(hub.path))}
    assert ada.gitexp(*ways.get(how, ("push", "origin"))).exit_code == 0
    ada.git("remote", "remove", "origin")
    mine = run(ada, "0.7")
    before, given = tip(ada), ids(ada)[1]
    result = ada.gitexp("drop", given)
    assert result.exit_code == 1
    forget = "git update-ref -d refs/gitexp/given/experiments"
    assert result.stderr == (
        f"error: Run {given} went into a bundle, or to a server that is no remote\n"
        "It stays in the history: others may have it, or build on it.\n"
        f'fix:   gitexp retract {given} --why "…"    # it counts no more\n'
        f"       {forget}    and drop it again, where nobody took it\n"
    )
    assert tip(ada) == before
    assert ada.gitexp("drop", mine).exit_code == 0
    assert ada.command("sh", "-c", forget).exit_code == 0
    assert ada.gitexp("drop", given).exit_code == 0


def test_a_run_that_a_later_record_names_is_not_dropped(ada: Lab) -> None:
    newest, oldest = ids(ada)
    assert ada.gitexp("decide", "adopt it", "--because", oldest).exit_code == 0
    before = tip(ada)
    result = ada.gitexp("drop", oldest)
    assert result.exit_code == 1
    assert (
        f"Run {oldest} cannot be dropped: What came after it (decision: adopt it, commit {before[:10]}) names it"
        in (result.stderr)
    )
    assert tip(ada) == before
    assert ada.gitexp("drop", newest).exit_code == 0


def test_a_rerun_keeps_its_original_and_what_lies_between(ada: Lab) -> None:
    newest, oldest = ids(ada)
    assert ada.gitexp("rerun", newest).exit_code == 0
    for one in (oldest, newest):
        result = ada.gitexp("drop", one)
        assert result.exit_code == 1
        assert " names it, or what would have to be written anew" in result.stderr
    assert ada.gitexp("drop", "latest").exit_code == 0
    assert ada.gitexp("drop", oldest).exit_code == 0
    assert ids(ada) == [newest]


def test_runs_of_another_clone_are_not_written_anew(ada: Lab, hub: Lab) -> None:
    path = hub.path.parent / "bob"
    hub.git("clone", "-q", str(hub.path), str(path))
    bob = Lab(path, hub.env)
    assert bob.gitexp("init").exit_code == 0
    bob.git("fetch", "-q", str(ada.path), "experiments")
    bob.git("update-ref", "refs/heads/experiments", "FETCH_HEAD")
    result = bob.gitexp("drop", "latest")
    assert result.exit_code == 1
    assert " did not come about in this clone" in result.stderr


def test_a_merge_that_was_made_here_is_made_again(ada: Lab, hub: Lab) -> None:
    path = hub.path.parent / "bob"
    hub.git("clone", "-q", str(hub.path), str(path))
    bob = Lab(path, hub.env)
    assert bob.gitexp("init").exit_code == 0
    theirs = run(bob, "0.6")
    assert bob.gitexp("push").exit_code == 0
    assert ada.gitexp("pull").exit_code == 0
    newest, oldest = (one for one in ids(ada) if one != theirs)
    assert ada.gitexp("drop", oldest).exit_code == 0
    assert {*ids(ada)} == {newest, theirs}
    assert ada.gitexp("drop", newest).exit_code == 0
    assert ids(ada) == [theirs]
    assert ada.gitexp("push").exit_code == 0
    assert breaches(hub.path) == []


def test_imported_runs_can_be_dropped_and_what_was_signed_is_signed_again(
    ada: Lab, tmp_path: Path, ssh_keygen: str
) -> None:
    trusts(ada, signs_by_ssh(ada))
    (tmp_path / "results.tsv").write_text("val_bpb\tdescription\n1.5\tone\n1.4\ttwo\n1.3\tthree\n")
    assert ada.gitexp("import", str(tmp_path / "results.tsv")).exit_code == 0
    told = ada.gitexp("log", "--json", "--where", "val_bpb == 1.4").json["runs"]
    assert ada.gitexp("drop", told[0]["id"]).exit_code == 0
    assert ada.git("log", "-2", "--format=%G?", "experiments").split() == ["G", "G"]
    ada.git("config", "commit.gpgsign", "false")
    other = ada.gitexp("drop", ada.gitexp("log", "--json", "--where", "val_bpb == 1.5").json["runs"][0]["id"])
    assert "warning: 1 commit of them lost a signature: nothing is signed now\n" in other.stderr
    ada.git("branch", "backup", "experiments")
    assert "warning: refs/heads/backup has it all the same\n" in ada.gitexp("drop", "latest").stderr
    assert len(ids(ada)) == 2


def test_all_attempts_of_a_run_go(ada: Lab) -> None:
    newest = tip(ada)
    for commit in (
        write_run(ada, "k" * 16, status="interrupted"),
        write_run(ada, "l" * 16, finished="2026-11-20T11:00:00Z"),
        write_run(ada, "k" * 16, attempt=2, finished="2026-11-20T12:00:00Z"),
    ):
        ada.git("update-ref", "-m", "gitexp record: as if here", "refs/heads/experiments", commit)
    result = ada.gitexp("drop", "k" * 16)
    assert result.stderr.startswith(f"dropped {'k' * 16}; 1 commit after it has a new id\n"), result.stderr
    assert len(ids(ada)) == 3
    assert ada.git("rev-parse", "experiments~1").strip() == newest
    assert ada.git("log", "--format=%B", "experiments").count("k" * 16) == 0


def test_a_run_that_goes_on_meanwhile_is_recorded_on_what_is_left(ada: Lab) -> None:
    newest, oldest = ids(ada)
    going = ada.start("run", "--", "sh", "-c", "echo there; while [ ! -e ../go ]; do sleep 0.05; done")
    assert going.stdout is not None
    assert going.stdout.readline() == "there\n"
    assert ada.gitexp("drop", oldest).exit_code == 0
    ada.write("../go", "")
    going.communicate()
    assert going.returncode == 0
    assert ids(ada)[1:] == [newest]
    assert ada.gitexp("verify", "--all").exit_code == 0


# A commit that is no run


def said(lab: Lab, *args: str) -> str:
    """Say something, and the commit by which it is said, as it is printed."""
    done = lab.gitexp(*args)
    assert done.exit_code == 0, done.stderr
    return done.stderr.rpartition("(commit ")[2].rstrip(")\n")


def test_what_was_said_is_taken_back_by_the_commit_that_was_printed(ada: Lab) -> None:
    wrong = said(ada, "note", "latest", "-m", "meant for another")
    said(ada, "note", "latest", "-m", "stays")
    state = ada.state()
    result = ada.gitexp("drop", wrong)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(f"dropped {wrong} (note: meant for another); 1 commit after it has a new id\n")
    assert ada.state() == state
    notes = [note["text"] for note in ada.gitexp("log", "--notes", "--json").json["notes"]]
    assert notes == ["stays", "to be dropped"]
    assert len(ids(ada)) == 2
    assert breaches(ada.path) == []
    assert ada.gitexp("verify", "--all").exit_code == 0


def test_what_others_have_heard_is_not_taken_back(ada: Lab) -> None:
    told = said(ada, "note", "latest", "-m", "for all")
    assert ada.gitexp("push").exit_code == 0
    before = tip(ada)
    result = ada.gitexp("drop", told)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: Commit {told} is on origin/experiments\nIt stays in the history: others may have it, or build on it.\n"
    )
    assert tip(ada) == before


def test_a_decision_that_a_later_one_replaces_is_not_taken_back(ada: Lab) -> None:
    first = said(ada, "decide", "adopt it", "--because", "latest")
    first = first.partition(")")[0]
    assert ada.gitexp("decide", "do not", "--because", "latest", "--instead-of", first).exit_code == 0
    result = ada.gitexp("drop", first)
    assert result.exit_code == 1
    assert f"Commit {first} cannot be dropped: What came after it (decision: do not, commit " in result.stderr


def test_commits_made_by_hand_go_one_by_one_until_the_guarded_hub_takes_the_branch(ada: Lab, hub: Lab) -> None:
    assert ada.gitexp("init", "--server", str(hub.path)).exit_code == 0
    for number in "12":
        ada.write("by-hand", number)
        blob = ada.git("hash-object", "-w", "by-hand").strip()
        tree = ada.git("ls-tree", "experiments") + f"100644 blob {blob}\tby-hand\n"
        stored = ada.git("mktree", feed=tree).strip()
        made = ada.git("commit-tree", stored, "-p", "experiments", "-m", f"by hand {number}").strip()
        ada.git("update-ref", "refs/heads/experiments", made)
    (ada.path / "by-hand").unlink()
    run(ada, "0.7")
    said(ada, "note", "latest", "-m", "after all")
    for number in "12":
        refused = ada.gitexp("push")
        assert refused.exit_code == 1
        line = refused.stderr.partition("(gitexp drop ")[2].partition(" takes it off)")[0]
        dropped = ada.gitexp("drop", line)
        assert dropped.exit_code == 0, dropped.stderr
        assert dropped.stderr.startswith(f"dropped {line[:10]} (by hand {number}); ")
    assert ada.gitexp("push").exit_code == 0
    assert "by-hand" not in hub.git("log", "--name-only", "--format=", "experiments")
    assert ada.gitexp("verify", "--all").exit_code == 0
    assert len(ids(ada)) == 3


def test_neither_a_merge_by_which_runs_are_here_nor_the_root_nor_code_is_dropped(ada: Lab, hub: Lab) -> None:
    bob = cloned(hub, "bob")
    run(bob, "0.3")
    assert bob.gitexp("push").exit_code == 0
    assert ada.gitexp("pull").exit_code == 0
    before = tip(ada)
    merge = ada.gitexp("drop", "experiments")
    assert merge.exit_code == 1
    assert merge.stderr == f"error: Commit {before[:10]} cannot be dropped: it brought runs together\n"
    root = ada.gitexp("drop", "bd649e5b4206e0f538ce41e3875a9377c19c7f7c")
    assert root.stderr.startswith("error: Commit bd649e5b42 is on origin/experiments\n")
    code = ada.git("rev-parse", "HEAD").strip()[:10]
    assert ada.gitexp("drop", "HEAD").stderr == (
        f"error: HEAD is the commit {code}, which is not on experiments\n"
        "What came after something that was dropped is there under another id.\n"
        "fix:   git log --oneline experiments --    lists them\n"
    )
    assert tip(ada) == before
    assert len(ids(ada)) == 3
