"""`simsim doctor`: examines an installation and says how to repair it."""
