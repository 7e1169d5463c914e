"""Tokens, from their creation to their revocation or expiry."""
