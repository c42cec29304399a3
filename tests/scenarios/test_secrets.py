"""What is secret by its name or its form reaches no part of a record, and the program gets it all the same."""

from __future__ import annotations

import pytest
from harness import Lab

SECRET = "swordfish99"
TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 4


def everywhere(lab: Lab) -> str:
    """All that the newest record holds in git, its commit and names of files included."""
    return lab.git("grep", "-I", "-h", "", "experiments") + lab.git("log", "-1", "--format=%B", "--stat", "experiments")


@pytest.mark.parametrize(
    "argv",
    [
        ["--password", SECRET],
        [f"--password={SECRET}"],
        [f"--db.password={SECRET}"],
        ["--api-key", SECRET],
        ["-token", SECRET],
        [f"api.token={SECRET}"],
        [f"+secrets.apiKey={SECRET}"],
        [f"DB_PASSWORD={SECRET}"],
        ["sshpass", "-p", SECRET, "ssh", "host"],
        ["mysql", f"-p{SECRET}", "runs"],
        ["curl", "-u", f"ada:{SECRET}", "host"],
        ["sh", "-c", f"train --password {SECRET}; true"],
    ],
)
def test_a_secret_among_the_arguments_is_not_recorded(lab: Lab, argv: list[str]) -> None:
    result = lab.gitexp("run", "--", "echo", *argv)
    assert result.exit_code == 0, result.stderr
    assert SECRET in result.stdout
    assert SECRET not in everywhere(lab)
    recorded = lab.toml("run.toml")["argv"]
    assert len(recorded) == len(argv) + 1 and "[redacted:named]" in "".join(recorded)


def test_a_program_that_clears_the_folder_of_its_run_does_not_make_its_secret_public(lab: Lab) -> None:
    lab.gitexp("run", "--", "sh", "-c", 'rm -rf "$(dirname "$GITEXP_RECIPE")"/*; echo $2', "x", "--password", SECRET)
    assert "[redacted" in lab.show("experiments:output.log")
    assert SECRET not in everywhere(lab)


def test_a_short_secret_among_the_arguments_is_not_recorded_there(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "true", "--password", "abc", "--pin", "abc").exit_code == 0
    recorded = ["true", "--password", "[redacted:named]", "--pin", "abc"]
    assert lab.toml("run.toml")["argv"] == recorded
    assert lab.toml("recipe.toml")["run"]["command"] == recorded


def test_ordinary_arguments_are_recorded_as_they_are(lab: Lab) -> None:
    options = (
        "--pad-token <pad> --max-tokens 512 --tokenizer gpt2-large --image-key image_256 --token-level word "
        "--sort-key=name --lr=0.1 --token none --use-token data.csv --password-file /run/p1 -p 8080 --n-pass 3"
    )
    argv = options.split()
    assert lab.gitexp("run", "--", "true", *argv).exit_code == 0
    assert lab.toml("run.toml")["argv"] == ["true", *argv]


def test_a_secret_of_a_recipe_is_visibly_redacted_and_the_program_gets_it(lab: Lab) -> None:
    lab.write(
        "recipes/r.toml",
        '[run]\ncommand = ["sh", "-c", "cat $GITEXP_RECIPE; echo $0", "{api.token}"]\n'
        '[api]\ntoken = "none"\npassword = 1234\n[model]\npad_token = "<pad>"\nimage_key = "image"\nmax_tokens = 7\n',
    )
    lab.commit("a recipe")
    result = lab.gitexp("run", "r", "-s", f"api.token={SECRET}")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith(f"\n{SECRET}\n") and f'token = "{SECRET}"' in result.stdout
    assert SECRET not in everywhere(lab)
    recorded = lab.toml("recipe.toml")
    assert recorded["api"] == {"token": "[redacted:named]", "password": "[redacted:named]"}
    assert recorded["model"] == {"pad_token": "<pad>", "image_key": "image", "max_tokens": 7}


