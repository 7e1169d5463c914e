"""Passwords of management tokens: their own prefix, so that nobody takes one for the password of a token."""

import re

from simsim.credential import password

PREFIX = "simm_"
PATTERN = r"^simm_[0-9A-Za-z]{49}$"
_has_form = re.compile(PATTERN.strip("^$")).fullmatch


def mint() -> str:
    """Return a new password: see `password.mint`."""
    return password.mint(PREFIX)


def is_well_formed(text: str) -> bool:
    """Whether the text has the form and the checksum of a management token's password."""
    return _has_form(text) is not None and password.ends_in_its_checksum(text)
