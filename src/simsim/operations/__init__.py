"""The operator's tools: the command line, the worker, the processes of an installation, and its health checks."""