@pytest.mark.parametrize(
    ("message", "recorded"),
    [
        (f"password is {SECRET}", "password is [redacted:named]"),
        ("the password is swordfish now", "the password is [redacted:named] now"),
        (f"with api_key={SECRET}, twice the rate", "with api_key=[redacted:named], twice the rate"),
        (f"token: {SECRET}", "token: [redacted:named]"),
        (f"try {TOKEN}", "try [redacted:github]"),
        ("better token handling, 50 tokens", "better token handling, 50 tokens"),
        ("the secret is patience; key idea: lr=0.1", "the secret is patience; key idea: lr=0.1"),
    ],
)
def test_a_message_keeps_no_secret(lab: Lab, message: str, recorded: str) -> None:
    assert lab.gitexp("run", "-m", message, "--", "true").exit_code == 0
    assert lab.toml("run.toml")["message"] == recorded
    assert recorded in lab.git("log", "-1", "--format=%B", "experiments")
    assert lab.gitexp("show", "latest").stdout.count(recorded) >= 1


def test_names_of_metrics_and_artifacts_keep_no_secret(lab: Lab) -> None:
    lab.write(
        "train.py",
        "import gitexp, pathlib\ntoken = 'gh' + 'p_' + 'a1B2c3D4e5' * 4\n"
        "for name in (token, token + 'x'):\n    gitexp.log(**{name: 1.5, 'loss': 2})\n"
        "pathlib.Path('m').write_text('model')\ngitexp.save('m', name=f'{token}/m')\n",
    )
    lab.commit("a program")
    result = lab.gitexp("run", "--", "python", "train.py")
    assert result.exit_code == 0, result.stderr
    assert TOKEN not in everywhere(lab)
    assert lab.toml("metrics.toml") == {
        "[redacted:github]": 1.5,
        "loss": 2,
        "[redacted:github] (2)": 1.5,
    }
    assert lab.show("experiments:history.csv").startswith("step,time_s,[redacted:github],loss,[redacted:github] (2)\n")
    assert lab.show("experiments:artifacts.xxh128").endswith("  [redacted:github]/m\n")


def test_a_token_across_the_place_where_output_is_cut_leaves_no_half(lab: Lab) -> None:
    program = (
        "import sys; half = 'gh' + 'p_' + 'a1B2c3D4e5'; write = lambda s: (sys.stdout.write(s), sys.stdout.flush())\n"
        "write('x' * (32 * 1024 - 20)); write(half); write('a1B2c3D4e5' * 3)\n"
        "write('y' * 100_000); write('gh' + 'p_' + 'a1B2c3D4e5' * 4 + 'z' * (32 * 1024 - 90))"
    )
    assert lab.gitexp("run", "--", "python", "-c", program).exit_code == 0
    log = lab.show("experiments:output.log")
    assert len(log) <= 64 * 1024 and " bytes cut]\n" in log
    assert "a1B2c3D4e5" not in log and "hp_" not in log


def test_a_run_that_lacks_its_secret_is_not_resumed(lab: Lab) -> None:
    assert lab.gitexp("run", "--", "false", "--password", SECRET).exit_code == 4
    result = lab.gitexp("resume", "latest")
    assert result.exit_code == 3
    assert "taken for a secret" in result.stderr and "[redacted:named]" in result.stderr


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXk" * 9 + "\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "DEBUG=1\n"),
        ("deploy/.env.production", "DEBUG=1\n"),
        ("id_ed25519", "anything\n"),
        ("server.pem", "anything\n"),
        ("credentials.json", "{}\n"),
        (".aws/credentials", "[default]\n"),
        ("notes.txt", KEY),
        ("notes.md", f"the token is {TOKEN}\n"),
        ("config.yaml", "db_password: swordfish99\n"),
    ],
)
def test_a_new_file_that_looks_like_a_secret_is_not_swept_into_a_snapshot(lab: Lab, name: str, text: str) -> None:
    lab.write(name, text)
    lab.write("new.py", "x = 1\n")
    before = lab.state()
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3
    assert f"\n  {name}  (" in result.stderr and "new.py" not in result.stderr
    assert lab.runs() == [] and lab.state() == before
    assert "git add -A" not in lab.gitexp("run", "--", "true").stderr
    fix = result.stderr.partition("fix:   ")[2].partition("    ")[0]
    assert lab.command("sh", "-c", fix).exit_code == 0
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert name not in lab.git("ls-tree", "-r", "--name-only", "experiments:code").split()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env.example", "TOKEN=\n"),
        ("id_ed25519.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1 ada\n"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        ("credentials.py", "def load():\n    return os.environ['API_TOKEN']\n"),
        ("train.py", "tokenizer = AutoTokenizer.from_pretrained('gpt2', token=None)\npad_token = '<pad>'\n"),
    ],
)
def test_a_new_file_that_only_sounds_like_a_secret_is_recorded(lab: Lab, name: str, text: str) -> None:
    lab.write(name, text)
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
    assert lab.show(f"experiments:code/{name}") == text


