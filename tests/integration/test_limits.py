"""Limits but for the gate: every door takes them, everyone learns of a change, and a restore keeps it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from api_client import program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from logged_requests import row, store
from simsim.account_log.limits_preview import preview_limits, suggest_limits
from simsim.accounts.actions import add_user
from simsim.accounts.permissions import actor_of
from simsim.audit import journal
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.problem import Invalid, NotFound, NotPermitted
from simsim.tokens.actions import create_token, edit_token
from simsim.tokens.lost_changes import apply_again
from simsim.tokens.models import Token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B16")]
READ_ONLY = "GET,HEAD,OPTIONS /**"


@pytest.fixture
def token(cast: Cast, now: datetime) -> Token:
    token, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", limits=["get /api/**", " "], now=now
    )
    return token


@pytest.fixture
def traffic(token: Token, cast: Cast, now: datetime) -> None:
    """The token's requests of the last days: many reads of orders, a write, and one path that nothing can allow."""
    own: dict[str, Any] = {"account_id": cast.acme.pk, "token_id": token.pk}
    asked = [("GET", f"/orders/{number}") for number in range(1, 6)]
    asked += [("POST", "/orders"), ("GET", "/api/v2/entities"), ("GET", "/a;b")]
    store(*(row(received_at=now - timedelta(hours=1), method=each, resource=path, **own) for each, path in asked))
    store(row(received_at=now - timedelta(days=31), method="PUT", resource="/old", **own))
    store(row(received_at=now, method="PUT", resource="/refused", reason="limit", outcome="refused", **own))


def test_limits_are_kept_in_normal_form_and_the_trail_and_the_mails_tell_of_a_change(
    token: Token, cast: Cast, now: datetime
) -> None:
    assert token.limit_rules == ["GET /api/**"]
    erin = add_user(actor=cast.olga, account=cast.acme, email="erin@acme.example", role="administrator", now=now).user
    OwedMail.objects.all().delete()
    changed = edit_token(actor=actor_of(erin), token=token, limits=["GET,HEAD /api/v2/**", "/status"], now=now)
    assert changed.limit_rules == ["GET,HEAD /api/v2/**", "* /status"]
    event = AuditEvent.objects.latest("pk")
    assert event.details == {"limits": [["GET /api/**"], ["GET,HEAD /api/v2/**", "* /status"]]}
    told = OwedMail.objects.get(kind="token_allowlist_changed")
    assert (told.facts["limits_before"], told.facts["limits"]) == (["GET /api/**"], changed.limit_rules)
    edit_token(actor=cast.as_alice, token=token, limits=[], now=now)
    assert AuditEvent.objects.latest("pk").details["limits"][1] == []


def test_wrong_rule_is_named_and_nothing_is_saved(token: Token, cast: Cast, now: datetime) -> None:
    with pytest.raises(Invalid) as caught:
        edit_token(actor=cast.as_alice, token=token, limits=["GET /ok", "GET", "", "GET /a/../b"], now=now)
    assert [error.field for error in caught.value.errors] == ["limits.1", "limits.3"]
    with pytest.raises(Invalid, match="at most 100"):
        edit_token(actor=cast.as_alice, token=token, limits=[f"GET /{number}" for number in range(101)], now=now)
    token.refresh_from_db()
    assert token.limit_rules == ["GET /api/**"]


def test_report_only_holds_for_limits_and_ends_with_the_last_restriction(
    token: Token, cast: Cast, now: datetime
) -> None:
    assert edit_token(actor=cast.as_alice, token=token, report_only=True, now=now).report_only
    assert not edit_token(actor=cast.as_alice, token=token, limits=[], now=now).report_only


@pytest.mark.covers("B7")
def test_limits_by_the_api(cast: Cast, now: datetime) -> None:
    program, path = program_of_alice(cast, now), f"/accounts/{cast.acme.pk}/tokens"
    made = program.post(path, {"name": "Report", "expires": "90d", "limits": ["get /api/v2/**"]})
    assert (made.status_code, made.json()["limits"]) == (201, ["GET /api/v2/**"])
    one = made.headers["Location"]
    wrong = program.patch(one, {"limits": ["GET /a", "nonsense"]}, If_Match="*")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "limits.1")
    assert program.patch(one, {"limits": []}, If_Match="*").json()["limits"] == []


