"""The web console: translates what a browser sends into actions, and what they answer into pages. No rules of its own."""
