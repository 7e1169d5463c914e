"""Searches the log."""
