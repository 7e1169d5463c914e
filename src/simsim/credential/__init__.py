"""The verdict on one request, without I/O: every input is passed in, and a refusal is a value."""
