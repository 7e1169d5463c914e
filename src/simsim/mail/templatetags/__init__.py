"""Template tags for emails."""
