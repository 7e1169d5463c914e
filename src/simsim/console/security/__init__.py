"""A person's own sign-in: password, second factors, passkeys and sessions."""
