"""The mails that Simsim owes people, and their delivery: at least once, with a stable Message-ID."""
