"""What a record holds, as named tuples and in their text forms. Opens nothing, no clock, no environment.

Named tuples, because a frozen dataclass takes half a millisecond to define, six times as long, and starting up is
what people feel. `runrecord` is run.toml; `digests`, `manifest` and `datarecord` are the data; `metrics`,
`history` and `metricfiles` what was logged, `environment` interpreter and machine, `message` a run's commit message.
"""
