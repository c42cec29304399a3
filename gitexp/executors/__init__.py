"""Start a worker somewhere. One file an executor; each offers start(folder, …), the run folder does the rest."""
