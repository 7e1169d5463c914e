"""What grows is deleted after its retention time, and nothing else is."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from simsim.audit.models import AuditEvent
from simsim.console_sessions.models import ConsoleSession
from simsim.health.doctor import sizes
from simsim.mail import outbox
from simsim.mail.models import OwedMail
from simsim.operations import retention
from simsim.request_log.models import RetentionMark
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token, TokenRequest
from simsim.tokens.token_requests import ask_for_token, decline_request

pytestmark = pytest.mark.django_db(databases="__all__")
YEAR = timedelta(days=365)


@pytest.fixture
def later(cast: Cast, now: datetime) -> datetime:
    """A time at which everything of the fixture is older than the retention times, and the worker has run since."""
    create_token(actor=cast.as_alice, account=cast.acme, name="ERP", expires="90d", now=now)
    for name in ("first", "second"):
        request = ask_for_token(
            actor=cast.as_bob, account=cast.acme, name=name, purpose="Reports", software=None, now=now
        )
        if name == "first":
            decline_request(actor=cast.as_alice, request=request, now=now)
    for days in (-1, 4000):
        ConsoleSession.objects.create(
            session_key=f"key{days}", expire_date=now + timedelta(days=days), last_used_at=now
        )
    OwedMail.objects.update(delivered_at=now)
    outbox.owe(kind="test", recipient="bob@example.com", dedupe="waits", facts={}, now=now)
    then = now + 10 * YEAR + timedelta(days=2)
    RetentionMark.objects.create(pk=RetentionMark.ONLY, at=then)
    return then


def delete_all(now: datetime) -> None:
    while retention.delete_old(now):
        pass


@pytest.mark.covers("R17")
def test_sent_mails_events_answered_requests_and_sessions_go_after_their_time(cast: Cast, later: datetime) -> None:
    newest = AuditEvent.objects.order_by("pk").last()
    assert AuditEvent.objects.count() > 2
    delete_all(later)
    assert [mail.dedupe for mail in OwedMail.objects.all()] == ["waits"]
    assert list(AuditEvent.objects.all()) == [newest]
    assert [request.name for request in TokenRequest.objects.all()] == ["second"]
    assert [session.pk for session in ConsoleSession.objects.all()] == ["key4000"]
    assert Token.objects.filter(account=cast.acme).count() == 1


@pytest.mark.covers("R17")
def test_nothing_goes_a_day_before_its_time(later: datetime, settings: Any) -> None:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"mail_retention_days": 3653, "audit_retention_days": 3653})
    counts = [model._default_manager.count() for model in (OwedMail, AuditEvent, TokenRequest)]
    delete_all(later)
    assert [model._default_manager.count() for model in (OwedMail, AuditEvent, TokenRequest)] == counts


@pytest.mark.covers("R17")
def test_more_rows_than_one_step_are_deleted_in_several(
    later: datetime, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    for number in range(5):
        outbox.owe(kind="test", recipient="bob@example.com", dedupe=f"{number}", facts={}, now=now)
    OwedMail.objects.exclude(dedupe="waits").update(given_up_at=now)
    delete_all(later)
    assert OwedMail.objects.filter(given_up_at__isnull=False).count() == 0


@pytest.mark.covers("B21")
def test_doctor_reports_sizes_and_counts(later: datetime) -> None:
    (found,) = sizes.sizes()
    assert found.is_good
    assert "MiB" in found.detail
    assert f"{OwedMail.objects.count():,} emails" in found.detail
    assert "2 sessions" in found.detail
