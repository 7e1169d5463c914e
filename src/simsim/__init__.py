"""Simsim: the customers of an API manage their own access tokens."""

from simsim import sqlite_library

__version__ = "0.1.0"

# This must be here, because every process of ours imports the package before it can import `sqlite3`.
sqlite_library.put_in_place()
