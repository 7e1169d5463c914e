"""The last four characters of each password: kept with the token, filled in for older tokens, and in no document."""

import json
import os
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from cast import Cast
from console_client import list_of, sign_in
from simsim.operations.migrate import bring_up_to_date
from simsim.tokens import password_ends
from simsim.tokens.actions import create_token, rotate_token
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token
from simsim.tokens.selectors import documents

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R11", "R14")]


def made(cast: Cast, now: datetime, name: str = "Report") -> tuple[Token, str]:
    token, credentials = create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now)
    return token, credentials.password


def ends() -> dict[str, str]:
    return dict(Token.objects.values_list("name", "password_end"))


def test_token_keeps_the_end_of_its_password_and_of_the_next_one(cast: Cast, now: datetime) -> None:
    token, password = made(cast, now)
    assert ends() == {"Report": password[-4:]}
    _, credentials = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(hours=1), now=now)
    assert ends() == {"Report": credentials.password[-4:]}


def test_ends_that_older_code_left_out_or_behind_are_filled_in_once(cast: Cast, now: datetime) -> None:
    passwords = {f"T{number}": made(cast, now, f"T{number}")[1] for number in range(5)}
    right = {name: password[-4:] for name, password in passwords.items()}
    Token.objects.filter(name__in=["T0", "T1", "T2"]).update(password_end="")
    Token.objects.filter(name="T3").update(password_end="old!", rotated_at=now)
    assert password_ends.fill_in(settings.KEYRING, batch=2) == 4
    assert ends() == right
    assert password_ends.fill_in(settings.KEYRING, batch=2) == 0


def test_migrate_fills_in_the_ends_once(cast: Cast, now: datetime) -> None:
    _, password = made(cast, now)
    bring_up_to_date()
    Token.objects.update(password_end="")
    assert bring_up_to_date() == ["Noted the last characters of passwords: 1"]
    assert ends() == {"Report": password[-4:]}
    assert bring_up_to_date() == []


def test_token_whose_key_is_missing_shows_no_end_and_stops_nothing(cast: Cast, now: datetime) -> None:
    lost, password = made(cast, now, "Lost")
    _, kept = made(cast, now, "Kept")
    elsewhere = Keyring([os.urandom(32)])
    sealed = elsewhere.seal(password, token_id=lost.pk, account_id=lost.account_id)
    Token.objects.filter(pk=lost.pk).update(sealed_password=sealed)
    Token.objects.update(password_end="")
    assert password_ends.fill_in(settings.KEYRING) == 1
    assert ends() == {"Lost": "", "Kept": kept[-4:]}
    page = sign_in(cast.alice).get(f"{list_of(cast)}{lost.pk}/").content.decode()
    assert "ends in" not in page


def test_rotation_during_the_filling_keeps_its_own_end(cast: Cast, now: datetime) -> None:
    token, _ = made(cast, now)
    Token.objects.update(password_end="")
    given: list[str] = []

    class Slow(Keyring):
        def open(self, sealed: bytes, **of: Any) -> str:
            password = super().open(sealed, **of)
            given.append(rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)[1].password)
            return password

    assert password_ends.fill_in(Slow(settings.KEYRING.keys)) == 0
    assert ends() == {"Report": given[0][-4:]}


def test_list_and_page_show_the_end_and_no_document_has_it(cast: Cast, now: datetime) -> None:
    token, password = made(cast, now)
    alice = sign_in(cast.alice)
    for address in (list_of(cast), f"{list_of(cast)}{token.pk}/"):
        page = " ".join(re.sub(r"<[^>]+>", " ", alice.get(address).content.decode()).split())
        assert f"Password ends in {password[-4:]}" in page
        assert password not in page
    assert "password_end" not in json.dumps(documents([token], now=now))
