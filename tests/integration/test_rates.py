"""A token's rate and quotas: every door takes them, the trail tells of a change, and people see what is used."""

import uuid
from datetime import datetime
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from api_client import Program, basic, program_of_alice
from cast import Cast
from console_client import sign_in, text_of
from simsim.audit.models import AuditEvent
from simsim.credential.rates import Rates
from simsim.gate.counters import FILE_NAME
from simsim.problem import Invalid
from simsim.tokens.actions import create_token, edit_token
from simsim.tokens.counted_usage import counters, usage_of
from simsim.tokens.models import Token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B17")]


@pytest.fixture
def token(cast: Cast, now: datetime) -> Token:
    token, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", rates=["1000 / day", ""], now=now
    )
    return token


@pytest.fixture
def spool(settings: Settings, tmp_path: Path) -> Path:
    """The spool of this machine, in which the gates count."""
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    directory: Path = settings.OPERATOR.spool_dir
    directory.mkdir()
    return directory


def test_rates_are_kept_in_normal_form_and_the_trail_tells_of_a_change(token: Token, cast: Cast, now: datetime) -> None:
    assert token.rate_rules == ["1000/day"]
    edit_token(actor=cast.as_alice, token=token, rates=["10/s burst 20", "5,000/month"], now=now)
    assert AuditEvent.objects.latest("pk").details == {"rates": [["1000/day"], ["10/s burst 20", "5000/month"]]}
    edit_token(actor=cast.as_alice, token=token, name="Day load", now=now)
    token.refresh_from_db()
    assert token.rate_rules == ["10/s burst 20", "5000/month"]
    with pytest.raises(Invalid, match="no rate or quota") as caught:
        edit_token(actor=cast.as_alice, token=token, rates=["plenty"], now=now)
    assert [error.field for error in caught.value.errors] == ["rates"]
    edit_token(actor=cast.as_alice, token=token, rates=[], now=now)
    token.refresh_from_db()
    assert token.rates == ""


def test_command_line_sets_and_removes_them(token: Token, simsim: Simsim) -> None:
    edited = simsim("token", "edit", str(token.pk), "--as", "alice@acme.example", "--rate", "2/s", "--rate", "9/day")
    assert edited["rates"] == ["2/s", "9/day"]
    edited = simsim("token", "edit", str(token.pk), "--as", "alice@acme.example", "--any-rate")
    assert edited["rates"] == []


def test_page_takes_the_numbers_and_shows_what_is_used(token: Token, cast: Cast, now: datetime, spool: Path) -> None:
    client = sign_in(cast.alice)
    page = reverse("console:token", args=[cast.acme.pk, token.pk])
    assert usage_of(token, now) is not None
    for _ in range(12):
        counters().take(token.pk.bytes, Rates(per_day=1000), now.timestamp())
    assert "Today 12 of 1,000" in text_of(client.get(page))
    fields = {"name": token.name, "may": "everything", "rate": "5", "burst": "9", "per_day": "", "per_month": "70000"}
    assert client.post(page, fields).status_code == 302
    token.refresh_from_db()
    assert token.rate_rules == ["5/s burst 9", "70000/month"]
    assert "This month 12 of 70,000" in text_of(client.get(page))
    wrong = client.post(page, {**fields, "rate": "many"})
    assert wrong.status_code == 422
    assert "no rate or quota" in text_of(wrong)
    assert client.post(page, {"name": token.name, "may": "everything"}).status_code == 302
    token.refresh_from_db()
    assert usage_of(token, now) is None


def test_counts_that_cannot_be_read_are_left_out(token: Token, now: datetime, spool: Path) -> None:
    (spool / FILE_NAME).mkdir()
    assert usage_of(token, now) is None


def test_management_api_and_the_program_itself_know_them(cast: Cast, now: datetime, spool: Path) -> None:
    program, path = program_of_alice(cast, now), f"/accounts/{cast.acme.pk}/tokens"
    made = program.post(path, {"name": "Export", "expires": "90d", "rates": ["3/s", "50/day"]})
    assert (made.status_code, made.json()["rates"]) == (201, ["3/s", "50/day"])
    counters().take(uuid.UUID(made.json()["id"]).bytes, Rates(per_day=50), timezone.now().timestamp())
    own = Program(basic(made.json()["username"], made.json()["password"])).get("/self").json()
    assert (own["rates"], own["used_today"], own["used_this_month"]) == (["3/s", "50/day"], 1, 1)
    changed = program.patch(f"{path}/{made.json()['id']}", {"rates": ["60/day"]}, If_Match="*")
    assert changed.json()["rates"] == ["60/day"]
    assert program.patch(f"{path}/{made.json()['id']}", {"rates": ["x"]}, If_Match="*").status_code == 422
