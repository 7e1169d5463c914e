"""The ranking, made of ids joined in the database, agrees with the attention of each single token."""

import os
from datetime import datetime, timedelta

import pytest

from cast import Cast
from simsim.request_log.models import TokenUse
from simsim.request_log.search.selectors import last_uses
from simsim.tokens.attention import Attention, TokenSearch, attention_of, rank_active
from simsim.tokens.models import Token

pytestmark = pytest.mark.django_db(databases="__all__")
DAY = timedelta(days=1)


@pytest.mark.covers("R4")
def test_ranking_agrees_with_each_tokens_attention_and_sorts_equal_expiries_by_id(cast: Cast, now: datetime) -> None:
    """Every combination of expiry, age and use, several times, on both sides of each limit."""
    lasting = [1, 7, 7.01, 30, 300]
    tokens = Token.objects.bulk_create(
        Token(
            account=cast.acme, name=f"Token {number}", expires_at=now + DAY * lasting[number % 5],
            created_at=now - DAY * [1, 7, 7.01, 90][number % 4], digest=os.urandom(32), sealed_password=b"0",
        )
        for number in range(120)
    )  # fmt: skip
    TokenUse.objects.bulk_create(
        TokenUse(
            token_id=token.pk, account_id=cast.acme.pk, used_at=now - DAY * [0, 59.99, 60.01, 80][number // 20 % 4]
        )
        for number, token in enumerate(tokens)
        if number % 3
    )
    Token.objects.filter(pk__in=[token.pk for token in tokens[::11]]).update(paused_at=now, paused_until=now + DAY)
    Token.objects.filter(pk__in=[token.pk for token in tokens[1::11]]).update(paused_at=now, paused_until=now)
    tokens = list(Token.objects.filter(account=cast.acme))
    uses = last_uses(token.pk for token in tokens)
    wants = {token: attention_of(token, uses.get(token.pk), now) for token in tokens}
    ranking = rank_active(cast.acme, actor=cast.as_alice, search=TokenSearch(), now=now)
    expected = sorted(tokens, key=lambda token: (wants[token], token.expires_at, token.pk.hex))
    assert ranking.ids == [token.pk.hex for token in expected]
    assert ranking.counts == {each: list(wants.values()).count(each) for each in Attention}
    assert min(ranking.counts.values()) > 0
