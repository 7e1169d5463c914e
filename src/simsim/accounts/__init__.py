"""Accounts, their users and roles, and permit(), which every action calls first."""
