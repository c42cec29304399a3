"""What a training script may use: log, log_items, recipe, data, split and save turn its calls into files of the run.

Under `gitexp run` the environment says where those files are. Under plain `python train.py` the same calls check their
arguments the same way, so that a mistake shows at once, and record nothing. Standard library only; imports nothing of
gitexp.
"""

from __future__ import annotations

import os
from time import time

TYPE_CHECKING = False  # typing costs a millisecond that a training script has no use for
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any
elif os.environ.get("GITEXP_OUTPUT"):
    import pathlib  # noqa: F401 -- of all that save() takes, what it cannot do without when no file can be opened

__all__ = ["data", "log", "log_items", "recipe", "save", "split"]

# ---- metrics


def log(metrics: Mapping[str, Any] | None = None, /, *, step: int | None = None, **named: Any) -> None:
    """Record values of metrics, as a dict (nested ones join with dots) or by keyword; None is skipped.

    A value is a number, a boolean, or a numpy, torch or jax scalar. Each call is one row, written before the call
    returns, safe with any number of threads and processes. Raises TypeError or ValueError for a metric that cannot
    be recorded. A disk that takes no more is said once, on stderr and in the record, and the program goes on.
    """
    global _lost
    pairs: Mapping[str, Any] = named
    if metrics is not None:
        if not hasattr(metrics, "items"):
            raise TypeError(f"log() takes a dict or keywords, not {type(metrics).__name__}; type  log(loss=0.1)")
        pairs = _joined(metrics, named) if named else metrics
    line = ""
    try:
        for name, value in pairs.items():
            # The difference is not 0 for nan and inf, which JSON spells in its own way.
            if type(value) is float and value - value == 0.0:
                text = repr(value)
            elif value is None:
                text = ""
            elif type(value) is dict:
                return log(_joined(pairs, {}), step=step)
            else:
                text = _spelled(value)
            key = _keys.get(name) or _key(name)
            if text:
                line += key + text
    except _Unspeakable as reason:
        if hasattr(value, "items"):  # a mapping of another type
            return log(_joined(pairs, {}), step=step)
        raise TypeError(f"metric {name!r}: {reason}") from None
    if step is not None and (type(step) is not int or not -(2**63) <= step < 2**63):
        step = _whole(step)
    if _started is None:
        _open()
    if line and _fd >= 0:
        if step is not None:
            line = f',"step":{step}{line}'
        if _started:
            line = f'{line},"time_s":{time() - _started:.3f}'
        _write(b"{" + line[1:].encode() + b"}\n")
    elif line and _started is None:
        _lost += 1
    return None


_fd = -1
_started: float | None = None  # None: the environment has not been asked; 0: it does not say
_keys: dict[str, str] = {}  # metric name: its checked JSON spelling, a comma before and a colon after it
_torn = b""  # what closes a line that the disk took only a part of
_untold: list[str] = []  # what the record has to be told once the disk takes it
_lost = 0  # rows that were not written
_warned: set[str] = set()


def _open() -> None:
    global _fd, _started
    path = os.environ.get("GITEXP_METRICS")
    if path:
        # A FIFO that somebody put there must not be waited for.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
        try:
            _fd = os.open(path, flags, 0o644)
        except OSError as error:
            _fd = -1
            _warn("log()", error)
            if error.errno in (23, 24):  # no file descriptor is free: the next call tries again
                return
    try:
        _started = float(os.environ.get("GITEXP_STARTED", "0"))
    except ValueError:
        _started = 0.0


def _write(row: bytes) -> None:
    # One write to a file opened with O_APPEND is one row, whoever else writes, and it survives kill -9 of this program.
    global _torn, _lost, _started
    line = left = _torn + row
    try:
        if _untold or _lost:
            rows = "1 row" if _lost == 1 else f"{_lost} rows"
            said = [*_untold, *([f"{rows} of gitexp.log() could not be written"] if _lost else [])]
            line = left = _torn + b"".join(b'{"problem":%s}\n' % _quoted(one) for one in said) + row
        while left:
            left = left[os.write(_fd, left) :]
    except OSError as error:
        _lost += bool(row)
        _mark()
        _warn("log()", error)
        if error.errno == 9:  # EBADF: the program has closed all files; the next call opens ours anew
            _started = None
    else:
        _untold.clear()
        _lost = 0
    if not left:
        _torn = b""
    elif len(left) < len(line):
        _torn = b"\n"


