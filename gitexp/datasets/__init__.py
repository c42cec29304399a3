"""Bytes by their digest: from files on disk to digests, manifests and an object store. Knows nothing of git or runs.

digest.py    one file → its xxh128 and sha256, in constant memory; readahead.py reads the large ones ahead
walk.py      a folder → its files in batches, links followed, loops refused
hashing.py   the files of a batch → their digests; several at once from a slow disk
sections.py  what is known of a folder's files, in columns; gather.py: that and what is there now → what is known now
build.py     a file or folder → its manifest, and later what has changed since
statcache.py what was hashed last time, on disk; the manifests, and the git objects that hold them
progress.py  how far long work is, told to whoever watches
place.py     a clone → where its store, its caches and its key are
obtain.py    a digest → its bytes in the store, from remotes if need be; pinned.py: a pin, which may be keyed, likewise
ready.py     a dataset that is here, proven and described; restricted.py: what tells restricted bytes

objects/     the store, checkouts; remotes/: the places that keep objects for several clones, and transfers
sources/     where data comes from, other than a folder
"""
