"""The password alone as a bearer token: one grammar beside Basic, and never both."""

import pytest

from simsim.credential import basic, bearer
from simsim.credential.decision import Cause, Credentials, Decision
from simsim.credential.digest import digest
from simsim.credential.password import mint

SECRET = mint()
GOOD = b"Bearer " + SECRET.encode()
PAIR = b"Basic MGExYjJjM2Q="
REFUSED = {
    "no header": ([], Cause.NO_CREDENTIALS),
    "two bearers": ([GOOD, GOOD], Cause.TWO_HEADERS),
    "bearer and basic": ([GOOD, PAIR], Cause.TWO_HEADERS),
    "two in one": ([GOOD + b", " + GOOD], Cause.PASSWORD_FORM),
    "basic in bearer": ([b"Bearer " + PAIR], Cause.PASSWORD_FORM),
    "nothing": ([b"Bearer "], Cause.PASSWORD_FORM),
    "scheme alone": ([b"Bearer"], Cause.SCHEME),
    "tab": ([b"Bearer\t" + SECRET.encode()], Cause.SCHEME),
    "glued": ([b"Bearer" + SECRET.encode()], Cause.SCHEME),
    "trailing space": ([GOOD + b" "], Cause.PASSWORD_FORM),
    "wrong check": ([GOOD[:-1] + (b"0" if GOOD[-1:] != b"0" else b"1")], Cause.PASSWORD_FORM),
    "not ASCII": (["Bearer sim_ſ".encode()], Cause.PASSWORD_FORM),
    "too long": ([b"Bearer " + b"a" * 2000], Cause.TOO_LONG),
    "quoted": ([b'Bearer "' + SECRET.encode() + b'"'], Cause.PASSWORD_FORM),
}  # fmt: skip


@pytest.mark.covers("B15", "R15")
@pytest.mark.parametrize("prefix", [b"Bearer ", b"bearer ", b"BEARER   "])
def test_the_password_alone_stands_for_its_own_account(prefix: bytes) -> None:
    assert bearer.parse_either([prefix + SECRET.encode()]) == Credentials(None, digest(SECRET))


@pytest.mark.covers("B15", "R13")
@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused(name: str) -> None:
    values, cause = REFUSED[name]
    found = bearer.parse_either(values)
    assert isinstance(found, Decision)
    assert found.cause == cause


@pytest.mark.covers("R15")
def test_basic_is_read_as_without_bearer() -> None:
    for values in ([], [PAIR], [PAIR, PAIR], [b"Basic"], [b"Digest x"]):
        assert bearer.parse_either(values) == basic.parse(values)
    assert basic.parse([GOOD]) == basic.SCHEME
