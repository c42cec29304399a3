"""Read what programs write by themselves: event files, CSV loggers, trackers' own stores, and their settings.

`kinds.py` knows the files by their paths and imports nothing; a reader is imported when a file of its kind was found.
Nothing that came with a run is imported or unpickled, and what cannot be read becomes a sentence.
"""
