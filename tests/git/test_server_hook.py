"""A server with the shipped pre-receive hook takes what gitexp records, and nothing else onto the branch."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from contract.keys import ALWAYS, IMPORTED_ALWAYS
from harness import Lab, Result, make_lab, world

from gitexp.git.hooks import hooks_source

Tree = dict[str, tuple[str, str, str]]  # name → mode, type, id

TIP = "experiments^{tree}"
RUN = "r\n\nGitexp-Run: kkkkkkkkkkkkkkkk\n"
NOTE = "note\n\nGitexp-Event: note\n"
FILES = "is an event and changes files: its tree must be its first parent's"
SHAPE = "has trailers of a run and of an event, or in no shape of theirs"
RECORDED = "every commit on experiments is a run, or an event, that gitexp recorded"
HAND = f"commit COMMIT was made by hand: {RECORDED} (gitexp drop COMMIT takes it off)"


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with code, three runs and a note, none of them pushed."""
    folder = tmp_path_factory.mktemp("recorded")
    lab = make_lab(folder / "lab", world(folder / "home"))
    assert lab.gitexp("init").exit_code == 0
    lab.write("train.sh", 'echo \'{"loss": 0.5}\' >> "$GITEXP_METRICS"; sleep "$1"; cp README "$GITEXP_OUTPUT"\n')
    lab.write("recipes/r.toml", 'n = 0\n[run]\ncommand = ["sh", "train.sh", "{n}"]\n[data]\nd = "README"\n')
    lab.commit("a program")
    for args in (["run", "r"], ["note", "latest", "-m", "it ran"], ["run", "--", "false"], ["run", "--", "true"]):
        assert lab.gitexp(*args).exit_code in (0, 4)
    assert len(lab.runs()) == 3
    return lab.path


@pytest.fixture
def ada(recorded: Path, tmp_path: Path, env: dict[str, str], hub: Lab) -> Lab:
    """That lab, whose origin has its code and the hook, and the branch but for its latest run."""
    copy = Lab(tmp_path / "ada", env)
    shutil.copytree(recorded, copy.path, symlinks=True)
    done = copy.gitexp("init", "--server", str(hub.path))
    assert done.exit_code == 0, done.stderr
    copy.git("remote", "add", "origin", str(hub.path))
    copy.git("push", "-q", "origin", "main", "experiments~1:refs/heads/experiments")
    return copy


def push(lab: Lab, *args: str) -> Result:
    """A push with git alone, past the guards of the clone."""
    return lab.command("git", "push", "-q", "--no-verify", "origin", *args)


def refusal(lab: Lab, what: str, *options: str) -> str:
    """Why the server does not take this as its branch. It must say so in one line, and stay as it was."""
    before = lab.git("ls-remote", "origin")
    done = push(lab, *options, f"{what}:refs/heads/experiments")
    assert done.exit_code != 0, "the server took it"
    assert lab.git("ls-remote", "origin") == before
    said = [
        line.rstrip() for line in done.stderr.splitlines() if line.startswith("remote: ") and line.strip() != "remote:"
    ]
    assert len(said) == 1, done.stderr
    return said[0].removeprefix("remote: error: ").replace(short(lab, what), "COMMIT")


def short(lab: Lab, commit: str) -> str:
    return lab.git("rev-parse", commit or "HEAD").strip()[:12]


def commit(
    lab: Lab, message: str, *, tree: str = "experiments^{tree}", parents: tuple[str, ...] = ("experiments",)
) -> str:
    """Store a commit, on top of the branch unless said otherwise, and move nothing."""
    named = [word for parent in parents for word in ("-p", parent)]
    return lab.git("commit-tree", lab.git("rev-parse", tree).strip(), *named, "-F", "-", feed=message).strip()


def message(lab: Lab) -> str:
    """That of the latest run."""
    return lab.git("log", "-1", "--format=%B", "experiments")


def entries(lab: Lab) -> Tree:
    """The tree of the latest run."""
    lines = (line.partition("\t") for line in lab.git("ls-tree", "experiments").splitlines())
    return {name: tuple(facts.split()) for facts, _, name in lines}  # type: ignore[misc]


def again(lab: Lab, tree: Tree) -> str:
    """The latest run once more, with another tree."""
    listing = "".join(f"{' '.join(facts)}\t{name}\n" for name, facts in tree.items())
    stored = lab.git("mktree", feed=listing).strip()
    return commit(lab, message(lab), tree=stored)


