"""The usage page: how much an account uses the API, by token, software, endpoint and status, and how fast (B5, R7)."""
