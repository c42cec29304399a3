"""Objects by digest: written once, read-only, never changed; the same in every store and on every remote.

store.py      files → objects; objectname.py: a digest to its name; copies.py: the cheapest copy that is safe
checkout.py   a dataset in the store → files in a folder
"""
