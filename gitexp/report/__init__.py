"""Runs as one HTML file that can be mailed: it opens without a network, and nothing of a record can act in it.

`material.py` reads what a page says of each run, `document.py` makes one compact JSON document of them, `page.py` puts
it into HTML with `report.js`, which draws it, and `report.css`.
"""
