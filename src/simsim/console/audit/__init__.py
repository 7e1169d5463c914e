"""The page of the audit trail: who did what, when and from where, with filters and an export."""
