"""Reports of leaked passwords (B4): proven by a signature or by the password itself, and answered at once."""
