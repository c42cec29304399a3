"""Tables: rows in one order everywhere, splits and samples of them, and contracts that they keep.

Knows nothing of git or of runs.
"""
