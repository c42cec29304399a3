"""The command line: parses, calls a pipeline or a stage, renders. The only floor that prints."""
