"""The gate: one request from end to end, and the answers when a part is away."""

import json
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gate_database import ACME, GLOBEX, Database, basic
from simsim.credential.allowlist import pack
from simsim.credential.password import mint
from simsim.gate import answer
from simsim.gate.app import HEALTHZ, READYZ, VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.spool import Spool

TRUSTED = pack([ip_network("10.0.0.0/8")])
REQUEST_ID = "0123456789abcdef" * 2


def asked(
    *authorization: bytes,
    peer: str | None = "",
    address: str = "203.0.113.9",
    request_id: str = REQUEST_ID,
    **more: Any,
) -> Request:
    return Request(peer, "GET", VERIFY, authorization, [address] if address else [], request_id, **more)


def lines(spool_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(spool_dir.iterdir()) for line in path.read_text().splitlines()]


@pytest.mark.covers("R15", "R17")
def test_active_token_is_let_in_and_logged(gate: Gate, database: Database, spool_dir: Path) -> None:
    status, headers, body = gate.verify(asked(basic(database.add(name="Ware house"))))
    assert (status, body) == (204, b"")
    said = dict(headers)
    assert said["x-simsim-account"] == str(ACME)
    assert said["x-simsim-token-name"] == "Ware%20house"
    (line,) = lines(spool_dir)
    assert (line["reason"], line["account"], line["token"]) == ("ok", str(ACME), said["x-simsim-token"])
    assert (line["name"], line["method"], line["path"], line["address"]) == ("Ware house", "GET", VERIFY, "203.0.113.9")


@pytest.mark.covers("R13", "R15", "R16", "R17", "B13")
def test_all_refusals_look_alike_and_differ_in_the_log(gate: Gate, database: Database, spool_dir: Path) -> None:
    own, past = database.add(), datetime.now(UTC) - timedelta(seconds=1)
    refused = {
        "no_credentials": asked(),
        "two_headers": asked(basic(own), basic(own)),
        "scheme": asked(b"Bearer x"),
        "password_form": asked(basic("hunter2")),
        "password_unknown": asked(basic(mint())),
        "other_account": asked(basic(own, GLOBEX)),
        "superseded": asked(basic(database.add(works_until=past))),
        "revoked": asked(basic(database.add(revoked_at="2026-01-01 00:00:00"))),
        "expired": asked(basic(database.add(expires_at=past))),
        "paused": asked(basic(database.add(is_paused=True))),
        "address_not_allowed": asked(basic(database.add(allow=("198.51.100.0/24",)))),
        "address_unknown": asked(basic(database.add(allow=("198.51.100.0/24",))), address=""),
    }
    answers = [gate.verify(request) for request in refused.values()]
    assert {(status, body) for status, _, body in answers} == {(401, answer.UNAUTHORIZED_BODY)}
    assert [line["cause"] for line in lines(spool_dir)] == list(refused)


@pytest.mark.covers("R17")
def test_log_names_the_claimed_account_and_never_another_accounts_token(
    gate: Gate, database: Database, spool_dir: Path
) -> None:
    revoked = database.add(revoked_at="2026-01-01 00:00:00")
    gate.verify(asked(basic("hunter2")))
    gate.verify(asked(basic(database.add(), GLOBEX)))
    gate.verify(asked(basic(revoked)))
    gate.verify(asked(b"Basic junk"))
    wrong, others, own, junk = lines(spool_dir)
    assert (wrong["account"], wrong["token"]) == (str(ACME), None)
    assert (others["account"], others["token"], others["name"]) == (str(GLOBEX), None, None)
    assert (own["account"], own["name"]) == (str(ACME), "Warehouse")
    assert (junk["account"], junk["token"]) == (None, None)


@pytest.mark.covers("R13", "B1")
def test_revoked_token_is_refused_at_once(gate: Gate, database: Database) -> None:
    for _ in range(50):
        password = database.add()
        assert gate.verify(asked(basic(password))).status == 204
        database.change(password, revoked_at="2026-01-01 00:00:00")
        assert gate.verify(asked(basic(password))).status == 401


