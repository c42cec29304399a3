"""What a run used of its machine, from the program to the pages of show and diff."""

import sys

from contract.reader import breaches
from harness import Lab

BURN = "import time\nheld = bytearray(200_000_000)\nwhile time.process_time() < 2: pass\ntime.sleep(2)\nprint('done')\n"


def test_show_diff_and_json_have_what_a_run_used(lab: Lab) -> None:
    lab.write("burn.py", BURN)
    lab.commit("a program")
    assert lab.gitexp("run", "--", sys.executable, "burn.py").exit_code == 0
    assert lab.gitexp("run", "-m", "too short", "--", "true").exit_code == 0
    page = lab.gitexp("show", "latest~1").stdout
    assert "CPU cores on average, " in page and " of memory at most" in page
    used = lab.gitexp("show", "latest~1", "--json").json["run"]["used"]
    assert used["memory_bytes"] > 200_000_000 and 0 < used["cores"] <= used["most_cores"] + 0.5
    assert used["gpus"] == []
    assert "used" not in lab.gitexp("show", "latest", "--json").json["run"]
    assert "CPU cores" not in lab.gitexp("show", "latest").stdout
    cost = lab.gitexp("diff", "latest", "latest~1").stdout.partition("cost\n")[2]
    assert "CPU cores, mean" in cost and "memory, all processes" in cost
    assert breaches(lab.path) == []


def test_what_a_program_writes_into_its_usage_is_recorded_only_where_it_is_numbers(lab: Lab) -> None:
    forge = """import os, pathlib
folder = pathlib.Path(os.environ["GITEXP_METRICS"]).parent
(folder / "usage.csv").write_text("time_s,cpu_s,processes,memory_bytes,read_bytes,written_bytes\\n2,1,\\x1b[2J,,,\\n")
"""
    lab.write("forge.py", forge)
    lab.commit("a program")
    assert lab.gitexp("run", "--", sys.executable, "forge.py").exit_code == 0
    assert "usage.csv" not in lab.git("ls-tree", "--name-only", "experiments")
    assert breaches(lab.path) == []
