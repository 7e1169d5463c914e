"""The page on which anybody reports a leaked password."""
