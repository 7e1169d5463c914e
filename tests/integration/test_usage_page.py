"""The usage page over HTTP: counts and links to their requests, only for administrators."""

import html
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cast import Cast
from logged_requests import row, store
from page_reading import folded
from simsim.accounts.models import Account
from simsim.request_log.models import LoggedRequest, TokenUse
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import RevocationReason, Token

pytestmark = [pytest.mark.covers("B5"), pytest.mark.django_db(databases="__all__")]
MAX_QUERIES = 20
RANGES = ("24h", "7d", "30d", "90d")
SPLITS = ("token", "software", "endpoint", "status")


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def token_of(cast: Cast, name: str, software: str | None = None, *, created: datetime | None = None) -> Token:
    at = created or timezone.now()
    return create_token(
        actor=cast.as_alice, account=cast.acme, name=name, expires="90d", software=software, now=at
    )[0]  # fmt: skip


def log(account: Account, token: Token | None = None, number: int = 1, **changed: Any) -> None:
    """Store recent requests."""
    values: dict[str, Any] = {
        "received_at": timezone.now() - timedelta(seconds=5), "account_id": account.pk, "address": "203.0.113.9",
        "token_id": token.pk if token else None, "token_name": token.name if token else None,
    }  # fmt: skip
    store(*[row(**values | changed) for _ in range(number)])


def refused(account: Account, token: Token | None = None, number: int = 1, **changed: Any) -> None:
    cause = {"status": 401, "outcome": "refused", "reason": "expired", "cause": "expired", "duration_seconds": 0.002}
    log(account, token, number, **cause | changed)


def page_of(account: Account, query: str = "") -> str:
    return f"/accounts/{account.pk}/usage/{query}"


def read(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content
    return html.unescape(folded(answer.content.decode()))


def rows_of(content: str) -> dict[str, tuple[int, int]]:
    """Return the requests and the refused ones of each row of the split by the row's name."""
    body = content.split('<table class="list split">')[1].split("</table>", maxsplit=1)[0]
    found = re.findall(
        r'<th scope="row"><(?:a|span) .*?>(?:<bdi>)?([^<]+)<.*?<td data-label="Requests">([0-9,]+)</td>'
        r'<td data-label="Refused"[^>]*>([0-9,]+)</td>', body, re.DOTALL,
    )  # fmt: skip
    return {name: (int(requests.replace(",", "")), int(refused.replace(",", ""))) for name, requests, refused in found}


def ways_of(content: str) -> list[str]:
    return re.findall(r'class="name[^"]*" href="([^"]+)"', content)


@pytest.mark.covers("R1")
@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404)])
def test_usage_opens_only_to_the_accounts_administrators(cast: Cast, who: str, status: int) -> None:
    log(cast.acme, token_of(cast, "Night load"))
    client = signed_in(getattr(cast, who))
    for query in ("", "?range=24h&by=endpoint"):
        assert "entities" not in read(client, page_of(cast.acme, query), status)
    assert Client().get(page_of(cast.acme)).status_code == 302
    assert client.post(page_of(cast.acme)).status_code == 405


def test_charlie_infers_nothing_of_acme_from_his_own_page(cast: Cast) -> None:
    charlie = signed_in(cast.charlie)
    for query in (f"?range={span}&by={by}" for span in RANGES for by in SPLITS):
        before = read(charlie, page_of(cast.globex, query))
        assert "No requests yet" in before
    token = token_of(cast, "Night load", "snowflake")
    log(cast.acme, token, 3, address="198.51.100.77")
    refused(cast.acme, None, 2)
    log(cast.globex, None, 1, resource="/globex", address="192.0.2.1")
    for query in (f"?range={span}&by={by}" for span in RANGES for by in SPLITS):
        content = read(charlie, page_of(cast.globex, query))
        assert "<dt>Requests</dt><dd>1</dd>" in content
        for foreign in ("Night load", "Snowflake", "entities", ">401<", "198.51.100.77", str(token.pk), token.pk.hex):
            assert foreign not in content, foreign


