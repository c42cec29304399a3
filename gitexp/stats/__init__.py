"""Statistics of a handful of runs: numbers in, named tuples out. Knows neither runs nor metrics.

`summary.py` needs the standard library; the rest imports scipy where it is used (`required.py`).
"""