def _mark() -> None:
    """Leave a mark that needs no room on the disk: the recorder knows that something is missing."""
    try:
        os.fchmod(_fd, os.fstat(_fd).st_mode & 0o7777 | 0o1000)
    except OSError:
        pass


def _warn(what: str, error: OSError) -> None:
    """Say once, where the program's own words go, that the record lacks something. Never raises."""
    if what in _warned:
        return
    _warned.add(what)
    try:
        import sys

        sys.stderr.write(f"gitexp: {what} could not write: {error.strerror}; the program goes on without it\n")
    except Exception:  # noqa: BLE001 -- no word of ours may end the program
        pass


def _quoted(text: str) -> bytes:
    import json

    return json.dumps(text).encode()


def _forget() -> None:
    """A forked process opens the file anew: daemons close all files, and something else gets the number of ours."""
    global _fd, _started, _torn, _lost
    _fd, _started, _torn, _lost = -1, None, b"", 0
    _untold.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _key(name: str) -> str:
    """A metric's name as JSON, checked. record/metrics.py states the same rules, and a test holds the two together."""
    if not isinstance(name, str):
        raise TypeError(f"metric {name!r}: a name is a string, not {type(name).__name__}")
    known = name
    if not name.isascii():
        try:
            from unicodedata import normalize

            name = normalize("NFC", name)
        except (OSError, ImportError):  # no file descriptor is left; who reads it normalizes too
            pass
    problem = ""
    if name in ("", "step", "time_s", "attempt"):
        problem = "this name is reserved" if name else "a name cannot be empty"
    elif name[0] in "=+-@":
        problem = f"a name cannot start with {name[0]} (spreadsheets would execute it)"
    elif any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" or c in _CONTROLS for c in name):
        problem = "a name cannot hold control characters"
    elif len(name.encode()) > 128:
        problem = "a name has at most 128 bytes"
    if problem:
        raise ValueError(f"metric {name!r}: {problem}; choose another name, such as 'train.loss'")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return _keys.setdefault(known, f',"{escaped}":')


_CONTROLS = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # line breaks, changes of direction


class _Unspeakable(Exception):
    """A value that is no number, and what to do about it."""


def _spelled(value: Any) -> str:
    """A value as JSON, as Python's json writes it: the shortest decimal that gives back the same number of its type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        value = int(value)
        if not -(2**63) <= value < 2**63:  # beyond what TOML holds
            try:
                float(value)  # as which it will be recorded, with a word about it
            except OverflowError:
                raise _Unspeakable("the integer is too large; log its logarithm") from None
        return repr(value)
    if isinstance(value, float):
        value = float(value)
        if value - value == 0.0:
            return repr(value)
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if not hasattr(value, "item") or not hasattr(value, "dtype"):
        raise _Unspeakable(f"{type(value).__name__} is not a number; log float(…) of it, or leave it out")
    shape = tuple(getattr(value, "shape", ()))
    if any(n != 1 for n in shape):
        shown = "x".join(str(n) for n in shape)
        raise _Unspeakable(f"an array of {shown} values; log one number of it, such as its mean()")
    number = value.item()
    if not isinstance(number, (bool, int, float)):
        raise _Unspeakable(f"a {value.dtype} is not a number; log a number, or leave it out")
    precision = _PRECISIONS.get(str(value.dtype).rpartition(".")[2])
    if precision is None or not isinstance(number, float) or number - number != 0.0:
        return _spelled(number)
    return _shortest(number, *precision)


# Type: binary digits, exponent of its smallest step, decimal digits that always survive.
_PRECISIONS = {"float32": (24, -149, 6), "bfloat16": (8, -133, 2), "float16": (11, -24, 3)}


def _shortest(value: float, bits: int, smallest: int, digits: int) -> str:
    from math import frexp, ldexp

    mantissa, exponent = frexp(value)
    half = ldexp(0.5, max(exponent - bits, smallest))
    subnormal = exponent - bits < smallest
    if subnormal:
        digits = 1  # fewer digits are significant
    even = value / (4 * half) % 1 == 0  # what lies half-way is rounded to the even neighbour
    for count in range(digits, 10):
        short = float(f"{value:.{count - 1}e}")
        # Below a power of two the steps are half as wide.
        narrow = abs(mantissa) == 0.5 and abs(short) < abs(value) and not subnormal
        reach = half / 2 if narrow else half
        if abs(short - value) < reach or (even and abs(short - value) == reach):
            return repr(short)
    return repr(value)


def _whole(step: Any) -> int:
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise TypeError(f"step: an integer, not {type(step).__name__}")
    whole: int = step.__index__()
    if not -(2**63) <= whole < 2**63:
        raise ValueError(f"step: {whole} lies beyond ±2^63, and no record can hold it")
    return int(whole)


def _joined(metrics: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts as one."""
    flat: dict[str, Any] = {}
    for name, value in (*flattened(metrics, deepest=15), *flattened(named, deepest=15)):
        if hasattr(value, "items"):
            raise ValueError(f"metric {f'{name}.'[:60]!r}: dicts nested more than 16 deep")
        if name in flat:
            raise ValueError(f"metric {name!r} is there twice in one call")
        flat[name] = value
    return flat


