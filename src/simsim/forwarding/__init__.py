"""Each row of the log and each audit event to a receiver of the operator's, at least once, by webhook or syslog."""
