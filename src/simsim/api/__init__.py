"""The management API: everything that a person does in the console, a script can do under the same rules (B7)."""