@pytest.mark.covers("R7")
def test_each_split_equals_a_recount_of_the_log_and_links_to_its_requests(cast: Cast, alice: Client) -> None:
    loader, script = token_of(cast, "Night load", "snowflake"), token_of(cast, "Script")
    second = token_of(cast, "Second load", "snowflake")
    log(cast.acme, loader, 4)
    log(cast.acme, second, 2, resource="/api/v2/funds/77", status=503)
    log(cast.acme, script, 3, status=None, outcome="unknown", duration_seconds=None)
    refused(cast.acme, script, 2)
    refused(cast.acme, None, 5, cause="password_unknown", reason="unknown_credentials")
    assert LoggedRequest.objects.count() == 16
    expected = {
        "token": {"Night load": (4, 0), "Second load": (2, 0), "Script": (5, 2), "Without a token": (5, 5)},
        "software": {"Snowflake": (6, 0), "No target software": (5, 2), "Without a token": (5, 5)},
        "endpoint": {"/api/v2/entities": (14, 7), "/api/v2/funds/{id}": (2, 0)},
        "status": {"401": (7, 7), "200": (4, 0), "503": (2, 0), "Unknown": (3, 0)},
    }
    for span in RANGES:
        for by, parts in expected.items():
            content = read(alice, page_of(cast.acme, f"?range={span}&by={by}"))
            assert "<dt>Requests</dt><dd>16</dd>" in content
            assert rows_of(content) == parts, (span, by)
    ways = {by: ways_of(read(alice, page_of(cast.acme, f"?by={by}"))) for by in SPLITS}
    log_of = f"/accounts/{cast.acme.pk}/logs/"
    assert f"{log_of}?range=30d&token={script.pk}" in ways["token"]
    assert ways["software"] == [f"{log_of}?range=30d&software={slug}" for slug in ("snowflake", "none")]
    assert f"{log_of}?range=30d&endpoint=%2Fapi%2Fv2%2Ffunds%2F%7Bid%7D" in ways["endpoint"]
    assert f"{log_of}?range=30d&status=503" in ways["status"]
    assert f"{log_of}?range=30d&outcome=unknown" in ways["status"]
    for by in ("token", "endpoint", "status"):
        for way in ways[by]:
            assert 'id="request-' in read(alice, way), way


def test_part_without_a_filter_in_the_log_has_no_link(cast: Cast, alice: Client) -> None:
    for resource in ("*", "/files/*", "/<script>alert(1)</script>?x"):
        log(cast.acme, None, resource=resource)
    content = read(alice, page_of(cast.acme, "?range=90d&by=endpoint"))
    assert "<script>alert(1)" not in alice.get(page_of(cast.acme, "?by=endpoint")).content.decode()
    assert len(rows_of(content)) == 3
    [way] = ways_of(content)
    # The log has no name for ninety days, so the link has their start.
    since = timezone.now().date() - timedelta(days=89)
    assert parse_qs(urlsplit(way).query) == {
        "since": [f"{since}T00:00"], "endpoint": ["/<script>alert(1)</script>?x"],
    }  # fmt: skip


