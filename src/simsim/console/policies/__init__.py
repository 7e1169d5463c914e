"""The page on which an account chooses what it demands of its tokens."""
