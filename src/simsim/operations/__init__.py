"""The operator's door: the command line, the worker, the processes of an installation, and its health."""
