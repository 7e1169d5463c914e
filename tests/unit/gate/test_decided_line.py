"""The decided line: what it contains, and what it never contains."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from simsim.credential import decision
from simsim.credential.allowlist import parse_address
from simsim.credential.decision import Decision, Record
from simsim.credential.password import mint
from simsim.gate.decided_line import decided_line, frame

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
RECORD = Record("token-id", "account-id", 'Ware"house\n', b"", NOW + timedelta(1), False, b"", None)


def said(
    verdict: Decision = decision.OK,
    *,
    account: str | None = "account-id",
    record: Record | None = RECORD,
    method: str = "GET",
    target: str = "/",
    address: str = "203.0.113.9",
) -> dict[str, object]:
    framed = frame(verdict, account=account, record=record, address=parse_address(address))
    line = decided_line("0" * 32, NOW.timestamp(), framed, method=method, target=target)
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


@pytest.mark.covers("R17")
def test_line_names_token_request_time_and_address() -> None:
    assert said(target="/api/v2/entities?secret=1#x", method="POST") == {
        "id": "0" * 32,
        "at": 1795521600.123456,
        "reason": "ok",
        "cause": "ok",
        "account": "account-id",
        "token": "token-id",
        "name": 'Ware"house\n',
        "method": "POST",
        "path": "/api/v2/entities",
        "address": "203.0.113.9",
        "via": None,
    }


@pytest.mark.covers("R17")
def test_unknown_values_are_null() -> None:
    line = said(decision.PASSWORD_UNKNOWN, account=None, record=None, address="")
    assert (line["reason"], line["cause"]) == ("unknown_credentials", "password_unknown")
    assert [line[name] for name in ("account", "token", "name", "address")] == [None] * 4


@pytest.mark.covers("R17")
def test_no_password_and_no_query_is_in_a_line() -> None:
    password = mint()
    long = "/" + "a" * 2030 + "/"
    for target in (f"/{password}", f"/x?p={password}", f"/{password}/{password}?", long + password, f"/a?{password}?/"):
        line = said(target=target, method=f"{password}{'A' * 40}")
        assert password[:20] not in json.dumps(line)
        assert password[-20:] not in json.dumps(line)
    assert said(target=f"/a/{password}/b")["path"] == "/a/sim_***/b"


@pytest.mark.covers("R17")
def test_long_texts_are_cut() -> None:
    line = said(target="/" + "é" * 5000, method="M" * 100)
    assert line["path"] == "/" + "é" * 2047
    assert line["method"] == "M" * 32
