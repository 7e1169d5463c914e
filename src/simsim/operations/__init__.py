"""What operators use: the command line, the worker, the processes of an installation, and its health checks."""
