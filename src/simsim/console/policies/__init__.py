"""The page on which an account sets the rules for its tokens."""
