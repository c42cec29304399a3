"""Where the benchmarks run: scratch repositories with any number of runs, and commands on a terminal of their own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from xxhash import xxh3_128_hexdigest


class Bench:
    """A scratch folder, an environment of its own, and repositories by their number of runs."""

    def __init__(
        self, root: Path, *, gitexp: str, python: str, grow: Callable[[Path, int, dict[str, str]], None]
    ) -> None:
        self.root = root
        self._gitexp, self._python, self._grow = gitexp, python, grow
        self._labs: dict[int, Path] = {}
        home = root / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            "[user]\n\tname = Bench\n\temail = bench@example.org\n[init]\n\tdefaultBranch = main\n"
        )
        keep = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LD_LIBRARY_PATH"}}
        self.env = {**keep, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "TERM": "xterm-256color"}
        self.env["PATH"] = f"{Path(python).parent}{os.pathsep}{self.env['PATH']}"

    def lab(self, runs: int) -> Path:
        """A repository of 300 files with a recipe, a small dataset and this many runs."""
        if runs in self._labs:
            return self._labs[runs]
        lab = self.root / f"lab-{runs}"
        lab.mkdir()
        for number in range(300):
            path = lab / "src" / f"module_{number}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"VALUE = {number}\n" * 20)
        (lab / "data").mkdir()
        for number in range(20):
            (lab / "data" / f"{number}.csv").write_text("a,b\n" + "1,2\n" * 1000)
        (lab / "program.py").write_text(
            "import os\nwith open(os.environ.get('GITEXP_METRICS', os.devnull), 'a') as f:\n"
            "    for i in range(20):\n        f.write('{\"step\": %d, \"acc\": %f}\\n' % (i, i / 20))\nprint('done')\n"
        )
        (lab / "recipes").mkdir()
        (lab / "recipes" / "program.toml").write_text(
            f'[run]\ncommand = ["{self._python}", "program.py"]\n[data]\nsmall = "data"\n'
            '[metrics]\ngoal = { acc = "max" }\n[optimizer]\nlr = 0.1\n'
        )
        self._git(lab, "init", "-q")
        self._git(lab, "add", "-A")
        self._git(lab, "commit", "-qm", "code")
        subprocess.run([self._gitexp, "init"], cwd=lab, env=self.env, check=True, capture_output=True)
        self._git(lab, "add", "-A")
        self._git(lab, "commit", "-qm", "gitexp init")
        for _ in range(2):
            subprocess.run([self._gitexp, "run", "program"], cwd=lab, env=self.env, check=True, capture_output=True)
        if runs:
            self._grow(lab, runs, self.env)
            subprocess.run([self._gitexp, "log"], cwd=lab, env=self.env, check=True, capture_output=True)
        self._labs[runs] = lab
        return lab

    def tree(self, files: int) -> Path:
        """A repository of so many files, set up, without runs of its own; logs of earlier runs lie there, ignored."""
        lab = self.root / f"tree-{files}"
        lab.mkdir()
        for number in range(files):
            path = lab / "src" / f"{number // 200}" / f"module_{number}.py"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(f"VALUE = {number}\n")
        for number in range(50):
            path = lab / "runs" / f"{number}" / "metrics.csv"
            path.parent.mkdir(parents=True)
            path.write_text("step,loss\n" + "1,0.5\n" * 100)
        (lab / ".gitignore").write_text("runs/\n")
        self._git(lab, "init", "-q")
        self._git(lab, "add", "-A")
        self._git(lab, "commit", "-qm", "code")
        subprocess.run([self._gitexp, "init"], cwd=lab, env=self.env, check=True, capture_output=True)
        self._git(lab, "add", "-A")
        self._git(lab, "commit", "-qm", "gitexp init")
        return lab

    def some_id(self, lab: Path) -> str:
        """The id of a run in the middle of the branch."""
        form = "--format=%(trailers:key=Gitexp-Run,valueonly,separator=)"
        done = subprocess.run(
            ["git", "log", form, "experiments"], cwd=lab, env=self.env, capture_output=True, text=True
        )
        ids = done.stdout.split()
        return ids[len(ids) // 2]

    def _git(self, lab: Path, *args: str) -> None:
        subprocess.run(["git", *args], cwd=lab, env=self.env, check=True, capture_output=True)


def one_metric(number: int) -> dict[str, str]:
    """What each of many runs has of its own."""
    return {"metrics.toml": f"acc = {(number * 7919 % 10007) / 10007}\n"}


def grow(
    lab: Path, runs: int, env: dict[str, str], *, files: Callable[[int], dict[str, str]] = one_metric, first: int = 0
) -> None:
    """Add copies of the latest run, each with an id, times and files of its own, by git's fast-import.

    `first`: the number of the first of them. What `files` gives for run.toml stands before what is there.
    """

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=lab, env=env, check=True, capture_output=True, text=True).stdout

    latest = git("log", "-1", "--grep=^Gitexp-Run: ", "--format=%H", "experiments").strip()  # the tip may be a merge
    run_toml, message = git("show", f"{latest}:run.toml"), git("log", "-1", "--format=%B", latest)
    [run_id] = [line.split()[1] for line in message.splitlines() if line.startswith("Gitexp-Run:")]
    times = [line for line in run_toml.splitlines() if line.startswith(("started =", "finished ="))]
    began = int(time.time()) - runs * 60
    feed = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=lab, env=env, stdin=subprocess.PIPE)
    assert feed.stdin is not None
    for number in range(runs):
        new_id = "".join("klmnopqrstuvwxyz"[((first + number) * 2654435761 >> at) & 15] for at in range(0, 64, 4))
        moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(began + number * 60))
        toml = run_toml.replace(run_id, new_id)
        for line in times:
            toml = toml.replace(line, f"{line.split()[0]} = {moment}")
        text = message.replace(run_id, new_id).encode()
        feed.stdin.write(b"commit refs/heads/experiments\n")
        feed.stdin.write(f"committer Bench <bench@example.org> {began + number * 60} +0000\n".encode())
        feed.stdin.write(b"data %d\n%s\n" % (len(text), text))
        if number == 0:
            feed.stdin.write(b"from refs/heads/experiments^0\n")
        own = files(first + number)
        if "history.csv" in own:
            digest = xxh3_128_hexdigest(own["history.csv"].encode())
            toml = re.sub(r'(\[history\][^\[]*digest = "xxh128:)\w+', rf"\g<1>{digest}", toml)
        for name, content in {**own, "run.toml": own.get("run.toml", "") + toml}.items():
            data = content.encode()
            feed.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data))
    feed.stdin.close()
    assert feed.wait() == 0


def quiet(argv: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> float:
    """Run a command with its output thrown away; the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr.decode()
    return took


def on_a_terminal(argv: Sequence[str], *, cwd: Path, env: dict[str, str]) -> float:
    """Run a command on a pseudo-terminal of its own; the seconds until it ended."""
    began = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(argv[0], list(argv), env)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break  # the last process that had the terminal open is gone
        if not data:
            break
        seen += data
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    os.close(master)
    assert status == 0, seen.decode(errors="replace")
    return took
