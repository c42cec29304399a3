"""From the tables of a recipe to components that fit together: found, allowed, built, shown to each other.

names.py          `use` to the callable that it names, held against the allow-list
arguments.py      a table against a signature; the defaults that nobody typed
parts.py          all components of a recipe, found and not yet built
contracts.py      a real batch against what cards say
stream.py         what flows from one to the next, and where two disagree
leaks.py          held-out rows among those that are learnt from
flow.py           one batch through model and loss
assemble.py       all of this in order
blame.py          an exception as one line that says where
"""
