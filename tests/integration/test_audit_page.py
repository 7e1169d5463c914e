"""The console's audit trail: every event in words, filtered, page by page, and as a file."""

import csv
import html
import io
import json
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from cast import PASSWORD, Cast
from log_pages import signed_in
from simsim.account_log.trail import COLUMNS
from simsim.accounts.actions import change_role, rename_account
from simsim.accounts.permissions import OPERATOR
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.console.audit.sentences import SENTENCES
from simsim.tokens.actions import create_token, edit_token, revoke_token
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import set_notice_policy

pytestmark = pytest.mark.django_db(databases="__all__")


def address(cast: Cast, name: str = "audit_trail") -> str:
    return reverse(f"console:{name}", args=[cast.acme.pk])


def shown(client: Client, cast: Cast, **query: str) -> str:
    """Return the text of the table's rows."""
    answer = client.get(address(cast), query)
    assert answer.status_code == 200
    body = answer.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.covers("B6")
def test_events_are_shown_in_words_with_before_and_after(
    alice: Client, cast: Cast, token: Token, now: datetime
) -> None:
    edit_token(actor=cast.as_alice, token=token, name="Power BI", allowed_networks=["192.0.2.0/24"], now=now)
    change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now)
    rename_account(actor=OPERATOR, account=cast.acme, name="Acme Corporation", now=now)
    choices = {"token_revoked": "nobody"}
    set_notice_policy(actor=cast.as_alice, account=cast.acme, audiences=choices, early_days=[7], now=now)
    text = shown(alice, cast)
    assert "Edited the token “Power BI” Name: Night load is now Power BI" in text
    assert "Allowed networks: anywhere is now 192.0.2.0/24" in text
    assert "Changed the role of bob@acme.example Role: Member is now Administrator" in text
    assert "Renamed the account Name: Acme is now Acme Corporation Operator" in text
    assert "A token is revoked: Every administrator is now Nobody" in text
    assert "Extra reminders, days before: none is now 7" in text


@pytest.mark.covers("B6")
def test_sign_ins_are_shown_to_the_persons_accounts_with_their_address(alice: Client, cast: Cast) -> None:
    browser = Client(REMOTE_ADDR="203.0.113.7")
    form = {"login": cast.bob.email, "password": "wrong"}
    assert browser.post(reverse("account_login"), form).status_code == 200
    assert browser.post(reverse("account_login"), form | {"password": PASSWORD}).status_code == 302
    browser.post(reverse("account_logout"))
    text = shown(alice, cast, kind="sign-ins", who=cast.bob.email)
    assert [part in text for part in ("Failed to sign in", "Signed in", "Signed out")] == [True] * 3
    assert text.count("Console 203.0.113.7") == 3
    of_globex = signed_in(cast.charlie).get(reverse("console:audit_trail", args=[cast.globex.pk]))
    assert "charlie@globex.example" in of_globex.content.decode()
    assert "bob@acme.example" not in of_globex.content.decode()


@pytest.mark.covers("B6")
def test_changed_password_is_recorded_and_not_stored(alice: Client, cast: Cast) -> None:
    new = "another sesame, said Alice"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert alice.post(reverse("account_change_password"), form).status_code == 302
    event = AuditEvent.objects.get(event="user.password_changed")
    assert (event.account_id, event.actor_label) == (cast.acme.pk, cast.alice.email)
    assert event.details == {"email": cast.alice.email, "change": "password_changed"}
    assert not [row for row in AuditEvent.objects.all() if "sesame" in str(vars(row))]


@pytest.mark.covers("B6")
def test_filters_find_who_which_token_and_which_days(alice: Client, cast: Cast, token: Token, now: datetime) -> None:
    other = create_token(
        actor=cast.as_alice, account=cast.acme, name="Other", expires="90d", now=now - timedelta(days=3)
    )[0]
    revoke_token(actor=cast.as_alice, token=token, now=now)
    assert shown(alice, cast, token=str(token.pk)).count("Night load") == 2
    assert "Other" in shown(alice, cast, until=f"{now - timedelta(days=2):%Y-%m-%d}")
    assert "Other" not in shown(alice, cast, since=f"{now - timedelta(days=2):%Y-%m-%d}", kind="tokens")
    assert "“Other”" in shown(alice, cast, token=str(other.pk), kind="tokens", who="ALICE@acme.example")
    assert shown(alice, cast, who="nobody@acme.example") == ""
    assert "Created the account “Acme” Operator" in shown(alice, cast, who="operator", kind="account")
    edit_token(actor=cast.as_alice, token=other, name="Renamed", now=now)
    assert "Created the token “Other”" in shown(alice, cast, token=str(other.pk))


