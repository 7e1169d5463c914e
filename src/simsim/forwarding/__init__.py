"""Forwarding of log rows and audit events to the operator's receiver, at least once, by webhook or syslog."""
