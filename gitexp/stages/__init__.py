"""One verb per file. A stage takes what it needs as arguments, does one thing, and knows no other stage.

configure · resolve · check · snapshot · submit · execute · collect · record · compare · share · progress
"""
