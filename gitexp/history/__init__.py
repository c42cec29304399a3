"""Records read back. Reads commits; imports, unpickles and executes nothing that came with one.

`listing` lists the runs of a ref, newest first, from the index that `cache` keeps (an accelerator, never a source).
`read` turns one commit into a Run, each part tolerant of damage. `codechange` says what differs between the code of
two. `select` turns what people type (RUN) into a row. `previous` finds the run before one that is still running.
`compare` holds two runs against each other, `share` pushes and pulls them, `trace` goes from a dataset to its sources.
"""