def test_each_hour_and_day_leads_to_its_own_requests(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    log(cast.acme, None, 2, received_at=now - timedelta(days=3))
    log(cast.acme, None, 3, received_at=now - timedelta(hours=2))
    for query, expected in (("?range=24h", {3}), ("?range=7d", {2, 3})):
        content = read(alice, page_of(cast.acme, query))
        numbers = content.split('<table class="numbers">')[1].split("</table>")[0]
        found = re.findall(r'<a href="([^"]+)">[^<]+</a></th><td>([0-9]+)</td>', numbers)
        assert {int(number) for _, number in found} == expected
        for way, number in found:
            assert len(re.findall(r'id="request-', read(alice, way))) == int(number)
    assert f'href="/accounts/{cast.acme.pk}/logs/?range=7d&outcome=refused"' not in content


def test_pictures_carry_no_style_and_no_script(cast: Cast, alice: Client) -> None:
    log(cast.acme, None, 3)
    refused(cast.acme)
    content = read(alice, page_of(cast.acme, "?range=24h"))
    assert len(re.findall('<svg class="chart" role="img"', content)) == 2
    assert "1 request, 1 refused" not in content
    assert "4 requests, 1 refused</title>" in content
    assert " style=" not in content
    assert not re.search(r"<script(?![^>]* src=)", content)
    assert "25 %" in content
    assert f'href="/accounts/{cast.acme.pk}/logs/?range=24h&outcome=refused"' in content


def test_empty_usage_page_explains_what_it_will_show(cast: Cast, alice: Client) -> None:
    content = read(alice, page_of(cast.acme))
    assert "No requests yet" in content
    assert "When a program calls the API" in content
    assert 'aria-label="Time range"' not in content
    log(cast.acme, None, received_at=timezone.now() - timedelta(days=40))
    for span in ("24h", "7d", "30d"):
        content = read(alice, page_of(cast.acme, f"?range={span}&by=status"))
        assert "No requests in this period" in content
        assert "?range=90d&by=status" in content
    assert rows_of(read(alice, page_of(cast.acme, "?range=90d"))) == {"Without a token": (1, 0)}


def test_invalid_parameters_in_the_url_count_as_defaults(cast: Cast, alice: Client) -> None:
    log(cast.acme, token_of(cast, "Night load"))
    usual = rows_of(read(alice, page_of(cast.acme)))
    for query in ("?range=1y&by=day", "?range=&by=", "?range=24h%00&by=%27", "?by=token&by=x"):
        assert rows_of(read(alice, page_of(cast.acme, query))) == usual


def test_short_retention_is_mentioned(cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    log(cast.acme)
    assert "The log is kept for" not in read(alice, page_of(cast.acme, "?range=90d"))
    operator = settings.OPERATOR.model_copy(update={"log_retention_days": 30})
    monkeypatch.setattr(settings, "OPERATOR", operator)
    assert "The log is kept for 30 days" in read(alice, page_of(cast.acme, "?range=90d"))
    assert "The log is kept for" not in read(alice, page_of(cast.acme, "?range=30d"))


def test_unused_tokens_and_new_addresses_are_listed(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    long_ago = now - timedelta(days=80)
    never, idle = (token_of(cast, name, created=long_ago) for name in ("Never", "Idle"))
    busy, fresh = token_of(cast, "Busy", created=long_ago), token_of(cast, "Fresh")
    log(cast.acme, idle, received_at=now - timedelta(days=61), address="192.0.2.1")
    log(cast.acme, busy, received_at=now - timedelta(days=20), address="192.0.2.1")
    log(cast.acme, busy, 2, address="192.0.2.1")
    log(cast.acme, busy, 3, address="198.51.100.7")
    log(cast.acme, busy, 1, address=None)
    refused(cast.acme, busy, address="203.0.113.66")
    content = read(alice, page_of(cast.acme))
    unused = content.split('id="unused"')[1]
    assert [name for name in ("Never", "Idle", "Busy", "Fresh") if f"<bdi>{name}</bdi>" in unused] == ["Never", "Idle"]
    assert f"/tokens/{never.pk}/" in unused
    assert "idle for 61 days" in unused
    new = content.split('id="addresses"')[1].split("</section>")[0]
    assert re.findall(r'[?&]address=([^"]+)"', new) == ["198.51.100.7"]
    assert "3 requests" in new
    assert f'href="/accounts/{cast.acme.pk}/tokens/{busy.pk}/"' in new
    assert fresh.name not in new
    assert TokenUse.objects.count() == 2


def test_revoked_token_keeps_its_name_and_its_software(cast: Cast, alice: Client) -> None:
    token = token_of(cast, "Former partner", "zapier")
    log(cast.acme, token)
    revoke_token(actor=cast.as_alice, token=token, reason=RevocationReason.NOT_NEEDED, now=timezone.now())
    assert "Revoked</small>" in read(alice, page_of(cast.acme))
    assert rows_of(read(alice, page_of(cast.acme, "?by=software"))) == {"Zapier": (1, 0)}


@pytest.mark.parametrize("by", SPLITS)
def test_page_takes_few_queries_for_any_amount_of_usage(cast: Cast, alice: Client, by: str) -> None:
    for number in range(30):
        token = token_of(cast, f"Token {number}", "excel" if number % 2 else None)
        log(cast.acme, token, resource=f"/api/v{number}/x", status=400 + number, address=f"198.51.100.{number}")
    queries = 0
    for alias in sorted({"default", settings.REQUEST_LOG_ALIAS}):
        with CaptureQueriesContext(connections[alias]) as captured:
            content = read(alice, page_of(cast.acme, f"?range=90d&by={by}"))
        queries += len(captured)
    assert 0 < queries <= MAX_QUERIES
    if by != "software":
        assert len(rows_of(content)) == 21
        assert rows_of(content)["10 others"] == (10, 0)
