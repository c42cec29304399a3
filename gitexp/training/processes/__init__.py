"""One training in several processes.

ranks.py          started by torchrun, joined, each knowing its share
sharding.py       a model held whole or in parts, as one
stop.py           asked to stop
"""
