"""Encrypts the keys at rest, with a key that stays in Vault or AWS KMS, which is asked when a process starts."""
