"""`simsim backup` and `simsim restore`: the databases in one file, and back."""