def blob(lab: Lab, text: str) -> tuple[str, str, str]:
    return "100644", "blob", lab.git("hash-object", "-w", "--stdin", feed=text).strip()


# What belongs there


def test_what_gitexp_records_is_taken(ada: Lab, hub: Lab, tmp_path: Path) -> None:
    assert ada.gitexp("push").exit_code == 0
    hub.git("clone", "-q", str(hub.path), str(tmp_path / "bob"))
    bob = Lab(tmp_path / "bob", ada.env)
    assert bob.gitexp("init").exit_code == 0
    (bob.path.parent / "results.tsv").write_text("name\tloss\na\t0.5\nb\t0.4\n")
    for lab, words in (
        (bob, ["import", "../results.tsv"]),
        (bob, ["run", "--", "true"]),
        (ada, ["rerun", ada.runs()[-1], "--yes"]),
        (ada, ["retract", ada.runs()[-1], "--why", "a leak"]),
        (ada, ["tag", "latest", "baseline-2"]),
        (ada, ["decide", "keep it", "--because", "latest"]),
    ):
        done = lab.gitexp(*words)
        assert done.exit_code == 0, f"{words}: {done.stderr}"
    for lab in (bob, ada, bob):  # ada's is a merge
        done = lab.gitexp("push")
        assert done.exit_code == 0, done.stderr
    assert len(hub.git("log", "--merges", "--format=%H", "experiments").split()) == 1
    assert len(hub.git("log", "--grep=^Gitexp-Run", "--format=%H", "experiments").split()) == 7


def test_the_whole_branch_is_taken_at_once_where_there_was_none(ada: Lab, hub: Lab) -> None:
    hub.git("update-ref", "-d", "refs/heads/experiments")
    assert push(ada, "experiments").exit_code == 0
    assert hub.git("rev-parse", "experiments") == ada.git("rev-parse", "experiments")


def test_other_branches_are_rewritten_and_deleted_as_ever(ada: Lab) -> None:
    other = ada.git("commit-tree", "HEAD^{tree}", "-m", "another beginning").strip()
    assert push(ada, "--force", f"{other}:refs/heads/main").exit_code == 0
    assert push(ada, f"{other}:refs/heads/side").exit_code == 0
    assert push(ada, "--delete", "side").exit_code == 0


def test_in_a_repository_with_sha256_too(tmp_path: Path, env: dict[str, str]) -> None:
    for name, more in (("lab", []), ("hub.git", ["--bare"])):
        subprocess.run(
            ["git", "init", "-q", "--object-format=sha256", *more, str(tmp_path / name)], check=True, env=env
        )
    lab = Lab(tmp_path / "lab", env)
    lab.commit("first")
    assert lab.gitexp("init", "--server", "../hub.git").exit_code == 0
    lab.git("remote", "add", "origin", "../hub.git")
    assert (
        lab.gitexp("run", "--", "true").exit_code == 3
    )  # gitexp.toml is not there yet, and nothing is dirty but for it
    assert lab.gitexp("init").exit_code == 0
    lab.commit("set up")
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert lab.gitexp("push").exit_code == 0
    assert HAND in refusal(lab, commit(lab, "by hand\n"))


# What does not


def test_the_branch_is_neither_deleted_nor_rewritten(ada: Lab) -> None:
    deleted = "experiments cannot be deleted here: it holds runs that others may point at"
    assert refusal(ada, "") == deleted
    dropped = "experiments only grows here: this push would drop runs that it has (gitexp pull, then push again)"
    assert refusal(ada, "experiments~2", "--force") == dropped
    assert refusal(ada, commit(ada, message(ada), parents=("experiments~2",)), "--force") == dropped


def test_another_beginning_is_refused(ada: Lab, hub: Lab) -> None:
    hub.git("update-ref", "-d", "refs/heads/experiments")
    grows = "begins a history of its own: experiments grows from the one root of docs/format.md"
    assert refusal(ada, commit(ada, message(ada), parents=())) == f"commit COMMIT {grows}"
    assert grows in refusal(ada, "main")
    merged = commit(ada, "merge\n\nGitexp-Event: merge\n", parents=("experiments", "main"))
    assert grows in refusal(ada, merged)


