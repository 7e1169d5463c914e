"""The preview of an allowlist before it is saved, and the list that the traffic suggests."""

from datetime import UTC, datetime, time, timedelta

import pytest

from cast import Cast
from logged_requests import row, store
from simsim.account_log.allowlist_preview import preview_allowlist, suggest_networks
from simsim.console.tokens.rows import rows
from simsim.problem import Invalid, NotFound, NotPermitted
from simsim.request_log.models import TokenAddressDay
from simsim.tokens import actions
from simsim.tokens.models import Token

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B3")]


@pytest.fixture
def token(cast: Cast, now: datetime) -> Token:
    """Acme's token, used from an office, from a home and by a host with changing IPv6 addresses."""
    token, _ = actions.create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    for days_ago, address, accepted in [
        (0, "203.0.113.9", 40), (29, "203.0.113.9", 2), (3, "203.0.113.12", 7), (4, "203.0.113.14", 1),
        (1, "198.51.100.77", 5), (2, "2001:db8:0:1::a", 3), (5, "2001:db8:0:1:ffff::b", 3), (30, "192.0.2.1", 900),
    ]:  # fmt: skip
        day = (now - timedelta(days=days_ago)).date()
        TokenAddressDay.objects.create(token_id=token.pk, day=day, address=address, accepted=accepted)
    return token


def test_preview_names_each_address_outside_the_list_with_its_requests(cast: Cast, token: Token, now: datetime) -> None:
    preview = preview_allowlist(
        actor=cast.as_alice, token=token, allowed_networks=["203.0.113.0/28", "2001:db8::/32"], now=now
    )
    assert [(use.address, use.requests) for use in preview.excluded] == [("198.51.100.77", 5)]
    assert (preview.excluded_requests, preview.requests, preview.seen) == (5, 61, 6)
    assert not preview.excludes_everything


def test_preview_of_the_empty_list_refuses_nobody_and_of_a_foreign_network_everybody(
    cast: Cast, token: Token, now: datetime
) -> None:
    assert not preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=["", " "], now=now).excluded
    elsewhere = preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], now=now)
    assert elsewhere.excludes_everything
    assert elsewhere.excluded_requests == 61


def test_unknown_address_is_outside_every_list(cast: Cast, token: Token, now: datetime) -> None:
    TokenAddressDay.objects.create(token_id=token.pk, day=now.date(), address="", accepted=2)
    preview = preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=["0.0.0.0/0", "::/0"], now=now)
    assert [(use.address, use.requests) for use in preview.excluded] == [("", 2)]
    assert "" not in suggest_networks(actor=cast.as_alice, token=token, now=now)


def test_suggestion_allows_all_past_addresses_and_little_more(cast: Cast, token: Token, now: datetime) -> None:
    suggested = suggest_networks(actor=cast.as_alice, token=token, now=now)
    assert sorted(suggested) == ["198.51.100.77/32", "2001:db8:0:1::/64", "203.0.113.8/29"]
    preview = preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=suggested, now=now)
    assert not preview.excluded


def test_token_that_was_never_used_suggests_nothing(cast: Cast, now: datetime) -> None:
    fresh, _ = actions.create_token(actor=cast.as_alice, account=cast.acme, name="Fresh", expires="90d", now=now)
    assert suggest_networks(actor=cast.as_alice, token=fresh, now=now) == []
    preview = preview_allowlist(actor=cast.as_alice, token=fresh, allowed_networks=["10.0.0.0/8"], now=now)
    assert (preview.seen, preview.excludes_everything) == (0, False)


def test_preview_is_for_the_accounts_administrators(cast: Cast, token: Token, now: datetime) -> None:
    with pytest.raises(NotPermitted):
        preview_allowlist(actor=cast.as_bob, token=token, allowed_networks=[], now=now)
    with pytest.raises(NotFound):
        suggest_networks(actor=cast.as_charlie, token=token, now=now)
    with pytest.raises(Invalid):
        preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=["nowhere"], now=now)


def test_preview_and_list_of_tokens_count_the_same_requests_over_the_same_days(cast: Cast, now: datetime) -> None:
    """At both edges of the 30 days, and without the refused requests, which neither of them counts."""
    token, _ = actions.create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    first = datetime.combine(now.date() - timedelta(days=29), time(), UTC)
    moment = timedelta(microseconds=1)
    inside, outside = [first, first + timedelta(days=1), now - moment, now], [first - moment, now + timedelta(days=1)]
    own = {"account_id": cast.acme.pk, "token_id": token.pk}
    store(*(row(received_at=at, **own) for at in inside + outside))
    store(*(row(received_at=at, reason="expired", outcome="refused", **own) for at in inside))
    [listed] = rows([token], now=now)
    preview = preview_allowlist(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], now=now)
    assert listed.requests == preview.requests == preview.excluded_requests == len(inside)
