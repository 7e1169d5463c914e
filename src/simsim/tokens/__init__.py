"""The life of a token: created, read, edited, rotated, revoked, expired."""
