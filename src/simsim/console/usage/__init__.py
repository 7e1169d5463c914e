"""The usage page: how much an account is used, by whom, of what, and how quickly it is answered (B5, R7)."""
