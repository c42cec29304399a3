"""Where data comes from, other than a folder: an address or a pointer, to files in the object store and their manifest.

open.py        the table of schemes: resolve an address to an exact version, fetch that version into the store
stated.py      the same, asked as the catalogue states
resolution.py  what was asked, what it stood for, what was fetched
s3.py https.py hub.py    one kind of address each: which files there are, and a file's bytes from any offset on
web.py         one HTTP request: redirects, secrets, time limits
download.py    many files at once: continued, verified, stored
holding.py     a dataset that the store holds
checksums.py   a file's bytes against what its source states
known.py       versions that were fetched before, so that an unchanged one costs a request
refusals.py    what went wrong, whom to ask, what to type
looks.py       whether a path is worth opening by the next, asked by every run
pointed.py     files of git-lfs and DVC that stand for others, in lfs.py and dvc.py (dvcfile.py reads their text)
"""
