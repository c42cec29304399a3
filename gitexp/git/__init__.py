"""git as gitexp uses it: always the `git` program, so that the user's configuration, hooks and credentials hold.

`repo` finds a repository and reads refs, `objectreader` objects. `objects` writes those, and moves one ref by
compare-and-swap. `worktree` says what state the working tree is in; `quarantine` snapshots it without touching it.
`append` moves the experiments branch (`branch`) on, and `gc` keeps what was just written from a gc that began before.
`hooks` installs and runs hooks. `transport` fetches and pushes. There is no libgit2: it costs 54 ms to import where the
processes that write a run cost 6, and it cannot open SHA-256, reftable or partial repositories.
"""
