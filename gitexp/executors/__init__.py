"""Start a worker somewhere. One file an executor, with a `start` as protocol.py has it; the run folder does the rest.

beside.py is none: it runs a program to its end, for work of which nothing is to be left.
"""