def flattened(pairs: Mapping[str, Any], *, deepest: int, before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested dicts, their names joined with dots. A dict below `deepest` others is a value itself.

    Here, because this file imports nothing: all that reads metrics joins their names as log() does.
    """
    for name, value in pairs.items():
        full = f"{before}{name}" if isinstance(name, str) else name
        if deepest and (type(value) is dict or hasattr(value, "items")):
            yield from flattened(value, deepest=deepest - 1, before=f"{full}.")
        else:
            yield full, value


def log_items(ids: Any, metrics: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Record metrics' values for each example of the test set: `log_items(ids, {"val.acc": right, "val.loss": loss})`.

    `ids`: integers or strings that mean the same examples in every run. As many values for each metric, as a list or an
    array; None is none. Call it once for each batch; of an id that comes again the last values stand. A column that has
    the name of a metric is what that metric is the mean of. Raises TypeError or ValueError as log() does.
    """
    import json

    names = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    for one in names:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise TypeError(f"ids: integers or strings, not {type(one).__name__}")
    line = f'{{"":{json.dumps(names)}'
    for name, values in {**(metrics or {}), **named}.items():
        key = _keys.get(name) or _key(name)
        try:
            known = values.cpu() if hasattr(values, "cpu") else values  # one at a time a GPU gives them slowly
            texts = ["null" if value is None else _spelled(value) for value in known]
        except _Unspeakable as reason:
            raise TypeError(f"metric {name!r}: {reason}") from None
        if len(texts) != len(names):
            raise ValueError(f"metric {name!r}: {len(texts)} values for {len(names)} ids")
        line += f"{key}[{','.join(texts)}]"
    path = os.environ.get("GITEXP_METRICS")
    if not path or not names:
        return
    left = f"\n{line}}}\n".encode()  # begun anew: the line before may be torn
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(os.path.join(os.path.dirname(path), "items.jsonl"), flags, 0o644)
        try:
            while left:
                left = left[os.write(fd, left) :]
        finally:
            os.close(fd)
    except OSError as error:
        _tell("log_items()", f"gitexp.log_items() could not write all of it: {error.strerror}", error)


# ---- recipe and data


# What the recipe of `gitexp run -- CMD` consists of. It says nothing to the program, and has no data.
_BARE = {"run", "metrics", "seed"}


def recipe(default: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The recipe of this run as a new dict. Elsewhere that of `default` (a file, a folder or a name), or {}.

    Under `gitexp run -- CMD` there is none but the command: `default` is read, and what the run says laid over it.
    """
    given = os.environ.get("GITEXP_RECIPE")
    table = _loaded(given, ()) if given else {}
    if default is None or not _BARE.issuperset(table):
        return table
    under = _loaded(_found(os.fspath(default)), ())
    _merge(under, table)
    return under


def _found(path: str) -> str:
    places = [path, os.path.join(path, "recipe.toml")]
    if os.path.basename(path) == path:
        places += [os.path.join("recipes", f"{path}.toml"), os.path.join("recipes", path, "recipe.toml")]
    for place in places:
        if os.path.isfile(place):
            return place
    raise FileNotFoundError(f"no recipe {path!r} here ({os.getcwd()}); looked for {', '.join(places)}")


def _loaded(path: str, below: tuple[str, ...]) -> dict[str, Any]:
    import tomllib

    real = os.path.realpath(path)
    if real in below:
        raise ValueError(f"{path}: extends itself, by way of {below[-1]}")
    with open(path, "rb") as file:
        try:
            table = tomllib.loads(file.read().decode().removeprefix("\ufeff"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    extends = table.pop("extends", [])
    merged: dict[str, Any] = {}
    for name in [extends] if isinstance(extends, str) else extends:
        under = os.path.join(os.path.dirname(path), name)
        if os.path.isdir(under):
            under = os.path.join(under, "recipe.toml")
        _merge(merged, _loaded(under, (*below, real)))
    _merge(merged, table)
    return merged


def _merge(under: dict[str, Any], over: dict[str, Any]) -> None:
    """Tables merge, all else replaces."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), dict):
            _merge(under[key], value)
        else:
            under[key] = value


def data(name: str, default: str | os.PathLike[str] | None = None) -> Path:
    """Where a dataset of this run lies. Outside a run of a recipe: `default`. Raises LookupError."""
    from pathlib import Path

    shown = "".join(c if "A" <= c <= "Z" or "0" <= c <= "9" else "_" for c in name.upper())
    found = os.environ.get(f"GITEXP_DATA_{shown}")
    if found:
        return Path(found)
    given = os.environ.get("GITEXP_RECIPE")
    if given and not _BARE.issuperset(_loaded(given, ())):
        # Not even `default`: a record that does not name all that was read cannot be repeated.
        here = "path/to/it" if default is None else os.fspath(default)
        raise LookupError(f'the recipe has no dataset {name!r}; add to its [data] table:  {name} = "{here}"')
    if default is None:
        raise LookupError(
            f"no dataset {name!r}: this is not a run of a recipe. Type  gitexp run RECIPE  with {name!r} in its [data],"
            f" or give the path to use without a recipe:  gitexp.data({name!r}, 'path/to/it')"
        )
    return Path(default)


def split(name: str, split: str) -> list[int]:
    """The row numbers of a split or sample of a dataset, from 0, ascending: the same on every machine.

    Under `gitexp run` those that were drawn before the program started and are recorded. Under plain python they are
    drawn from the catalogue of the repository around the working folder, by the gitexp that is installed with this
    Python. Raises LookupError for what there is not, and ValueError for a split that cannot be drawn.
    """
    folder = os.environ.get("GITEXP_SPLITS")
    given = os.environ.get("GITEXP_RECIPE")
    if folder and (name in _names_in(folder) or (given and not _BARE.issuperset(_loaded(given, ())))):
        # A name is looked for, never joined to a path untried.
        if name not in (datasets := _names_in(folder)):
            raise LookupError(
                f"no dataset of this run has splits and is called {name!r}{_near(name, datasets)}; name it in the"
                " recipe's [data] table, and its splits in the catalogue"
            )
        if split not in (splits := _names_in(os.path.join(folder, name))):
            raise LookupError(f"the dataset {name!r} has no split {split!r}{_near(split, splits)}")
        with open(os.path.join(folder, name, split), "rb") as file:
            return [int(line) for line in file.read().split()]
    return _drawn(name, split)


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _near(word: str, choices: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else f" (there are: {', '.join(choices) or 'none'})"


def _drawn(name: str, split: str) -> list[int]:
    """What `gitexp data show NAME --rows SPLIT` prints, in a process of its own: this module imports nothing of gitexp.

    -P, for a folder called gitexp in the working folder is no package of ours.
    """
    import subprocess
    import sys

    words = [sys.executable, "-P", "-m", "gitexp", "data", "show", f"--rows={split}", "--", name]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return [int(line) for line in done.stdout.split()]
    said = done.stderr.decode("utf-8", "replace").strip().removeprefix("error: ")
    raise (ValueError if done.returncode == 3 else LookupError)(f"no split {split!r} of {name!r}: {said}")


# ---- outputs


def save(path: str | os.PathLike[str], *, name: str | None = None) -> Path:
    """Copy a file or folder, as it is now, to this run's outputs; where the copy is. Outside a run: `path` itself.

    Symbolic links are followed. What was saved before under this name is replaced. `name` may hold slashes.
    A disk that takes no more is said once, on stderr and in the record: then `path` itself is what there is.
    """
    from pathlib import Path  # in a run it is loaded

    source = os.fsdecode(path)
    if not os.path.exists(source):
        raise FileNotFoundError(f"nothing to save: there is no {source!r} here ({os.getcwd()})")
    name = os.path.basename(os.path.abspath(source)) if name is None else name
    parts = name.split("/")
    if os.path.isabs(name) or not all(parts) or "." in parts or ".." in parts or "\0" in name:
        raise ValueError(f"cannot save under the name {name!r}: give a relative path, such as 'best/model.pt'")
    output = os.environ.get("GITEXP_OUTPUT")
    if not output:
        return Path(source)
    try:
        return Path(_kept(source, output, name))
    except ImportError as error:  # of a module in C, for want of a file descriptor
        _not_saved(name, OSError(0, str(error)))
        return Path(source)
    except OSError as error:
        theirs = error.filename is not None and error.filename2 is None and _is_of(error.filename, source)
        if error.errno is None or theirs:
            raise  # what was to be saved cannot be read
        _not_saved(name, error)
        return Path(source)


def _is_of(path: Any, source: str) -> bool:
    return os.fsdecode(path).startswith(source)


def _not_saved(name: str, error: OSError) -> None:
    _tell("save()", f"gitexp.save() could not keep {name[:200]!r}: {error.strerror}", error)


def _tell(what: str, lost: str, error: OSError) -> None:
    """Say once, on stderr, and have the record say, what is lost."""
    _warn(what, error)
    if _started is None:
        _open()
    _untold.append(lost)
    if _fd >= 0:
        _mark()
        _write(b"")


def _kept(source: str, output: str, name: str) -> str:
    import shutil
    import tempfile

    root = os.path.realpath(output)
    target = os.path.join(root, name)
    real = os.path.realpath(source)
    if os.path.commonpath((root, real)) == real:
        raise ValueError(f"cannot save {source!r}: it holds the folder of this run itself; save what is in it")
    parent = os.path.realpath(os.path.dirname(target))
    if os.path.commonpath((root, parent)) != root:
        raise ValueError(f"cannot save under the name {name!r}: it leads out of the folder of outputs")
    os.makedirs(parent, exist_ok=True)
    # Beside the folder of outputs, not in it: what a killed program leaves behind is never taken for an output.
    beside = tempfile.mkdtemp(prefix="saving-", dir=os.path.dirname(root))
    try:
        fresh = os.path.join(beside, "new")
        _copy(source, fresh, ())
        for attempt in range(100):
            try:
                os.replace(fresh, target)
                return target
            except OSError:
                # A folder cannot be replaced in one step. Another process may be replacing it too.
                if not os.path.lexists(target):
                    raise
                try:
                    os.rename(target, os.path.join(beside, f"old-{attempt}"))
                except FileNotFoundError:
                    pass
        raise OSError(f"cannot save under the name {name!r}: other processes keep writing it")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _copy(source: str, target: str, above: tuple[str, ...]) -> None:
    import shutil

    if os.path.isdir(source):
        real = os.path.realpath(source)
        if real in above:
            raise ValueError(f"cannot save {source!r}: this link leads back to a folder that it lies in")
        os.mkdir(target)
        for name in os.listdir(source):
            _copy(os.path.join(source, name), os.path.join(target, name), (*above, real))
    elif os.path.isfile(source):
        shutil.copyfile(source, target)
    elif os.path.exists(source):
        raise ValueError(f"cannot save {source!r}: it is neither a file nor a folder")
    else:
        raise FileNotFoundError(f"cannot save {source!r}: this link leads to nothing")
