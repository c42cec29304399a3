"""No secret leaves by a push, wherever in what would be published it is; what is there already, or allowed, passes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from harness import Lab, Result, make_lab
from test_secret_forms import TOKENS

ROOT = Path(__file__).parents[2]
GITHUB = TOKENS["GitHub, classic"][1]
AWS = TOKENS["AWS key id"][1]


@pytest.fixture
def shared(lab: Lab, tmp_path: Path) -> Lab:
    """A lab with a remote that has its code, and nothing of its runs."""
    lab.git("init", "-q", "--bare", str(tmp_path / "hub"))
    lab.git("remote", "add", "origin", str(tmp_path / "hub"))
    lab.git("push", "-q", "origin", "main")
    return lab


def there(lab: Lab) -> str:
    """The remote's branches."""
    return lab.git("ls-remote", "origin")


def refused(lab: Lab, *places: str) -> Result:
    """Nothing leaves, these are named, and no secret is printed."""
    before = there(lab), lab.state()
    result = lab.gitexp("push")
    assert result.exit_code == 3, result.stderr
    assert result.stdout == "" and (there(lab), lab.state()) == before
    for place in places:
        assert place in result.stderr
    for _, secret in TOKENS.values():
        assert secret.split("@")[0] not in result.stderr
    return result


def record(lab: Lab, files: dict[str, str], message: str = "by hand") -> str:
    """A commit on the experiments branch with these files in the newest run's tree, as another tool may write it."""
    env = {**lab.env, "GIT_INDEX_FILE": str(lab.path / ".git" / "by-hand")}
    hand = Lab(lab.path, env)
    hand.git("read-tree", "experiments")
    for path, text in files.items():
        blob = hand.git("hash-object", "-w", "--stdin", feed=text).strip()
        hand.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    tree = hand.git("write-tree").strip()
    commit = lab.git("commit-tree", tree, "-p", "experiments", "-F", "-", feed=message).strip()
    lab.git("update-ref", "refs/heads/experiments", commit)
    return commit[:7]


def test_ten_kinds_of_secrets_in_ten_places_are_all_named_and_none_leaves(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "echo", "hello").exit_code == 0
    line = {kind: "".join(TOKENS[kind]) for kind in TOKENS}
    commit = record(
        shared,
        {
            "output.log": f"epoch 1\n{line['AWS key id']}\n",
            "run.toml": shared.show("experiments:run.toml") + f"# {line['GitHub, classic']}\n",
            "settings.toml": f'hub = "{line["Hugging Face"]}"\n',
            "items.csv": f"id,loss\n{line['OpenAI']},1\n",
            "artifacts.xxh128": f"{'0' * 32}  {line['Slack bot']}.bin\n",
            "environment.toml": f'url = "{line["database URL"]}"\n',
            "history.csv": f"step,{line['Stripe']}\n1,2\n",
            "code/deploy.key": line["private key"],
            f"code/{line['GitLab'].split()[1]}.txt": "x\n",
        },
        f'note: it works\n\ntext = "{line["password in YAML"]}"\n\nGitexp-Event: note\nGitexp-About: x\n',
    )
    result = refused(
        shared,
        f"{commit}:output.log:2  aws",
        f"{commit}:settings.toml:1  huggingface",
        f"{commit}:items.csv:2  api-key",
        f"{commit}:artifacts.xxh128:1  slack",
        f"{commit}:environment.toml:1  url",
        f"{commit}:history.csv:1  stripe",
        f"{commit}:code/deploy.key:1  private-key",
        f"{commit}:code/[redacted:gitlab]  gitlab in its name",
        f"{commit}, its message, line 3  named",
    )
    assert (
        f"{commit}:run.toml:" in result.stderr and "error: Nothing was published: 10 secrets are in it" in result.stderr
    )


def test_code_of_a_clean_commit_that_the_branch_is_the_first_to_publish_is_looked_at(shared: Lab) -> None:
    shared.write("settings.py", f'x = 1\nkey = "{AWS}"\n')
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    refused(shared, ":code/settings.py:2  aws  (run ")
    shared.git("push", "-q", "origin", "main")
    assert shared.gitexp("push").exit_code == 0


