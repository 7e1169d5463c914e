"""The page for an incident: it freezes the creation of tokens, and allows it again."""
