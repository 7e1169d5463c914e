"""The pages on which a token is received: by whoever has a link, or by a member who asked for the token."""
