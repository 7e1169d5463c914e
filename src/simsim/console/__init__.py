"""The web console: turns what a browser sends into actions, and their answers into pages. No rules of its own."""
