"""Requests for tokens: a member asks, and an administrator answers."""
