"""At 80 % of a quota, and when it is used up, the account gets one notice each, whichever worker finds it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from cast import Cast
from concurrency import race
from console_client import sign_in, text_of
from simsim.credential.rates import Rates, Usage
from simsim.gate.counters import FILE_NAME, Counters, Others
from simsim.health.worker_reports import HealthReporter
from simsim.mail.message import message
from simsim.mail.models import OwedMail
from simsim.operations.worker import jobs
from simsim.tokens import quota_notices
from simsim.tokens.actions import create_token, edit_token, revoke_token
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import set_notice_policy
from simsim.tokens.quota_models import QuotaNotice
from simsim.tokens.quota_notices import KEPT, QuotaWatch, Reached, reached_by
from simsim.webhooks.actions import add_endpoint
from simsim.webhooks.models import WebhookDelivery

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B17")]
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
NEARLY, USED_UP = "token_quota_nearly_used", "token_quota_used_up"


class Machine:
    """A machine's counts, and its worker."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.counters = Counters(directory / FILE_NAME)
        self.watch = QuotaWatch(self.counters)

    def let_in(self, token: Token, requests: int, now: datetime = NOON) -> None:
        for _ in range(requests):
            self.counters.take(token.pk.bytes, Rates(per_day=10**6), now.timestamp())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "one")


@pytest.fixture
def token(cast: Cast) -> Token:
    token, _ = create_token(
        actor=cast.as_alice, account=cast.acme, name="Night load", expires="300d",
        rates=["100/day", "1000/month"], now=NOON - timedelta(days=1),
    )  # fmt: skip
    OwedMail.objects.all().delete()
    return token


def kinds() -> list[str]:
    return list(OwedMail.objects.order_by("pk").values_list("kind", flat=True))


def test_each_level_is_told_once_in_a_period(machine: Machine, token: Token) -> None:
    machine.let_in(token, 79)
    assert machine.watch.owe_due(now=NOON) == 0
    machine.let_in(token, 1)
    assert [machine.watch.owe_due(now=NOON) for _ in range(3)] == [1, 0, 0]
    machine.let_in(token, 19)
    assert machine.watch.owe_due(now=NOON) == 0
    machine.let_in(token, 1)
    assert [machine.watch.owe_due(now=NOON) for _ in range(3)] == [1, 0, 0]
    assert kinds() == [NEARLY, USED_UP]
    tomorrow = NOON + timedelta(days=1)
    assert machine.watch.owe_due(now=tomorrow) == 0
    machine.let_in(token, 100, tomorrow)
    assert machine.watch.owe_due(now=tomorrow) == 1
    assert kinds() == [NEARLY, USED_UP, USED_UP], "both at once is one notice"


def test_month_is_told_apart_from_the_day(machine: Machine, token: Token) -> None:
    for day in range(8):
        machine.let_in(token, 100, NOON - timedelta(days=8 - day))
    assert machine.watch.owe_due(now=NOON) == 1
    facts = OwedMail.objects.get().facts
    assert (facts["period"], facts["used"], facts["most"], facts["percent"]) == ("month", "800", "1,000", "80 %")
    assert facts["starts_again"] == "2026-12-01 00:00 UTC"


def test_email_says_which_token_what_is_used_until_when_and_what_to_do(
    machine: Machine, token: Token, cast: Cast
) -> None:
    machine.let_in(token, 85)
    machine.watch.owe_due(now=NOON)
    machine.let_in(token, 15)
    machine.watch.owe_due(now=NOON)
    nearly, used_up = (message(owed) for owed in OwedMail.objects.order_by("pk"))
    assert nearly.to == ["alice@acme.example"]
    assert nearly.subject == "API token “Night load” of Acme has used 85 % of its daily quota"
    assert used_up.subject == "API token “Night load” of Acme has used up its daily quota"
    page = f"/accounts/{cast.acme.pk}/tokens/{token.pk}/"
    for text in (
        "has made 85 of the 100 requests that it may make in a day",
        "Used: 85 (85 %)", "Starts again: 2026-11-29 00:00 UTC",
        "status 429 until 2026-11-29 00:00 UTC", f"{page}#rates\n", f"/logs/?token={token.pk}\n", f"{page}\n",
    ):  # fmt: skip
        assert text in nearly.body
    assert "is refused until 2026-11-29 00:00 UTC" in used_up.body
    assert "Retry-After" in " ".join(used_up.body.split())


def test_links_lead_to_the_form_and_to_the_log(machine: Machine, token: Token, cast: Cast) -> None:
    machine.let_in(token, 85)
    machine.watch.owe_due(now=NOON)
    facts, client = OwedMail.objects.get().facts, sign_in(cast.alice)
    page, _, place = facts["rates_link"].partition("#")
    answer = client.get(page.removeprefix("http://localhost:8000"))
    assert answer.status_code == 200
    assert f'id="{place}"' in answer.content.decode()
    assert client.get(facts["log_link"].removeprefix("http://localhost:8000")).status_code == 200


