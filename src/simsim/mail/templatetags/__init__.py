"""What the mails' templates load."""
