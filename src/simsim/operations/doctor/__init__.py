"""`simsim doctor`: examines an installation and says how to mend it."""
