"""Simsim: the customers of an API look after their own access tokens."""

__version__ = "0.1.0"
