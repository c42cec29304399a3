"""One verb per file. A stage takes what it needs as arguments, does one thing, and knows no other stage.

resolve · provide · vet · check · withhold · snapshot · submit · execute · collect · learn · record
"""
