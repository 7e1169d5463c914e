"""The verdict on one request, pure: everything it needs is passed in, and a refusal is a value."""
