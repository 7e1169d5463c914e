"""Counts requests and reports the counts."""
