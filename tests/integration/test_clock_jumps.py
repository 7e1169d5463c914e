"""The clock jumps ahead and back: no true notice is lost, nothing waits for a far time, nothing is deleted."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from postgresql_server import free_port
from simsim.forwarding.queue import QUEUES, claim
from simsim.mail import outbox
from simsim.mail.delivery_status import DeliveryState, state_of
from simsim.mail.models import OwedMail
from simsim.operations import worker
from simsim.request_log.models import RetentionMark, SetAsideLine
from simsim.request_log.retention import time_to_delete_by
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.expiry_notices import owe_due
from simsim.tokens.models import Token
from smtp_server import serving

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R9")]
DAY, MONTH = timedelta(days=1), timedelta(days=31)
SOON = timedelta(seconds=20)


@pytest.fixture
def port(settings: Any) -> int:
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 2
    return int(settings.EMAIL_PORT)


def token_of(cast: Cast, now: datetime, expires: str) -> Token:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name=f"T {expires}", expires=expires, now=now)
    OwedMail.objects.filter(kind="token_created").delete()
    return token


def look(now: datetime) -> None:
    """Do the worker's rounds until nothing is due."""
    while owe_due(now=now):
        pass


def sent(box: Any) -> Counter[str]:
    return Counter(str(mail["Subject"]) for mail in box.mails)


@pytest.mark.parametrize("delivered", [True, False], ids=["sent in the jump", "not sent in the jump"])
def test_true_notices_come_after_a_clock_that_was_a_month_ahead(
    cast: Cast, now: datetime, port: int, *, delivered: bool
) -> None:
    end = token_of(cast, now, "10d").expires_at
    look(now)
    ahead = now + MONTH
    look(ahead)
    with serving(port) as box:
        assert outbox.deliver_due(now=ahead) == 1 if delivered else True
    look(now + SOON)
    assert Token.objects.get().next_notice_at == end - 7 * DAY
    with serving(port) as box:
        for moment in (now + SOON, end - 2 * DAY, end - DAY, end, end + DAY):
            look(moment)
            outbox.deliver_due(now=moment)
        assert sent(box) == {
            "API token “T 10d” of Acme expires in 2 days": 1, "API token “T 10d” of Acme has expired": 1,
        }  # fmt: skip
    assert Token.objects.get().next_notice_at is None


def test_notice_that_was_true_before_the_jump_is_not_repeated(cast: Cast, now: datetime, port: int) -> None:
    end = token_of(cast, now, "2d").expires_at
    with serving(port) as box:
        for moment in (now, now + MONTH, now + SOON, end - DAY, end):
            look(moment)
            if moment != now + MONTH:
                outbox.deliver_due(now=moment)
        assert sent(box) == {
            "API token “T 2d” of Acme expires in 2 days": 1, "API token “T 2d” of Acme has expired": 1,
        }  # fmt: skip


def test_expiry_during_the_jump_is_notified(cast: Cast, now: datetime, port: int) -> None:
    end = token_of(cast, now, "1d").expires_at
    look(now)
    look(now + MONTH)
    with serving(port) as box:
        look(end + SOON)
        outbox.deliver_due(now=end + SOON)
        assert sent(box) == {"API token “T 1d” of Acme has expired": 1}


def test_mail_claimed_postponed_or_given_up_in_the_jump_is_sent_when_the_clock_is_right(
    cast: Cast, now: datetime, port: int
) -> None:
    for days in (40, 50, 60, 70):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{days}", expires=f"{days}d", now=now)
    claimed, put_off, given_up, _ = OwedMail.objects.order_by("pk")
    ahead = now + MONTH
    assert outbox.claim(ahead) == [claimed]
    outbox.postpone(put_off, OSError("away"), ahead)
    assert state_of(OwedMail.objects.get(pk=put_off.pk)) == DeliveryState.GIVEN_UP
    outbox.postpone(given_up, OSError("away"), ahead)
    with serving(port):
        assert outbox.deliver_due(now=now + SOON) == 4


def test_notice_of_a_token_that_was_revoked_in_the_jump_stays_withdrawn(cast: Cast, now: datetime, port: int) -> None:
    token = token_of(cast, now, "2d")
    look(now)
    revoke_token(actor=cast.as_alice, token=token, now=now + MONTH)
    look(now + SOON)
    with serving(port) as box:
        outbox.deliver_due(now=now + SOON)
        assert sent(box) == {"API token “T 2d” of Acme was revoked": 1}


def test_shipments_claimed_in_the_jump_are_due_when_the_clock_is_right(now: datetime) -> None:
    ahead = now + MONTH
    for queue in QUEUES:
        queue.rows.all().delete()
        queue.model.objects.create(ids=[1], size=1, queued_at=now, due_at=now)
        assert len(claim(queue, ahead)) == 1
        assert len(claim(queue, now + SOON)) == 1
        assert claim(queue, now + SOON) == []


@pytest.mark.covers("R17")
def test_neither_a_jump_nor_a_worker_that_starts_in_it_deletes_from_the_log(now: datetime) -> None:
    assert time_to_delete_by(now) is None
    for hours in range(1, 25):
        told = time_to_delete_by(now + timedelta(hours=hours))
    assert told == now + DAY
    # A step that is only a little longer than a day is a jump already.
    assert time_to_delete_by(now + 2 * DAY + timedelta(minutes=1)) == now + DAY
    assert time_to_delete_by(now + DAY) == now + DAY
    year = now + DAY + timedelta(days=365)
    for hours in range(24):
        assert time_to_delete_by(year + timedelta(hours=hours)) == now + DAY
    back = now + DAY + timedelta(hours=24)
    assert time_to_delete_by(back) == back
    # A clock that keeps running for a day after its jump counts as right.
    for hours in range(25):
        told = time_to_delete_by(year + timedelta(hours=hours))
    assert told == year + DAY
    assert RetentionMark.objects.count() == 1


@pytest.mark.covers("R17")
def test_worker_deletes_by_the_stored_time_and_not_by_a_clock_that_jumped(
    now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = settings.OPERATOR.log_retention_days
    RetentionMark.objects.create(pk=RetentionMark.ONLY, at=now)
    for age in (0, days + 2):
        SetAsideLine.objects.create(found_at=now - age * DAY, name="x", offset=0, text="x")
    for moment in (now + timedelta(days=days + 1), now):
        monkeypatch.setattr(worker.clock, "now", lambda moment=moment: moment)
        while worker.delete_old():
            pass
        assert SetAsideLine.objects.get().found_at == now
