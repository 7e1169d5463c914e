"""Two administrators demote each other at once, a thousand times: one is always left."""

from datetime import datetime

import pytest

from demotions import prove_demotions

ROUNDS = 1_000


@pytest.mark.timeout(900)
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_of_two_administrators_who_demote_each_other_one_is_always_left(now: datetime) -> None:
    ended = prove_demotions(ROUNDS, now)
    print(dict(ended))
    assert ended["done"] == ROUNDS
