"""The queue for everything that leaves Simsim: emails, forwarded events and webhooks, each delivered at least once."""
