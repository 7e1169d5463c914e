"""Many tokens at once: chosen by more conditions, resumed together, and given other networks (B18)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from api_client import program_of_alice
from cast import Cast
from simsim.account_log.selection_networks import NetworksPreview, preview_networks_of
from simsim.audit.models import AuditEvent
from simsim.credential import allowlist
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.problem import Invalid
from simsim.request_log.models import TokenAddressDay
from simsim.rfc3339 import format_time
from simsim.tokens.actions import create_token, rotate_token
from simsim.tokens.models import Status, Token
from simsim.tokens.pause import pause_token
from simsim.tokens.policies import set_account_policy
from simsim.tokens.selection_acts import Act, Change
from simsim.tokens.selection_change import Changed, change_selection
from simsim.tokens.token_filters import MAX_IDS, TokenFilter
from simsim.tokens.token_selection import Selection, select_tokens
from simsim.webhooks.actions import add_endpoint
from simsim.webhooks.models import WebhookDelivery
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")


def made(cast: Cast, now: datetime, name: str, **given: Any) -> Token:
    return create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now, **given)[0]


def selection(cast: Cast, now: datetime, **given: Any) -> Selection:
    return select_tokens(cast.acme, actor=cast.as_alice, chosen=TokenFilter(**given), now=now)


def names(cast: Cast, now: datetime, **given: Any) -> list[str]:
    return [token.name for token in selection(cast, now, **given).tokens]


def change(cast: Cast, now: datetime, what: Change, **given: Any) -> Changed:
    return change_selection(
        actor=cast.as_alice, account=cast.acme, change=what, chosen=TokenFilter(**given),
        fingerprint=selection(cast, now, **given).fingerprint, now=now,
    )  # fmt: skip


@pytest.mark.covers("B18")
def test_tokens_are_chosen_one_by_one_by_text_and_by_state(cast: Cast, now: datetime) -> None:
    one, two = made(cast, now - timedelta(days=9), "Night load"), made(cast, now, "Billing", description="at night")
    made(cast, now, "Other")
    foreign, _ = create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="90d", now=now)
    pause_token(actor=cast.as_alice, token=two, now=now)
    for given, expected in (
        ({"text": "NIGHT"}, ["Billing", "Night load"]),
        ({"text": "night", "without": (two.pk,)}, ["Night load"]),
        ({"tokens": (one.pk, foreign.pk)}, ["Night load"]),
        ({"state": "paused"}, ["Billing"]),
        ({"state": "unused"}, ["Night load"]),
        ({"created_after": now}, ["Billing", "Other"]),
        ({"stopped_at": now}, ["Billing"]),
    ):
        assert names(cast, now, **given) == expected, given
    for bad in ({"state": "odd"}, {"text": "\0"}, {"tokens": (one.pk,) * (MAX_IDS + 1)}):
        with pytest.raises(Invalid):
            names(cast, now, **bad)


@pytest.mark.covers("B18", "B13")
def test_undoing_a_pause_resumes_the_tokens_that_it_paused_and_no_other(cast: Cast, now: datetime) -> None:
    before = now - timedelta(hours=1)
    for name in ("One", "Two", "Held"):
        made(cast, before, name)
    held = Token.objects.get(name="Held")
    pause_token(actor=cast.as_alice, token=held, reason="Mine", now=before)
    add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="Hook", url="https://hooks.example/",
        events=["token.paused", "token.resumed"], now=before,
    )  # fmt: skip
    OwedMail.objects.all().delete()
    assert change(cast, now, Change(Act.PAUSE, "Stolen")).document() == {"stopped": 2, "changed": []}
    later = now + timedelta(minutes=5)
    assert change(cast, later, Change(Act.RESUME), stopped_at=now).document() == {"resumed": 2, "changed": []}
    held.refresh_from_db()
    assert (held.status(later), held.pause_reason, held.paused_at) == (Status.PAUSED, "Mine", before)
    for token in Token.objects.exclude(name="Held"):
        assert (token.status(later), token.pause_reason, token.paused_by_label) == (Status.ACTIVE, "", "")
    resumed = AuditEvent.objects.get(event="token.selection_resumed")
    assert resumed.details == {"count": 2, "filters": {"stopped_at": format_time(now)}}
    assert AuditEvent.objects.filter(event="token.resumed").count() == 2
    assert [mail.facts["change"] for mail in OwedMail.objects.order_by("pk")] == ["pause", "resume"]
    sent = sorted(WebhookDelivery.objects.values_list("event", flat=True))
    assert sent == ["token.paused"] * 2 + ["token.resumed"] * 2


@pytest.mark.covers("B18", "B3")
def test_networks_replace_the_lists_or_join_them_as_the_preview_says(cast: Cast, now: datetime) -> None:
    shut, lenient = (
        made(cast, now, name, allowed_networks=["10.0.0.0/8"], report_only=name == "Lenient")
        for name in ("Shut", "Lenient")
    )
    wide = made(cast, now, "Open")
    for token, address, accepted in ((shut, "10.1.1.1", 5), (lenient, "10.1.1.1", 3), (wide, "192.0.2.9", 2)):
        TokenAddressDay.objects.create(
            token_id=token.pk, account_id=cast.acme.pk, day=now.date(), address=address, accepted=accepted
        )
    joined = Change(Act.NETWORKS, networks=["198.51.100.7"], adds=True)
    replaced = Change(Act.NETWORKS, networks=["198.51.100.0/24", "192.0.2.9"])
    for what, expected in ((joined, (2, 8, 0, 0)), (replaced, (3, 10, 5, 1))):
        found = preview_networks_of(
            cast.acme, actor=cast.as_alice, selection=selection(cast, now), change=what, now=now
        )  # fmt: skip
        assert found == NetworksPreview(*expected)
    assert change(cast, now, joined).document() == {"edited": 2, "changed": []}
    wide.refresh_from_db()
    assert wide.allowed_networks == []
    assert change(cast, now, replaced).document() == {"edited": 3, "changed": []}
    for token in Token.objects.all():
        assert token.allowed_networks == ["198.51.100.0/24", "192.0.2.9/32"]
        assert token.allowlist == allowlist.pack(token.networks)
        assert token.report_only == (token.name == "Lenient")
    edited = AuditEvent.objects.filter(event="token.edited", subject_id=str(shut.pk)).order_by("pk")
    assert [event.details for event in edited] == [
        {"allowed_networks": [["10.0.0.0/8"], ["10.0.0.0/8", "198.51.100.7/32"]]},
        {"allowed_networks": [["10.0.0.0/8", "198.51.100.7/32"], ["198.51.100.0/24", "192.0.2.9/32"]]},
    ]
    assert change(cast, now, replaced).document() == {"edited": 0, "changed": []}


@pytest.mark.covers("B18", "B10")
def test_networks_that_are_none_or_too_wide_for_the_policy_change_no_token(cast: Cast, now: datetime) -> None:
    made(cast, now, "One", allowed_networks=["10.0.0.0/24"])
    set_account_policy(actor=cast.as_alice, account=cast.acme, choices={"min_ipv4_prefix": 16}, now=now)
    for networks in ([], ["here"], ["10.0.0.0/8"]):
        with pytest.raises(Invalid):
            change(cast, now, Change(Act.NETWORKS, networks=networks))
    assert Token.objects.get().allowed_networks == ["10.0.0.0/24"]


@pytest.mark.covers("B18")
def test_program_and_command_line_resume_and_change_networks(cast: Cast, now: datetime, simsim: Simsim) -> None:
    token = made(cast, now, "One", software="power-bi")
    made(cast, now, "Two")
    pause_token(actor=cast.as_alice, token=token, now=now)
    program, path = program_of_alice(cast, now, Scope.READ, Scope.TOKENS), f"/accounts/{cast.acme.pk}/token-selection"
    body: dict[str, object] = {"tokens": [str(token.pk)]}
    body["fingerprint"] = program.post(f"{path}/preview", body).json()["fingerprint"]
    assert program.post(f"{path}/resume", body).json() == {"resumed": 1, "changed": []}
    assert program.post(f"{path}/resume", body).status_code == 409
    body = {"software": "power-bi", "allowed_networks": ["10.0.0.0/8"]}
    assert program.post(f"{path}/networks-preview", body).json()["tokens"] == 1
    body["fingerprint"] = program.post(f"{path}/preview", {"software": "power-bi"}).json()["fingerprint"]
    assert program.post(f"{path}/networks", body).json() == {"edited": 1, "changed": []}
    account, alice = ("--account", str(cast.acme.pk)), ("--as", "alice@acme.example")
    only = ("--token", str(token.pk))
    assert simsim("incident", "networks-preview", *account, *only, "--allow", "10.1.0.0/16", "--add")["tokens"] == 1
    given = ("--fingerprint", simsim("incident", "preview", *account, *only)["fingerprint"])
    done = simsim("incident", "networks", *account, *alice, *only, "--allow", "192.0.2.0/24", "--add", *given)
    assert done == {"edited": 1, "changed": []}
    token.refresh_from_db()
    assert token.allowed_networks == ["10.0.0.0/8", "192.0.2.0/24"]
    pause_token(actor=cast.as_alice, token=token, now=now)
    given = ("--fingerprint", simsim("incident", "preview", *account, "--state", "paused")["fingerprint"])
    assert simsim("incident", "resume", *account, *alice, "--state", "paused", *given) == {"resumed": 1, "changed": []}
    assert "not the id" in str(simsim("incident", "preview", *account, "--token", "x", fails=2))


def test_rotated_token_is_not_the_one_that_was_previewed(cast: Cast, now: datetime) -> None:
    token = made(cast, now, "One")
    before = selection(cast, now).fingerprint
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
    assert selection(cast, now).fingerprint != before
