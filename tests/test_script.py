"""What a training script's calls leave behind, in a run and outside one. Every run here is a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import gitexp
from gitexp import script

ROOT = Path(gitexp.__file__).parent.parent


def python(code: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GITEXP_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def logged(tmp_path: Path, calls: str, **env: str) -> str:
    """The metrics file that a program with these calls leaves."""
    metrics = tmp_path / "metrics.jsonl"
    result = python(f"from gitexp import log\n{calls}", tmp_path, GITEXP_METRICS=str(metrics), **env)
    assert result.returncode == 0, result.stderr
    return metrics.read_text()


# ---- log


def test_each_call_is_one_line_of_flat_json(tmp_path):
    assert logged(tmp_path, "log(loss=0.5, step=3); log({'val.acc': 1, 'ok': True})") == (
        '{"step":3,"loss":0.5}\n{"val.acc":1,"ok":true}\n'
    )


def test_time_s_counts_from_the_start_of_the_run(tmp_path):
    line = logged(tmp_path, "import time; time.time = lambda: 0; log(loss=1.0)", GITEXP_STARTED="1.5")
    assert json.loads(line)["time_s"] > 1_700_000_000


def test_nested_dicts_join_with_dots_and_keywords_join_in(tmp_path):
    assert logged(tmp_path, "log({'val': {'acc': {'top1': 0.5}}, 'loss': 2}, lr=0.1)") == (
        '{"val.acc.top1":0.5,"loss":2,"lr":0.1}\n'
    )


def test_none_is_skipped_and_a_row_of_nothing_is_not_written(tmp_path):
    assert logged(tmp_path, "log(a=None, b=1); log(a=None, step=2); log(); log({})") == '{"b":1}\n'


def test_nan_and_infinity_are_written_as_pythons_json_writes_them(tmp_path):
    assert logged(tmp_path, "log(a=float('nan'), b=float('inf'), c=-float('inf'))") == (
        '{"a":NaN,"b":Infinity,"c":-Infinity}\n'
    )


def test_names_are_escaped_and_composed(tmp_path):
    text = logged(tmp_path, r"""log({'a"b\\c': 1, 'cafe\u0301': 2}); log({'cafe\u0301': 3})""")
    assert text == '{"a\\"b\\\\c":1,"café":2}\n{"café":3}\n'


def test_an_integer_beyond_64_bits_is_logged_as_it_is_and_the_recorder_says_what_it_makes_of_it(tmp_path):
    assert logged(tmp_path, "log(a=2**63, b=2**63-1, c=-2**63)") == (
        '{"a":9223372036854775808,"b":9223372036854775807,"c":-9223372036854775808}\n'
    )


def test_numpy_scalars_print_as_the_shortest_decimal_of_their_own_type(tmp_path):
    pytest.importorskip("numpy")
    text = logged(
        tmp_path,
        "import numpy as np\n"
        "log(f64=np.float64(0.1), f32=np.float32(0.1), f16=np.float16(0.1), i=np.int64(7), b=np.bool_(True),"
        " z=np.array(0.3, dtype='float32'), one=np.ones((1, 1), dtype='float32'), step=np.int32(5))",
    )
    assert text == '{"step":5,"f64":0.1,"f32":0.1,"f16":0.1,"i":7,"b":true,"z":0.3,"one":1.0}\n'


def test_every_kind_of_float32_and_float16_is_logged_so_that_it_reads_back(tmp_path):
    np = pytest.importorskip("numpy")
    mixed = np.random.default_rng(0).integers(0, 0x7F800000, 20_000, dtype=np.uint32).view(np.float32)
    powers = np.exp2(np.arange(-149, 128, dtype=np.float64)).astype(np.float32)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
    values = [np.concatenate([mixed, powers, -powers]), halves]
    np.savez(tmp_path / "values.npz", *values)
    lines = logged(
        tmp_path,
        "import numpy as np\n"
        f"for part in np.load({str(tmp_path / 'values.npz')!r}).values():\n"
        "    for value in part: log(x=value)\n",
    ).splitlines()
    for value, line in zip([one for part in values for one in part], lines, strict=True):
        text = line.removeprefix('{"x":').removesuffix("}")
        assert type(value)(text) == value
        # numpy prints the shortest too; a power of two, where the steps change, may take a digit more here.
        assert float(text) == float(str(value)) or abs(np.frexp(value)[0]) == 0.5


@pytest.mark.torch
def test_torch_scalars_need_no_item_call(tmp_path):
    pytest.importorskip("torch")
    text = logged(
        tmp_path,
        "import torch\n"
        "w = torch.tensor(0.1, requires_grad=True)\n"
        "log(grad=w * 1, bf16=torch.tensor(0.1, dtype=torch.bfloat16), f64=torch.tensor(0.1, dtype=torch.float64),"
        " n=torch.tensor(3), nan=torch.tensor(float('nan')), step=torch.tensor(4))",
    )
    assert text == '{"step":4,"grad":0.1,"bf16":0.1,"f64":0.1,"n":3,"nan":NaN}\n'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.5", "metric 'loss': str is not a number; log float(…) of it, or leave it out"),
        ([1.0], "metric 'loss': list is not a number; log float(…) of it, or leave it out"),
        (1j, "metric 'loss': complex is not a number; log float(…) of it, or leave it out"),
        (10**400, "metric 'loss': the integer is too large; log its logarithm"),
    ],
)
def test_a_value_that_is_no_number_is_refused_outside_a_run_too(value, message):
    with pytest.raises(TypeError) as refusal:
        script.log(loss=value)
    assert str(refusal.value) == message


def test_an_array_of_several_values_is_refused():
    np = pytest.importorskip("numpy")
    with pytest.raises(TypeError) as refusal:
        script.log({"val": {"loss": np.zeros((2, 3))}})
    assert str(refusal.value) == "metric 'val.loss': an array of 2x3 values; log one number of it, such as its mean()"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "a name cannot be empty"),
        ("time_s", "this name is reserved"),
        ("attempt", "this name is reserved"),
        ("=1+1", "a name cannot start with = (spreadsheets would execute it)"),
        ("a\x1b[2J", "a name cannot hold control characters"),
        ("a\u202eb", "a name cannot hold control characters"),
        ("é" * 65, "a name has at most 128 bytes"),
    ],
)
def test_a_name_that_a_record_cannot_hold_is_refused_each_time(name, problem):
    for _ in range(2):
        with pytest.raises(ValueError, match="choose another name") as refusal:
            script.log({name: 1.0})
        assert problem in str(refusal.value)


def test_a_name_that_is_no_string_a_float_step_and_a_bare_number_are_refused():
    with pytest.raises(TypeError, match="metric 3: a name is a string, not int"):
        script.log({3: 1.0})
    with pytest.raises(TypeError, match="step: an integer, not float"):
        script.log(loss=1.0, step=1.0)
    with pytest.raises(TypeError, match="step: an integer, not bool"):
        script.log(loss=1.0, step=True)
    with pytest.raises(TypeError, match=r"log\(\) takes a dict or keywords, not float; type  log\(loss=0.1\)"):
        script.log(0.5)


def test_one_name_with_two_values_in_one_call_is_refused():
    with pytest.raises(ValueError, match=r"metric 'val\.acc' is there twice in one call"):
        script.log({"val": {"acc": 1}, "val.acc": 2})


def test_a_dict_that_holds_itself_is_refused():
    loop: dict[str, object] = {}
    loop["a"] = loop
    with pytest.raises(ValueError, match="dicts nested more than 16 deep"):
        script.log(loop)
    named_by_number: dict[object, object] = {}
    named_by_number[1] = named_by_number
    with pytest.raises(ValueError, match=r"metric '1\.': dicts nested more than 16 deep"):
        script.log(named_by_number)  # type: ignore[arg-type]


def test_threads_and_forked_processes_never_mix_their_lines(tmp_path):
    text = logged(
        tmp_path,
        "import os, threading\n"
        "def work(who):\n"
        "    for i in range(500): log({f'm{who}.' + 'x' * 100: i}, step=i)\n"
        "log(first=1)\n"
        "children = []\n"
        "for who in range(3):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: work(who); os._exit(0)\n"
        "    children.append(pid)\n"
        "threads = [threading.Thread(target=work, args=(who,)) for who in range(3, 6)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; [os.waitpid(p, 0) for p in children]\n",
    )
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 1 + 6 * 500


def test_kill_9_right_after_a_call_loses_nothing(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    result = python(
        "import os, signal; from gitexp import log\nlog(loss=0.5)\nos.kill(os.getpid(), signal.SIGKILL)",
        tmp_path,
        GITEXP_METRICS=str(metrics),
    )
    assert result.returncode == -signal.SIGKILL
    assert metrics.read_text() == '{"loss":0.5}\n'


def test_a_full_disk_is_said_once_and_the_program_goes_on(tmp_path):
    result = python(
        "from gitexp import log\nfor _ in range(3): log(loss=0.5)\nprint('done')", tmp_path, GITEXP_METRICS="/dev/full"
    )
    assert (result.returncode, result.stdout) == (0, "done\n")
    assert result.stderr == ("gitexp: log() could not write: No space left on device; the program goes on without it\n")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("gitexp.log(loss=0.5)", '"2 rows of gitexp.log() could not be written"'),
        ("gitexp.log({'verlust-ü': 0.5})", '"2 rows of gitexp.log() could not be written"'),
        ("print(gitexp.save('a.txt'))", "\"gitexp.save() could not keep 'a.txt': Too many open files\""),
    ],
)
def test_no_free_file_descriptor_is_said_once_and_the_program_goes_on(tmp_path, call, told):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "saved").mkdir()
    metrics = tmp_path / "metrics.jsonl"
    code = (
        "import gitexp, resource\nlimit = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))\n{call}\n{call}\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, limit)\ngitexp.log(loss=0.25)\nprint('done')"
    )
    result = python(code, tmp_path, GITEXP_METRICS=str(metrics), GITEXP_OUTPUT=str(tmp_path / "saved"))
    assert (result.returncode, result.stdout.splitlines()[-1:]) == (0, ["done"]), result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == len(set(lines)) > 0
    assert all("Too many open files; the program goes on without it" in line for line in lines)
    rows = metrics.read_text().splitlines()
    assert set(rows[:-1]) == {f'{{"problem":{told}}}'} and rows[-1] == '{"loss":0.25}'


@pytest.mark.parametrize("what", ["a run folder that is gone", "a FIFO that nobody reads", "stderr closed"])
def test_trouble_of_gitexps_own_never_ends_the_program(tmp_path, what):
    os.mkfifo(tmp_path / "pipe")
    metrics = tmp_path / "pipe" if what == "a FIFO that nobody reads" else tmp_path / "gone" / "metrics.jsonl"
    close = "import sys; sys.stderr.close(); sys.stderr = None\n" if what == "stderr closed" else ""
    code = f"import gitexp\n{close}gitexp.log(loss=0.5)\nprint(gitexp.save('a.txt'))\ngitexp.log(loss=0.25)"
    (tmp_path / "a.txt").write_text("x")
    result = python(
        code, tmp_path, GITEXP_METRICS=str(metrics), GITEXP_OUTPUT="/proc/gone/saved", PYTHONWARNINGS="error"
    )
    assert (result.returncode, result.stdout) == (0, "a.txt\n"), result.stderr


def test_what_was_lost_is_written_down_once_there_is_room(tmp_path):
    text = logged(
        tmp_path,
        "import resource, gitexp\n"
        "free = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "log(loss=0.125)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (15, free[1]))\n"
        "for _ in range(3): log(loss=0.25)\n"
        "open('big', 'wb').close()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, free)\n"
        "log(loss=0.5)",
    )
    assert text == ('{"loss":0.125}\n{"problem":"3 rows of gitexp.log() could not be written"}\n{"loss":0.5}\n')


def test_the_mark_of_a_loss_leaves_the_files_mode_as_it_was(tmp_path):
    logged(
        tmp_path,
        "import os, resource\n"
        "os.umask(0o077)\n"
        "log(loss=0.125)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))\n"
        "log(loss=0.25)",
    )
    assert (tmp_path / "metrics.jsonl").stat().st_mode & 0o7777 == 0o1600


def test_a_process_that_closed_all_files_logs_on_and_writes_into_nobody_elses(tmp_path):
    text = logged(
        tmp_path,
        "import os\n"
        "log(a=1)\n"
        "if os.fork() == 0:\n"
        "    os.closerange(3, 256)\n"
        "    mine = open('mine', 'w')\n"
        "    os.chdir('/')\n"
        "    log(a=2)\n"
        "    mine.close()\n"
        "    os._exit(0)\n"
        "os.wait()",
    )
    assert text == '{"a":1}\n{"a":2}\n'
    assert (tmp_path / "mine").read_text() == ""


def test_a_step_that_no_record_can_hold_is_refused():
    with pytest.raises(ValueError, match=r"step: 1180591620717411303424 lies beyond ±2\^63"):
        script.log(loss=1.0, step=2**70)


def test_a_line_that_the_disk_took_half_of_does_not_spoil_the_next(tmp_path):
    text = logged(
        tmp_path,
        "import resource\n"
        "free = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, free[1]))\n"
        "log(loss=0.125)\n"
        "log(loss=0.25)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, free)\n"
        "log(loss=0.5)",
    )
    assert text == ('{"loss":0.125}\n{"los\n{"problem":"1 row of gitexp.log() could not be written"}\n{"loss":0.5}\n')


def test_plain_python_logs_nothing_and_says_nothing(tmp_path):
    result = python("from gitexp import log\nlog(loss=0.5, step=1)", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


# ---- recipe and data


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A working folder with recipes/base.toml and recipes/digits/recipe.toml, which extends it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GITEXP_")]:
        monkeypatch.delenv(name)
    Path("recipes/digits").mkdir(parents=True)
    Path("recipes/base.toml").write_text('seed = 1\nlayers = [1, 2]\n[optimizer]\nlr = 0.1\nname = "sgd"\n')
    Path("recipes/digits/recipe.toml").write_text('extends = "../base.toml"\nlayers = [3]\n[optimizer]\nlr = 0.2\n')
    return tmp_path


DIGITS = {"seed": 1, "layers": [3], "optimizer": {"lr": 0.2, "name": "sgd"}}


@pytest.mark.parametrize("default", ["recipes/digits/recipe.toml", "recipes/digits", "digits", Path("recipes/digits")])
def test_outside_a_run_the_default_recipe_is_read_with_what_it_extends(recipes, default):
    assert gitexp.recipe(default) == DIGITS


def test_in_a_run_the_resolved_recipe_wins_over_the_default(recipes, monkeypatch):
    Path("resolved.toml").write_text("[optimizer]\nlr = 0.5\n")
    monkeypatch.setenv("GITEXP_RECIPE", str(recipes / "resolved.toml"))
    assert gitexp.recipe("digits") == {"optimizer": {"lr": 0.5}}


def test_in_a_run_of_a_bare_command_the_default_is_read_under_what_the_run_says(recipes, monkeypatch):
    Path("resolved.toml").write_text('seed = 7\n[run]\ncommand = ["python", "train.py"]\n')
    monkeypatch.setenv("GITEXP_RECIPE", str(recipes / "resolved.toml"))
    run = {"command": ["python", "train.py"]}
    assert gitexp.recipe("digits") == {**DIGITS, "seed": 7, "run": run}
    assert gitexp.recipe() == {"seed": 7, "run": run}
    assert gitexp.data("digits", "x.csv") == Path("x.csv")


def test_each_call_returns_a_dict_of_its_own(recipes):
    gitexp.recipe("digits")["optimizer"]["lr"] = 99
    assert gitexp.recipe("digits") == DIGITS


def test_without_a_run_and_a_default_the_recipe_is_empty(recipes):
    assert gitexp.recipe() == {}


def test_a_default_recipe_that_is_not_there_is_named_with_the_places_looked_at(recipes):
    with pytest.raises(FileNotFoundError, match=r"no recipe 'dgits' here .*looked for .*recipes/dgits\.toml"):
        gitexp.recipe("dgits")


def test_a_default_recipe_with_a_mistake_is_named_with_the_line(recipes):
    Path("bad.toml").write_text("a = 1\nb = \n")
    with pytest.raises(ValueError, match=r"^bad\.toml: .*line 2"):
        gitexp.recipe("bad.toml")


def test_a_recipe_that_extends_itself_is_refused(recipes):
    Path("a.toml").write_text('extends = ["b.toml"]\n')
    Path("b.toml").write_text('extends = ["a.toml"]\n')
    with pytest.raises(ValueError, match=r"a\.toml: extends itself"):
        gitexp.recipe("a.toml")


def test_in_a_run_data_is_where_the_run_put_it(recipes, monkeypatch):
    monkeypatch.setenv("GITEXP_DATA_MY_DIGITS_2", "/data/digits.csv")
    assert gitexp.data("my-digits_2", "elsewhere.csv") == Path("/data/digits.csv")


def test_outside_a_run_data_is_the_default(recipes):
    assert gitexp.data("digits", "recipes/digits.csv") == Path("recipes/digits.csv")


def test_outside_a_run_data_without_a_default_says_what_to_type(recipes):
    with pytest.raises(LookupError, match=r"gitexp run RECIPE .*gitexp\.data\('digits', 'path/to/it'\)"):
        gitexp.data("digits")


def test_in_a_run_of_a_recipe_undeclared_data_is_refused_even_with_a_default(recipes, monkeypatch):
    monkeypatch.setenv("GITEXP_RECIPE", str(recipes / "recipes/base.toml"))
    with pytest.raises(LookupError, match=r'add to its \[data\] table:  digits = "x\.csv"'):
        gitexp.data("digits", "x.csv")


# ---- save


@pytest.fixture
def output(recipes, monkeypatch):
    """The folder of outputs of a run, in a run folder of its own."""
    folder = recipes / "run" / "saved"
    folder.mkdir(parents=True)
    monkeypatch.setenv("GITEXP_OUTPUT", str(folder))
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_file_is_copied_as_it_is_at_the_call(output):
    Path("model.pt").write_text("epoch 1")
    assert gitexp.save("model.pt") == output / "model.pt"
    Path("model.pt").write_text("epoch 2")
    assert files(output) == {"model.pt": "epoch 1"}


def test_saving_again_replaces_also_a_folder_and_leaves_nothing_else(output):
    Path("model.pt").write_text("1")
    Path("weights/deep").mkdir(parents=True)
    Path("weights/deep/w").write_text("old")
    gitexp.save("model.pt", name="best/it")
    gitexp.save("weights", name="best/it")
    Path("weights/deep/w").rename("weights/deep/v")
    gitexp.save("weights", name="best/it")
    assert files(output) == {"best/it/deep/v": "old"}
    gitexp.save("model.pt", name="best/it")
    assert files(output.parent) == {"saved/best/it": "1"}


def test_links_are_followed(output):
    Path("weights").mkdir()
    Path("model.pt").write_text("1")
    Path("weights/link").symlink_to("../model.pt")
    gitexp.save("weights")
    assert not (output / "weights/link").is_symlink()
    assert files(output) == {"weights/link": "1"}


@pytest.mark.parametrize("name", ["../model.pt", "/model.pt", "a/../../b", "", ".", "a//b", "a/"])
def test_a_name_that_leads_out_of_the_folder_is_refused(output, name):
    Path("model.pt").write_text("1")
    with pytest.raises(ValueError, match=r"give a relative path, such as 'best/model\.pt'"):
        gitexp.save("model.pt", name=name)
    assert files(output.parent) == {}


def test_a_link_among_the_outputs_does_not_lead_out_either(output, recipes):
    (recipes / "outside").mkdir()
    (output / "door").symlink_to(recipes / "outside")
    Path("model.pt").write_text("1")
    with pytest.raises(ValueError, match="it leads out of the folder of outputs"):
        gitexp.save("model.pt", name="door/model.pt")
    assert list((recipes / "outside").iterdir()) == []


def test_what_cannot_be_copied_is_refused_and_leaves_nothing(output):
    Path("weights").mkdir()
    Path("weights/loop").symlink_to("../weights")
    with pytest.raises(ValueError, match="this link leads back to a folder that it lies in"):
        gitexp.save("weights")
    Path("weights/loop").unlink()
    Path("weights/gone").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match="this link leads to nothing"):
        gitexp.save("weights")
    Path("weights/gone").unlink()
    os.mkfifo("weights/pipe")
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        gitexp.save("weights")
    with pytest.raises(ValueError, match="it holds the folder of this run itself"):
        gitexp.save(".", name="all")
    with pytest.raises(FileNotFoundError, match=r"nothing to save: there is no 'model\.pt' here"):
        gitexp.save("model.pt")
    assert files(output.parent) == {}
    assert list(output.parent.iterdir()) == [output]


def test_outside_a_run_save_returns_the_path_and_still_checks(recipes):
    Path("model.pt").write_text("1")
    assert gitexp.save("model.pt") == Path("model.pt")
    with pytest.raises(ValueError, match="give a relative path"):
        gitexp.save("model.pt", name="../x")


def test_the_script_api_imports_nothing_that_a_training_script_would_wait_for(tmp_path):
    result = python(
        "import sys; before = set(sys.modules); import script; print(sorted(set(sys.modules) - before))",
        tmp_path,
        PYTHONPATH=str(ROOT / "gitexp"),
    )
    assert result.stdout == "['__future__', 'script']\n"


# ---- log_items


def test_items_are_checked_also_outside_a_run():
    for ids, metrics, error in (
        ([1, 2], {"acc": [1]}, ValueError),
        ([1.5], {"acc": [1]}, TypeError),
        ([1], {"acc": ["x"]}, TypeError),
        ([1], {"=acc": [1]}, ValueError),
    ):
        with pytest.raises(error):
            script.log_items(ids, metrics)
    script.log_items(["a"], {"acc": [True]}, loss=[None])


def test_items_lie_beside_the_metrics_a_line_for_each_call(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    calls = (
        "import numpy as np; log_items(np.arange(2), {'acc': np.array([0.1, 1], 'f4')}); log_items(['b'], acc=[True])"
    )
    result = python(f"from gitexp import log_items\n{calls}", tmp_path, GITEXP_METRICS=str(metrics))
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "items.jsonl").read_text().split()
    assert "".join(lines) == '{"":[0,1],"acc":[0.1,1.0]}{"":["b"],"acc":[true]}'
