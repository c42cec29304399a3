"""The rows of a dataset, whatever its format, and which of them make up a split.

tables.py    a dataset's parts and their rows, in one order everywhere; readers/ has one file a format
splits.py    rules to row numbers, checked for overlap; drawing.py: the order that is cut
"""
