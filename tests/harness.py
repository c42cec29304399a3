"""What scenarios are made of: a hermetic world, git commands, and the installed `gitexp` as a process.

Nothing here reads or writes the real HOME, and every repository lies in a temporary folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

GITEXP = str(Path(sys.executable).parent / "gitexp")


@dataclass(frozen=True)
class Result:
    """How a process ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.stdout)


Gitexp = Callable[..., Result]  # the command line with these arguments


def world(home: Path) -> dict[str, str]:
    """The environment of a person called Ada: a git configuration of her own and nobody else's, and fixed dates."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    keep = {
        k: v
        for k, v in os.environ.items()
        if k in {"PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CI", "ATEN_CPU_CAPABILITY"}
    }
    venv = str(Path(sys.executable).parent)
    return {
        **keep,
        "PATH": f"{venv}{os.pathsep}{os.environ.get('PATH', '')}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@dataclass(frozen=True)
class Lab:
    """A working tree, and the environment of the person who works there."""

    path: Path
    env: dict[str, str]

    def git(self, *args: str, feed: str | None = None) -> str:
        """Run git and return its stdout; it must succeed."""
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=self.env, input=feed, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"git {' '.join(args)} failed:\n{done.stderr}"
        return done.stdout

    def gitexp(self, *args: str, feed: str | None = None, cwd: Path | None = None, **env: str) -> Result:
        """Run the installed gitexp command."""
        return self.command(GITEXP, *args, feed=feed, cwd=cwd, **env)

    def well(self, *args: str, feed: str | None = None, cwd: Path | None = None, **env: str) -> Result:
        """The same, which must succeed."""
        done = self.gitexp(*args, feed=feed, cwd=cwd, **env)
        assert done.exit_code == 0, done.stderr
        return done

    def command(self, *argv: str, feed: str | None = None, cwd: Path | None = None, **env: str) -> Result:
        """Run any command."""
        done = subprocess.run(
            list(argv),
            cwd=cwd or self.path,
            env={**self.env, **env},
            input=feed,
            stdin=subprocess.DEVNULL if feed is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start the installed gitexp command and leave it running."""
        return subprocess.Popen(
            [GITEXP, *args],
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file of the working tree, with its folders."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str = "work") -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def approve(self) -> None:
        """Say yes to where gitexp.toml, as it is now, has tokens and bytes go."""
        table = tomllib.loads((self.path / "gitexp.toml").read_text())
        entries = []
        for name, remote in table.get("remotes", {}).items():
            more = [f"{key}={remote[key]}" for key in ("endpoint", "region", "auth") if key in remote]
            entries.append(" ".join([f"remotes.{name}", remote["url"], *more]))
        for dataset in table.get("datasets", {}).values():
            auth = dataset.get("auth", "aws")
            if "endpoint" in dataset:
                entries.append(f"{auth} {dataset['endpoint']}")
            elif auth.startswith("env:"):
                entries.append(f"{auth} {'/'.join(dataset['url'].split('/')[:3])}")
        for entry in entries:
            self.git("config", "--add", "gitexp.trusted", entry)

    def runs(self) -> list[str]:
        """The commits of the runs on the experiments branch, newest first."""
        listing = self.git("log", "--format=%H %(trailers:key=Gitexp-Run,valueonly,separator=)", "experiments", "--")
        return [line.split()[0] for line in listing.splitlines() if len(line.split()) == 2]

    def show(self, spec: str) -> str:
        """A file of a record: `experiments:run.toml`."""
        return self.git("cat-file", "blob", spec)

    def toml(self, name: str, commit: str = "experiments") -> dict[str, Any]:
        """A .toml file of a record, read."""
        return tomllib.loads(self.show(f"{commit}:{name}"))

    def state(self) -> dict[str, Any]:
        """Everything of the user's that must stay as it is: HEAD, index, stash, status, files."""
        git_dir = Path(self.git("rev-parse", "--absolute-git-dir").strip())
        files = {
            str(path.relative_to(self.path)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.path).parts
        }
        return {
            "HEAD": (git_dir / "HEAD").read_bytes(),
            "index": (git_dir / "index").read_bytes(),
            "branches": self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main", "refs/stash"),
            "files": files,
        }


def make_lab(path: Path, env: dict[str, str]) -> Lab:
    """A repository with one commit."""
    path.mkdir(parents=True)
    lab = Lab(path, env)
    lab.git("init", "-q")
    lab.write("README", "a project\n")
    lab.commit("first commit")
    return lab


def ran(lab: Lab, *args: str) -> str:
    """Record a run by `gitexp run ARGS`; its id."""
    found: str = lab.well("run", "--json", *args).json["run"]["id"]
    return found


def cloned(hub: Lab, name: str, *, user: str = "Ada") -> Lab:
    """A clone of the hub in which gitexp is set up, beside it."""
    lab = Lab(hub.path.parent / name, hub.env)
    hub.git("clone", "-q", str(hub.path), str(lab.path))
    lab.git("config", "user.name", user)
    done = lab.gitexp("init")
    assert done.exit_code == 0, done.stderr
    return lab


def published(lab: Lab, hub: Lab) -> None:
    """Push its code to the hub, which is its origin from now on."""
    lab.git("remote", "add", "origin", str(hub.path))
    lab.git("push", "-q", "origin", "main")


def abandoned(lab: Lab, *args: str) -> str:
    """Kill `gitexp run ARGS` once its program, which goes on, has said a line; that line."""
    process = lab.start("run", *args)
    assert process.stdout is not None
    said: str = process.stdout.readline()
    process.kill()
    process.communicate()
    return said


def left_behind(lab: Lab) -> list[Path]:
    """Folders of runs that are not recorded, and git's entries of working trees."""
    git = Path(lab.git("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    return [*(git / "gitexp" / "runs").glob("*"), *git.glob("worktrees")]


def wait_for(condition: Callable[[], object], said: Callable[[], str] = lambda: "waited in vain") -> None:
    """Until something is so; it always comes about soon, or the test fails with what is `said`."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, said()
        time.sleep(0.01)


def written(path: Path) -> list[int]:
    """The process ids that a program writes into a file, on one line, once it is there."""
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(pid) for pid in path.read_text().split()]


def until_over(lab: Lab) -> None:
    """Wait until no program and no worker of a run lives that is not recorded yet."""
    marks = {f"GITEXP_RUN_ID={path.name}".encode() for path in (lab.path / ".git" / "gitexp" / "runs").glob("*")}
    wait_for(lambda: not any(marks & set(_environ(path)) for path in Path("/proc").glob("[0-9]*/environ")))


def _environ(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended: one that nobody has asked about yet is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def have(tool: str) -> bool:
    """Whether a program is installed."""
    return shutil.which(tool) is not None


def at_terminal(lab: Lab, *args: str, columns: int = 80, **env: str) -> pexpect.spawn[str]:
    """`gitexp ARGS` at a terminal of its own."""
    return spawn(lab, GITEXP, list(args), columns, env)


def spawn(lab: Lab, program: str, args: list[str], columns: int, env: dict[str, str]) -> pexpect.spawn[str]:
    """Any program at a terminal of its own."""
    return pexpect.spawn(
        program,
        args,
        cwd=str(lab.path),
        env={**lab.env, "TERM": "xterm", **env},  # type: ignore[arg-type]
        dimensions=(24, columns),
        timeout=30,
        encoding="utf-8",
    )


def exit_code(terminal: pexpect.spawn[str]) -> int | None:
    """How what runs at a terminal ends."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    code: int | None = terminal.exitstatus
    return code
