"""`simsim setup`: a new installation in one command, with its settings, keys, databases and first administrator."""