@pytest.mark.parametrize(
    ("words", "tree", "said"),
    [
        ("by hand\n", TIP, HAND.removeprefix("commit COMMIT ")),
        (f"{RUN}\nand more\n", TIP, HAND.removeprefix("commit COMMIT ")),
        (f"{NOTE}Gitexp-About: kkkkkkkkkkkkkkkk\n", "HEAD^{tree}", FILES),
        (NOTE, TIP, "has no run id as Gitexp-About"),
        (f"{NOTE}Gitexp-About: nobody\n", TIP, "has no run id as Gitexp-About"),
        ("b\n\nGitexp-Event: baseline\n", TIP, "has no run id as Gitexp-About"),
        ("b\n\nGitexp-Event: unbaseline\n", TIP, "has no run id as Gitexp-About"),
        ("note\n\nGitexp-Event: A; rm\n", TIP, "has a Gitexp-Event that is no word"),
        ("merge\n\nGitexp-Event: merge\n", TIP, "is no merge, though it says so"),
        (f"{RUN}Gitexp-Event: note\n", TIP, SHAPE),
        ("r\n\nGitexp-Run: kkkk\n", TIP, "has a Gitexp-Run that is no run id"),
        (f"{RUN}Gitexp-Run: kkkkkkkkkkkkkkkk\n", TIP, "has a Gitexp-Run that is no run id"),
        (f"{RUN.rstrip()}\x1f\n", TIP, SHAPE),
        (RUN, TIP, "has no Gitexp-Status of a run"),
        (f"{RUN}Gitexp-Status: fine\n", TIP, "has no Gitexp-Status of a run"),
        (f"{RUN}Gitexp-Status: failed\n", TIP, "does not have the trailers of a run"),
        ("x" * 1_100_000, TIP, "has a message of 1.0 MiB, and experiments takes 1 MiB"),
        ("note\n\n" + "x" * 140_000 + "\n\nGitexp-Event: later\n", TIP, "is an event of more than 128 KiB"),
    ],
)
def test_a_commit_of_another_shape_is_refused(ada: Lab, words: str, tree: str, said: str) -> None:
    assert refusal(ada, commit(ada, words, tree=tree)) == f"commit COMMIT {said}"


def test_a_run_of_another_shape_is_refused(ada: Lab) -> None:
    run = ada.git("log", "-1", "--format=%(trailers:key=Gitexp-Run,valueonly)", "experiments").strip()
    more = message(ada)
    attempt = "has a Gitexp-Attempt that is no number from 2 on"
    assert refusal(ada, commit(ada, f"{more.rstrip()}\nGitexp-Attempt: 1\n")) == f"commit COMMIT {attempt}"
    other = f"run {run} (commit COMMIT) has a run.toml that is not of this run"
    assert refusal(ada, commit(ada, f"{more.rstrip()}\nGitexp-Attempt: 2\n")) == other
    assert refusal(ada, commit(ada, more.replace(run, "k" * 16))) == other.replace(run, "k" * 16)
    second = {
        **entries(ada),
        "run.toml": blob(ada, ada.show("experiments:run.toml").replace("attempt = 1", "attempt = 2")),
    }
    assert refusal(ada, again(ada, second)) == other
    stored = ada.git("log", "-1", "--format=%T", again(ada, second)).strip()
    attempt = commit(ada, f"{more.rstrip()}\nGitexp-Attempt: 2\n", tree=stored)
    assert push(ada, f"{attempt}:refs/heads/experiments").exit_code == 0
    merge = commit(ada, more, parents=(attempt, "experiments~2"))
    assert refusal(ada, merge) == "commit COMMIT is a merge that gitexp did not make (gitexp pull makes them)"
    changed = commit(ada, "merge\n\nGitexp-Event: merge\n", parents=(attempt, "experiments"))
    assert refusal(ada, changed) == "commit COMMIT is an event and changes files: its tree must be its first parent's"


