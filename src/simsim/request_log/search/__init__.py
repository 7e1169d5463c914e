"""Finds rows of the log again."""
