"""The parts of the request log that an account's people may read."""
