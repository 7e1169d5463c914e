"""The life of a token, from its creation to its revocation or expiry."""
