"""The pages *People*: an administrator invites people, changes their roles and removes them."""