def test_notice_goes_to_whom_the_account_chose_and_the_row_stops_a_second_one(
    machine: Machine, token: Token, cast: Cast
) -> None:
    set_notice_policy(actor=cast.as_alice, account=cast.acme, audiences={NEARLY: "nobody"}, early_days=[], now=NOON)
    machine.let_in(token, 85)
    assert machine.watch.owe_due(now=NOON) == 1
    set_notice_policy(actor=cast.as_alice, account=cast.acme, audiences={NEARLY: "creator"}, early_days=[], now=NOON)
    assert QuotaWatch(machine.counters).owe_due(now=NOON) == 0
    assert kinds() == []
    machine.let_in(token, 15)
    assert machine.watch.owe_due(now=NOON) == 1
    assert kinds() == [USED_UP]


def test_changed_quota_is_another_one(
    machine: Machine, token: Token, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.let_in(token, 100)
    machine.watch.owe_due(now=NOON)
    edit_token(actor=cast.as_alice, token=token, rates=["200/day"], now=NOON)
    machine.let_in(token, 60)
    assert machine.watch.owe_due(now=NOON) == 1
    assert kinds() == [USED_UP, NEARLY]
    # A quota that is lowered lets nothing in any more, and no count changes.
    edit_token(actor=cast.as_alice, token=token, rates=["150/day"], now=NOON)
    assert machine.watch.owe_due(now=NOON) == 0
    monkeypatch.setattr(quota_notices, "FULL_ROUND_SECONDS", 0.0)
    machine.watch._next_full = 0.0
    assert [machine.watch.owe_due(now=NOON) for _ in range(2)] == [1, 0]
    assert kinds() == [USED_UP, NEARLY, USED_UP]


def test_ended_token_and_one_without_a_quota_send_nothing(machine: Machine, token: Token, cast: Cast) -> None:
    machine.let_in(token, 100)
    revoke_token(actor=cast.as_alice, token=token, reason="leaked", now=NOON)
    free, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Free", expires="90d", rates=["9/s"], now=NOON)
    machine.let_in(free, 100)
    assert machine.watch.owe_due(now=NOON) == 0
    assert not QuotaNotice.objects.exists()


def test_webhook_gets_each_event_once(machine: Machine, token: Token, cast: Cast) -> None:
    add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="Hook", url="https://hooks.example/",
        events=["token.quota_nearly_used", "token.quota_used_up"], now=NOON,
    )  # fmt: skip
    machine.let_in(token, 100)
    machine.watch.owe_due(now=NOON)
    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.event == "token.quota_used_up"
    quota = '"quota":{"period":"day","limit":100,"used":100,"starts_again_at":"2026-11-29T00:00:00Z"}'
    assert quota in delivery.body


def test_node_that_has_heard_less_sends_no_earlier_notice_later(machine: Machine, token: Token, tmp_path: Path) -> None:
    machine.let_in(token, 100)
    other = Machine(tmp_path / "two")
    other.counters.hear(token.pk.bytes, NOON.timestamp(), Others(85, 85))
    assert machine.watch.owe_due(now=NOON) == 1
    assert other.watch.owe_due(now=NOON) == 0
    assert kinds() == [USED_UP]


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_workers_that_find_it_at_once_send_one_notice(machine: Machine, token: Token, tmp_path: Path) -> None:
    usage = Usage(day=20_785, today=100, this_month=100)
    (quota,) = reached_by(usage, Rates(per_day=100))
    told: list[bool] = []

    def owe(found: Reached) -> Callable[[], None]:
        return lambda: told.append(quota_notices.owe(token, found, NOON))

    assert race(*(owe(quota._replace(used=used)) for used in (100, 90, 100, 90))) == ["done"] * 4
    assert sum(told) == len(kinds()) <= 2
    assert kinds().count(USED_UP) == 1


def test_records_are_deleted_when_their_period_is_over(machine: Machine, token: Token) -> None:
    machine.let_in(token, 100)
    machine.watch.owe_due(now=NOON)
    assert quota_notices.forget_old(NOON + KEPT - timedelta(days=1)) == 0
    assert quota_notices.forget_old(NOON + KEPT + timedelta(days=1)) == 2


def test_worker_queues_them(token: Token, settings: Settings, tmp_path: Path, now: datetime) -> None:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    machine = Machine(settings.OPERATOR.spool_dir)
    machine.let_in(token, 100, now)
    (job,) = [each for each in jobs(HealthReporter(settings.OPERATOR.spool_dir, tuple)) if each.name == "quota notices"]
    assert job.run() == 1
    assert kinds() == [USED_UP]


def test_page_shows_how_much_is_used_and_when_it_starts_again(
    token: Token, cast: Cast, settings: Settings, tmp_path: Path, now: datetime
) -> None:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"data_dir": tmp_path})
    machine = Machine(settings.OPERATOR.spool_dir)
    page, client = f"/accounts/{cast.acme.pk}/tokens/{token.pk}/", sign_in(cast.alice)
    machine.let_in(token, 85, now)
    assert "Today 85 of 100 85 % starts again" in text_of(client.get(page))
    machine.let_in(token, 15, now)
    shown = client.get(page)
    assert "Today 100 of 100 100 % starts again" in text_of(shown)
    assert "This month 100 of 1,000 (10 %)" in text_of(shown)
    assert "badge-bad" in shown.content.decode()
