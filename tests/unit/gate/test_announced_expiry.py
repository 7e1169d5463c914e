"""The gate says when a token expires, in its last 14 days; and a password that is sent alone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate_database import ACME, GLOBEX, Database, basic
from simsim.credential.password import mint
from simsim.gate.answer import EXPIRES_HEADER, UNAUTHORIZED_BODY
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool

EXPIRY = datetime(2027, 1, 31, 12, 0, 0, 500, tzinfo=UTC)
BEGINS = (EXPIRY - timedelta(days=14)).timestamp()


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def asked(*authorization: bytes) -> Request:
    return Request("", "GET", VERIFY, authorization, ["203.0.113.9"], "0123456789abcdef" * 2)


def announced(gate: Gate, password: str) -> str | None:
    found = gate.verify(asked(basic(password)))
    assert found.status == 204
    return dict(found.headers).get(EXPIRES_HEADER.lower())


@pytest.mark.covers("B15")
def test_the_expiry_is_announced_from_its_first_microsecond_also_by_a_remembered_verdict(
    database: Database, spool_dir: Path
) -> None:
    clock, password = Clock(BEGINS - 3600), database.add(expires_at=EXPIRY)
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=clock)
    for now, expected in (
        (BEGINS - 3600, None), (BEGINS - 0.01, None), (BEGINS, "2027-01-31T12:00:00Z"),
        (EXPIRY.timestamp() - 0.01, "2027-01-31T12:00:00Z"), (BEGINS - 3600, None),
    ):  # fmt: skip
        clock.now = now
        assert [announced(gate, password) for _ in range(2)] == [expected] * 2, now
    clock.now = EXPIRY.timestamp()
    refused = gate.verify(asked(basic(password)))
    assert (refused.status, EXPIRES_HEADER.lower() in dict(refused.headers)) == (401, False)
    gate.close()


@pytest.mark.covers("B15")
def test_a_setting_turns_the_announcement_off(database: Database, spool_dir: Path) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=Clock(BEGINS + 1), announces_expiry=False)
    assert announced(gate, database.add(expires_at=EXPIRY)) is None
    gate.close()


@pytest.mark.covers("B15", "R15", "R13")
def test_a_password_alone_opens_the_gate_only_where_it_is_switched_on(database: Database, spool_dir: Path) -> None:
    own, foreign = database.add(), database.add(account=GLOBEX)
    past = datetime.now(UTC) - timedelta(seconds=1)
    off = Gate(SqliteLookup(database.path), Spool(spool_dir))
    on = Gate(SqliteLookup(database.path), Spool(spool_dir), accepts_bearer=True)
    assert off.verify(asked(b"Bearer " + own.encode())).status == 401
    for password, account in ((own, ACME), (foreign, GLOBEX)):
        for _ in range(2):
            found = on.verify(asked(b"Bearer " + password.encode()))
            assert (found.status, dict(found.headers)["x-simsim-account"]) == (204, str(account))
    assert on.verify(asked(basic(own))).status == 204
    refused = {
        "password_unknown": [b"Bearer " + mint().encode()],
        "expired": [b"Bearer " + database.add(expires_at=past).encode()],
        "revoked": [b"Bearer " + database.add(revoked_at="2026-01-01 00:00:00").encode()],
        "address_not_allowed": [b"Bearer " + database.add(allow=("198.51.100.0/24",)).encode()],
        "two_headers": [b"Bearer " + own.encode(), basic(own)],
        "password_form": [b"Bearer hunter2"],
    }
    lines = spool_dir.iterdir
    before = sum(path.read_text().count("\n") for path in lines())
    answers = [on.verify(asked(*values)) for values in refused.values()]
    assert {(each.status, each.body) for each in answers} == {(401, UNAUTHORIZED_BODY)}
    written = [json.loads(line) for path in sorted(lines()) for line in path.read_text().splitlines()]
    causes = [line["cause"] for line in written if line["reason"] != "ok"]
    assert sorted(causes) == sorted([*refused, "scheme"])
    assert len(written) == before + len(refused)
    # The log of an account never learns of an unknown password that named nobody.
    assert {line["account"] for line in written if line["cause"] == "password_unknown"} == {None}
    assert {line["account"] for line in written if line["cause"] == "revoked"} == {str(ACME)}
    off.close()
    on.close()
