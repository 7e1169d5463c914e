"""The log's pages over HTTP: requests and their reasons, every filter, only for the account's administrators."""

import dataclasses
import functools
import html
import re
import uuid
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cast import Cast
from log_pages import NOON, log, page_of, read, refused, signed_in
from logged_requests import store
from page_reading import folded
from simsim.console.formats import duration, moment_exact
from simsim.console.logs.filter_form import LogFilterForm
from simsim.console.logs.rows import MAX_OFFERED_TOKENS, meaning
from simsim.credential.decision import Cause
from simsim.request_log.outcome import GatewayCause
from simsim.request_log.search import plan as searching
from simsim.request_log.ship.join import RequestRow
from simsim.tokens.actions import create_token, edit_token, revoke_token
from simsim.tokens.models import Token

pytestmark = [pytest.mark.covers("R17"), pytest.mark.django_db(databases="__all__")]
HOSTILE = "/<script>alert(1)</script>/\u202e\u200fcba/" + "x" * 1990


def listed(client: Client, address: str) -> list[int]:
    """Return the ids of the requests on a page, in order."""
    return [int(found) for found in re.findall(r'id="request-([0-9]+)"', read(client, address))]


@pytest.mark.covers("R1")
@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404)])
def test_log_opens_only_to_the_accounts_administrators(cast: Cast, token: Token, who: str, status: int) -> None:
    row = log(cast, token)
    client = signed_in(getattr(cast, who))
    for address in (page_of(cast), f"{page_of(cast)}?token={token.pk}", f"{page_of(cast)}{row.pk}/"):
        assert "entities" not in read(client, address, status)
    for address in (page_of(cast), f"{page_of(cast)}{row.pk}/"):
        assert Client().get(address).status_code == 302
        assert client.post(address).status_code == 405


def test_charlie_cannot_read_alices_log_under_his_own_account(cast: Cast, token: Token) -> None:
    row, nobodys = log(cast, token), log(cast, account_id=None)
    charlie, own = signed_in(cast.charlie), f"/accounts/{cast.globex.pk}/logs/"
    for foreign in (row.pk, nobodys.pk, row.pk + 1000, 10**30):
        read(charlie, f"{own}{foreign}/", 404)
    assert listed(charlie, own) == []
    # Nobody can tell another account's token from a nonexistent one.
    said = [read(charlie, f"{own}?token={wanted}", 422) for wanted in (token.pk, uuid.UUID(int=7))]
    assert all("There is no such token in this account" in content for content in said)
    assert token.name not in said[0]


def test_each_request_is_shown_with_everything_in_the_log(cast: Cast, alice: Client, token: Token) -> None:
    row = log(cast, token, status=404, received_at=NOON + timedelta(seconds=9, microseconds=5), duration_seconds=1.25)
    for content in (read(alice, page_of(cast)), read(alice, f"{page_of(cast)}{row.pk}/")):
        for shown in ('<time datetime="2026-11-24T12:00:09Z">24 Nov 2026, 12:00:09 UTC</time>', "GET",
                      "/api/v2/entities", "<b>404</b> Not Found", "Let in", "1.25 s", "Night load", "203.0.113.9",
                      f"/tokens/{token.pk}/"):  # fmt: skip
            assert shown in content, shown
    panel = read(alice, f"{page_of(cast)}{row.pk}/")
    for shown in (
        f"Request {row.pk}",
        "1.250 seconds",
        "7\xa0bytes",
        "The API answered with an error, 404",
        "from the API itself",
    ):
        assert shown in panel, shown


