"""The command line: parses, calls a pipeline or a stage, renders. The only floor that prints."""

import gc

# What is imported stays, so the ten collections on the way to a command find nothing; what long work makes is found.
gc.set_threshold(50_000)
