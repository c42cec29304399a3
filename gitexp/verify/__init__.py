"""Every record held against docs/format.md, from git's objects alone: nothing of a record runs, nothing is fetched.

`branch` goes through the commits and gives each its problems: `commits` what a commit must be, `events` what is said
about runs, `growth` what only a whole branch shows. `records` takes one run apart: `runs` has what run.toml and the
message must be, `files`, `metrics`, `data`, `manifests` and `verdicts` the other files. All ask `looking`, which reads
by `objects`, many at once.
"""
