"""SCIM 2.0 (RFC 7643, RFC 7644): an account's identity provider adds, changes and removes its people here.

A management token with the scope `people` says which account is meant. What people become there is decided in
`accounts.provisioned_people` and `accounts.provisioned_groups`.
"""
