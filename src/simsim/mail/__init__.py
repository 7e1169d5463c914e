"""What is owed to whom, and its delivery: at least once, with one stable Message-ID."""
