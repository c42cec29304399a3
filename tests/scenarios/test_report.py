"""`gitexp report`: one page, looked at by a real browser; nothing that came with a record acts in it."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from harness import Lab, wait_for
from records import RECIPE, commit_files, metrics_toml, write_run

Browse = Callable[[Path], str]

HOSTILE = "</script><script>document.documentElement.dataset.pwned=1</script><img src=x onerror=document.title='PWNED'>"
MARKS = "evil\u202etxt.exe\u2066\x1b[31m"


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Browse:
    """A page to what a browser makes of it, as HTML again."""

    def look(path: Path) -> str:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(
            [chromium, *options, "--virtual-time-budget=5000", "--dump-dom", f"file://{path}"],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "data-ready=" in done.stdout, done.stderr[-2000:]
        return done.stdout.rpartition('<script type="application/json"')[0]

    return look


def sweep(lab: Lab) -> None:
    """Two learning rates with three seeds, and a run that failed."""
    for at, (lr, seed, accuracy) in enumerate(
        [(0.1, 1, 0.90), (0.1, 2, 0.92), (0.1, 3, 0.91), (0.2, 1, 0.80), (0.2, 2, 0.84), (0.2, 3, 0.82)]
    ):
        recipe = RECIPE.replace("seed = 1", f"seed = {seed}").replace("0.01", str(lr))
        history = "step,time_s,val.acc\n" + "".join(f"{n},{n}.5,{accuracy * n / 9}\n" for n in range(10))
        write_run(
            lab, "klmnop"[at] * 16, finished=f"2026-11-20T10:0{at}:00Z", metrics={"val.acc": accuracy}, seed=seed,
            files={"recipe.toml": recipe, "history.csv": history},
        )  # fmt: skip
    write_run(lab, "z" * 16, finished="2026-11-20T11:00:00Z", status="failed", metrics={})


def test_the_first_view_says_which_is_best_and_whether_it_is_noise(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    write_run(lab, "y" * 16, kind="smoke", finished="2026-11-20T12:00:00Z")
    result = lab.gitexp("report", "-o", "page.html")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.search(r"(?m)^page\.html: 7 runs, [\d.]+ kB$", result.stderr)
    page = browse(lab.path / "page.html")
    assert "7 runs of digits · 6 completed · 1 did not complete. Left out: 1 smoke run." in page
    assert "Best mean of val.acc: <strong>lr 0.1</strong> with 0.910 ± 0.010 (n = 3)." in page
    assert "The next, lr 0.2, has 0.820 ± 0.020 (n = 3); the means are 0.09 apart" in page
    for part in ("Best, and is it noise?", "Runs", "Curves", "Any two keys", "Parallel coordinates", "Best so far"):
        assert f">{part}</h2>" in page
    assert page.count('<p class="empty">None recorded.</p>') == 6  # resources, and what was said in five ways
    assert 'title="not recorded" aria-label="not recorded"' in page  # the failed run has no accuracy


def test_what_a_run_used_and_what_is_marked_is_shown(lab: Lab, browse: Browse) -> None:
    usage = "time_s,cpu_s,processes,memory_bytes,read_bytes,written_bytes\n2,3,2,64000000,1000,2000\n4,6,2,32000000,,\n"
    write_run(lab, "k" * 16, files={"usage.csv": usage})
    write_run(lab, "l" * 16, clean=False, defects=["a loss was nan"], status="crashed", kind="smoke")
    lab.gitexp("report", "--smoke", "-o", "page.html")
    page = browse(lab.path / "page.html")
    assert "1 run of 2 with a record of it" in page
    assert "<td>64 MB</td>" in page
    for mark in ("smoke", "dirty", "1 defect"):
        assert f'<span class="chip mark">{mark}</span>' in page
    assert '<span class="chip bad">crashed</span>' in page


def test_one_run_is_no_claim(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    lab.gitexp("report", "kkkk", "nnnn", "-o", "page.html")
    assert "One run: no claim, its noise is not known." in browse(lab.path / "page.html")


def test_nothing_of_a_record_acts_in_the_page(lab: Lab, browse: Browse) -> None:
    name = HOSTILE.replace("'", "").replace('"', "")
    for at, letter in enumerate("klm"):
        recipe = f"[run]\ncommand = ['x']\n[metrics.goal]\n'val.acc' = 'max'\n['{name}']\nkey = '{name}'\nn = {at}\n"
        write_run(
            lab, letter * 16, finished=f"2026-11-20T10:0{at}:00Z", recipe=name + MARKS, message=HOSTILE + MARKS,
            author="&lt;img src=x&gt; <a@example.org>", seed=at, host=HOSTILE, user=MARKS,
            files={
                "recipe.toml": recipe,
                "metrics.toml": metrics_toml({"val.acc": 0.5 + at / 10, name: at, "__proto__": at, "constructor": 1}),
                "history.csv": f"step,time_s,val.acc,{name},__proto__\n0,0.5,0.1,1,2\n1,1.5,0.2,2,3\n2,2,nan,inf,4\n",
            },
        )  # fmt: skip
    assert lab.gitexp("report", "--title", HOSTILE, "-o", "page.html").exit_code == 0
    text = (lab.path / "page.html").read_text()
    assert text.count("<script") == 2  # our data and our script
    assert not set("\u202e\u2066\x1b\u2028") & set(text)
    assert "evil\\\\u202etxt.exe\\\\u2066\\\\x1b[31m" in text
    page = browse(lab.path / "page.html")
    assert "data-pwned" not in page
    assert "<img" not in page
    assert "<title>&lt;/script&gt;" in page
    assert "__proto__" in page
    assert "&lt;img src=x onerror=document.title=PWNED&gt;" in page


POKE = """
const said = document.documentElement.dataset, failures = [];
addEventListener("error", (event) => failures.push(event.message));
const change = (node, value) => { node.value = value; node.dispatchEvent(new Event("change")); };
addEventListener("load", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const section of document.querySelectorAll("section")) {
    const every = (what, act) => { for (let n = 0; n < section.querySelectorAll(what).length; n += 1) act(n); };
    every("select", (n) => {
      const options = section.querySelectorAll("select")[n].options.length;
      for (let value = options - 1; value >= 0; value -= 1) change(section.querySelectorAll("select")[n], value);
    });
    const box = "input[type=checkbox]";
    for (let twice = 0; twice < 2; twice += 1) every(box, (n) => section.querySelectorAll(box)[n].click());
  }
  const of = (what) => [...document.querySelectorAll(what)];
  of("#runs th button").find((button) => button.title === "val.acc").click();
  said.best = of("#runs tbody tr th")[0].textContent;
  of("#runs th button").find((button) => button.title === "val.acc").click();
  said.worst = of("#runs tbody tr th")[0].textContent;
  const filter = document.querySelector("input[type=search]");
  filter.value = "failed";
  filter.dispatchEvent(new Event("input"));
  said.filtered = document.querySelector("#runs .reading").textContent;
  document.querySelector("#curves .stage svg").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  said.read = document.querySelector("#curves .reading").textContent;
  const odd = (node) => [...node.attributes].some((one) => /NaN|Infinity|undefined/.test(one.value));
  said.odd = of("svg *").filter(odd).length;
  said.failures = failures.join("; ") || "none";
});
"""


def test_every_control_works_and_no_picture_breaks(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    lab.gitexp("report", "-o", "page.html")
    path = lab.path / "page.html"
    digest = b64encode(sha256(POKE.encode()).digest()).decode()
    text = path.read_text().replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    path.write_text(text.replace("<main", f"<script>{POKE}</script><main", 1))
    said = dict(re.findall(r'data-(\w+)="([^"]*)"', browse(path).partition("<head>")[0]))
    assert (said["failures"], said["odd"]) == ("none", "0")
    assert (said["best"], said["worst"]) == ("l" * 8, "n" * 8)
    assert said["filtered"].startswith("1 of 7 runs")
    assert re.match(r"step 8\.82: lr 0\.1 \(n = 3\) 0\.89", said["read"])


def test_the_policy_of_the_page_forbids_what_is_not_ours(lab: Lab, browse: Browse) -> None:
    """As if something had come in after all: it neither runs nor loads."""
    sweep(lab)
    lab.gitexp("report", "-o", "page.html")
    path = lab.path / "page.html"
    inside = (
        '<main id="app"></main><script>document.documentElement.dataset.pwned = 1</script><b onclick=x style=color:red>'
    )
    inside += "<img id=probe src='file:///etc/hostname' onerror=\"document.documentElement.dataset.pwned = 2\">"
    path.write_text(path.read_text().replace('<main id="app"></main>', inside))
    page = browse(path)
    assert "data-pwned" not in page
    policy = re.search(r'Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert "http:" not in policy[1]


def test_a_page_of_chosen_runs_says_how_they_were_chosen(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    lab.gitexp("report", "--where", "optimizer.lr == 0.1", "-o", "page.html")
    page = browse(lab.path / "page.html")
    assert "3 runs of digits · 3 completed." in page
    assert "gitexp report --where 'optimizer.lr == 0.1'" in page


def test_what_a_page_leaves_out_is_counted_and_its_command_makes_it_again(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    write_run(lab, "y" * 16, kind="smoke", finished="2026-11-20T12:00:00Z")
    commit_files(lab, {"README.md": "x"}, message=f"a leak\n\nGitexp-Event: retract\nGitexp-About: {'k' * 16}\n")
    for options, said in (
        ([], "Left out: 1 smoke run, 1 retracted run."),
        (["--smoke"], "Left out: 1 retracted run."),
        (["--smoke", "--retracted"], "None was left out."),
        (["--where", "optimizer.lr == 0.1"], ""),
    ):
        lab.gitexp("report", *options, "-o", "page.html")
        page = browse(lab.path / "page.html")
        assert (said in page, "eft out" in page) == (True, bool(said)), options
        assert f"<code>{shlex.join(['gitexp', 'report', *options])}</code>" in page


def test_the_best_two_groups_have_the_sentence_that_their_figures_carry(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    lab.gitexp("report", "-o", "page.html")
    page = browse(lab.path / "page.html")
    sentence = lab.gitexp("diff", "optimizer.lr == 0.2", "optimizer.lr == 0.1").stdout.split("val.acc: ")[1]
    assert sentence.startswith("B is better by 9.0 ")
    assert f"Of A, lr 0.2, and B, lr 0.1: <strong>{sentence.splitlines()[0]}</strong>. " in page
    assert "the best two of" not in page
    lab.write("none/scipy/__init__.py", "raise ImportError('no scipy')\n")
    lab.gitexp("report", "-o", "page.html", PYTHONPATH=str(lab.path / "none"))
    page = browse(lab.path / "page.html")
    assert "not tested: Intervals and tests over several runs need scipy (pip install 'gitexp[stats]')" in page


def test_what_was_said_of_runs_is_named_with_its_commit(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    said = f"a leak\n\nGitexp-Event: retract\nGitexp-About: {'k' * 16}\n"
    commit = commit_files(lab, {"README.md": "x"}, message=said, author="Bob & Co <b@example.org>")
    lab.gitexp("report", "-o", "page.html")
    page = browse(lab.path / "page.html")
    assert f"<li>retract kkkkkkkk, by Bob &amp; Co, 2026-11-20 10:00 UTC: git show {commit[:12]}</li>" in page
    assert page.count('<p class="empty">None recorded.</p>') == 5  # resources, and what was said in four other ways


def test_notes_have_their_words_and_retracted_runs_are_struck_out_and_best_no_more(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    best = lab.gitexp("show", "best:val.acc", "--json").json["run"]["id"]
    other = lab.gitexp("show", "worst:val.acc", "--json").json["run"]["id"]
    hostile = "</script><img src=x onerror=document.title=PWNED>\n\x1b[31m\u202e"
    for command in (
        ("retract", best, "--why", "test images <b>in</b> the training set"),
        ("note", other, "-m", hostile, "--outcome", "rejected"),
        ("tag", other, "baseline"),
        ("baseline", other),
        ("decide", "adopt <b>lr</b> 0.1", "--because", f"{other},{best}"),
    ):
        assert lab.gitexp(*command).exit_code == 0
    assert lab.gitexp("report", "--retracted", "-o", "page.html").exit_code == 0
    page = browse(lab.path / "page.html")
    assert "1 retracted" in page
    row = re.search(rf'<tr class="weak struck"><th[^>]*><button[^>]*>{best[:8]}</button>.*?</tr>', page)
    assert row is not None
    assert "retracted: test images &lt;b&gt;in&lt;/b&gt; the training set" in row[0]
    assert " top" not in row[0]
    so_far = page.split('id="sofar"')[1].split("</section>")[0]
    assert best[:8] not in so_far
    assert other[:8] in so_far
    assert '<p class="words">test images &lt;b&gt;in&lt;/b&gt; the training set</p>' in page
    assert '<p class="words">rejected: &lt;/script&gt;&lt;img src=x onerror=document.title=PWNED&gt;' in page
    words = f"adopt &lt;b&gt;lr&lt;/b&gt; 0.1 (because of {other}, {best})"
    assert re.search(rf'<li>decision, by Ada, [^<]*<p class="words">{re.escape(words)}</p>', page)
    assert re.search(rf'<li>baseline {other[:8]}, by Ada, [^<]*<p class="words">digits</p>', page)
    assert "<img" not in page
    assert "\x1b" not in page
    lab.gitexp("report", best, "-o", "page.html")  # named, and what was said of others is not its business
    page = browse(lab.path / "page.html")
    assert "weak struck" in page
    assert "PWNED" not in page


def test_the_working_tree_is_as_clean_as_before(lab: Lab) -> None:
    sweep(lab)
    result = lab.gitexp("report")
    assert "report.html: git ignores it, in this clone alone (.git/info/exclude)\n" in result.stderr
    assert "ignores" not in lab.gitexp("report").stderr
    assert lab.git("status", "--porcelain") == ""
    assert lab.gitexp("run", "--", "true").exit_code == 0


def test_only_a_report_is_written_over(lab: Lab) -> None:
    sweep(lab)
    assert lab.gitexp("report").exit_code == 0
    assert lab.gitexp("report").exit_code == 0
    lab.write("thesis.html", "mine\n")
    result = lab.gitexp("report", "-o", "thesis.html")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: thesis.html is there, and is no report of gitexp's\n"
        "Reports are written over; another file only with --force.\n"
        "fix:   gitexp report -o OTHER.html\n"
    )
    assert (lab.path / "thesis.html").read_text() == "mine\n"
    assert lab.gitexp("report", "-o", "thesis.html", "--force").exit_code == 0


def test_a_folder_that_is_not_there_is_named(lab: Lab) -> None:
    sweep(lab)
    result = lab.gitexp("report", "-o", "no/such/page.html")
    assert result.exit_code == 1
    assert result.stderr == "error: There is no folder no/such to write page.html to\nfix:   mkdir -p no/such\n"


def test_a_place_that_cannot_be_written_to_is_named_as_it_was_typed(lab: Lab) -> None:
    sweep(lab)
    result = lab.gitexp("report", "-o", "/sys/page.html")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: /sys/page.html: "), result.stderr


def test_a_dash_is_stdout_and_nobody_has_runs_yet(lab: Lab) -> None:
    assert "There are no runs yet" in lab.gitexp("report").stderr
    sweep(lab)
    result = lab.gitexp("report", "-o", "-")
    assert result.stdout.startswith("<!doctype html>\n<!-- gitexp report 1 -->\n")
    assert result.stderr == ""
    assert lab.gitexp("report", "--watch", "-o", "-").exit_code == 1


def test_a_watched_page_has_the_run_in_progress_and_ends_with_ctrl_c(lab: Lab, browse: Browse) -> None:
    sweep(lab)
    lab.write(
        "slow.py",
        "import json, os, time\n"
        "with open(os.environ['GITEXP_METRICS'], 'a', buffering=1) as f:\n"
        "    for n in range(3000):\n"
        "        f.write(json.dumps({'step': n, 'loss': 1 / (n + 1)}) + '\\n')\n"
        "        time.sleep(0.05)\n",
    )
    lab.commit("slow")
    run = lab.start("run", "--", "python", "slow.py")
    page = lab.path / "report.html"
    try:
        wait_for(lambda: any((lab.path / ".git/gitexp/runs").glob("*/started.json")))
        watching = lab.start("report", "--watch")
        wait_for(lambda: page.exists() and '"running"' in page.read_text() and '"name":"loss"' in page.read_text())
        assert '<meta http-equiv="refresh" content="5">' in page.read_text()
        still = lab.write(
            "still.html", page.read_text().replace('http-equiv="refresh"', "")
        )  # else it loads itself anew
        assert "1 running" in browse(still)
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
    assert watching.returncode == 0
    assert re.search(r"report\.html: \d runs, ", said)
    assert 'http-equiv="refresh"' not in page.read_text()
