"""`python -m gitexp.training`: train, or only check, what the run folder in GITEXP_FOLDER asks for.

Without one, the recipe in GITEXP_RECIPE is trained by itself. Exit code 3: the recipe was refused, refused.json says
why, and nothing was trained.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gitexp import runfolder
from gitexp.training.talk import complain

REFUSED = 3


def main() -> int:
    folder, recipe = os.environ.get("GITEXP_FOLDER"), os.environ.get("GITEXP_RECIPE")
    if not folder and not recipe:
        complain("gitexp.training is started by gitexp: type  gitexp run RECIPE")
        return 2
    if not folder:
        from gitexp.training.alone import lacking, lay_out_alone

        if names := lacking(Path(recipe or "")):
            complain(f"error: {recipe} has no [{names[0]}], so there is nothing to train. Type  gitexp run RECIPE")
            return 2
        folder = str(lay_out_alone(Path(recipe or ""), root=Path.cwd()))
        code = _train(folder)
        for problem in (runfolder.read_json(folder, runfolder.REFUSED) or {"problems": []})["problems"]:
            complain(f"error: {'.'.join(problem['path'])}: {problem['what']}")
        return code
    return _train(folder)


def _train(folder: str) -> int:
    """Do what a run folder asks for; the exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback, until the training listens
    try:
        import torch  # noqa: F401
    except ImportError as error:
        why = f"{sys.executable} cannot train: {error}"
        fix = 'pip install torch numpy there, or name another interpreter:  [run] python = "PATH"'
        problem = {"path": ["run", "python"], "what": f"{why}; {fix}"}
        runfolder.write_json(folder, runfolder.REFUSED, {"problems": [problem]})
        return REFUSED
    # A __pycache__ beside the user's components would make their tree dirty; what torch needs is compiled by now.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for loader workers
    from gitexp.training.program import run

    return run(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
