"""Sign-in at the operator's OpenID Connect provider, and the confirmation there that it is still the same person."""
