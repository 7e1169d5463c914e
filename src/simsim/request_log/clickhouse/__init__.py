"""The rows of the log in ClickHouse, for logs that are too long for SQLite and PostgreSQL."""
