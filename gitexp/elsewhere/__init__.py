"""Readers of other tools' stores, for `gitexp import`: each run of a store becomes a `Foreign`.

`stores.py` tells the kind and asks the reader of it. Files are opened here and never written; what is in them is a
stranger's.
"""
