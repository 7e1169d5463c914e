"""The OpenID Connect provider with which people sign in: what it publishes, and which of its answers count."""
