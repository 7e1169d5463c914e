"""Sessions that the operator's own product opens: marked, short, and limited to one account and role."""
