"""What a dataset must look like: data held against its contract, and a first contract from data.

judging.py        data and a contract → all violations, and rows by slice
fieldcheck.py     one field's values; values.py: a cell's text to a value; quantiles.py, violations.py: the sum of it
describe.py       data → its description, field by field (description.py, fieldshape.py)
firstcontract.py  a description → a contract that the data keeps, with the description as comments
"""
