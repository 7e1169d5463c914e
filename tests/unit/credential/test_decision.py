"""The decision: the order of its checks, and the times at which it changes."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from simsim.credential import decision
from simsim.credential.allowlist import Address, pack, parse_address
from simsim.credential.decision import Cause, Credentials, Decision, Reason, Record, decide
from simsim.credential.digest import digest
from simsim.credential.password import mint

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ACME, GLOBEX = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
SECRET = mint()
ACTIVE = Record("token", ACME, "Warehouse", digest(SECRET), NOW + timedelta(days=1), False, b"", None)
CREDENTIALS = Credentials(ACME, digest(SECRET))
OFFICE = pack([ip_network("203.0.113.0/24")])
EVERYTHING_WRONG = ACTIVE._replace(revoked=True, expires_at=NOW, superseded_at=NOW, allowlist=OFFICE, paused=True)


def at(text: str) -> Address:
    address = parse_address(text)
    assert address is not None
    return address


def verdict(
    record: Record | None,
    *,
    credentials: Credentials = CREDENTIALS,
    address: Address | None = None,
    now: datetime = NOW,
) -> Decision:
    return decide(credentials, record, address=address, now=now)


@pytest.mark.covers("R15")
def test_active_token_of_the_account_is_accepted() -> None:
    assert verdict(ACTIVE) == Decision(Reason.OK, Cause.OK)


@pytest.mark.covers("R15", "R16")
def test_unknown_password_is_refused() -> None:
    assert verdict(None) == decision.PASSWORD_UNKNOWN
    # The dummy digest that an unknown password is compared with lets nobody in either.
    assert verdict(None, credentials=Credentials(ACME, bytes(32))) == decision.PASSWORD_UNKNOWN


@pytest.mark.covers("R15")
def test_record_of_another_digest_is_ignored() -> None:
    assert verdict(ACTIVE._replace(digest=digest(mint()))) == decision.PASSWORD_UNKNOWN


@pytest.mark.covers("R15")
def test_good_password_under_another_account_is_refused() -> None:
    assert verdict(ACTIVE, credentials=Credentials(GLOBEX, digest(SECRET))) == decision.OTHER_ACCOUNT


@pytest.mark.covers("R13")
def test_revoked_token_is_refused() -> None:
    assert verdict(ACTIVE._replace(revoked=True)) == decision.REVOKED


@pytest.mark.covers("R5")
def test_token_works_until_just_before_its_expiry() -> None:
    record = ACTIVE._replace(expires_at=NOW)
    assert verdict(record, now=NOW - TICK) == decision.OK
    assert verdict(record, now=NOW) == decision.EXPIRED
    assert verdict(record, now=NOW + TICK) == decision.EXPIRED


@pytest.mark.covers("B13")
def test_paused_token_is_refused_until_just_before_the_pause_ends() -> None:
    assert verdict(ACTIVE._replace(paused=True)) == Decision(Reason.PAUSED, Cause.PAUSED)
    record = ACTIVE._replace(paused=True, paused_until=NOW)
    assert verdict(record, now=NOW - TICK) == decision.PAUSED
    assert verdict(record, now=NOW) == decision.OK
    assert verdict(ACTIVE._replace(paused_until=NOW + TICK)) == decision.OK


@pytest.mark.covers("B13", "R5", "B2")
def test_expiry_and_overlap_go_on_during_a_pause() -> None:
    record = ACTIVE._replace(paused=True, paused_until=NOW + TICK, expires_at=NOW)
    assert verdict(record, now=NOW - TICK) == decision.PAUSED
    assert verdict(record) == decision.EXPIRED
    assert verdict(ACTIVE._replace(paused=True, superseded_at=NOW)) == decision.SUPERSEDED


@pytest.mark.covers("B2")
def test_previous_password_works_until_just_before_its_overlap_ends() -> None:
    record = ACTIVE._replace(superseded_at=NOW)
    assert verdict(record, now=NOW - TICK) == Decision(Reason.OK, Cause.PREVIOUS_PASSWORD)
    assert verdict(record, now=NOW) == decision.SUPERSEDED


@pytest.mark.covers("R10", "R16")
def test_allowlist_applies_to_known_and_unknown_addresses() -> None:
    record = ACTIVE._replace(allowlist=OFFICE)
    assert verdict(record, address=at("203.0.113.9")) == decision.OK
    assert verdict(record, address=at("198.51.100.9")) == decision.ADDRESS_NOT_ALLOWED
    assert verdict(record, address=None) == decision.ADDRESS_UNKNOWN


@pytest.mark.covers("B3")
def test_report_only_allowlist_refuses_nobody_and_marks_who_comes_from_outside() -> None:
    record = ACTIVE._replace(allowlist=OFFICE, report_only=True)
    assert verdict(record, address=at("203.0.113.9")) == decision.OK
    assert verdict(record, address=at("198.51.100.9")) == Decision(Reason.OK, Cause.OUTSIDE_ALLOWLIST)
    assert verdict(record, address=None) == Decision(Reason.OK, Cause.OUTSIDE_ALLOWLIST)
    rotated = record._replace(superseded_at=NOW + TICK)
    assert verdict(rotated, address=at("198.51.100.9")) == Decision(Reason.OK, Cause.PREVIOUS_AND_OUTSIDE)
    assert verdict(rotated, address=at("203.0.113.9")) == Decision(Reason.OK, Cause.PREVIOUS_PASSWORD)


@pytest.mark.covers("B3", "R13")
def test_report_only_does_not_revive_ended_tokens() -> None:
    record = EVERYTHING_WRONG._replace(report_only=True)
    assert verdict(record) == decision.SUPERSEDED
    assert verdict(record._replace(superseded_at=None)) == decision.REVOKED
    assert verdict(record._replace(superseded_at=None, revoked=False)) == decision.EXPIRED


@pytest.mark.covers("R16")
def test_order_of_reasons_reveals_nothing_without_the_token() -> None:
    record = EVERYTHING_WRONG
    assert verdict(record._replace(digest=bytes(32))) == decision.PASSWORD_UNKNOWN
    assert verdict(record, credentials=Credentials(GLOBEX, digest(SECRET))) == decision.OTHER_ACCOUNT
    assert verdict(record) == decision.SUPERSEDED
    assert verdict(record._replace(superseded_at=None)) == decision.REVOKED
    assert verdict(record._replace(superseded_at=None, revoked=False)) == decision.EXPIRED
    living = record._replace(superseded_at=None, revoked=False, expires_at=NOW + timedelta(days=1))
    assert verdict(living) == decision.PAUSED
    assert verdict(living._replace(paused=False)) == decision.ADDRESS_UNKNOWN


def test_causes_and_reasons_are_stable_names() -> None:
    assert {reason.value for reason in Reason} == {
        "ok", "no_credentials", "malformed", "unknown_credentials", "expired", "revoked", "paused",
        "address_not_allowed", "limit", "throttled", "unavailable",
    }  # fmt: skip
    assert all(cause.value == cause.name.lower() for cause in Cause)
