"""Run one job: `python -I -S main.py RUNFOLDER [READ_FD WRITE_FD]`, the descriptors being those of whoever attends.

This file is compiled anew at every start (Python caches imports only), so it holds next to nothing.
"""

import os
import sys


def main(argv: list[str]) -> int:
    # Neither gitexp nor siblings can be imported under -I -S; nothing else of that folder is wanted first in line.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from gitexp.worker import watch

    front = (int(argv[2]), int(argv[3])) if len(argv) > 2 else None
    return watch.run(argv[1], front)


if __name__ == "__main__":
    # No clean-up of the interpreter: it costs milliseconds, and everything of worth is in files by now.
    os._exit(main(sys.argv))
