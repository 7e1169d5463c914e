"""The web console: it turns browsers' requests into actions, and results into pages. It contains no business rules."""
