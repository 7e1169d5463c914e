"""The Authorization header: one grammar, and only one reading."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from simsim.credential import basic
from simsim.credential.decision import Cause, Credentials, Decision, Reason
from simsim.credential.digest import digest
from simsim.credential.password import mint

ACME = "0a1b2c3d-89ab-4cde-8123-456789abcdef"
SECRET = mint()
PAIR = f"{ACME}:{SECRET}".encode()
GOOD = b64encode(PAIR)


def refused(values: list[bytes]) -> Cause:
    """Return the cause of a refusal, None for accepted credentials."""
    result = basic.parse(values)
    assert isinstance(result, Decision)
    assert result.reason in {Reason.NO_CREDENTIALS, Reason.MALFORMED, Reason.UNKNOWN_CREDENTIALS}
    return result.cause


def basic_of(text: bytes) -> list[bytes]:
    return [b"Basic " + b64encode(text)]


@pytest.mark.covers("R15")
@pytest.mark.parametrize("prefix", [b"Basic ", b"basic ", b"BASIC ", b"bAsIc ", b"Basic  ", b"Basic" + b" " * 40])
def test_scheme_in_any_case_and_any_number_of_spaces_are_read(prefix: bytes) -> None:
    assert basic.parse([prefix + GOOD]) == Credentials(ACME, digest(SECRET))


SCHEME, ENCODING, COLON = Cause.SCHEME, Cause.BAD_ENCODING, Cause.NO_COLON
USERNAME, PASSWORD, LONG, TWO = Cause.USERNAME_FORM, Cause.PASSWORD_FORM, Cause.TOO_LONG, Cause.TWO_HEADERS
TABLE: dict[str, tuple[list[bytes], Cause]] = {
    "no header": ([], Cause.NO_CREDENTIALS),
    "two good headers": ([b"Basic " + GOOD] * 2, TWO),
    "a good and a bad header": ([b"Basic " + GOOD, b""], TWO),
    "a bad and a good header": ([b"Bearer x", b"Basic " + GOOD], TWO),
    "empty": ([b""], SCHEME),
    "one space": ([b" "], SCHEME),
    "scheme alone": ([b"Basic"], SCHEME),
    "scheme and a space": ([b"Basic "], COLON),
    "leading space": ([b" Basic " + GOOD], SCHEME),
    "leading tab": ([b"\tBasic " + GOOD], SCHEME),
    "bearer": ([b"Bearer " + SECRET.encode()], SCHEME),
    "digest": ([b'Digest username="x"'], SCHEME),
    "negotiate": ([b"Negotiate " + GOOD], SCHEME),
    "no scheme": ([GOOD], SCHEME),
    "longer scheme": ([b"Basicx " + GOOD], SCHEME),
    "scheme glued": ([b"Basic" + GOOD], SCHEME),
    "scheme with a colon": ([b"Basic: " + GOOD], SCHEME),
    "tab after the scheme": ([b"Basic\t" + GOOD], SCHEME),
    "newline after the scheme": ([b"Basic\n" + GOOD], SCHEME),
    "NUL in the scheme": ([b"Ba\0sic " + GOOD], SCHEME),
    "long s in the scheme": (["Baſic ".encode() + GOOD], SCHEME),
    "space then tab": ([b"Basic \t" + GOOD], ENCODING),
    "trailing space": ([b"Basic " + GOOD + b" "], ENCODING),
    "trailing newline": ([b"Basic " + GOOD + b"\n"], ENCODING),
    "trailing NUL": ([b"Basic " + GOOD + b"\0"], ENCODING),
    "comma-joined headers": ([b"Basic " + GOOD + b", Basic " + GOOD], ENCODING),
    "comma-joined values": ([b"Basic " + GOOD + b"," + GOOD], ENCODING),
    "obs-fold": ([b"Basic " + GOOD[:20] + b"\r\n " + GOOD[20:]], ENCODING),
    "space inside": ([b"Basic " + GOOD[:20] + b" " + GOOD[20:]], ENCODING),
    "NUL inside": ([b"Basic " + GOOD[:20] + b"\0" + GOOD[20:]], ENCODING),
    "junk inside": ([b"Basic " + GOOD[:20] + b"!@#" + GOOD[20:]], ENCODING),
    "0xFF inside": ([b"Basic " + GOOD[:20] + b"\xff" + GOOD[20:]], ENCODING),
    "0xFF alone": ([b"Basic \xff"], ENCODING),
    "auth-param": ([b"Basic token=" + GOOD], ENCODING),
    "quoted": ([b'Basic "' + GOOD + b'"'], ENCODING),
    "percent-encoded": ([b"Basic YTpi%3D"], ENCODING),
    "in clear": ([b"Basic " + PAIR], ENCODING),
    "missing padding": ([b"Basic YTpiYw="], ENCODING),
    "no padding": ([b"Basic YTpiYw"], ENCODING),
    "too much padding": ([b"Basic YTpiYw==="], ENCODING),
    "padding where none is due": ([b"Basic YTpi="], ENCODING),
    "padding inside": ([b"Basic YTpiYw==YTpi"], ENCODING),
    "padding alone": ([b"Basic =="], ENCODING),
    "spare bits, one pad": ([b"Basic YTpiYWJ="], ENCODING),
    "spare bits, two pads": ([b"Basic YTpiYx=="], ENCODING),
    "one character": ([b"Basic Y"], ENCODING),
    "urlsafe alphabet": ([b"Basic " + urlsafe_b64encode(b"\xc3\xbf\xc3\xbe?>:\xc3\xbb\xc3\xbf")], ENCODING),
    "UTF-16": ([b"Basic " + b64encode(PAIR.decode().encode("utf-16"))], ENCODING),
    "Latin-1": (basic_of("é:é".encode("latin-1")), ENCODING),
    "overlong UTF-8": (basic_of(b"a\xc0\xba" + SECRET.encode()), ENCODING),
    "surrogate in UTF-8": (basic_of(b"\xed\xa0\x80:x"), ENCODING),
    "encoded twice": ([b"Basic " + b64encode(GOOD)], COLON),
    "no colon": (basic_of(ACME.encode()), COLON),
    "username alone with colon": (basic_of(f"{ACME}:".encode()), PASSWORD),
    "fullwidth colon": (basic_of(f"{ACME}：{SECRET}".encode()), COLON),
    "colon alone": (basic_of(b":"), USERNAME),
    "no username": (basic_of(f":{SECRET}".encode()), USERNAME),
    "swapped": (basic_of(f"{SECRET}:{ACME}".encode()), USERNAME),
    "upper-case username": (basic_of(f"{ACME.upper()}:{SECRET}".encode()), USERNAME),
    "braces": (basic_of(f"{{{ACME}}}:{SECRET}".encode()), USERNAME),
    "urn": (basic_of(f"urn:uuid:{ACME}:{SECRET}".encode()), USERNAME),
    "no dashes": (basic_of(f"{ACME.replace('-', '')}:{SECRET}".encode()), USERNAME),
    "misplaced dash": (basic_of(f"0a1b2c3-d89ab-4cde-8123-456789abcdef:{SECRET}".encode()), USERNAME),
    "space before the username": (basic_of(f" {ACME}:{SECRET}".encode()), USERNAME),
    "newline after the username": (basic_of(f"{ACME}\n:{SECRET}".encode()), USERNAME),
    "NUL after the username": (basic_of(f"{ACME}\0:{SECRET}".encode()), USERNAME),
    "byte order mark": (basic_of(f"\ufeff{ACME}:{SECRET}".encode()), USERNAME),
    "fullwidth digits": (basic_of(f"０a1b2c3d{ACME[8:]}:{SECRET}".encode()), USERNAME),
    "colon in the password": (basic_of(f"{ACME}:{SECRET}:x".encode()), PASSWORD),
    "colon before the password": (basic_of(f"{ACME}::{SECRET}".encode()), PASSWORD),
    "space before the password": (basic_of(f"{ACME}: {SECRET}".encode()), PASSWORD),
    "newline after the password": (basic_of(f"{ACME}:{SECRET}\n".encode()), PASSWORD),
    "NUL after the password": (basic_of(f"{ACME}:{SECRET}\0".encode()), PASSWORD),
    "one character less": (basic_of(f"{ACME}:{SECRET[:-1]}".encode()), PASSWORD),
    "checksum wrong": (basic_of(f"{ACME}:{SECRET[:-1]}{'a' if SECRET[-1] != 'a' else 'b'}".encode()), PASSWORD),
    "somebody's own password": (basic_of(f"{ACME}:hunter2".encode()), PASSWORD),
    "non-ASCII password": (basic_of(f"{ACME}:пароль".encode()), PASSWORD),
    "base64 over 1 KiB": ([b"Basic " + b64encode(b"a" * 780)], LONG),
    "header over 8 KiB": ([b"Basic " + b" " * 8192 + GOOD], LONG),
    "header of 64 KiB": ([b"A" * 65536], LONG),
}


@pytest.mark.covers("R15", "R16")
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_every_other_header_is_refused_with_its_cause(case: str) -> None:
    values, cause = TABLE[case]
    assert refused(values) is cause


def test_the_table_has_the_sixty_rows_of_the_threat_model() -> None:
    assert len(TABLE) >= 60


@pytest.mark.covers("R16")
def test_reason_distinguishes_malformed_from_unknown_credentials() -> None:
    for values, cause in TABLE.values():
        decision = basic.parse(values)
        assert isinstance(decision, Decision)
        expected = Reason.UNKNOWN_CREDENTIALS if cause in {USERNAME, PASSWORD} else Reason.MALFORMED
        assert decision.reason is (Reason.NO_CREDENTIALS if cause is Cause.NO_CREDENTIALS else expected)


@pytest.mark.covers("R17")
def test_account_claimed_with_a_wrong_password_is_kept_for_its_log() -> None:
    decision = basic.parse(basic_of(f"{ACME}:hunter2".encode()))
    assert decision == Decision(Reason.UNKNOWN_CREDENTIALS, Cause.PASSWORD_FORM, claim=ACME)
    for values, cause in TABLE.values():
        refusal = basic.parse(values)
        assert isinstance(refusal, Decision)
        assert refusal.claim == (ACME if cause is PASSWORD else None)


@pytest.mark.covers("R17")
def test_credentials_do_not_hold_the_password() -> None:
    assert SECRET not in repr(basic.parse([b"Basic " + GOOD]))
