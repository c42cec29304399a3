"""Named tuples and their text forms. No I/O, no clock, no environment; nothing of gitexp but errors is imported.

Named tuples, because a frozen dataclass takes half a millisecond to define, six times as long, and starting up is
what people feel. `run` is run.toml, `recipe` a resolved recipe and its origins, `config` gitexp.toml, `manifest`
data.toml and the manifests, `metrics`, `history` and `metricfiles` what was logged, `environment` interpreter and
machine, `message` a run's commit message, `keylines` the line that a TOML key stands on.
"""