def test_each_file_of_a_run_must_be_there_of_its_type_and_nothing_else(ada: Lab, tmp_path: Path) -> None:
    whole = entries(ada)
    run = ada.git("log", "-1", "--format=%(trailers:key=Gitexp-Run,valueonly)", "experiments").strip()

    def refused(tree: Tree) -> str:
        said = refusal(ada, again(ada, tree))
        assert said.startswith(f"run {run} (commit COMMIT) "), said
        return said.partition(") ")[2]

    always = set(whole) - {"data", "usage.csv", "artifacts.sizes"}
    assert {refused({n: e for n, e in whole.items() if n != name}) for name in always} == {f"lacks {n}" for n in always}
    empty = "040000", "tree", ada.git("hash-object", "-w", "-t", "tree", "/dev/null").strip()
    link = "120000", *whole["README.md"][1:]
    program = "100755", *whole["README.md"][1:]
    module = "160000", "commit", ada.git("rev-parse", "HEAD").strip()
    assert refused({**whole, "extra.txt": whole["README.md"]}) == "has a file that no record has: extra.txt"
    assert refused({**whole, "\x1b[2J": whole["README.md"]}) == 'has a file that no record has: "\\033[2J"'
    assert refused({**whole, "run.toml": link}) == "has a link, or a file of another mode: run.toml"
    assert refused({**whole, "README.md": program}) == "has a link, or a file of another mode: README.md"
    assert refused({**whole, "code": module}) == "has a link, or a file of another mode: code"
    assert refused({**whole, "code": whole["README.md"]}) == "has a code that is a blob"
    assert refused({**whole, "metrics.toml": empty}) == "has a metrics.toml that is a tree"
    data = "040000", "tree", ada.git("mktree", feed=f"{' '.join(link)}\td.xxh128\n").strip()
    assert refused({**whole, "data": data}) == "has a link, or a file of another mode: data/d.xxh128"
    assert refused({**whole, "recipe.toml": blob(ada, "#" * 2_100_000)}) == "has a recipe.toml of more than 2 MiB"
    text = ada.show("experiments:run.toml")
    assert refused({**whole, "run.toml": blob(ada, "")}) == "has a run.toml that is not of this run"
    assert refused({**whole, "run.toml": blob(ada, "\0\0\n" * 99)}) == "has a run.toml that is not of this run"
    assert refused({**whole, "run.toml": blob(ada, text.replace("format =", "form ="))}).endswith("not of this run")
    # Another writer may put blanks and quotes where TOML lets it.
    loose = text.replace("format = 1", "'format'=1".replace("'", '"')).replace(f'id = "{run}"', f"id   =   '{run}'")
    assert push(ada, f"{again(ada, {**whole, 'run.toml': blob(ada, loose)})}:refs/heads/experiments").exit_code == 0


def test_a_tree_that_stands_for_a_file_is_refused(ada: Lab) -> None:
    """git stores what says so, and a server that does not look at what it gets (receive.fsckObjects) takes it."""
    raw = subprocess.run(["git", "cat-file", "tree", "experiments:"], cwd=ada.path, capture_output=True, check=True)
    inner = ada.git("mktree", feed=f"{' '.join(entries(ada)['README.md'])}\tinner\n").strip()
    lies = raw.stdout.replace(bytes.fromhex(entries(ada)["recipe.toml"][2]), bytes.fromhex(inner), 1)
    store = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    tree = subprocess.run(store, cwd=ada.path, input=lies, capture_output=True, check=True).stdout.decode().strip()
    assert refusal(ada, commit(ada, message(ada), tree=tree)).endswith("has a damaged recipe.toml: it is no blob")


def test_a_file_that_is_there_twice_is_refused(ada: Lab) -> None:
    """Each reader would take the one that it comes to first, or last."""
    other = blob(ada, "loss = 0.0\n")

    def doubled(tree: Tree, name: str) -> str:
        lines = [f"{' '.join(facts)}\t{one}\n" for one, facts in tree.items()]
        return ada.git("mktree", feed="".join([*lines, f"{' '.join(other)}\t{name}\n"])).strip()

    whole = entries(ada)
    tree = doubled(whole, "metrics.toml")
    assert refusal(ada, commit(ada, message(ada), tree=tree)).endswith("has a file twice: metrics.toml")
    data = "040000", "tree", doubled({"d.xxh128": whole["README.md"]}, "d.xxh128")
    assert refusal(ada, again(ada, {**whole, "data": data})).endswith("has a file twice: data/d.xxh128")


def test_one_bad_commit_below_good_ones_is_enough(ada: Lab) -> None:
    bad = commit(ada, "by hand\n", parents=("experiments~1",))
    good = commit(ada, message(ada), tree="experiments^{tree}", parents=(bad,))
    assert refusal(ada, good) == HAND.replace("COMMIT", bad[:12])
    assert push(ada, f"{bad}:refs/heads/side").exit_code == 0  # nor is it, where the server has it already
    assert refusal(ada, good) == HAND.replace("COMMIT", bad[:12])