@pytest.mark.covers("B6")
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "2026-02-30"}, "Enter a day such as 2026-12-06."),
        ({"since": "2026-02-03", "until": "2026-02-02"}, "This must not be before the first day."),
        ({"until": "9999-12-31"}, "Enter a day such as 2026-12-06."),
        ({"kind": "nonsense"}, "Choose one of the listed kinds."),
        ({"token": "nonsense"}, "There is no such token in this account."),
        ({"token": "00000000-0000-4000-8000-000000000000"}, "There is no such token in this account."),
        ({"who": "x" * 255}, "Enter an email address"),
        ({"cursor": "1"}, "This cursor is not valid for this list."),
    ],
)
def test_invalid_filter_is_explained(alice: Client, cast: Cast, query: dict[str, str], says: str) -> None:
    answer = alice.get(address(cast), query)
    assert answer.status_code == 422
    assert says in html.unescape(answer.content.decode())
    exported = alice.get(address(cast, "export_audit_trail"), query | {"format": "csv"})
    assert exported.status_code == 302


@pytest.mark.covers("B6")
def test_pages_lead_to_the_first_event_and_repeat_none(alice: Client, cast: Cast, now: datetime) -> None:
    for number in range(120):
        rename_account(
            actor=OPERATOR, account=cast.acme, name=f"Acme {number}", now=now + timedelta(seconds=number // 3)
        )
    seen: list[str] = []
    url: str | None = address(cast)
    while url:
        page = alice.get(url).content.decode()
        seen += re.findall(r"<ins><bdi>(Acme \d+)</bdi></ins>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = html.unescape(following[1]) if following else None
    assert seen == [f"Acme {number}" for number in reversed(range(120))]


@pytest.mark.covers("B6")
def test_export_is_complete_recorded_and_runs_no_formula(
    alice: Client, cast: Cast, token: Token, now: datetime
) -> None:
    rename_account(actor=OPERATOR, account=cast.acme, name="=1+1", now=now)
    AuditEvent.objects.create(
        at=now, event="token.created", account_id=cast.acme.pk, actor_label="=cmd()", subject_id="x"
    )
    answer = alice.get(address(cast, "export_audit_trail"), {"format": "csv"})
    text = b"".join(answer).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) - 1 == AuditEvent.objects.filter(account_id=cast.acme.pk).count()
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    lines = b"".join(alice.get(address(cast, "export_audit_trail"), {"format": "jsonl", "kind": "exports"}))
    (second, first) = map(json.loads, lines.splitlines())
    assert first["event"] == second["event"] == "audit.exported"
    assert first["actor"] == cast.alice.email
    assert first["details"] == {"format": "csv", "filters": {}}
    assert second["details"]["filters"] == {"event": "log.exported,audit.exported,token.exported"}
    assert alice.get(address(cast, "export_audit_trail"), {"format": "pdf"}).status_code == 404
    assert alice.head(address(cast, "export_audit_trail"), {"format": "csv"}).status_code == 405


@pytest.mark.covers("B6")
@pytest.mark.parametrize(
    ("event", "details"),
    [
        ("token.created", {"name": ["a"]}),
        ("token.edited", {"expires_at": ["yesterday", None], "allowed_networks": {"a": 1}, "name": 7}),
        ("account.notices_changed", {"audiences": "all", "early_days": 3}),
        ("user.role_changed", {"from": 1}),
        ("session.signed_in", {"address": 5}),
        ("token.paused", {"until": "2027-01-31"}),
        ("account.renamed", ["a", "list"]),
    ],
)
def test_event_that_was_added_from_outside_does_not_hide_the_others(
    alice: Client, cast: Cast, now: datetime, event: str, details: object
) -> None:
    AuditEvent.objects.create(
        at=now, event=event, account_id=cast.acme.pk, actor_label="x", subject_id="<b>x", details=details
    )
    assert "Created the account “Acme”" in shown(alice, cast)


@pytest.mark.covers("B6")
def test_every_event_of_an_account_has_a_sentence() -> None:
    """Events of the installation are for the operator, who reads them on the command line."""
    of_installation = ("software.", "operator.", "audit.", "key.", "installation.", "forwarding.", "person.")
    silent = {event for event in Event if event not in SENTENCES and not event.startswith(of_installation)}
    assert not silent
