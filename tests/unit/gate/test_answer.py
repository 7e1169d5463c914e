"""The gate's answers: one refusal for every reason, and one function that accepts."""

import json
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from simsim.credential.decision import Reason, Record
from simsim.gate import answer

RECORD = Record("token-id", "account-id", "", b"", datetime.max.replace(tzinfo=UTC), False, b"", None)


@pytest.mark.covers("R15", "B9")
@pytest.mark.parametrize("name", ["Warehouse", "Über 100%", "a/b c", "\r\nX-Simsim-Account: other", "💶", "\0"])
def test_acceptance_names_account_and_token_in_ascii(name: str) -> None:
    status, headers, body = answer.accept(RECORD._replace(name=name))
    assert (status, body) == (204, b"")
    said = dict(headers)
    assert (said["x-simsim-account"], said["x-simsim-token"]) == ("account-id", "token-id")
    assert unquote(said["x-simsim-token-name"]) == name
    assert all(value.isascii() and value.isprintable() for value in said.values())
    assert {name.lower() for name in answer.IDENTITY_HEADERS} <= said.keys()


@pytest.mark.covers("R16")
def test_refusals_differ_only_in_the_header_with_the_reason() -> None:
    refusals = {reason: answer.refuse(reason) for reason in Reason if reason not in {Reason.OK, Reason.LIMIT}}
    seen = set()
    for reason, (status, headers, body) in refusals.items():
        assert dict(headers)["x-simsim-reason"] == reason
        seen.add((status, body, tuple(header for header in headers if header[0] != "x-simsim-reason")))
    ((status, body, rest),) = seen
    assert status == 401
    assert dict(rest) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "www-authenticate": 'Basic realm="simsim", charset="UTF-8"',
    }
    assert json.loads(body)["status"] == 401


@pytest.mark.covers("R16", "B16")
def test_request_beyond_a_token_s_limits_gets_403_without_a_challenge() -> None:
    status, headers, body = answer.refuse(Reason.LIMIT)
    assert (status, json.loads(body)["type"]) == (403, "urn:simsim:problem:beyond-limits")
    assert dict(headers) == {
        "content-type": "application/problem+json", "cache-control": "no-store", "x-simsim-reason": "limit",
    }  # fmt: skip


@pytest.mark.covers("B9")
def test_shared_answers_cannot_be_changed() -> None:
    given = (answer.accept(RECORD), answer.refuse(Reason.EXPIRED), answer.UNDECIDED, answer.NOT_FOUND, answer.HEALTHY)
    for each in given:
        assert isinstance(each.headers, tuple)
        hash(each)


@pytest.mark.covers("R16")
def test_there_is_no_refusal_for_an_acceptance() -> None:
    with pytest.raises(KeyError):
        answer.refuse(Reason.OK)


@pytest.mark.covers("R16")
def test_missing_decision_is_503_with_retry_after() -> None:
    assert answer.UNDECIDED.status == 503
    assert int(dict(answer.UNDECIDED.headers)["retry-after"]) > 0
    assert json.loads(answer.UNDECIDED_BODY)["status"] == 503