def test_an_edit_of_a_file_that_is_there_with_its_secret_passes_and_another_secret_does_not(shared: Lab) -> None:
    shared.write("tests/key.py", f'FIXTURE = "{GITHUB}"\n')
    shared.commit("a fixture")
    shared.git("push", "-q", "origin", "main")
    shared.write("tests/key.py", f'# an example\nFIXTURE = "{GITHUB}"\n')
    assert shared.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert shared.gitexp("push").exit_code == 0
    shared.write("tests/key.py", f'# an example\nFIXTURE = "{GITHUB}"\nMORE = "{AWS}"\n')
    shared.commit("another")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    assert "Nothing was published: 1 secret is in it" in refused(shared, ":code/tests/key.py:3  aws").stderr


def test_an_untracked_file_of_a_snapshot_is_looked_at_to_its_end(shared: Lab) -> None:
    shared.write("notes.txt", "no secret here\n" * 80_000 + f"{AWS}\n")  # what a run looks at is a file's beginning
    assert shared.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    refused(shared, ":code/notes.txt:80001  aws")


def test_what_is_new_elsewhere_counts_though_another_remote_has_it(shared: Lab, tmp_path: Path) -> None:
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    shared.git("push", "-q", "origin", "main")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    shared.git("init", "-q", "--bare", str(tmp_path / "public"))
    result = shared.gitexp("push", str(tmp_path / "public"))
    assert result.exit_code == 3 and "code/settings.py:1  aws" in result.stderr
    assert shared.gitexp("push").exit_code == 0


def test_a_url_is_asked_what_it_has(shared: Lab, tmp_path: Path) -> None:
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    shared.git("push", "-q", "origin", "main")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    assert shared.gitexp("push", str(tmp_path / "hub")).exit_code == 0
    assert "already up to date" in shared.gitexp("push", str(tmp_path / "hub")).stderr