def test_a_replacement_that_somebody_pushed_deceives_nobody(ada: Lab) -> None:
    bad = commit(ada, "by hand\n")
    good = commit(ada, message(ada), tree="experiments^{tree}", parents=("experiments~1",))
    assert push(ada, f"{good}:refs/replace/{bad}").exit_code == 0
    assert refusal(ada, bad) == HAND


def test_the_hook_knows_the_files_that_the_page_names() -> None:
    text = (hooks_source() / "pre-receive").read_text()
    always, mostly, rest = (
        words.split() for words in re.findall(r'split\("([\w. ]*README[\w. ]*|code [\w. ]*|data [\w. ]*)"', text)
    )
    assert set(always) == IMPORTED_ALWAYS
    assert {*always, *mostly} == {*ALWAYS, "code"}
    table = (Path(__file__).parents[2] / "docs" / "format.md").read_text().split("## 3. The tree")[1].split("## 4.")[0]
    named = re.findall(r"^\| `([\w.]+)", table, re.MULTILINE)
    assert {*always, *mostly, *rest} == set(named)


def test_a_push_that_lost_the_race_is_left_to_git_which_refuses_it(ada: Lab, hub: Lab) -> None:
    bad = commit(ada, "by hand\n")
    push(ada, f"{bad}:refs/heads/side", "experiments:refs/heads/good")
    tip, before = ada.git("rev-parse", "experiments~1", "experiments~2").split()
    good = ada.git("rev-parse", "experiments").strip()
    # What is bad is refused all the same: by the time that git looks, the branch may be where the push says it is.
    for old, new, code in ((tip, good, 0), (before, good, 0), (tip, bad, 1), (before, bad, 1), (good, bad, 1)):
        line = f"{old} {new} refs/heads/experiments\n"
        assert hub.command("sh", str(hub.path / "hooks" / "pre-receive"), feed=line).exit_code == code


def test_a_push_that_moves_the_branch_twice_is_judged_twice(ada: Lab, hub: Lab) -> None:
    """No git sends that, but a program may: the second line holds once the first has been followed."""
    tip, good = ada.git("rev-parse", "experiments~1", "experiments").split()
    bad = commit(ada, "by hand\n")
    push(ada, f"{bad}:refs/heads/side", f"{good}:refs/heads/good")
    lines = [f"{tip} {good} refs/heads/experiments\0report-status", f"{good} {bad} refs/heads/experiments"]
    empty = ada.git("hash-object", "-w", "-t", "tree", "/dev/null")
    pack = ["git", "pack-objects", "--stdout", "-q"]
    objects = subprocess.run(pack, cwd=ada.path, input=empty.encode(), capture_output=True, check=True).stdout
    sent = "".join(f"{len(line) + 4:04x}{line}" for line in lines).encode() + b"0000" + objects
    taking = ["git", "receive-pack", str(hub.path)]
    done = subprocess.run(taking, env=ada.env, input=sent, capture_output=True, check=True)
    assert f"error: {HAND.replace('COMMIT', bad[:12])}\n".encode() in done.stderr
    assert hub.git("rev-parse", "experiments").strip() == tip


def test_a_push_to_what_stands_for_the_branch_is_a_push_to_it(ada: Lab, hub: Lab) -> None:
    hub.git("symbolic-ref", "refs/heads/runs", "refs/heads/experiments")
    bad = commit(ada, "by hand\n", parents=("experiments~1",))
    assert HAND.replace("COMMIT", bad[:12]) in push(ada, f"{bad}:refs/heads/runs").stderr
    assert "cannot be deleted here" in push(ada, ":refs/heads/runs").stderr
    assert push(ada, "experiments:refs/heads/runs").exit_code == 0
    assert hub.git("rev-parse", "experiments") == ada.git("rev-parse", "experiments")


# Sizes


def test_a_record_may_have_only_so_many_bytes_that_are_new_there(ada: Lab, hub: Lab) -> None:
    hub.git("config", "gitexp.maxRecordSize", "1m")
    ada.write("weights", "".join(f"{n}\n" for n in range(600_000)))
    ada.commit("large")
    assert ada.gitexp("run", "--", "true").exit_code == 0
    said = refusal(ada, "experiments")
    assert said == (
        "commit COMMIT brings 3.9 MiB, and a record on experiments here may have 1.0 MiB that are new"
        " (git config gitexp.maxRecordSize): is something large in its code?"
    )
    assert push(ada, "main").exit_code == 0
    assert push(ada, "experiments").exit_code == 0  # the code is there by now
    (ada.path / "weights").unlink()
    ada.commit("small")
    assert ada.gitexp("run", "--", "true").exit_code == 0
    assert push(ada, "experiments").exit_code == 0
    ada.git("revert", "--no-edit", "-n", "HEAD")
    ada.commit("large once more")
    assert ada.gitexp("run", "--", "true").exit_code == 0
    assert push(ada, "experiments").exit_code == 0  # and still is


