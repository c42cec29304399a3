"""Metrics over the course of runs: read from records and run folders, thinned, smoothed, put together, drawn.

`series.py` is what a history holds; `recorded.py` reads it from commits, `growing.py` from a run in progress.
`shaping.py` makes many points few and several curves one band; `sparkline.py` draws one in a line of text.
"""
