"""A commit is found by what its last paragraph says; what people write above it means nothing."""

from __future__ import annotations

from harness import Lab

from gitexp.git.repo import find_repo
from gitexp.git.trailers import commits_with


def commit(lab: Lab, message: str) -> str:
    lab.git("commit", "-q", "--allow-empty", "-F", "-", feed=message)
    return lab.git("rev-parse", "HEAD").strip()


def test_a_line_of_the_body_is_no_trailer(fresh: Lab) -> None:
    right = commit(fresh, "one\n\nGitexp-Run: a\nGitexp-Job: slurm:7\n")
    commit(fresh, "two\n\nGitexp-Job: slurm:7\nwhat he said\n\nGitexp-Run: b\n")
    repo = find_repo(fresh.path)
    assert commits_with(repo, "Gitexp-Job", "HEAD", value="slurm:7") == [right]
    assert len(commits_with(repo, "Gitexp-Run", "HEAD")) == 2


def test_a_value_is_meant_letter_by_letter(fresh: Lab) -> None:
    right = commit(fresh, "one\n\nGitexp-Job: a.b*[c]\n")
    commit(fresh, "two\n\nGitexp-Job: axb*[c]\n")
    assert commits_with(find_repo(fresh.path), "Gitexp-Job", "HEAD", value="a.b*[c]") == [right]


def test_a_message_that_names_another_recipe_makes_no_run_of_it(lab: Lab) -> None:
    lab.write("log.sh", "echo '{\"acc\": 0.5}' >> $GITEXP_METRICS\n")
    for name in ("aaa", "bbb"):
        lab.write(f"recipes/{name}.toml", '[run]\ncommand = ["sh", "log.sh"]\n')
    lab.commit("two recipes")
    assert lab.gitexp("run", "aaa", "-m", "as in\nGitexp-Recipe: bbb\nbefore").exit_code == 0
    assert "(+" not in lab.gitexp("run", "bbb").stderr
    assert "acc 0.5 (+0)" in lab.gitexp("run", "bbb").stderr