def test_a_staged_secret_is_refused_and_the_advice_takes_it_out(lab: Lab) -> None:
    lab.write(".env", "DEBUG=1\n")
    lab.git("add", "-f", ".env")
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3
    fix = result.stderr.partition("fix:   ")[2].partition("    ")[0]
    assert lab.command("sh", "-c", fix).exit_code == 0
    assert lab.gitexp("run", "--", "true").exit_code == 0
    assert (lab.path / ".env").exists()


@pytest.mark.parametrize(
    "name", [".env~", ".netrc.bak", "server.pem.old", ".Renviron", "hf_token.txt", "openai_api_key"]
)
def test_copies_that_editors_leave_and_other_habits_count_by_name(lab: Lab, name: str) -> None:
    lab.write(name, "swordfish\n")
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3 and f"  {name}  (files of this name hold secrets)" in result.stderr


def test_a_secret_that_git_add_only_announced_is_refused(lab: Lab) -> None:
    lab.write("notes.txt", f"token {TOKEN}\n")
    lab.git("add", "-N", "notes.txt")
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3 and "notes.txt  (it holds what looks like a secret: github)" in result.stderr


def test_a_secret_in_utf_16_is_refused(lab: Lab) -> None:
    (lab.path / "notes.txt").write_bytes(f"token {TOKEN}\r\n".encode("utf-16"))
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3 and "notes.txt  (it holds what looks like a secret: github)" in result.stderr


@pytest.mark.parametrize("mark", [b"\0\1 ", b"PK\3\4\0\0", b"\x93NUMPY\0"])
def test_a_token_in_a_binary_file_is_refused(lab: Lab, mark: bytes) -> None:
    (lab.path / "blob.bin").write_bytes(mark + b"\0token " + TOKEN.encode() + b"\0\xff")
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3 and "blob.bin  (it holds what looks like a secret: github)" in result.stderr


def test_a_token_in_utf_16_without_a_mark_is_refused(lab: Lab) -> None:
    (lab.path / "notes.txt").write_bytes(f"token {TOKEN}\r\n".encode("utf-16-le"))
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 3


def test_words_and_addresses_in_a_binary_file_are_no_secrets(lab: Lab) -> None:
    words = [
        b"password = hunter2hunter2",
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"http://me:pass@example.org/",
        b"sk-learn",
    ]
    (lab.path / "model.bin").write_bytes(b"\0\1" + b"\0".join(words) + bytes(range(256)) * 100)
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0


@pytest.mark.parametrize("name", ["a\nb.pem", "a[1]\rb.pem", "end.pem\r", "\x1b\u2028\udcff.pem"])
@pytest.mark.parametrize("added", [False, True])
def test_the_advice_holds_for_a_name_with_a_line_break(lab: Lab, name: str, added: bool) -> None:
    lab.write(name, f"token {TOKEN}\n")
    if added:
        lab.git("add", "-A")
    said = lab.gitexp("run", "--no-verify", "--", "true").stderr
    fix = said.partition("fix:   ")[2].partition("    then run")[0]
    assert "\n" not in fix
    assert lab.command("sh", "-c", fix).exit_code == 0
    assert (lab.path / name).exists()
    assert lab.gitexp("run", "--", "true").exit_code == 0


@pytest.mark.parametrize("flag", [None, "--assume-unchanged", "--skip-worktree"])
def test_a_secret_typed_into_a_file_that_git_has_is_refused(lab: Lab, flag: str | None) -> None:
    lab.write("settings.py", 'token = "changeme"\n')
    lab.commit("settings")
    if flag:
        lab.git("update-index", flag, "settings.py")
    lab.write("settings.py", f'token = "{TOKEN}"\n')
    result = lab.gitexp("run", "--no-verify", "--", "true")
    assert result.exit_code == 3
    assert "settings.py  (what was typed into it looks like a secret: github)" in result.stderr
    assert "git rm" not in result.stderr and lab.runs() == []


def test_an_edit_beside_what_is_committed_already_is_recorded(lab: Lab) -> None:
    lab.write("tests/key.py", f'FIXTURE = "{TOKEN}"\n')
    lab.commit("a fixture")
    lab.write("tests/key.py", f'# an example\nFIXTURE = "{TOKEN}"\n')
    assert lab.gitexp("run", "--no-verify", "--", "true").exit_code == 0
