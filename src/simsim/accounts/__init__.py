"""Who may do what: accounts, their users, the roles, and the one permit() in front of every action."""
