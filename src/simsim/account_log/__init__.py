"""What an account's people may read of its request log."""
