"""The verbs: what each takes and prints. They import what needs Django when they run, so that help comes at once."""
