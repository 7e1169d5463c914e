"""An account's choices about its notices, and the notices that it can't turn off."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cast import Cast
from console_client import sign_in
from simsim.accounts.actions import add_user
from simsim.accounts.permissions import actor_of
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.problem import Invalid, NotFound, NotPermitted
from simsim.tokens import expiry_notices
from simsim.tokens.actions import Way, create_token, edit_token, revoke_token, rotate_token, show_credentials
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import CHOICES, Audience, Notice, policy_of, set_notice_policy
from simsim.tokens.pause import pause_token, resume_token
from simsim.tokens.policy_models import NoticePolicy

pytestmark = pytest.mark.django_db(databases="__all__")
CHANGES = [Notice.REVOKED, Notice.RETRIEVED, Notice.ALLOWLIST_CHANGED, Notice.ROTATED, Notice.PAUSED, Notice.RESUMED]


def choose(cast: Cast, now: datetime, days: tuple[int, ...] = (), audiences: dict[str, str] | None = None) -> None:
    set_notice_policy(actor=cast.as_alice, account=cast.acme, audiences=audiences or {}, early_days=days, now=now)


def live(cast: Cast, now: datetime) -> Token:
    """Take a token of Alice's through every event with a notice, by Ann's hand; Amy is an administrator, too."""
    ann = actor_of(
        add_user(actor=cast.olga, account=cast.acme, email="ann@acme.example", role="administrator", now=now).user
    )
    add_user(actor=cast.olga, account=cast.acme, email="amy@acme.example", role="administrator", now=now)
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    show_credentials(actor=ann, token=token, way=Way.SHOWN, now=now)
    edit_token(actor=ann, token=token, allowed_networks=["192.0.2.0/24"], now=now)
    token, _ = rotate_token(actor=ann, token=token, overlap=timedelta(0), now=now)
    resume_token(actor=ann, token=pause_token(actor=ann, token=token, now=now), now=now)
    look_daily(token, now)
    revoke_token(actor=ann, token=token, now=token.expires_at)
    return token


def look_daily(token: Token, now: datetime) -> None:
    for day in range(92):
        expiry_notices.owe_due(now=now + timedelta(days=day))


def told() -> dict[str, list[str]]:
    rows = OwedMail.objects.order_by("recipient").values_list("kind", "recipient")
    return {kind: [who.partition("@")[0] for each, who in rows if each == kind] for kind, _ in rows}


@pytest.mark.covers("B10", "R8", "R9")
def test_by_default_notices_go_exactly_where_the_page_says(cast: Cast, now: datetime) -> None:
    live(cast, now)
    assert told() == {
        "token_created": ["alice", "amy", "ann"], "token_expiring": ["alice"], "token_expired": ["alice"],
        "token_credentials_retrieved": ["alice", "amy"], "token_allowlist_changed": ["alice", "amy"],
        "token_rotated": ["alice", "amy"], "token_paused": ["alice", "amy"], "token_resumed": ["alice", "amy"],
        "token_revoked": ["alice", "amy", "ann"],
    }  # fmt: skip


@pytest.mark.covers("B10")
def test_each_notice_goes_to_the_audience_that_the_account_chose(cast: Cast, now: datetime) -> None:
    everybody = {"token_expiring": "administrators", "token_expired": "administrators"}
    choose(cast, now, audiences=everybody | {notice.value: "creator" for notice in CHANGES})
    live(cast, now)
    assert told() == {
        "token_created": ["alice", "amy", "ann"], "token_expiring": ["alice", "amy", "ann"],
        "token_expired": ["alice", "amy", "ann"], **{notice.value: ["alice"] for notice in CHANGES},
    }  # fmt: skip


@pytest.mark.covers("B10", "R8", "R9")
def test_disabled_notices_are_not_sent_and_creation_and_expiry_notices_are(cast: Cast, now: datetime) -> None:
    choose(cast, now, audiences={notice.value: "nobody" for notice in (*CHANGES, Notice.EXPIRED)})
    live(cast, now)
    assert told() == {"token_created": ["alice", "amy", "ann"], "token_expiring": ["alice"]}


@pytest.mark.covers("B10", "R8", "R9")
@pytest.mark.parametrize(
    ("notice", "audience"),
    [
        ("token_created", "nobody"), ("token_created", "creator"), ("token_expiring", "nobody"),
        ("token_revoked", "members"), ("token_sung", "nobody"),
    ],
)  # fmt: skip
def test_only_offered_choices_are_accepted(cast: Cast, now: datetime, notice: str, audience: str) -> None:
    with pytest.raises(Invalid) as refused:
        choose(cast, now, audiences={notice: audience, "token_rotated": "nobody"})
    assert [error.field for error in refused.value.errors] == [notice]
    assert not NoticePolicy.objects.exists()
    NoticePolicy.objects.create(account=cast.acme, audiences={notice: audience}, early_days=[2, 3])
    policy = policy_of(cast.acme.pk)
    assert [policy.audience(each) for each in Notice] == [CHOICES[each][0] for each in Notice], "even by a row of old"
    assert policy.announced_days == {2}


@pytest.mark.covers("B10", "R9")
@pytest.mark.parametrize("days", [(30, 14, 7, 1), (7,), (1,), ()])
def test_expiry_is_announced_on_the_days_that_were_chosen_and_two_days_before(
    cast: Cast, now: datetime, days: tuple[int, ...]
) -> None:
    choose(cast, now, days)
    live(cast, now)
    mails = OwedMail.objects.filter(kind="token_expiring").order_by("owed_at")
    assert [(mail.facts["days_left"], mail.facts["hours_left"]) for mail in mails] == [
        (day, 0) if day > 1 else (0, 24) for day in sorted({*days, 2}, reverse=True)
    ]


@pytest.mark.covers("B10", "R9")
def test_expiry_notice_before_the_creation_or_before_the_choice_is_skipped(cast: Cast, now: datetime) -> None:
    choose(cast, now, (30, 14, 7))
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="20d", now=now)
    for day in range(10):
        expiry_notices.owe_due(now=now + timedelta(days=day))
    choose(cast, now + timedelta(days=10), (30, 14))
    for day in range(10, 17):
        expiry_notices.owe_due(now=now + timedelta(days=day))
    choose(cast, now + timedelta(days=17), (30, 14, 7, 1))
    for hour in range(17 * 24, 20 * 24):
        expiry_notices.owe_due(now=now + timedelta(hours=hour))
    occasions = [mail.dedupe.rpartition(":")[2] for mail in OwedMail.objects.filter(kind="token_expiring")]
    assert Counter(occasions) == {"14d": 1, "2d": 1, "1d": 1}


@pytest.mark.covers("B10", "R9")
def test_only_the_nearest_of_several_missed_expiry_notices_is_sent(cast: Cast, now: datetime) -> None:
    choose(cast, now, (30, 14, 7, 1))
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    expiry_notices.owe_due(now=now)
    expiry_notices.owe_due(now=token.expires_at - timedelta(days=5))
    (mail,) = OwedMail.objects.filter(kind="token_expiring")
    assert mail.facts["days_left"] == 5


@pytest.mark.covers("B10")
def test_choice_of_one_account_does_not_affect_others(cast: Cast, now: datetime) -> None:
    choose(cast, now, (30,), {"token_expired": "nobody"})
    for actor, account in ((cast.as_alice, cast.acme), (cast.as_charlie, cast.globex)):
        create_token(actor=actor, account=account, name="T", expires="60d", now=now)
    for day in range(62):
        expiry_notices.owe_due(now=now + timedelta(days=day))
    kinds = OwedMail.objects.exclude(kind="token_created").values_list("recipient", "kind")
    assert Counter(kinds) == {
        ("alice@acme.example", "token_expiring"): 2, ("charlie@globex.example", "token_expiring"): 1,
        ("charlie@globex.example", "token_expired"): 1,
    }  # fmt: skip


@pytest.mark.covers("B10")
def test_only_administrators_choose_and_the_choice_is_recorded_once(cast: Cast, now: datetime) -> None:
    for actor, refusal in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (cast.olga, NotPermitted)):
        with pytest.raises(refusal):
            set_notice_policy(actor=actor, account=cast.acme, audiences={}, early_days=[7], now=now)
    for _ in range(2):
        choose(cast, now, (7, 30), {"token_rotated": "nobody"})
    (event,) = AuditEvent.objects.filter(event="account.notices_changed")
    assert (event.actor_label, event.account_id) == ("alice@acme.example", cast.acme.pk)
    assert event.details["early_days"] == [[], [30, 7]]
    assert event.details["audiences"][1]["token_rotated"] == "nobody"


@pytest.mark.covers("B10")
def test_page_saves_the_choices_and_shows_them_again(cast: Cast, now: datetime) -> None:
    client, address = Client(), f"/accounts/{cast.acme.pk}/notices/"
    sign_in(cast.alice, client)
    page = client.get(address).content.decode()
    assert f'<a href="{address}" aria-current="page">' in page
    assert page.count("checked") == len(Notice) - 1
    answers = {notice.value: CHOICES[notice][0].value for notice in Notice if notice != Notice.CREATED}
    sent = client.post(address, answers | {"token_revoked": "creator", "early_days": ["30", "1"]})
    assert (sent.status_code, sent["Location"]) == (302, address)
    policy = policy_of(cast.acme.pk)
    assert policy.audience(Notice.REVOKED) == Audience.CREATOR
    assert policy.early_days == {30, 1}
    shown = client.get(address).content.decode()
    for name, value in (("token_revoked", "creator"), ("early_days", "30"), ("early_days", "1")):
        assert is_checked(shown, name, value)
    assert not is_checked(shown, "early_days", "7")


@pytest.mark.covers("B10")
@pytest.mark.parametrize(
    "wrong",
    [{"token_expiring": "nobody"}, {"token_created": "nobody"}, {"early_days": ["7", "x"]}, {"early_days": "2"}],
)
def test_page_that_was_tampered_with_saves_nothing_and_says_so(cast: Cast, wrong: dict[str, Any]) -> None:
    client = Client()
    sign_in(cast.alice, client)
    page = client.post(f"/accounts/{cast.acme.pk}/notices/", {"token_rotated": "nobody"} | wrong)
    assert page.status_code == 422
    assert "Nothing was saved" in page.content.decode()
    assert not NoticePolicy.objects.exists()


@pytest.mark.covers("B10")
def test_member_and_stranger_do_not_reach_the_page(cast: Cast) -> None:
    client = Client()
    for user, status in ((cast.bob, 403), (cast.charlie, 404)):
        client.force_login(user)
        assert client.get(f"/accounts/{cast.acme.pk}/notices/").status_code == status
        assert client.post(f"/accounts/{cast.acme.pk}/notices/", {"token_rotated": "nobody"}).status_code == status
    assert not NoticePolicy.objects.exists()


def is_checked(page: str, name: str, value: str) -> bool:
    box = page.partition(f'name="{name}" value="{value}"')[2].partition(">")[0]
    return "checked" in box