@pytest.mark.covers("B7")
def test_limits_by_the_command_line(simsim: Simsim, cast: Cast) -> None:
    options = ("--account", str(cast.acme.pk), "--as", "alice@acme.example", "--name", "Report", "--expires", "90d")
    made = simsim("token", "create", *options, "--limit", "GET /api/v2/**", "--limit", "POST /orders")
    assert made["limits"] == ["GET /api/v2/**", "POST /orders"]
    edit = ("token", "edit", made["id"], "--as", "alice@acme.example")
    assert simsim(*edit, "--read-only")["limits"] == [READ_ONLY]
    assert simsim(*edit, "--description", "x")["limits"] == [READ_ONLY]
    assert "--limit nonsense" in simsim(*edit, "--limit", "nonsense", fails=2)
    assert "only one of" in simsim(*edit, "--read-only", "--any-request", fails=2)
    assert simsim(*edit, "--any-request")["limits"] == []


@pytest.mark.usefixtures("traffic")
def test_preview_names_the_requests_that_limits_would_have_refused(token: Token, cast: Cast, now: datetime) -> None:
    preview = preview_limits(actor=cast.as_alice, token=token, limits=["GET /orders/**"], now=now)
    assert [(use.rule, use.path, use.requests) for use in preview.excluded] == [
        ("", "/a;b", 1), ("GET /api/v2/entities", "/api/v2/entities", 1), ("POST /orders", "/orders", 1),
    ]  # fmt: skip
    assert (preview.requests, preview.excluded_requests, preview.excludes_everything) == (8, 3, False)
    assert not preview_limits(actor=cast.as_alice, token=token, limits=[], now=now).excluded
    suggested = suggest_limits(actor=cast.as_alice, token=token, now=now)
    assert suggested == ["GET /api/v2/entities", "POST /orders", "GET /orders/*"]
    left = preview_limits(actor=cast.as_alice, token=token, limits=suggested, now=now)
    assert [use.path for use in left.excluded] == ["/a;b"]
    with pytest.raises(NotPermitted):
        preview_limits(actor=cast.as_bob, token=token, limits=[], now=now)
    with pytest.raises(NotFound):
        suggest_limits(actor=cast.as_charlie, token=token, now=now)


