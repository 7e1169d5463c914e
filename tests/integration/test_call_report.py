"""What was called with chosen tokens: the page, the file, the API and the command line agree (B18)."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest

from api_client import program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from logged_requests import row, store
from simsim.account_log import call_report as reports
from simsim.account_log.call_report import CallReport, call_report
from simsim.audit.models import AuditEvent
from simsim.management_tokens.models import Scope
from simsim.problem import NotFound, NotPermitted
from simsim.request_log.search import call_totals, plan
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import Token
from simsim.tokens.token_filters import TokenFilter
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B18")]


@pytest.fixture
def two(cast: Cast, now: datetime) -> list[Token]:
    """Two tokens with requests, the first of them revoked, and one of another account."""
    tokens = [
        create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now)[0]
        for name in ("One", "Two")
    ]
    foreign, _ = create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="90d", now=now)
    day = timedelta(days=1)
    for token, resource, address, status, age in (
        (tokens[0], "/a", "203.0.113.9", 200, 1), (tokens[0], "/a", "203.0.113.9", 200, 3),
        (tokens[0], "/b", "2001:db8::7", 404, 2), (tokens[1], "/a", "203.0.113.9", 200, 1),
        (foreign, "/c", "203.0.113.9", 200, 1),
    ):  # fmt: skip
        store(
            row(
                received_at=now - age * day, account_id=token.account_id, token_id=token.pk, token_name=token.name,
                resource=resource, address=address, status=status,
            )
        )  # fmt: skip
    revoke_token(actor=cast.as_alice, token=tokens[0], now=now)
    return tokens


def report(cast: Cast, now: datetime, since: datetime | None = None, **given: object) -> CallReport:
    chosen = TokenFilter(**given)  # type: ignore[arg-type]
    return call_report(cast.acme, actor=cast.as_alice, chosen=chosen, since=since, now=now)


def test_calls_are_added_up_by_endpoint_address_and_status(cast: Cast, now: datetime, two: list[Token]) -> None:
    day = timedelta(days=1)
    found = report(cast, now)
    assert (found.chosen, found.requests, found.complete_since) == (2, 4, None)
    [(group, total), *rest] = found.calls
    assert (group.endpoint, group.address, group.status, total.requests) == ("/a", "203.0.113.9", 200, 2)
    assert total.first - (now - 3 * day) < timedelta(seconds=1)
    assert total.last - (now - day) < timedelta(seconds=1)
    assert sorted((each.token_id, each.endpoint) for each, _ in rest) == sorted([(two[0].pk, "/b"), (two[1].pk, "/a")])
    assert report(cast, now, tokens=(two[0].pk,)).requests == 3
    assert report(cast, now, since=now - 2 * day - timedelta(hours=1), tokens=(two[0].pk,)).requests == 2
    assert report(cast, now, text="nobody").calls == []
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound)):
        with pytest.raises(problem):
            call_report(cast.acme, actor=actor, chosen=TokenFilter(), since=None, now=now)


def test_report_of_many_tokens_reads_the_account_in_steps(
    cast: Cast, now: datetime, two: list[Token], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_AMONG", 0)
    monkeypatch.setattr(plan, "STEP_ROWS", 1)
    assert report(cast, now, tokens=(two[1].pk,)).requests == 1
    assert report(cast, now).requests == 4
    monkeypatch.setattr(call_totals, "MAX_GROUPS", 1)
    # An attacker with an address for each request fills no memory, and no request is left out.
    folded = report(cast, now)
    assert folded.requests == 4
    assert {group.address for group, _ in folded.calls} > {call_totals.OTHERS}
    monkeypatch.setattr(reports, "PATIENCE_SECONDS", -1)
    cut = report(cast, now)
    assert cut.requests < 4
    assert cut.complete_since is not None
    assert "only those since" in text_of(sign_in(cast.alice).get(f"/accounts/{cast.acme.pk}/logs/calls/"))


def test_page_and_files_have_the_calls_and_the_export_is_recorded(cast: Cast, now: datetime, two: list[Token]) -> None:
    alice, page = sign_in(cast.alice), f"/accounts/{cast.acme.pk}/logs/calls/"
    shown = text_of(alice.get(f"{page}?tokens={two[0].pk}"))
    assert "Requests: 3." in shown
    assert "2001:db8::/64" in shown
    assert "What was called" in text_of(alice.get(f"/accounts/{cast.acme.pk}/tokens/{two[0].pk}/"))
    assert alice.get(f"{page}?since=odd").status_code == 422
    assert "Nothing was called" in text_of(alice.get(f"{page}?text=nobody"))
    assert alice.get(f"{page}export/?format=odd").status_code == 404
    assert alice.get(f"{page}export/?format=csv&since=odd").status_code == 302
    answer = alice.get(f"{page}export/?format=csv&tokens={two[0].pk}")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
    assert [(each["endpoint"], each["network"], each["requests"]) for each in rows] == [
        ("/a", "203.0.113.0/24", "2"), ("/b", "2001:db8::/64", "1"),
    ]  # fmt: skip
    event = AuditEvent.objects.get(event="log.exported")
    assert event.details == {"format": "csv", "filters": {"tokens": 1}}


def test_program_and_command_line_get_the_same_report(
    cast: Cast, now: datetime, two: list[Token], simsim: Simsim
) -> None:
    program, path = program_of_alice(cast, now, Scope.READ), f"/accounts/{cast.acme.pk}/call-report"
    found = program.get(f"{path}?tokens={two[0].pk}").json()
    assert (found["requests"], [each["endpoint"] for each in found["items"]]) == (3, ["/a", "/b"])
    assert program.get(f"{path}?tokens=odd").status_code == 422
    answer = program.get(f"{path}/export?format=jsonl&tokens={two[0].pk}")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert lines == found["items"]
    given = ("--account", str(cast.acme.pk), "--token", str(two[1].pk))
    assert simsim("incident", "report", *given) == program.get(f"{path}?tokens={two[1].pk}").json()["items"][0]