# Installing


def test_installed_twice_it_is_as_it_was_and_an_older_one_is_replaced(ada: Lab, hub: Lab) -> None:
    hook = hub.path / "hooks" / "pre-receive"
    before = hook.read_bytes()
    done = ada.gitexp("init", "--server", str(hub.path))
    assert done.stdout == "guarded    experiments: it takes whole runs, events and merges, and only grows\n"
    assert hook.read_bytes() == before
    assert ada.gitexp("init", "--server", "-").stdout.encode() == before
    assert hook.stat().st_mode & 0o777 == 0o755
    hook.write_bytes(before.replace(b"only grows here", b"grows here"))
    assert "edited     pre-receive has changes of your own" in ada.gitexp("init", "--server", str(hub.path)).stdout


def test_a_hook_that_was_there_gets_what_ours_let_through(ada: Lab, hub: Lab) -> None:
    (hub.path / "hooks" / "pre-receive").unlink()
    theirs = hub.write(
        "hooks/pre-receive", "#!/bin/sh\ncat >>seen\n[ ! -e closed ] || { echo 'closed on Mondays' >&2; exit 1; }\n"
    )
    theirs.chmod(0o755)
    done = ada.gitexp("init", "--server", str(hub.path))
    assert "kept       pre-receive.before-gitexp, which the new hook calls\n" in done.stdout
    was, new = ada.git("rev-parse", "experiments~1", "experiments").split()
    assert refusal(ada, commit(ada, "by hand\n")).endswith(HAND)
    assert not (hub.path / "seen").exists()
    assert push(ada, "experiments").exit_code == 0
    assert (hub.path / "seen").read_text() == f"{was} {new} refs/heads/experiments\n"
    hub.write("closed", "")
    assert "remote: closed on Mondays" in push(ada, "main:refs/heads/side").stderr


def test_the_branch_is_the_servers_to_name_and_one_of_somebodys_own_is_not_taken(ada: Lab, hub: Lab) -> None:
    hub.git("config", "gitexp.branch", "main")
    done = ada.gitexp("init", "--server", str(hub.path))
    assert done.exit_code == 1
    assert "error: The branch main here does not hold runs of gitexp\n" in done.stderr
    assert f"fix:   git -C {hub.path} config gitexp.branch ANOTHER-NAME    then type it again\n" in done.stderr
    hub.git("config", "gitexp.branch", "runs")
    assert push(ada, f"{commit(ada, 'by hand')}:refs/heads/experiments").exit_code == 0
    done = push(ada, "main:refs/heads/runs")
    assert "begins a history of its own: runs grows from the one root of docs/format.md" in done.stderr


def test_where_git_looks_for_hooks_elsewhere_the_line_to_add_is_named(ada: Lab, hub: Lab, tmp_path: Path) -> None:
    hub.git("config", "core.hooksPath", str(tmp_path / "all"))
    told = ada.gitexp("init", "--server", str(hub.path)).stdout
    assert f"           {tmp_path / 'all' / 'pre-receive'}:  " in told
    assert "guarded" not in told


def test_a_folder_that_is_not_there_is_not_said_to_be_gone(ada: Lab) -> None:
    done = ada.gitexp("init", "--server", "new lab.git")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: There is no folder new lab.git\n")
    assert "\nfix:   git init --bare 'new lab.git'    where it is to begin here\n" in done.stderr


def test_a_working_tree_is_no_server(ada: Lab) -> None:
    done = ada.gitexp("init", "--server", ".")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: . is no bare repository\n")


# What the pusher sees


def test_gitexp_push_shows_the_servers_words_as_its_error(ada: Lab) -> None:
    bad = commit(ada, "by hand\n")
    run = commit(ada, message(ada), parents=(bad,))
    ada.git("update-ref", "refs/heads/experiments", run)
    done = ada.gitexp("push")
    assert done.exit_code == 1
    assert done.stderr == f"error: Cannot push experiments to origin: {HAND.replace('COMMIT', bad[:12])}\n"