@pytest.mark.covers("B13", "B1")
def test_paused_and_resumed_token_is_refused_and_accepted_at_once(gate: Gate, database: Database) -> None:
    for _ in range(50):
        password = database.add()
        assert gate.verify(asked(basic(password))).status == 204
        database.change(password, paused_at="2026-01-01 00:00:00")
        assert gate.verify(asked(basic(password))).status == 401
        database.change(password, paused_at=None)
        assert gate.verify(asked(basic(password))).status == 204


@pytest.mark.covers("B13")
def test_pause_ends_by_itself_at_its_instant_although_the_verdict_is_recalled(
    database: Database, spool_dir: Path
) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    password = database.add(is_paused=True, paused_until=end, expires_at=end + timedelta(days=1))
    shown: list[float] = []
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=lambda: shown[-1])
    for before, status in ((3600, 401), (3599, 401), (0.0001, 401), (0, 204), (-1, 204)):
        shown.append(end.timestamp() - before)
        assert gate.verify(asked(basic(password))).status == status, before
    gate.close()


@pytest.mark.covers("R5")
def test_expiry_is_judged_by_the_gates_clock(database: Database, spool_dir: Path) -> None:
    expiry = datetime(2027, 1, 1, tzinfo=UTC)
    password = database.add(expires_at=expiry)
    moments = [expiry - timedelta(microseconds=1), expiry, expiry + timedelta(hours=1)]
    shown: list[float] = []
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), clock=lambda: shown[-1])
    for moment, status in zip(moments, (204, 401, 401), strict=True):
        shown.append(moment.timestamp())
        assert gate.verify(asked(basic(password))).status == status
    assert [line["at"] for line in lines(spool_dir) if "reason" in line] == pytest.approx(shown)
    # With a failing clock nobody is accepted either.
    shown.clear()
    assert gate.verify(asked(basic(password))) == answer.UNDECIDED
    gate.close()


@pytest.mark.covers("R17", "B9")
def test_request_id_comes_from_the_proxy_or_from_the_gate(database: Database, spool_dir: Path) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), TRUSTED)
    named = {"request_id": REQUEST_ID, "forwarded_method": "DELETE", "forwarded_target": "/a?b"}
    for peer in ("", "10.0.0.1"):
        gate.verify(asked(peer=peer, **named))
    gate.verify(asked(peer="", request_id="not an id"))
    socket, proxy, unnamed = lines(spool_dir)
    for line in (socket, proxy):
        assert (line["id"], line["method"], line["path"]) == (REQUEST_ID, "DELETE", "/a")
    assert (unnamed["method"], unnamed["path"]) == ("GET", VERIFY)
    assert uuid.UUID(str(unnamed["id"])).hex == unnamed["id"] != REQUEST_ID
    gate.close()


@pytest.mark.covers("R13", "R15", "B9")
def test_untrusted_peers_get_404(database: Database, spool_dir: Path) -> None:
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), TRUSTED)
    good, revoked = database.add(), database.add(revoked_at="2026-01-01 00:00:00")
    bound = database.add(allow=("198.51.100.0/24",))
    for peer in ("203.0.113.9", "2001:db8::1", "9.255.255.255", "no address"):
        for password in (good, revoked, bound):
            for address in ("", "10.0.0.1", "198.51.100.9"):
                said = gate.verify(asked(basic(password), peer=peer, address=address, request_id=REQUEST_ID))
                assert said == answer.NOT_FOUND == gate.answer("/anything", "GET")
    assert lines(spool_dir) == []
    assert gate.verify(asked(basic(good), peer="10.0.0.1")).status == 204
    gate.close()


