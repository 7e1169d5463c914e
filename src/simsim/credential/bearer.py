"""The password alone, as a bearer token (RFC 6750, section 2.1), parsed by one strict grammar.

    credentials = "Bearer" 1*SP password

A password has 256 random bits, so it finds its token without the account's id, and an id adds nothing to it.
"""

from collections.abc import Sequence

from simsim.credential import basic
from simsim.credential.decision import Cause, Credentials, Decision, Reason
from simsim.credential.digest import digest
from simsim.credential.password import is_well_formed

PASSWORD_FORM = Decision(Reason.UNKNOWN_CREDENTIALS, Cause.PASSWORD_FORM)


def parse_either(values: Sequence[bytes], *, admits_foreign: bool = False) -> Credentials | Decision:
    """Return the credentials in a request's Authorization headers, Bearer or Basic, or the decision that refuses them.

    Those of Bearer have the username None: the account is that of the token. See `basic.parse`. Never raises.
    """
    if len(values) != 1 or values[0][:7].lower() != b"bearer ":
        return basic.parse(values, admits_foreign=admits_foreign)
    if len(values[0]) > basic.MAX_BASE64_BYTES:
        return basic.TOO_LONG
    password = values[0][7:].lstrip(b" ").decode("latin-1")
    return Credentials(None, digest(password)) if is_well_formed(password) else PASSWORD_FORM
