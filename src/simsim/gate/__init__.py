"""The hot path: decides each request and writes a line to the spool. Does not use Django and keeps no stale state."""