def test_token_is_shown_with_its_current_and_its_former_name(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    row = log(cast, token)
    assert "then:" not in read(alice, page_of(cast))
    edit_token(actor=cast.as_alice, token=token, name="Day load", description="", software=None, allowed_networks=[],
               now=now)  # fmt: skip
    for address in (page_of(cast), f"{page_of(cast)}{row.pk}/"):
        assert "<bdi>Day load</bdi></a><small>then: <bdi>Night load</bdi>" in read(alice, address)


def test_newest_requests_come_first_and_no_request_is_on_two_pages(cast: Cast, alice: Client) -> None:
    rows = [log(cast, received_at=NOON + timedelta(seconds=second // 3), status=404) for second in range(120)]
    address, seen, pages = f"{page_of(cast)}?status=4xx", list[int](), 0
    while address:
        content = read(alice, address)
        seen += [int(found) for found in re.findall(r'id="request-([0-9]+)"', content)]
        pages += 1
        log(cast, received_at=NOON + timedelta(hours=1), status=404)
        older = re.search(r'rel="next" href="([^"]+)"', content)
        address = older[1] if older else ""
        assert ("Back to the newest" in content) == (pages > 1)
    assert seen == sorted((row.pk for row in rows), reverse=True)
    assert pages == 3


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("range=1h", ["new"]), ("range=24h", ["day", "new"]), ("range=7d", ["day", "new"]),
        ("range=30d", ["week", "day", "new"]), ("range=all", ["old", "week", "day", "new"]),
        ("since=2026-11-24T12:00", ["new"]), ("since=2026-11-24T13:30%2B01:30&range=dates", ["new"]),
        ("until=2026-11-24T11:59:59.5", ["old", "week", "day"]), ("since=2026-11-23&until=2026-11-23", ["day"]),
        ("endpoint=/api/v2/week", ["week"]), ("endpoint=/api/v2/*", ["week", "day"]), ("endpoint=*", ["old", "week",
        "day", "new"]), ("status=404", ["day"]), ("status=%204XX%20", ["week", "day"]), ("outcome=refused", ["week"]),
        ("outcome=accepted", ["old", "day"]), ("outcome=unknown", ["new"]), ("address=203.0.113.77", ["day"]),
        ("address=2001:DB8:0::1", ["old"]), ("address=::ffff:203.0.113.77&status=404&range=30d", ["day"]),
    ],
)  # fmt: skip
def test_each_filter_shows_only_its_requests(
    cast: Cast, alice: Client, query: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsim.console.account_access.timezone.now", lambda: NOON + timedelta(minutes=30))
    rows = {
        "old": log(cast, received_at=NOON - timedelta(days=50), address="2001:db8::1", resource="/api"),
        "week": refused(cast, "expired", received_at=NOON - timedelta(days=10), resource="/api/v2/week"),
        "day": log(
            cast, received_at=NOON - timedelta(hours=20), address="203.0.113.77", status=404, resource="/api/v2/day"
        ),
        "new": log(cast, resource="/API/v2/new", outcome="unknown", status=None),
    }
    assert listed(alice, f"{page_of(cast)}?{query}") == [rows[name].pk for name in reversed(wanted)]


def test_filter_of_a_token_finds_ended_ones_too_and_the_form_offers_both(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    row = log(cast, token)
    log(cast)
    revoke_token(actor=cast.as_alice, token=token, now=now)
    create_token(actor=cast.as_alice, account=cast.acme, name="Living", expires="90d", now=now)
    content = read(alice, f"{page_of(cast)}?token={token.pk}")
    assert re.findall(r'id="request-([0-9]+)"', content) == [str(row.pk)]
    assert f'<option value="{token.pk}" selected>Night load</option>' in content
    assert re.search(r'label="Active">\s*<option value="[^"]+">Living', content)


def test_software_filter_finds_requests_by_each_tokens_current_software(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    make = functools.partial(create_token, actor=cast.as_alice, account=cast.acme, expires="90d", now=now)
    excel, ended = (make(name=name, software="excel")[0] for name in ("Workbook", "Ended"))
    revoke_token(actor=cast.as_alice, token=ended, now=now)
    rows = [log(cast, used) for used in (excel, ended, token, None)]
    assert listed(alice, f"{page_of(cast)}?software=excel") == [rows[1].pk, rows[0].pk]
    # A request without a token was not made with a token for no software.
    assert listed(alice, f"{page_of(cast)}?software=none") == [rows[2].pk]
    assert listed(alice, f"{page_of(cast)}?software=excel&token={token.pk}") == []
    edit_token(actor=cast.as_alice, token=excel, name="Workbook", description="", software="", allowed_networks=[],
               now=now)  # fmt: skip
    assert listed(alice, f"{page_of(cast)}?software=excel") == [rows[1].pk]


def test_software_of_no_token_finds_nothing_and_is_named(cast: Cast, alice: Client, token: Token) -> None:
    log(cast, token)
    content = read(alice, f"{page_of(cast)}?software=power-bi")
    assert "No requests match these filters" in content
    assert '<option value="power-bi" selected>Microsoft Power BI</option>' in content


def test_software_of_another_accounts_tokens_is_not_revealed(cast: Cast, now: datetime) -> None:
    excel, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name="Workbook", software="excel", expires="90d", now=now
    )
    log(cast, excel)
    charlie, own = signed_in(cast.charlie), f"/accounts/{cast.globex.pk}/logs/"
    # Nobody can tell another account's software from unused software.
    contents = [read(charlie, f"{own}?software={slug}") for slug in ("excel", "power-bi")]
    told = [
        re.sub(r'value="[A-Za-z0-9]{64}"|Microsoft (Excel|Power BI)|excel|power-bi', "?", each) for each in contents
    ]
    assert told[0] == told[1]


def test_page_stays_small_with_thousands_of_tokens(cast: Cast, alice: Client, token: Token, now: datetime) -> None:
    one, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Zebra", expires="90d", now=now)
    log(cast, one)
    fields = {field.attname: getattr(token, field.attname) for field in Token._meta.fields}
    Token.objects.bulk_create(
        Token(**fields | {"id": uuid.uuid4(), "name": f"A{number:04}", "digest": number.to_bytes(32)})
        for number in range(MAX_OFFERED_TOKENS + 5)
    )
    content = read(alice, f"{page_of(cast)}?token={one.pk}")
    assert content.count("<option") < MAX_OFFERED_TOKENS + 40
    assert f'<option value="{one.pk}" selected>Zebra</option>' in content
    assert "Not all tokens are listed here" in content


BAD = {
    "range": ["yesterday", "2h"],
    "since": ["x", "2026-13-01T00:00", "12:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "\0"],
    "until": ["<b>", "24.11.2026", "9999-12-31"],
    "endpoint": ["api", "/api?x=1", "/" + "x" * 2048, "/\0"],
    "status": ["9", "6xx", "4x", "abc", "40\0"],
    "outcome": ["lost", "Refused"],
    "token": ["x", "00000000-0000-0000-0000-00000000000g"],
    "software": ["no-such", "Power BI", "-", "none!"],
    "address": ["1.2", "203.0.113.0/25", "fe80::1%eth0", "example.org", "\0"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_invalid_filter_is_reported_at_its_field_and_typed_texts_are_kept(
    cast: Cast, alice: Client, name: str, value: str
) -> None:
    log(cast)
    others = {"endpoint": "/kept/*", "status": "499", "address": "2001:db8::77"}
    answer = alice.get(page_of(cast), others | {name: value})
    assert answer.status_code == 422
    content = answer.content.decode()
    assert f'id="id_{name}_error"' in content
    assert re.search(rf'id="id_{name}"[^>]*aria-invalid="true"', content)
    texts = {text for other, text in others.items() if other != name}
    texts |= {value} if name not in {"range", "outcome"} else set()
    for text in texts:
        assert f'value="{html.escape(text)}"' in content, text
    assert 'id="request-' not in content


def test_end_before_the_start_and_two_time_ranges_are_reported(cast: Cast, alice: Client) -> None:
    content = read(alice, f"{page_of(cast)}?since=2026-11-24T12:00&until=2026-11-24T12:00", 422)
    assert 'id="id_until_error"' in content
    content = read(alice, f"{page_of(cast)}?range=7d&since=2026-11-24T12:00", 422)
    assert 'id="id_range_error"' in content
    assert 'value="2026-11-24T12:00"' in content


@pytest.mark.parametrize("cursor", ["x", "1-2-3", "\0"])
def test_expired_cursor_leads_back_to_the_newest_requests(cast: Cast, alice: Client, cursor: str) -> None:
    answer = alice.get(page_of(cast), {"cursor": cursor, "status": "404"})
    assert answer.status_code == 422
    assert f'href="{page_of(cast)}?status=404">Back to the newest' in answer.content.decode()


def test_empty_fields_are_removed_from_the_url(cast: Cast, alice: Client) -> None:
    query = "?range=all&since=&until=&endpoint=%2Fapi%2F*&status=&outcome=&token=&software=&address="
    assert alice.get(page_of(cast) + query)["Location"] == f"{page_of(cast)}?endpoint=%2Fapi%2F%2A"


def test_active_filters_are_shown_and_can_be_removed(cast: Cast, alice: Client, token: Token) -> None:
    log(cast, token)
    chosen = {"range": "30d", "endpoint": "/api/*", "status": "2xx", "outcome": "accepted", "token": str(token.pk),
              "software": "none", "address": "203.0.113.9"}  # fmt: skip
    content = html.unescape(folded(alice.get(page_of(cast), chosen).content.decode()))
    chips = re.findall(r'<a class="chip" href="([^"]+)"[^>]*><span><span[^>]*>([^<]+)</span><bdi>([^<]+)<', content)
    assert [(label, value) for _, label, value in chips] == [
        ("Time:", "Last 30 days"), ("Endpoint:", "/api/*"), ("Status:", "2xx"), ("Outcome:", "Let in"),
        ("Token:", "Night load"), ("Target software:", "None"), ("Address:", "203.0.113.9"),
    ]  # fmt: skip
    for (address, _, _), name in zip(chips, chosen, strict=True):
        assert f"{name}=" not in address
        assert address.count("=") == len(chosen) - 1
    assert f'class="chip-all" href="{page_of(cast)}"' in content


def test_url_of_one_request_restores_its_list(cast: Cast, alice: Client) -> None:
    rows = [log(cast, status=404, received_at=NOON + timedelta(seconds=second)) for second in range(52)]
    log(cast)
    first = read(alice, f"{page_of(cast)}?status=404")
    second = re.search(r'rel="next" href="([^"]+)"', first)
    assert second
    content = read(alice, second[1])
    opened = re.search(rf'id="request-{rows[0].pk}" href="([^"]+)"', content)
    assert opened
    assert listed(alice, opened[1]) == [rows[1].pk, rows[0].pk]
    assert f'href="{second[1]}" data-hx-boost="true" data-close="request-{rows[0].pk}"' in read(alice, opened[1])


@pytest.mark.covers("R16")
@pytest.mark.parametrize("cause", [cause for cause in (*Cause, *GatewayCause) if cause != Cause.OK])
def test_every_refusal_has_a_reason_and_advice(cast: Cast, alice: Client, token: Token, cause: str) -> None:
    row = refused(cast, cause, token)
    for address in (page_of(cast), f"{page_of(cast)}{row.pk}/"):
        content = read(alice, address)
        assert "Refused" in content
        assert re.search(r"<bdi>[^<]{20,}\.</bdi>", content)
    advised = re.search(r'class="notice notice-bad"><div>\s*<p>.+</p>\s*<p>([^<]+)</p>', content)
    assert advised
    assert advised[1].endswith(".")


@pytest.mark.covers("R16")
@pytest.mark.parametrize(
    ("cause", "ended", "leads_to"),
    [
        ("address_not_allowed", False, "/tokens/{token}/?add=203.0.113.9#networks"),
        ("address_not_allowed", True, "/tokens/new/?like={token}"),
        ("expired", True, "/tokens/new/?like={token}"), ("revoked", True, "/tokens/new/?like={token}"),
        ("superseded", False, "/tokens/{token}/"),
        ("password_unknown", False, "/connect/"), ("no_credentials", False, "/connect/"),
    ],
)  # fmt: skip
def test_refusal_links_to_the_page_that_fixes_it(
    cast: Cast, alice: Client, token: Token, now: datetime, cause: str, ended: bool, leads_to: str
) -> None:
    row = refused(cast, cause, token)
    if ended:
        revoke_token(actor=cast.as_alice, token=token, now=now)
    target = f'<a href="/accounts/{cast.acme.pk}{leads_to.format(token=token.pk)}">'
    assert target in read(alice, page_of(cast))
    assert target.replace("<a ", '<a class="btn btn-quiet" ') in read(alice, f"{page_of(cast)}{row.pk}/")
    place = leads_to.format(token=token.pk).partition("#")
    if "connect" not in leads_to:
        assert place[0] in target
        fixed = alice.get(f"/accounts/{cast.acme.pk}{place[0]}")
        assert fixed.status_code in {200, 302}  # creating asks for the password first
        assert not place[2] or f'id="{place[2]}"' in fixed.content.decode()


@pytest.mark.covers("R10", "R16")
@pytest.mark.parametrize(
    ("networks", "said"),
    [
        (["10.0.0.0/8", "2001:db8::/32"],
         "The address 203.0.113.9 is not in any of the 2 networks that “Day load” allows."),
        (["10.0.0.0/8"], "The address 203.0.113.9 is not in the only network that “Day load” allows."),
        (["10.0.0.0/8", "203.0.113.0/24"],
         "The address 203.0.113.9 was not in the networks that “Day load” allowed at the time, but it is now."),
        ([], "The address 203.0.113.9 is not in the networks that the token “Night load” allows."),
    ],
)  # fmt: skip
def test_refusal_of_an_address_mentions_what_the_token_allows_now(
    cast: Cast, alice: Client, token: Token, now: datetime, networks: list[str], said: str
) -> None:
    row = refused(cast, "address_not_allowed", token)
    edit_token(actor=cast.as_alice, token=token, name="Day load", description="", software=None,
               allowed_networks=networks, now=now)  # fmt: skip
    for address in (page_of(cast), f"{page_of(cast)}{row.pk}/"):
        assert f"<bdi>{said}</bdi>" in read(alice, address)


@pytest.mark.covers("R16")
def test_address_that_can_not_be_read_is_told_as_it_stands(cast: Cast, alice: Client, now: datetime) -> None:
    partner, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Partner", expires="90d", now=now,
                              allowed_networks=["10.0.0.0/8"])  # fmt: skip
    refused(cast, "address_not_allowed", partner, address="unix:")
    assert "The address unix: is not in the only network that “Partner” allows." in read(alice, page_of(cast))


def test_page_of_refusals_stays_small(cast: Cast, alice: Client, token: Token) -> None:
    for second in range(50):
        refused(cast, "password_form", received_at=NOON + timedelta(seconds=second))
    assert len(alice.get(f"{page_of(cast)}?follow=on").content) < 80_000


def test_outcomes_are_shown_in_words(cast: Cast, alice: Client) -> None:
    log(cast, outcome="unknown", status=None, duration_seconds=None, bytes=None, address=None)
    content = read(alice, page_of(cast))
    assert "Outcome unknown" in content
    assert "Status unknown" in content
    assert content.count("Unknown") == 2


@pytest.mark.parametrize(
    ("status", "means"), [(404, "Not Found"), (499, "Closed by the client"), (799, ""), (None, "")]
)
def test_status_comes_with_its_meaning(status: int | None, means: str) -> None:
    assert meaning(status) == means


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "under 1 ms"), (0.0006, "1 ms"), (0.25, "250 ms"), (0.9996, "1.00 s"), (1.25, "1.25 s"), (95.4, "95 s")],
)
def test_durations_are_readable(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_moments_are_exact_to_the_second() -> None:
    assert "24 Nov 2026, 12:00:00 UTC" in moment_exact(NOON)


def test_empty_log_says_how_to_make_the_first_request(cast: Cast, alice: Client) -> None:
    content = read(alice, page_of(cast))
    assert "No requests yet" in content
    assert f'href="/accounts/{cast.acme.pk}/connect/"' in content
    log(cast)
    content = read(alice, f"{page_of(cast)}?status=404")
    assert "No requests match these filters" in content
    assert f'href="{page_of(cast)}"' in content


def test_hostile_requests_are_shown_exactly_and_run_nowhere(cast: Cast, alice: Client, token: Token) -> None:
    row = log(cast, token, resource=HOSTILE, method="<b>X", token_name="<script>\u202e")
    for address in (page_of(cast), f"{page_of(cast)}{row.pk}/", f"{page_of(cast)}?endpoint=/%3Cscript%3E*"):
        answer = alice.get(address)
        content = answer.content.decode()
        assert "<script>alert" not in content
        assert "<b>X" not in content
        assert f">{HOSTILE}</bdi>" in html.unescape(content)
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", content)
        assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_menu_has_the_log_only_for_administrators(cast: Cast, alice: Client) -> None:
    link = f'<a href="{page_of(cast)}"'
    assert link in read(alice, f"/accounts/{cast.acme.pk}/tokens/")
    assert f'{link} aria-current="page"' in read(alice, page_of(cast))
    assert link not in read(signed_in(cast.bob), f"/accounts/{cast.acme.pk}/")


OF_THE_PARTITION = {
    "log_by_account": "_account_id_id_idx ", "log_by_token": "_token_id_id_idx ",
    "log_by_endpoint": "_endpoint_id_id_idx ", "log_by_status": "_account_id_status_id_idx ",
    "log_by_address": "_account_id_address_id_idx ", "log_by_refusal": "_account_id_id_idx1 ",
}  # fmt: skip


@pytest.fixture
def many(cast: Cast, token: Token) -> None:
    """A log in which reading everything costs more than an index: Acme's is one row in a hundred of it."""
    accounts = [cast.acme.pk, *(uuid.uuid4() for _ in range(99))]
    others = [uuid.uuid4() for _ in range(50)]
    ends = [(401, "refused", "expired", "expired"), *[(200, "accepted", "ok", "ok")] * 3]
    rows = [
        RequestRow(NOON + timedelta(seconds=n), accounts[n % 100], token.pk if n % 200 == 0 else others[n % 50], "n",
            "GET", "/x" if n // 100 % 3 else "/y", *ends[n // 100 % 4], 0.1, 3, f"203.0.113.{n // 100 % 3}")
        for n in range(20_000)
    ]  # fmt: skip
    store(*rows)
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        if cursor.db.vendor == "postgresql":
            cursor.execute("ANALYZE request_log_loggedrequest")


PAGES = (
    ("", "log_by_account"), ("?status=2xx", "log_by_status"), ("?token={token}", "log_by_token"),
    ("?outcome=refused", "log_by_refusal"), ("?endpoint=/x", "log_by_endpoint"),
    ("?address=203.0.113.0", "log_by_address"), ("?status=401&outcome=refused", "log_by_status"),
)  # fmt: skip


def test_pages_of_a_large_log_are_read_through_an_index_and_nothing_is_counted(
    cast: Cast, alice: Client, token: Token, many: None
) -> None:
    connection = connections[settings.REQUEST_LOG_ALIAS]
    for query, index in ((query.format(token=token.pk), index) for query, index in PAGES):
        with CaptureQueriesContext(connection) as queries:
            assert len(listed(alice, page_of(cast) + query)) == 50
        asked = [each["sql"] for each in queries if "request_log_loggedrequest" in each["sql"]]
        assert len(asked) == 1
        assert "COUNT(" not in asked[0]
        form = LogFilterForm.read(QueryDict(query.lstrip("?")), now=NOON)
        made = searching.plan(dataclasses.replace(form.filters, account_id=cast.acme.pk))
        statement = searching.statement(made, made.steps[0], 51)
        with connection.cursor() as cursor:
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{explain} {statement.text}", statement.parameters)
            plan = str(cursor.fetchall())
        assert index in plan or OF_THE_PARTITION[index] in plan, query
        assert "Seq Scan" not in plan, query
        assert "SCAN" not in plan, query
