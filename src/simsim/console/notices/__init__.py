"""Who gets which notice, as the administrators choose it."""
