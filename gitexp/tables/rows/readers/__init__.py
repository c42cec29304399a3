"""One kind of table each: a file to its fields, then its values in pieces, with the place of each. Constant memory.

pieces.py      what a reader gives: Head, Piece, Fault; what it raises where it cannot go on
textblocks.py  a text file, gzip or not, to lines of text; what is not UTF-8 is noticed
delimited.py   CSV and TSV
jsonlines.py   JSON lines, nested objects as dotted fields
parquet.py     Parquet, by pyarrow
npy.py         numpy's arrays, without numpy; pickled ones are refused
images.py      a picture, by Pillow where more than its name is asked for
"""
