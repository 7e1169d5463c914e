"""The web console: it turns browsers' requests into actions, and results into pages. It has no rules of its own."""
