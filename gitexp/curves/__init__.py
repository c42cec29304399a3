"""Metrics over the course of runs: read from records and run folders, thinned, smoothed, put together, drawn.

`series.py` is what a history holds; `recorded.py` reads it from commits, `growing.py` from a run in progress.
`shaping.py` makes many points few and several curves one band; `lines.py` puts runs into one plot, which `terminal.py`
and `figure.py` draw; `sparkline.py` draws a curve in a line of text. `origin.py` goes from a number back to its row.
"""
