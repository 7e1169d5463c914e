"""The emails that Simsim sends, each delivered at least once and with a stable Message-ID."""
