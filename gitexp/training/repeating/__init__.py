"""What makes a training the same twice, and the same after it was killed.

seeds.py          one seed to all others; the states of generators
determinism.py    [reproducibility] as settings of torch, and as facts for the record
checkpoint.py     a whole state as a file, and back
digest.py         a state as one digest
"""
