"""Finds passwords where none should be: in files, in archives, and in the history of Git repositories.

It needs no database and no network: the checksum of a password tells it from other text.
"""
