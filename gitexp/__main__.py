"""`python -m gitexp` is `gitexp`."""

from gitexp.cli.main import main

main()
