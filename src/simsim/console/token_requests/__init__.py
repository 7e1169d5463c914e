"""Requests for a token: a member makes one, an administrator answers it."""
