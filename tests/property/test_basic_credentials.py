"""The parser with any input: it never raises, and everything that it accepts has one spelling."""

import re
from base64 import b64decode, b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simsim.credential import basic
from simsim.credential.decision import Credentials, Decision
from simsim.credential.digest import digest
from simsim.credential.password import is_well_formed, mint

ACME = "0a1b2c3d-89ab-4cde-8123-456789abcdef"
GOOD = b"Basic " + b64encode(f"{ACME}:{mint()}".encode())
# The grammar of the threat model, implemented a second time in another way.
GRAMMAR = re.compile(rb"basic +([A-Za-z0-9+/]+={0,2})\Z", re.IGNORECASE)
ACCOUNT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def oracle(values: list[bytes]) -> Credentials | None:
    """Return the credentials that the threat model's grammar accepts."""
    if len(values) != 1 or len(values[0]) > 8192 or not (match := GRAMMAR.match(values[0])) or len(match[1]) > 1024:
        return None
    try:
        decoded = b64decode(match[1], validate=True)
        username, colon, password = decoded.decode().partition(":")
    except ValueError:
        return None
    if b64encode(decoded) != match[1] or not colon or not ACCOUNT.fullmatch(username) or not is_well_formed(password):
        return None
    return Credentials(username, digest(password))


def agrees(values: list[bytes]) -> None:
    parsed, expected = basic.parse(values), oracle(values)
    assert parsed == expected if expected is not None else isinstance(parsed, Decision)


pieces = st.one_of(
    st.sampled_from(
        [b"Basic", b"basic", b"BASIC", b" ", b"  ", b"\t", b",", b"=", b"==", b"\0", b"\xff", b"\r\n ", b":"]
    ),
    st.binary(max_size=40),
    st.binary(max_size=120).map(b64encode),
    st.just(GOOD),
    st.just(GOOD[6:]),
)


@pytest.mark.covers("R15")
@given(st.lists(st.lists(pieces, max_size=6).map(b"".join), max_size=3))
@example([GOOD])
@example([GOOD, GOOD])
def test_any_headers_are_judged_by_the_grammar(values: list[bytes]) -> None:
    agrees(values)


@pytest.mark.covers("R15")
@given(st.integers(0, len(GOOD)), st.integers(0, 3), st.binary(max_size=3))
def test_good_header_with_a_part_replaced_is_judged_by_the_grammar(at: int, gone: int, put: bytes) -> None:
    agrees([GOOD[:at] + put + GOOD[at + gone :]])


@pytest.mark.covers("R15")
@given(st.text(max_size=60), st.text(max_size=80))
def test_any_pair_of_texts_is_judged_by_the_grammar(username: str, password: str) -> None:
    pair = f"{username}:{password}".encode(errors="surrogatepass")
    agrees([b"Basic " + b64encode(pair)])


@pytest.mark.covers("R15", "B4")
@given(st.uuids(), st.builds(mint))
def test_every_account_and_every_minted_password_is_parsed(account: object, password: str) -> None:
    header = b"Basic " + b64encode(f"{account}:{password}".encode())
    assert basic.parse([header]) == Credentials(str(account), digest(password))
