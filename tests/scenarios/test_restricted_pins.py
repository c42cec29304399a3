"""The pin of restricted data: kept under the lab's key, and understood by everything that reads a pin."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from harness import Lab, published, world

PETS = "label,size\n" + "cat,1\ndog,2\n" * 50
PLAIN = "xxh128:93eeda0fe2ef831039cbbc497f475c53"  # of pets.csv with PETS in it
KEYED = "hmac-sha256:"
RECIPE = '[run]\ncommand = ["cat", "{data.animals}"]\n[data]\nanimals = "pets"\n'
CATALOGUE = """\
[remotes.vault]
url = "../vault"
[datasets.pets]
path = "data/pets.csv"
access = "restricted"
remotes = ["vault"]
[datasets.clean]
path = "data/clean.csv"
[datasets.clean.derived]
parents = { pets = "xxh128:00000000000000000000000000000000" }
"""


@pytest.fixture
def secret(lab: Lab, hub: Lab, tmp_path: Path) -> Lab:
    """Restricted data, pinned, and open data that was made of it; a lab with a key."""
    (tmp_path / "vault").mkdir()
    lab.write(".gitignore", "data/\n")
    lab.write("data/pets.csv", PETS)
    lab.write("data/clean.csv", PETS.upper())
    lab.write("recipes/count.toml", RECIPE)
    lab.write("gitexp.toml", CATALOGUE)
    lab.approve()
    lab.git("config", "gitexp.key", "the key of the lab")
    done(lab, "data", "pin", "--all", "--parents")
    lab.commit("pinned")
    published(lab, hub)
    return lab


def done(lab: Lab, *args: str) -> Any:
    """A gitexp command that succeeds."""
    result = lab.well(*args)
    return result


def pinned(lab: Lab) -> dict[str, Any]:
    """The catalogue as the file has it."""
    return tomllib.loads((lab.path / "gitexp.toml").read_text())["datasets"]


def state(lab: Lab, name: str = "pets") -> Any:
    """How `data list` says that a dataset stands."""
    return next(one["state"] for one in done(lab, "data", "list", "--json").json["datasets"] if one["name"] == name)


def make_plain(lab: Lab) -> None:
    """Pin restricted data as older versions did."""
    text = (lab.path / "gitexp.toml").read_text()
    lab.write("gitexp.toml", text.replace(pinned(lab)["pets"]["digest"], PLAIN, 1))


def stranger(hub: Lab, tmp_path: Path) -> Lab:
    """A clone without the key."""
    b = Lab(tmp_path / "b", world(tmp_path / "home of B"))
    Lab(tmp_path, b.env).git("clone", "-q", str(hub.path), str(b.path))
    return b


def test_the_pin_of_restricted_data_tells_nobody_which_data_it_is(secret: Lab) -> None:
    datasets = pinned(secret)
    assert datasets["pets"]["digest"].startswith(KEYED)
    assert datasets["clean"]["derived"]["parents"] == {"pets": datasets["pets"]["digest"]}
    assert datasets["clean"]["digest"].startswith("xxh128:")
    assert PLAIN not in (secret.path / "gitexp.toml").read_text()
    assert "0 added" not in done(secret, "data", "pin", "pets").stdout
    assert pinned(secret) == datasets


def test_a_run_holds_to_a_keyed_pin(secret: Lab) -> None:
    done(secret, "run", "count")
    assert secret.toml("data.toml")["animals"]["digest"] == pinned(secret)["pets"]["digest"]
    secret.write("data/pets.csv", PETS + "cow,3\n")
    result = secret.gitexp("run", "count")
    assert result.exit_code == 3
    assert "Dataset animals is not the one that is pinned" in result.stderr
    assert "  0 added, 0 removed, 1 changed:\n  ~ pets.csv\n" in result.stderr
    assert "xxh128:" not in result.stderr
    assert state(secret) == "changed"


def test_pinning_says_what_has_changed_since_the_keyed_pin(secret: Lab) -> None:
    before = pinned(secret)["pets"]["digest"]
    secret.write("data/pets.csv", PETS + "cow,3\n")
    result = done(secret, "data", "pin", "pets")
    after = pinned(secret)["pets"]["digest"]
    assert after.startswith(KEYED) and after != before
    assert result.stdout == (
        f"pets  {before} → {after}  in gitexp.toml\n  0 added, 0 removed, 1 changed\n  ~ pets.csv\n"
    )
    assert result.stderr == "note: clean was made of another version of pets\n"
    done(secret, "data", "pin", "pets", "--digest", PLAIN)
    assert pinned(secret)["pets"]["digest"] == before


def test_without_the_key_nothing_is_pinned_and_no_run_starts(secret: Lab) -> None:
    text = (secret.path / "gitexp.toml").read_text()
    secret.git("config", "--unset", "gitexp.key")
    for command in (("data", "pin", "pets"), ("run", "count"), ("data", "pull", "pets"), ("data", "save", "pets")):
        result = secret.gitexp(*command)
        assert result.exit_code in (1, 3)
        assert "this clone has no key" in result.stderr
        assert "git config --global gitexp.key KEY" in result.stderr
    assert (secret.path / "gitexp.toml").read_text() == text
    assert secret.runs() == []


def test_without_the_key_what_is_there_is_listed_as_not_to_be_told(secret: Lab) -> None:
    secret.git("config", "--unset", "gitexp.key")
    listed = done(secret, "data", "list")
    assert "needs the key" in listed.stdout
    assert (
        "note: pets: without the lab's key it cannot be told whether this is the data that is pinned; "
        "git config --global gitexp.key KEY\n" in listed.stderr
    )
    assert state(secret) == "keyless"
    assert "gitexp.key" in done(secret, "data", "show", "pets").stdout


def test_who_has_the_key_pulls_by_a_keyed_pin_what_the_vault_holds(secret: Lab, hub: Lab, tmp_path: Path) -> None:
    done(secret, "data", "push", "pets", "--remote", "vault")
    b = stranger(hub, tmp_path)
    result = b.gitexp("data", "pull", "pets")
    assert result.exit_code == 3
    assert "this clone has no key" in result.stderr
    b.git("config", "gitexp.key", "the key of another lab")
    result = b.gitexp("data", "pull", "pets")
    assert result.exit_code == 3
    assert not (b.path / "data").exists()
    b.git("config", "gitexp.key", "the key of the lab")
    assert "brought to data/pets.csv" in done(b, "data", "pull", "pets").stderr
    assert (b.path / "data/pets.csv").read_text() == PETS
    assert state(b) == "pinned"


def test_a_keyed_pin_is_found_in_the_store_and_kept_by_gc(secret: Lab) -> None:
    done(secret, "data", "save", "pets")
    shutil.rmtree(secret.path / "data")
    assert state(secret) == "stored"
    assert "holds it whole" in done(secret, "data", "show", "pets").stdout
    assert unneeded(secret) == []
    shutil.rmtree(secret.path / ".git/gitexp/objects/hmac-sha256")  # as where it was stored under a plain pin
    assert unneeded(secret) == []
    done(secret, "data", "pin", "pets", "--digest", PLAIN)
    assert "brought to data/pets.csv" in done(secret, "data", "pull", "pets").stderr


def test_gc_says_whose_bytes_it_cannot_tell_without_the_key(secret: Lab) -> None:
    shutil.rmtree(secret.path / ".git/gitexp/objects/hmac-sha256")
    secret.git("config", "--unset", "gitexp.key")
    result = done(secret, "data", "gc", "--dry-run")
    assert "note: dataset pets: without git config gitexp.key its bytes cannot be told\n" in result.stderr


def unneeded(lab: Lab) -> list[str]:
    """What gc would remove in a year, of pets."""
    later = "import sys, time; real = time.time; time.time = lambda: real() + 366 * 86_400"
    typed = "sys.argv = ['gitexp', 'data', 'gc', '--dry-run']"
    result = lab.command("python", "-c", f"{later}\n{typed}\nfrom gitexp.cli.main import main\nmain()")
    assert result.exit_code == 0, result.stderr
    return [line.split()[0] for line in result.stdout.splitlines()]


def test_restricted_bytes_with_a_keyed_pin_leave_under_no_other_name(secret: Lab, tmp_path: Path) -> None:
    (tmp_path / "lab's").mkdir()
    text = (secret.path / "gitexp.toml").read_text()
    secret.write("gitexp.toml", f'[remotes.open]\nurl = "../lab\'s"\n{text}')
    secret.approve()
    secret.write("recipes/save.toml", '[run]\ncommand = ["sh", "-c", "cp data/pets.csv $GITEXP_OUTPUT/"]\n')
    secret.commit()
    done(secret, "run", "save")
    result = done(secret, "data", "push")
    assert "artifacts: pets.csv has the bytes of restricted data" in result.stderr
    assert [path for path in (tmp_path / "lab's").rglob("*") if path.is_file()] == []


def test_versions_and_runs_of_restricted_data_are_told_by_its_keyed_pin(secret: Lab) -> None:
    done(secret, "run", "count")
    (version,) = done(secret, "data", "history", "pets", "--json").json["versions"]
    assert (version["pinned"], version["here"], len(version["runs"])) == (True, True, 1)
    assert len(done(secret, "data", "runs", pinned(secret)["pets"]["digest"], "--json").json["uses"]) == 1
    assert len(done(secret, "data", "runs", PLAIN, "--json").json["uses"]) == 1


def test_a_child_is_stale_once_its_restricted_parent_has_moved_on_and_not_before(secret: Lab) -> None:
    def is_stale() -> Any:
        return done(secret, "data", "lineage", "clean", "--json").json["lineage"]["parents"][0]["stale"]

    assert is_stale() is False
    make_plain(secret)  # the parent's pin, not what the child notes
    assert is_stale() is False
    secret.write("recipes/count.toml", RECIPE.replace('"pets"', '"clean"'))
    secret.commit()
    assert "was made from another pets" not in done(secret, "run", "count").stderr
    secret.write("data/pets.csv", PETS + "cow,3\n")
    assert "note: clean was made of another version of pets" in done(secret, "data", "pin", "pets").stderr
    secret.commit()
    assert is_stale() is True
    result = done(secret, "run", "count")
    assert "was made from another pets than the one there is now" in result.stderr
    assert "xxh128:" not in result.stderr


def test_without_the_key_a_plain_and_a_keyed_digest_cannot_be_compared(secret: Lab) -> None:
    make_plain(secret)
    secret.git("config", "--unset", "gitexp.key")
    result = secret.gitexp("data", "lineage", "clean")
    assert result.exit_code == 1
    assert "git config --global gitexp.key KEY" in result.stderr


def test_a_plain_pin_of_restricted_data_stays_valid_and_is_noted(secret: Lab) -> None:
    make_plain(secret)
    secret.commit()
    note = "note: pets: its plain digest in the catalogue tells which data it is; gitexp data pin pets\n"
    assert note in done(secret, "data", "list").stderr
    assert note in done(secret, "data", "show", "pets").stderr
    assert state(secret) == "pinned"
    done(secret, "run", "count")
    result = done(secret, "data", "pin", "pets")
    assert f"pets  {PLAIN} → {KEYED}" in result.stdout
    assert "  0 added, 0 removed, 0 changed\n" in result.stdout
    assert result.stderr == ""
    assert pinned(secret)["pets"]["digest"].startswith(KEYED)


def test_a_plain_parent_of_restricted_data_is_noted_and_keyed_by_the_next_pin(secret: Lab) -> None:
    keyed = pinned(secret)["pets"]["digest"]
    text = (secret.path / "gitexp.toml").read_text()
    secret.write("gitexp.toml", text.replace(f'parents = {{ pets = "{keyed}"', f'parents = {{ pets = "{PLAIN}"'))
    assert pinned(secret)["clean"]["derived"]["parents"]["pets"] == PLAIN
    assert (
        "note: clean: the plain digest of its parent pets tells which data that is; gitexp data pin clean --parents\n"
        in done(secret, "data", "list").stderr
    )
    done(secret, "data", "pin", "clean", "--parents")
    assert pinned(secret)["clean"]["derived"]["parents"]["pets"] == keyed


def test_where_the_policy_lets_manifests_be_recorded_the_pin_is_plain(secret: Lab) -> None:
    text = (secret.path / "gitexp.toml").read_text()
    secret.write("gitexp.toml", f'[policy]\nrestricted_manifests = "record"\n{text}')
    assert state(secret) == "pinned"
    done(secret, "data", "pin", "pets")
    assert pinned(secret)["pets"]["digest"] == PLAIN
    assert done(secret, "data", "list").stderr == ""


def test_a_recipe_may_state_either_digest(secret: Lab) -> None:
    keyed = pinned(secret)["pets"]["digest"]
    for digest in (keyed, PLAIN):
        secret.write("recipes/count.toml", RECIPE.replace('"pets"', f'{{ name = "pets", digest = "{digest}" }}'))
        secret.commit()
        done(secret, "run", "count")
    assert len(secret.runs()) == 2


def test_a_run_notes_which_key_it_was_recorded_under_and_diff_claims_nothing_across_keys(secret: Lab) -> None:
    done(secret, "run", "count")
    assert 'key = "6f37a364"' in secret.show("experiments:data.toml")
    secret.git("config", "gitexp.key", "the key of another lab")
    done(secret, "data", "pin", "pets")
    secret.commit("pinned under another key")
    done(secret, "run", "count")
    shown = done(secret, "diff", "latest~1", "latest").stdout
    assert "animals  not comparable: recorded under another key" in shown
    assert "different data" not in shown
    assert "data animals (not comparable)" in done(secret, "log").stdout


def test_a_key_that_can_be_guessed_is_refused(secret: Lab) -> None:
    secret.git("config", "gitexp.key", "our secret key!")
    before = secret.state()
    result = secret.gitexp("run", "count")
    assert result.exit_code == 3
    assert "gitexp.key has 15 characters; it takes at least 16" in result.stderr
    assert 'git config gitexp.key "$(openssl rand -hex 32)"' in result.stderr
    assert secret.state() == before
