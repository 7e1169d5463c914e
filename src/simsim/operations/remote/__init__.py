"""The verbs that work from any machine: the same as those on the server, through the management API."""
