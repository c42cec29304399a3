"""The gitexp.toml that `gitexp init` writes: every setting, commented out at its default."""

CONFIG_TEMPLATE = """\
# gitexp: how experiments are recorded in this repository. Committed, so that everybody has the same rules.
# What is commented out shows the default. `git config gitexp.branch` and the like override it for one clone.

# branch = "experiments"        # the branch that runs are recorded on

[policy]
# dirty = "refuse"              # "allow": record uncommitted code as a snapshot instead of refusing the run
# secrets = "refuse"            # to publish what looks like one; "warn", "off"; .gitexp-secrets allows what is none
# untracked_limit = "10MB"      # how much untracked data a snapshot may take in, in all
# history_limit = "256KiB"      # of history.csv in git; beyond, git holds a sample and the object store all of it
# variables = []                # names of further environment variables to record; never secrets
# digests = ["xxh128"]          # ["xxh128", "sha256"]: manifests that stand against forgery too
# restricted_manifests = "hide" # "record": restricted data's manifests into the record like all others
# sign = false                  # true: sign runs and all that is said of them; else git's commit.gpgsign decides
# imports = ["torch", "gitexp.training"]  # modules that a recipe's components may come from, besides this repository's

[metrics]
# goal = { "val.acc" = "max" }  # which way is better; a recipe's own [metrics] goal wins

[run]
# outputs = []                  # ["out/", "*.ckpt"]: kept as artifacts of every run, and no change of the tree's

[capture]
# files = true                  # metrics that programs write by themselves: event files, CSV loggers, trackers' stores
# printed = true                # METRIC name=value lines, and __RESULT__ {json}
# settings = true               # such as Hydra's config.yaml

# [datasets.digits]             # a name that recipes may use in [data]
# path = "data/digits.csv.gz"
# digest = "xxh128:…"           # refuse runs on anything else; `gitexp data pin digits` writes it

# [remotes.lab]                 # where bytes are shared: s3://, gs://, az://, https://, ssh:// or a folder
# url = "s3://bucket/lab"
"""
