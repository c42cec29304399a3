"""Several labs' runs side by side, fetched and not yet taken up; and clones that left something at the remote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import Lab, Result, published
from records import write_run

K, L, M = ("k" * 16, "l" * 16, "m" * 16)


@pytest.fixture
def ada(lab: Lab, hub: Lab) -> Lab:
    """A lab that has pushed one run to origin, and fetched what lab-b has: that one, and a better one."""
    write_run(lab, K, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.5})
    published(lab, hub)
    assert lab.gitexp("push").exit_code == 0
    lab.git("init", "-q", "--bare", "../b.git")
    theirs = clone(lab, hub.path, "bob")
    assert theirs.gitexp("init").exit_code == 0
    write_run(theirs, L, finished="2026-11-20T11:00:00Z", metrics={"val.acc": 0.9})
    for said in (["note", L, "-m", "found it"], ["tag", L, "found"], ["retract", K, "--why", "a leak"]):
        assert theirs.gitexp(*said).exit_code == 0
    theirs.git("remote", "add", "b", "../b.git")
    assert theirs.gitexp("push", "b").exit_code == 0
    lab.git("remote", "add", "lab-b", "../b.git")
    lab.git("fetch", "-q", "lab-b")
    return lab


def clone(lab: Lab, source: Path, name: str, *options: str) -> Lab:
    lab.git("clone", "-q", *options, f"file://{source}", f"../{name}")
    return Lab(lab.path.parent / name, lab.env)


def well(result: Result) -> Result:
    assert result.exit_code == 0, result.stderr
    return result


# Several remotes


def test_log_all_lists_the_runs_of_every_remote_once_and_says_where_each_is(ada: Lab) -> None:
    before = ada.state()
    lines = well(ada.gitexp("log", "--all", "--retracted")).stdout.splitlines()
    assert [line.split()[:5] for line in lines[1:]] == [
        ["l" * 8, "2026-11-20", "11:00:00Z", "lab-b", "Ada"],
        ["k" * 8, "2026-11-20", "10:00:00Z", "here,", "lab-b,"],
    ]
    told = well(ada.gitexp("log", "--all", "--retracted", "--json")).json["runs"]
    assert [(run["id"], run["where"]) for run in told] == [(L, ["lab-b"]), (K, [".", "lab-b", "origin"])]
    assert [run["said"]["tags"] for run in told] == [["found"], []]
    assert [run["id"] for run in well(ada.gitexp("log", "--all", "--json")).json["runs"]] == [L]  # lab-b retracted K
    assert [run["id"] for run in well(ada.gitexp("log", "--json")).json["runs"]] == [K]  # of which nobody knows here
    head, *sheet = well(ada.gitexp("log", "--all", "--retracted", "--csv")).stdout.splitlines()
    assert head.endswith(",where")
    assert [line[:1] for line in sheet] == ["l", "k"]
    assert sheet[0].endswith(",lab-b") and sheet[1].endswith(',"., lab-b, origin"')
    assert not well(ada.gitexp("log", "--csv")).stdout.splitlines()[0].endswith(",where")
    write_run(ada, M, finished="2026-11-20T12:00:00Z")
    told = well(ada.gitexp("log", "--all", "--json")).json["runs"]
    assert [(run["id"], run["where"]) for run in told] == [(M, ["."]), (L, ["lab-b"])]
    assert ada.state() == before


def test_where_all_is_taken_up_log_all_has_no_column_for_it(ada: Lab) -> None:
    well(ada.gitexp("pull", "lab-b"))
    well(ada.gitexp("push"))
    assert "where" not in well(ada.gitexp("log", "--all")).stdout
    assert [run["where"] for run in well(ada.gitexp("log", "--all", "--json")).json["runs"]] == [
        [".", "lab-b", "origin"]
    ]


@pytest.mark.parametrize("name", ["latest", "best:val.acc", "found", L, L[:6]])
def test_a_run_of_a_remote_is_shown_with_what_was_said_of_it_there(ada: Lab, name: str) -> None:
    page = well(ada.gitexp("show", f"lab-b/{name}")).stdout
    assert page.startswith(f"run {L}  digits  completed\n")
    assert "tag       found\n" in page
    assert "note      found it" in page
    assert f"against {K[:8]}" in page
    assert "note" not in well(ada.gitexp("show", "latest")).stdout


def test_each_side_of_a_comparison_may_be_another_labs(ada: Lab) -> None:
    ahead = well(ada.gitexp("diff", "latest", "lab-b/latest")).stdout
    assert ahead.startswith(f"A  {K[:8]}")
    assert well(ada.gitexp("diff", "lab-b/latest", "latest")).stdout.startswith(f"A  {L[:8]}")
    assert "  [found] found it\n" in ahead
    told = well(ada.gitexp("log", "latest..lab-b/latest", "--json", "--retracted")).json["runs"]
    assert [run["id"] for run in told] == [L, K]
    assert [run["id"] for run in well(ada.gitexp("log", "lab-b/latest", "--json")).json["runs"]] == [L]


def test_reports_and_notebooks_know_what_was_said_of_it_there_too(ada: Lab) -> None:
    well(ada.gitexp("report", "lab-b/latest", "-o", "../report.html"))
    assert "found it" in (ada.path.parent / "report.html").read_text()
    asked = "import gitexp; print([run['note'] for run in gitexp.runs('lab-b/latest')])"
    assert well(ada.command(sys.executable, "-c", asked)).stdout == "['found it']\n"


@pytest.mark.parametrize("name", [L, "found"])
def test_what_only_a_remote_has_is_named_with_the_remote(ada: Lab, name: str) -> None:
    error = ada.gitexp("show", name).stderr
    assert error == (
        f"error: No run is called '{name}'\n"
        f"  lab-b has it, as last fetched: {L}  2026-11-20 11:00  digits  completed  commit"
        f" {ada.git('rev-parse', 'lab-b/experiments~3')[:10]}\n"
        f"fix:   lab-b/{name}    means that one; `gitexp pull lab-b` takes it up\n"
    )


def test_what_only_this_clone_has_is_named_where_a_remotes_runs_are_meant(ada: Lab) -> None:
    write_run(ada, M, finished="2026-11-20T12:00:00Z")
    error = ada.gitexp("log", M, "--remote", "lab-b").stderr
    assert f"  this clone has it: {M}  2026-11-20 12:00  digits" in error
    assert "fix:   gitexp log    lists the runs there are\n" in error


def test_of_a_run_that_was_not_taken_up_nothing_is_said(ada: Lab) -> None:
    before = ada.git("rev-parse", "experiments")
    for words in (["note", "lab-b/latest", "-m", "hm"], ["retract", "lab-b/latest", "--why", "x"]):
        done = ada.gitexp(*words)
        assert done.exit_code == 1
        assert (
            done.stderr
            == f"error: Run {L} is not on the branch here yet\nfix:   gitexp pull lab-b    then say it again\n"
        )
    assert ada.git("rev-parse", "experiments") == before


def test_the_index_of_all_remotes_goes_on_from_what_it_has_and_is_made_anew_where_a_branch_was_set_back(
    ada: Lab,
) -> None:
    well(ada.gitexp("log", "--all"))
    bob = Lab(ada.path.parent / "bob", ada.env)
    write_run(bob, M, finished="2026-11-20T12:00:00Z")
    bob.git("push", "-q", "b", "experiments")
    ada.git("fetch", "-q", "lab-b")
    assert [run["id"] for run in well(ada.gitexp("log", "--all", "--json")).json["runs"]] == [M, L]
    ada.git("update-ref", "refs/remotes/lab-b/experiments", "lab-b/experiments~1")
    assert [run["id"] for run in well(ada.gitexp("log", "--all", "--json")).json["runs"]] == [L]


def test_a_tag_of_a_remote_that_was_not_fetched_is_answered_with_what_brings_it(ada: Lab) -> None:
    ada.git("remote", "add", "lab-c", str(ada.path))
    assert ada.gitexp("show", "lab-c/found").stderr == (
        "error: No runs of 'lab-c' were fetched (remotes with runs: lab-b, origin)\nfix:   gitexp pull lab-c\n"
    )
    assert "No run is called 'lab-b/nosuch'" in ada.gitexp("show", "lab-b/nosuch").stderr


def test_where_only_remotes_have_runs_the_line_that_takes_them_up_is_named(ada: Lab) -> None:
    root = ada.git("rev-list", "--max-parents=0", "experiments").strip()
    ada.git("update-ref", "refs/heads/experiments", root)
    assert ada.gitexp("log").stderr == (
        "error: There are no runs here yet\n"
        "Those of lab-b and origin were fetched, and not taken up: `gitexp log --all` lists them.\n"
        "fix:   gitexp pull lab-b\n"
    )


# Clones that left something at the remote


@pytest.mark.parametrize("options", [["--single-branch"], ["--depth=1"]])
def test_a_clone_of_one_branch_is_told_what_brings_the_runs(ada: Lab, hub: Lab, options: list[str]) -> None:
    other = clone(ada, hub.path, "other", "-b", "main", *options)
    one = "This clone fetches main of origin alone (git clone --single-branch, or --depth), and no runs"
    more = "git remote set-branches --add origin experiments"
    for command in (["log"], ["show"], ["diff", "latest~1", "latest"]):
        assert other.gitexp(*command).stderr == (
            f"error: gitexp is not set up in this clone: no runs of origin were fetched, or chosen\n{one}.\n"
            f"fix:   gitexp init && gitexp pull\n       {more}    # then git fetch brings them, too\n"
        )
    assert f"warning: {one}\n" in well(other.gitexp("init")).stderr
    well(other.command("sh", "-c", f"gitexp pull && {more} && git fetch"))
    assert [run["id"] for run in well(other.gitexp("log", "--json")).json["runs"]] == [K]
    assert other.git("rev-parse", "origin/experiments") == ada.git("rev-parse", "origin/experiments")


def test_a_branch_that_gitexp_toml_names_is_quoted_in_lines_to_paste(ada: Lab, hub: Lab) -> None:
    ada.write("gitexp.toml", 'branch = "x;touch${IFS}pwned"\n')
    ada.commit("a branch of its own name")
    well(ada.command("git", "push", "-q", "--no-verify", "origin", "main"))
    other = clone(ada, hub.path, "other", "-b", "main", "--single-branch")
    line = next(one for one in other.gitexp("log").stderr.splitlines() if "set-branches" in one)
    well(other.command("sh", "-c", line))
    assert not (other.path / "pwned").exists()
    assert "refs/heads/x;touch${IFS}pwned" in other.git("config", "--get-all", "remote.origin.fetch")


def test_a_remote_without_anything_to_fetch_is_in_nobodys_way(fresh: Lab, hub: Lab) -> None:
    fresh.git("config", "remote.backup.url", str(hub.path))
    assert "warning" not in well(fresh.gitexp("init")).stderr
    fresh.git("update-ref", "-d", "refs/heads/experiments")
    assert "gitexp init && gitexp pull\n" in fresh.gitexp("log").stderr


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_a_partial_clone_pulls_and_is_told_how_to_have_the_records_at_once(ada: Lab, hub: Lab, kind: str) -> None:
    hub.git("config", "uploadpack.allowFilter", "true")
    hub.git("config", "uploadpack.allowAnySHA1InWant", "true")
    other = clone(ada, hub.path, "other", f"--filter={kind}")
    pulled = well(other.gitexp("pull"))  # what was promised is no damage
    assert pulled.stderr.startswith("pulled 1 run from origin (new branch experiments ")
    first = well(other.gitexp("log"))
    assert K[:8] in first.stdout
    assert "of the records at origin (git clone --filter)\n" in first.stderr
    typed = "git fetch --refetch --no-filter origin experiments"
    assert f"fix:   {typed}\n" in first.stderr
    assert well(other.gitexp("log")).stderr == ""
    well(other.command("sh", "-c", typed))
    assert "?" not in other.git("rev-list", "--objects", "--missing=print", "experiments")


def test_a_partial_clone_as_git_made_them_at_first_is_one(ada: Lab, hub: Lab) -> None:
    hub.git("config", "uploadpack.allowFilter", "true")
    hub.git("config", "uploadpack.allowAnySHA1InWant", "true")
    other = clone(ada, hub.path, "other", "--filter=blob:none")
    other.git("config", "--unset", "remote.origin.promisor")
    other.git("config", "core.repositoryFormatVersion", "1")
    other.git("config", "extensions.partialClone", "origin")
    well(other.gitexp("pull"))
    first = well(other.gitexp("log"))
    assert K[:8] in first.stdout
    assert "of the records at origin (git clone --filter)\n" in first.stderr


def test_a_branch_that_a_remote_lost_and_prune_removed_here_is_named_with_its_newest_run(ada: Lab, hub: Lab) -> None:
    reader = clone(ada, hub.path, "reader", "-b", "main")
    well(reader.gitexp("log"))
    tip = reader.git("rev-parse", "origin/experiments").strip()
    hub.git("update-ref", "-d", "refs/heads/experiments")
    reader.git("config", "fetch.prune", "true")
    reader.git("fetch", "-q")
    gone = (
        "error: origin has no branch experiments any more, and `git fetch --prune` removed it here; the newest of its"
        f" runs that is known was the commit {tip[:10]}\n"
        f"fix:   git branch experiments {tip[:10]}    and, for all others, gitexp push\n"
    )
    assert reader.gitexp("log").stderr == gone
    assert reader.gitexp("pull").stderr == gone
    reader.git("branch", "-q", "experiments", tip[:10])
    well(reader.gitexp("push"))
    assert hub.git("rev-parse", "experiments").strip() == tip


def test_pull_from_a_remote_that_lost_the_branch_says_so_and_keeps_what_it_had(ada: Lab, hub: Lab) -> None:
    hub.git("update-ref", "-d", "refs/heads/experiments")
    said = "origin has no branch experiments any more; what it had is here: gitexp push\n"
    assert well(ada.gitexp("pull")).stderr == said
    well(ada.gitexp("push"))
    assert hub.git("rev-parse", "experiments") == ada.git("rev-parse", "experiments")