@pytest.mark.covers("B7")
@pytest.mark.usefixtures("traffic")
def test_scripts_try_limits_out(token: Token, cast: Cast, now: datetime, simsim: Simsim) -> None:
    program, one = program_of_alice(cast, now), f"/accounts/{cast.acme.pk}/tokens/{token.pk}"
    found = program.post(f"{one}/limits-preview", {"limits": ["GET /orders/**"]}).json()
    assert (found["requests"], found["excluded_requests"], found["is_complete"]) == (8, 3, True)
    assert [(use["rule"], use["method"], use["path"], use["requests"]) for use in found["excluded"]] == [
        (None, "GET", "/a;b", 1), ("GET /api/v2/entities", "GET", "/api/v2/entities", 1),
        ("POST /orders", "POST", "/orders", 1),
    ]  # fmt: skip
    assert simsim("token", "limits-preview", str(token.pk), "--limit", "GET /orders/**") == found
    suggested = {"limits": ["GET /api/v2/entities", "POST /orders", "GET /orders/*"]}
    assert program.get(f"{one}/limits-suggestion").json() == suggested
    assert simsim("token", "limits-suggestion", str(token.pk)) == suggested
    wrong = program.post(f"{one}/limits-preview", {"limits": ["nonsense"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "limits.0")


def test_suggestion_for_many_paths_is_short(token: Token, cast: Cast, now: datetime) -> None:
    own: dict[str, Any] = {"account_id": cast.acme.pk, "token_id": token.pk, "received_at": now}
    words = [f"{first}{second}" for first in "abcdef" for second in "uvwxyz"]
    store(*(row(resource=f"/api/v2/{word}/x/{word}", **own) for word in words))
    assert suggest_limits(actor=cast.as_alice, token=token, now=now) == ["GET /api/v2/**"]


@pytest.mark.usefixtures("traffic")
def test_page_asks_before_it_saves_limits_that_would_have_refused_requests(
    token: Token, cast: Cast, now: datetime
) -> None:
    alice, address = sign_in(cast.alice), reverse("console:token", args=[cast.acme.pk, token.pk])
    opened = {"list_as_opened": "enforced | GET /api/**", "name": "Night load"}
    page = alice.post(address, opened | {"may": "listed", "limit": ["GET /orders/*", ""]})
    said = text_of(page)
    assert "Not saved yet" in said
    assert "POST /orders" in said
    token.refresh_from_db()
    assert token.limit_rules == ["GET /api/**"]
    added = alice.post(address, opened | {"may": "listed", "limit": ["GET /orders/*"], "press": "add-requests"})
    assert b'value="POST /orders"' in added.content
    saved = alice.post(
        address,
        opened
        | {"may": "listed", "limit": ["GET /api/v2/*"], "press": "save-anyway", "previewed_limits": "GET /api/v2/*"},
    )
    assert saved.status_code == 302
    token.refresh_from_db()
    assert token.limit_rules == ["GET /api/v2/*"]


def test_form_offers_read_only_and_never_takes_an_empty_list_for_everything(cast: Cast, now: datetime) -> None:
    alice, address = sign_in(cast.alice), reverse("console:create_token", args=[cast.acme.pk])
    typed = {"name": "Report", "expires": "90d"}
    missing = alice.post(address, typed | {"may": "listed", "limit": ["", " "]})
    assert (missing.status_code, Token.objects.count()) == (422, 0)
    assert "Enter at least one request" in text_of(missing)
    wrong = alice.post(address, typed | {"may": "listed", "limit": ["", "GET /a/{id}"]})
    assert wrong.status_code == 422
    assert "Enter a star for each part that varies: /a/*" in text_of(wrong)
    more = alice.post(address, typed | {"may": "everything", "limit": "GET /a", "press": "add-limit"})
    assert more.content.count(b'name="limit"') == 2
    assert alice.post(address, typed | {"may": "read", "limit": "GET /ignored"}).status_code == 201
    token = Token.objects.get()
    assert token.limit_rules == [READ_ONLY]
    page = alice.get(reverse("console:token", args=[cast.acme.pk, token.pk])).content.decode()
    assert 'value="read" checked' in page


@pytest.mark.covers("B21")
@pytest.mark.parametrize(
    ("later", "kept"),
    [
        (["GET /api/v2/**"], ["GET /api/v2/**"]),
        (["GET /api/**", "POST /x"], ["GET /api/**"]),  # wider: the operator's backup stays as narrow as it was
        ([], ["GET /api/**"]),
        (["POST /x"], ["POST /x"]),
    ],
)
def test_restore_narrows_a_limit_again_and_never_widens_one(
    token: Token,
    cast: Cast,
    now: datetime,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
    later: list[str],
    kept: list[str],
) -> None:
    settings.JOURNAL = tmp_path / "journal.jsonl"
    newest = AuditEvent.objects.latest("pk").pk
    before = Token.objects.get(pk=token.pk)
    with django_capture_on_commit_callbacks(execute=True):
        edit_token(actor=cast.as_alice, token=token, limits=later, now=now)
    before.save()
    AuditEvent.objects.filter(pk__gt=newest).delete()
    done = apply_again(journal.read(settings.JOURNAL).changes, now=now)
    token.refresh_from_db()
    assert token.limit_rules == kept
    assert [f"it may only do {', '.join(kept)} again" in each.sentence for each in done] == [True] * (kept == later)
