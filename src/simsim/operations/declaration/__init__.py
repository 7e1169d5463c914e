"""`simsim apply`: a YAML file declares accounts, people, notices and policies, and the database is brought to it."""
