"""The tables of contents: each file reads top to bottom like its page in the manual, and calls stages."""
