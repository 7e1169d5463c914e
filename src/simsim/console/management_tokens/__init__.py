"""The pages *Management tokens*: an administrator creates and revokes credentials for the management API."""