def test_the_line_of_the_error_allows_what_is_no_secret_for_everybody(shared: Lab) -> None:
    shared.write("a 'quoted' name.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    result = refused(shared, "a 'quoted' name.py:1  aws")
    fix = result.stderr.partition("is real\n")[2].partition("    where it is none")[0]
    assert shared.command("sh", "-c", fix).exit_code == 0
    allowed = (shared.path / ".gitexp-secrets").read_text()
    assert AWS not in allowed and "aws, " in allowed
    shared.commit("it is an example")
    assert shared.gitexp("push").exit_code == 0


def test_an_allow_file_of_a_windows_editor_is_read(shared: Lab) -> None:
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    fix = refused(shared, "settings.py:1  aws").stderr.partition("is real\n")[2].partition("    where it is none")[0]
    assert shared.command("sh", "-c", fix).exit_code == 0
    allowed = shared.path / ".gitexp-secrets"
    allowed.write_bytes(b"\xef\xbb\xbf" + allowed.read_bytes().replace(b"\n", b"\r\n"))
    shared.commit("it is an example")
    assert shared.gitexp("push").exit_code == 0


def test_an_allow_file_with_the_secret_itself_is_refused_without_a_word_of_it(shared: Lab) -> None:
    shared.write(".gitexp-secrets", f"# ours\n\n{AWS}\n")
    shared.commit("allowed")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    result = refused(shared, ".gitexp-secrets:3: expected a fingerprint of 16 digits")
    assert "got" not in result.stderr


@pytest.mark.parametrize(("policy", "said"), [("warn", True), ("off", False)])
def test_the_policy_may_let_them_leave(shared: Lab, policy: str, said: bool) -> None:
    shared.write("gitexp.toml", f'[policy]\nsecrets = "{policy}"\n')
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    result = shared.gitexp("push")
    assert result.exit_code == 0, result.stderr
    assert (":code/settings.py:1  aws" in result.stderr) == said == ("1 secret is in what is" in result.stderr)


def test_a_look_that_found_something_is_not_taken_again_of_what_is_free(shared: Lab) -> None:
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.write("free.py", "x = 1\n")
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    refused(shared, "settings.py")
    noted = (shared.path / ".git/gitexp/free-of-secrets").read_text()
    assert shared.git("rev-parse", "HEAD:free.py").strip() in noted
    assert shared.git("rev-parse", "HEAD:settings.py").strip() not in noted
    refused(shared, "settings.py")
    (shared.path / ".git/gitexp/free-of-secrets").write_text("nonsense")
    refused(shared, "settings.py")


def test_what_is_too_large_to_be_looked_at_is_named_at_each_push(shared: Lab) -> None:
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.write("large.txt", "word " * 4_000_000)
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    for _ in range(2):
        refused(shared, "settings.py", ":code/large.txt (20.0 MB)")


def test_a_run_that_is_recorded_while_we_push_is_looked_at_too(shared: Lab) -> None:
    """The remote's own hook records it, and has the first push lose its race."""
    assert shared.gitexp("run", "--", "true").exit_code == 0
    assert shared.gitexp("push").exit_code == 0
    assert shared.gitexp("run", "--", "true").exit_code == 0
    other = make_lab(shared.path.parent / "other", shared.env)
    other.git("remote", "add", "origin", shared.git("remote", "get-url", "origin").strip())
    other.git("fetch", "-q", "origin", "experiments:experiments")
    assert other.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    tree = record(shared, {"output.log": f"{AWS}\n"})
    shared.git("update-ref", "refs/heads/late", tree)
    shared.git("update-ref", "refs/heads/experiments", "experiments^")
    hook = shared.path / ".git/hooks/pre-push"
    hook.write_text(
        f"#!/bin/sh\ngit -C {other.path} push -q origin experiments\ngit update-ref refs/heads/experiments late\n"
    )
    hook.chmod(0o755)
    result = shared.gitexp("push")
    assert result.exit_code == 3 and ":output.log:1  aws" in result.stderr, result.stderr
    assert AWS not in shared.git("-C", str(shared.path.parent / "hub"), "log", "-p", "--all")


@pytest.mark.long
def test_the_records_and_the_code_of_this_repository_hold_none(shared: Lab) -> None:
    """But for its tests, in which secrets are planted."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in files:
        if not name.startswith(("tests/", ".")) and (ROOT / name).is_file():
            (shared.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, shared.path / name)
    shared.commit("all of it")
    for recipe in ("digits-knn", "wine-centroid"):
        result = shared.gitexp("run", recipe)
        assert result.exit_code == 0, result.stderr
    result = shared.gitexp("push")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("pushed 2 runs to origin")


def test_git_push_by_hand_is_looked_at_by_the_hook(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    shared.git("push", "-q", "origin", "experiments")
    commit = record(shared, {"output.log": f"{AWS}\n"})
    before = there(shared)
    shared.git("tag", "v1", "experiments")
    shared.git("tag", "-m", "annotated", "v2", "experiments")
    renamed = ("main", "experiments:backup")
    for how in (("experiments",), ("experiments:experiments", "main"), ("--mirror",), renamed, ("v1",), ("v2",)):
        result = shared.command("git", "push", "origin", *how)
        assert result.exit_code == 1 and f"{commit}:output.log:1  aws" in result.stderr
        assert AWS not in result.stderr and there(shared) == before
    shared.git("push", "-q", "origin", "experiments~:experiments")
    assert shared.gitexp("push", "--check", "experiments~").stdout == (
        "free to go to origin: 0 commits with 0 new files (gitexp's own forms and detect-secrets)\n"
    )
    assert shared.gitexp("push", "--check", "experiments").exit_code == 3
    assert shared.gitexp("push", "--check", "nowhere").exit_code == 2


@pytest.mark.parametrize("what", ["experiments:output.log", "experiments^{tree}", "experiments"])
def test_what_git_replace_shows_in_its_place_hides_no_secret(shared: Lab, what: str) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    clean = shared.git("rev-parse", what).strip()
    commit = record(shared, {"output.log": f"{AWS}\n"})
    shared.git("replace", "-f", shared.git("rev-parse", what).strip(), clean)
    refused(shared, f"{commit}:output.log:1  aws")
    assert shared.command("git", "push", "origin", "experiments").exit_code == 1


def test_the_hook_says_where_it_cannot_look(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    result = shared.command("git", "push", "origin", "experiments", PATH="/usr/bin:/bin")
    assert result.exit_code == 0
    assert "note: nobody looks for secrets in what is pushed: gitexp is not on PATH\n" in result.stderr


def test_somebodys_own_branch_of_that_name_is_not_looked_at(fresh: Lab, tmp_path: Path) -> None:
    fresh.git("init", "-q", "--bare", str(tmp_path / "hub"))
    assert fresh.gitexp("init").exit_code == 0
    fresh.write("settings.py", f'key = "{AWS}"\n')
    fresh.git("update-ref", "refs/heads/experiments", fresh.commit("my own"))
    assert fresh.command("git", "push", str(tmp_path / "hub"), "experiments").exit_code == 0


def test_all_runs_that_hold_it_are_named_and_the_line_of_the_error_takes_them_off(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    kept = shared.runs()
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    for _ in range(2):
        assert shared.gitexp("run", "--", "true").exit_code == 0
    result = refused(shared, ":code/settings.py:1  aws  (run ", " and 1 more)")
    fix = result.stderr.partition("fix:   ")[2].partition("    where it is real")[0]
    assert shared.command("sh", "-c", fix).exit_code == 0
    assert shared.gitexp("push").exit_code == 0 and shared.runs() == kept


def test_what_a_record_says_of_its_code_lets_nothing_pass(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    blob = shared.git("hash-object", "-w", "--stdin", feed=f'key = "{AWS}"\n').strip()
    for code in ("--all", "^main", blob, "0" * 40, f"{blob}^{{blob}}"):
        commit = record(shared, {"code/x.py": f'key = "{AWS}"\n'}, f"x\n\nGitexp-Run: kkkk\nGitexp-Code: {code}\n")
        refused(shared, f"{commit}:code/x.py:1  aws")
        shared.git("update-ref", "refs/heads/experiments", "experiments^")


def test_without_detect_secrets_our_own_forms_look_and_it_is_said(shared: Lab, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "detect_secrets.py").write_text("raise ImportError\n")
    shared.write("settings.py", f'key = "{AWS}"\n')
    shared.commit("settings")
    assert shared.gitexp("run", "--", "true").exit_code == 0
    result = shared.gitexp("push", PYTHONPATH=str(tmp_path / "hidden"))
    assert result.exit_code == 3 and ":code/settings.py:1  aws" in result.stderr
    assert "pip install 'gitexp[secrets]' has detect-secrets look, too.\n" in result.stderr
    result = shared.gitexp("push", "--check", "experiments~", PYTHONPATH=str(tmp_path / "hidden"))
    assert result.stdout.endswith("(gitexp's own forms, detect-secrets is not installed)\n")


def test_a_secret_in_what_is_said_of_a_run_that_others_have_goes_by_the_line_that_is_printed(shared: Lab) -> None:
    assert shared.gitexp("run", "--", "true").exit_code == 0
    assert shared.gitexp("push").exit_code == 0
    pushed = shared.git("rev-parse", "experiments")
    for name in (AWS, f"{AWS}-2"):
        assert shared.gitexp("tag", "latest", name).exit_code == 0
    newest, older = shared.git("log", "-2", "--format=%h", "--abbrev=12", "experiments").split()
    result = refused(shared, f"{newest[:7]}, its message  aws")
    fix = f"gitexp drop {newest} && gitexp drop {older}"
    assert f"fix:   {fix}    where it is real\n" in result.stderr
    dropped = shared.command("sh", "-c", fix)
    assert dropped.exit_code == 0 and AWS not in dropped.stderr
    assert shared.git("rev-parse", "experiments") == pushed
