"""The hot path: one request in, one decision out, one line in the spool. Knows no Django and keeps no stale state."""
