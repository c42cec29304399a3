"""Bytes by their digest: from files on disk to digests, manifests and an object store. Knows nothing of git or runs.

digest.py    one file → its xxh128, in constant memory
walk.py      a folder → its files, links followed, loops refused
manifest.py  a file or folder → its manifest, and later what has changed since
store.py     files → objects that are written once and named by digest
"""