@pytest.mark.covers("R15", "B9")
def test_decision_does_not_read_the_forwarded_target(gate: Gate, database: Database) -> None:
    for target in ("", "/", "//", "http://x/..;/%2e%2e", HEALTHZ, "\r\n", "\0" * 5000, "x" * 70_000):
        named = {"forwarded_target": target, "forwarded_method": target, "request_id": target}
        assert gate.verify(asked(peer="", **named)).status == 401
        assert gate.verify(asked(basic(database.add()), peer="", **named)).status == 204


@pytest.mark.covers("R16", "R17")
def test_without_the_database_good_credentials_are_undecided_in_answer_and_log(
    gate: Gate, database: Database, spool_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = database.add()
    database.path.unlink()
    for _ in range(2):
        assert gate.verify(asked(basic(password))) == answer.UNDECIDED
    assert gate.verify(asked(b"Bearer x")).status == 401
    assert [line["reason"] for line in lines(spool_dir)] == ["unavailable", "unavailable", "malformed"]
    # At most one complaint a second: an outage must not fill the disk.
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert complaint.startswith("simsim gate: Unavailable: SQLite: [Errno 2] No such file")


@pytest.mark.covers("R16", "R17")
def test_without_a_spool_nobody_is_let_in(
    gate: Gate, database: Database, spool_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(spool_dir)
    password = database.add()
    assert gate.verify(asked(basic(password))) == answer.UNDECIDED
    assert gate.verify(asked()) == answer.UNDECIDED
    spool_dir.mkdir()
    assert gate.verify(asked(basic(password))).status == 204
    assert "FileNotFoundError" in capsys.readouterr().err


@pytest.mark.covers("R16")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("expires_at", "soon"), ("expires_at", None), ("expires_at", "2099-01-01 00:00:00+00:00"), ("allowlist", None),
        ("allowlist", 1), ("account", None), ("works_until", "never"), ("name", None),
    ],
)  # fmt: skip
def test_nonsensical_row_lets_nobody_in(
    gate: Gate, database: Database, column: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    password = database.add(allow=("198.51.100.0/24",))
    database.change(password, **{column: value})
    assert gate.verify(asked(basic(password), address="198.51.100.9")) == answer.UNDECIDED
    complaint = capsys.readouterr().err
    assert "Error at " in complaint
    assert password not in complaint


@pytest.mark.covers("R10", "R16")
@pytest.mark.parametrize("value", ["", "text", b"\4", bytes(33)])
def test_truncated_allowlist_lets_nobody_in(gate: Gate, database: Database, value: object) -> None:
    password = database.add()
    database.change(password, allowlist=value)
    assert gate.verify(asked(basic(password))).status in {401, 503}


@pytest.mark.covers("R17")
def test_complaint_contains_no_values(gate: Gate, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    password = database.add()
    database.change(password, expires_at=password)
    assert gate.verify(asked(basic(password))).status == 503
    assert password not in capsys.readouterr().err


@pytest.mark.covers("R15")
def test_no_other_path_lets_anybody_in(gate: Gate) -> None:
    for path in (
        "",
        "/",
        "//",
        "/gate",
        f"{VERIFY}/",
        f"{VERIFY}/x",
        f"/{VERIFY}",
        "/GATE/VERIFY",
        "/healthz/",
        "/metrics",
    ):
        assert gate.answer(path, "GET") == answer.NOT_FOUND
    for path in (HEALTHZ, READYZ):
        assert gate.answer(path, "POST") == answer.NOT_FOUND


@pytest.mark.covers("B11")
def test_gate_is_ready_while_it_can_decide(gate: Gate, database: Database, spool_dir: Path) -> None:
    assert gate.answer(HEALTHZ, "GET").status == gate.answer(READYZ, "HEAD").status == 200
    gate.close()
    away = database.path.rename(database.path.with_suffix(".away"))
    assert gate.answer(READYZ, "GET") == answer.UNDECIDED
    assert gate.answer(HEALTHZ, "GET").status == 200
    away.rename(database.path)
    assert gate.is_ready()
    gate.close()
    shutil.rmtree(spool_dir)
    assert not gate.is_ready()
