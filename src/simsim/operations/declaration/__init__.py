"""`simsim apply`: a YAML file declares accounts, people, notices and software, and the database is brought to it."""
