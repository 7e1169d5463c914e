"""Webhooks from the real queue to real HTTPS receivers, verified with the specification's own library (B20)."""

import base64
import itertools
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from standardwebhooks import WebhookVerificationError

from cast import Cast
from postgresql_server import free_port
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.config.webhook_settings import read_webhook_rules
from simsim.delivery.signed_post import parse_secret
from simsim.health.doctor import checks
from simsim.health.exposition import exposition
from simsim.mail.models import OwedMail
from simsim.operations import worker
from simsim.problem import AccountClosed, Invalid, NotFound, NotPermitted, TooManyWebhooks, WebhookPaused
from simsim.tokens import account_closure, expiry_notices, sealing_keys
from simsim.tokens.actions import (
    create_token,
    edit_token,
    revoke_token,
    rotate_token,
    show_credentials,
)
from simsim.tokens.keyring import Keyring
from simsim.tokens.token_requests import ask_for_token
from simsim.webhooks import actions, outbox, selectors
from simsim.webhooks.backlog import WebhookBacklog, webhook_backlog
from simsim.webhooks.event_types import TEST, WORDS, EventType
from simsim.webhooks.models import PauseReason, WebhookDelivery, WebhookEndpoint
from simsim.webhooks.secrets import new_secret
from webhook_receiver import Receiver, own_certificate, receiving

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.covers("B20")]
ALL = [event.value for event in EventType]
PASSWORD_IN_A_NAME = "sim_" + "0aZ9" * 12 + "b"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return own_certificate(tmp_path_factory.mktemp("receiver"))


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Settings, certificate: tuple[Path, Path]) -> None:
    """The operator allows webhooks to this machine, and trusts the receivers' certificate."""
    settings.WEBHOOK_RULES = read_webhook_rules(["127.0.0.1/32"], False, str(certificate[0]))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def receiver(port: int, certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    with receiving(port, Receiver(), certificate) as found:
        yield found


def added(cast: Cast, port: int, now: datetime, receiver: Receiver | None = None, **changed: Any) -> WebhookEndpoint:
    """Add an endpoint of Acme, whose secret the receiver knows."""
    fields: dict[str, Any] = {"name": "Tickets", "url": f"https://127.0.0.1:{port}/hook?key=k", "events": ALL} | changed
    endpoint, signing = actions.add_endpoint(actor=cast.as_alice, account=cast.acme, now=now, **fields)
    if receiver is not None:
        receiver.secrets.append(signing.secret)
    return endpoint


def drain(now: datetime) -> None:
    while outbox.deliver_due(now=now):
        pass


def test_each_act_is_told_once_signed_and_without_a_password(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    added(cast, port, now, receiver)
    token, credentials = create_token(
        actor=cast.as_alice, account=cast.acme, name=f"Load {PASSWORD_IN_A_NAME}", expires="30d", now=now
    )
    show_credentials(actor=cast.as_alice, token=token, now=now)
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["198.51.100.0/24"], now=now)
    edit_token(actor=cast.as_alice, token=token, description="Only this, which nobody chose", now=now)
    token, rotated = rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(hours=1), now=now)
    revoke_token(actor=cast.as_alice, token=token, reason="leaked", now=now)
    ask_for_token(actor=cast.as_bob, account=cast.acme, name="Report", purpose="Figures", now=now)
    drain(now)
    assert receiver.types() == [
        "token.created", "token.credentials_shown", "token.allowlist_changed", "token.rotated", "token.revoked",
        "token.requested",
    ]  # fmt: skip
    assert set(receiver.paths) == {"/hook?key=k"}
    assert set(receiver.hosts) == {f"127.0.0.1:{port}"}
    shown, changed, turned, revoked, asked = (document["data"] for document in receiver.documents[1:])
    assert (shown["way"], shown["actor"]) == ("shown", "alice@acme.example")
    assert (changed["allowed_networks_before"], changed["token"]["allowed_networks"]) == ([], ["198.51.100.0/24"])
    assert turned["previous_password_works_until"] == f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert (revoked["reason"], revoked["token"]["status"]) == ("leaked", "revoked")
    assert (asked["request"]["name"], asked["account_id"]) == ("Report", str(cast.acme.pk))
    sent = json.dumps(receiver.documents) + json.dumps(list(WebhookDelivery.objects.values_list("body", flat=True)))
    for secret in (credentials.password, rotated.password, PASSWORD_IN_A_NAME, receiver.secrets[0]):
        assert secret not in sent
    assert not receiver.forged


def test_an_expiry_is_told_at_each_step_once(cast: Cast, port: int, receiver: Receiver, now: datetime) -> None:
    receiver.is_any_time = True
    added(cast, port, now, receiver, events=["token.expiring", "token.expired"])
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Night load", expires="30d", now=now)
    for moment in (now, token.expires_at - timedelta(days=2), token.expires_at):
        while expiry_notices.owe_due(now=moment):
            pass
        drain(moment)
    assert receiver.types() == ["token.expiring", "token.expired"]
    # The worker's clock was ahead: what it told too early is told again at the right time, with the same id.
    token.refresh_from_db()
    assert expiry_notices.owe_due(now=now) > 0
    assert not WebhookDelivery.objects.filter(event__in=EventType).exists()
    for moment in (now, token.expires_at - timedelta(days=2), token.expires_at):
        while expiry_notices.owe_due(now=moment):
            pass
        drain(moment)
    assert sorted(receiver.taken.values()) == [2, 2]


def test_an_event_is_owed_with_its_act_or_not_at_all(cast: Cast, port: int, now: datetime) -> None:
    added(cast, port, now)
    with transaction.atomic():
        create_token(actor=cast.as_alice, account=cast.acme, name="Undone", expires="30d", now=now)
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_only_chosen_events_of_the_own_account_are_told(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    added(cast, port, now, receiver, events=["token.revoked"])
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Ours", expires="30d", now=now)
    theirs, _ = create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="30d", now=now)
    revoke_token(actor=cast.as_charlie, token=theirs, now=now)
    revoke_token(actor=cast.as_alice, token=token, now=now)
    drain(now)
    assert [document["data"]["token"]["name"] for document in receiver.documents] == ["Ours"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_success(status: int, cast: Cast, port: int, receiver: Receiver, now: datetime) -> None:
    receiver.status = status
    endpoint = added(cast, port, now, receiver)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    drain(now)
    delivery.refresh_from_db()
    assert (delivery.delivered_at, delivery.answers[0]["status"]) == (now, status)


@pytest.mark.parametrize("status", [302, 404, 429, 503])
def test_other_answers_are_retried_with_the_same_id_until_two_days_have_passed(
    status: int, cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    receiver.is_any_time = True
    receiver.status = status
    receiver.headers = {"Location": f"https://127.0.0.1:{port}/elsewhere"}
    endpoint = added(cast, port, now, receiver)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    tried_at, moment = [], now
    while not delivery.given_up_at:
        outbox.deliver_due(now=moment)
        delivery.refresh_from_db()
        tried_at.append(moment)
        resting = WebhookEndpoint.objects.get().rests_until or moment
        assert delivery.due_at > moment
        moment = max(delivery.due_at, resting)
    waits = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(tried_at)]
    assert waits[:4] == [15, 30, 60, 120]
    assert max(waits) == 6 * 3600
    assert timedelta(days=1) < tried_at[-1] - now <= timedelta(days=2)
    assert len(set(receiver.asked)) == 1
    assert len(receiver.asked) == len(tried_at)
    assert set(receiver.paths) == {"/hook?key=k"}, "no redirect was followed"
    assert delivery.last_error.startswith(str(status))


def test_send_again_keeps_the_id_and_is_recorded(cast: Cast, port: int, receiver: Receiver, now: datetime) -> None:
    endpoint = added(cast, port, now, receiver)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    drain(now)
    actions.resend(actor=cast.as_alice, delivery=delivery, now=now)
    drain(now)
    assert list(receiver.taken.values()) == [2]
    assert len(outbox.answers_of(WebhookDelivery.objects.get())) == 2
    assert AuditEvent.objects.get(event="webhook.resent").details["message_id"] == delivery.message_id


def test_410_turns_the_endpoint_off_and_tells_its_administrators(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    receiver.status = 410
    endpoint = added(cast, port, now, receiver)
    for name in ("One", "Two", "Three"):
        create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="30d", now=now)
    drain(now)
    assert len(receiver.asked) == 1
    assert not outbox.waiting().exists()
    endpoint.refresh_from_db()
    assert endpoint.pause_reason == PauseReason.GONE
    (mail,) = OwedMail.objects.filter(kind="webhook_paused")
    assert mail.recipient == "alice@acme.example"
    assert mail.facts["is_gone"]
    create_token(actor=cast.as_alice, account=cast.acme, name="Four", expires="30d", now=now)
    assert not outbox.waiting().exists()
    receiver.status = 204
    endpoint = actions.resume_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    create_token(actor=cast.as_alice, account=cast.acme, name="Five", expires="30d", now=now)
    drain(now)
    assert [document["data"]["token"]["name"] for document in receiver.documents] == ["Five"]


def test_endpoint_that_fails_for_two_days_is_paused_and_goes_on_where_it_stopped(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    receiver.is_any_time = True
    receiver.status = 503
    endpoint, moment = added(cast, port, now, receiver), now
    for hour in range(0, 60, 3):
        moment = now + timedelta(hours=hour)
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{hour}", expires="30d", now=moment)
        drain(moment)
    endpoint.refresh_from_db()
    assert endpoint.pause_reason == PauseReason.FAILING
    assert OwedMail.objects.filter(kind="webhook_paused").count() == 1
    assert AuditEvent.objects.get(event="webhook.paused").actor_label == "Simsim"
    count = len(receiver.asked)
    drain(moment)
    assert len(receiver.asked) == count
    receiver.status = 204
    actions.resume_endpoint(actor=cast.as_alice, endpoint=endpoint, now=moment)
    drain(moment)
    assert not outbox.waiting().exists()
    assert f"T{hour}" in {document["data"]["token"]["name"] for document in receiver.documents}


def test_events_wait_while_a_person_has_paused_the_endpoint(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    receiver.is_any_time = True
    endpoint = added(cast, port, now, receiver)
    endpoint = actions.pause_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    create_token(actor=cast.as_alice, account=cast.acme, name="One", expires="30d", now=now)
    for act in (actions.send_test_event,):
        with pytest.raises(WebhookPaused):
            act(actor=cast.as_alice, endpoint=endpoint, now=now)
    later = now + timedelta(days=9)
    drain(later)
    assert receiver.asked == []
    actions.resume_endpoint(actor=cast.as_alice, endpoint=endpoint, now=later)
    drain(later)
    assert receiver.types() == ["token.created"]


def test_both_secrets_sign_until_the_previous_one_ends(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    endpoint = added(cast, port, now, receiver)
    endpoint, signing = actions.rotate_secret(actor=cast.as_alice, endpoint=endpoint, now=now)
    (previous,) = receiver.secrets
    assert signing.secret != previous
    assert signing.secret.startswith("whsec_")
    assert len(base64.b64decode(signing.secret[6:])) == 32
    assert signing.secret not in repr(signing)
    for secrets in ([previous], [signing.secret]):
        receiver.secrets = secrets
        actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
        drain(now)
    assert len(receiver.documents) == 2
    assert {signature.count("v1,") for signature in receiver.signatures} == {2}
    receiver.secrets, receiver.is_any_time = [previous], True
    later = now + actions.OVERLAP
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    outbox.deliver_due(now=later)
    delivery.refresh_from_db()
    assert (receiver.forged, delivery.answers[-1]["status"]) == (1, 401)


def test_secrets_are_sealed_to_their_row_and_their_key_counts_as_needed(
    cast: Cast, port: int, now: datetime, settings: Settings
) -> None:
    endpoint = added(cast, port, now)
    stored = bytes(WebhookEndpoint.objects.get().sealed_secret)
    assert b"whsec_" not in stored
    assert sealing_keys.ids() == settings.KEYRING.ids()
    other = added(cast, port, now)
    WebhookEndpoint.objects.filter(pk=other.pk).update(sealed_secret=stored)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=other, now=now)
    drain(now)
    delivery.refresh_from_db()
    assert "decrypted" in delivery.last_error
    settings.KEYRING = Keyring([b"k" * 32])
    assert sealing_keys.ids() - settings.KEYRING.ids()
    assert endpoint.pk != other.pk


def test_a_receiver_that_hangs_does_not_hold_the_others(
    cast: Cast, port: int, receiver: Receiver, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "ATTEMPT_SECONDS", 40.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = added(cast, silent.getsockname()[1], now, name="Hangs")
        added(cast, port, now, receiver)
        for number in range(6):
            create_token(actor=cast.as_alice, account=cast.acme, name=f"T{number}", expires="30d", now=now)
        threads = [threading.Thread(target=work_once, args=(now,)) for _ in range(worker.WEBHOOK_THREADS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while len(receiver.documents) < 6:
            assert time.monotonic() - began < 35, "the others wait for the one that hangs"
            time.sleep(0.01)
        tried = WebhookDelivery.objects.filter(endpoint=hanging, attempts__gt=0).count()
        silent.close()  # which resets the connections that wait
        for thread in threads:
            thread.join()
    assert 0 < tried <= outbox.MAX_IN_FLIGHT


def test_workers_that_claim_at_once_keep_to_the_number_of_attempts_under_way(
    cast: Cast, port: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(cast, port, now)
    for number in range(4):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{number}", expires="30d", now=now)
    (ready,) = outbox.ready_endpoints(now)
    # As if each had looked before the others claimed.
    monkeypatch.setattr(outbox, "ready_endpoints", lambda _: [ready])
    assert [len(outbox.claim(now)) for _ in range(4)] == [1, 1, 0, 0]


def test_one_account_s_endpoints_that_hang_leave_a_thread_for_the_others(cast: Cast, port: int, now: datetime) -> None:
    for number in range(3):
        added(cast, port, now, name=f"Hangs {number}")
    theirs, _ = actions.add_endpoint(
        actor=cast.as_charlie, account=cast.globex, name="Works", url=f"https://127.0.0.1:{port}/", events=ALL, now=now
    )
    for actor, account in ((cast.as_alice, cast.acme), (cast.as_charlie, cast.globex)):
        for number in range(4):
            create_token(actor=actor, account=account, name=f"T{number}", expires="30d", now=now)
    claimed = [outbox.claim(now) for _ in range(worker.WEBHOOK_THREADS + 2)]
    whose = Counter(each.endpoint.account_id for some in claimed for each in some)
    assert whose == {cast.acme.pk: outbox.MAX_IN_FLIGHT_OF_ACCOUNT, cast.globex.pk: outbox.MAX_IN_FLIGHT}
    assert outbox.MAX_IN_FLIGHT_OF_ACCOUNT < worker.WEBHOOK_THREADS
    assert theirs.pk not in outbox.ready_endpoints(now)


def test_a_claim_reads_the_deliveries_under_way_and_not_all_that_there_ever_were(
    cast: Cast, port: int, now: datetime
) -> None:
    endpoint = added(cast, port, now)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=endpoint, message_id=f"msg_{number}", event=TEST, body="{}", due_at=now, owed_at=now,
            delivered_at=None if number % 50 == 0 else now,
        )
        for number in range(2000)
    )  # fmt: skip
    connection = connections["default"]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE webhooks_webhookdelivery")
        with CaptureQueriesContext(connection) as captured:
            assert len(outbox.claim_of(endpoint.pk, now)) == 1
        (counting,) = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN'} {counting}")
        assert "webhook_leases" in str(cursor.fetchall())


def work_once(now: datetime) -> None:
    try:
        outbox.deliver_due(now=now)
    finally:
        connections.close_all()


def test_claimed_delivery_is_not_claimed_again_before_its_lease_ends_and_late_results_do_not_count(
    cast: Cast, port: int, now: datetime
) -> None:
    endpoint = added(cast, port, now)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    (late,) = outbox.claim(now)
    assert outbox.claim(now) == []
    (mine,) = outbox.claim(now + outbox.LEASE)
    refused = outbox.Answer("", 500, "", 0.1)
    with transaction.atomic():
        outbox.note_failure(endpoint, late, refused, now + outbox.LEASE)
    row = WebhookDelivery.objects.get()
    assert (row.attempts, row.answers, row.lease_ends_at) == (2, [], now + 2 * outbox.LEASE)
    assert mine.pk == late.pk


def test_answers_are_read_to_a_limit_and_a_slow_one_is_cut(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(outbox, "ATTEMPT_SECONDS", 0.5)
    settings.WEBHOOK_RULES = read_webhook_rules(["127.0.0.1/32"], True, "")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        endpoint = added(cast, 0, now, url=url)
        stop = threading.Event()

        def drip() -> None:
            with listener.accept()[0] as peer:
                while not stop.wait(0.05):
                    try:
                        peer.send(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
        began = time.monotonic()
        outbox.deliver_due(now=now)
        assert time.monotonic() - began < 3
        stop.set()
        thread.join()
    delivery.refresh_from_db()
    assert "did not finish" in delivery.last_error
    assert delivery.answers[0]["status"] is None


def test_an_unknown_certificate_is_not_trusted(
    cast: Cast, port: int, receiver: Receiver, now: datetime, settings: Settings
) -> None:
    settings.WEBHOOK_RULES = read_webhook_rules(["127.0.0.1/32"], False, "")
    endpoint = added(cast, port, now, receiver)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    outbox.deliver_due(now=now)
    delivery.refresh_from_db()
    assert "CERTIFICATE_VERIFY_FAILED" in delivery.last_error
    assert receiver.asked == []


def test_proxies_of_the_environment_are_not_used(
    cast: Cast, port: int, receiver: Receiver, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    endpoint = added(cast, port, now, receiver)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    drain(now)
    assert receiver.types() == ["webhook.test"]


def test_a_name_that_leads_elsewhere_a_moment_later_is_connected_to_as_checked(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    """DNS rebinding: the resolver gives a public address first, and this machine's at each later lookup."""
    endpoint = added(cast, port, now, receiver, url=f"https://localhost:{port}/")
    looked_up: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["10.0.0.7"] if len(looked_up) > 1 else ["127.0.0.1"]

    for _ in range(2):
        actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
        outbox.deliver_due(now=now, resolve=rebinding)
    assert looked_up == ["localhost"] * 2, "one lookup for each attempt"
    assert receiver.types() == ["webhook.test"]
    assert receiver.hosts == [f"localhost:{port}"]
    refused = outbox.waiting().get()
    assert refused.last_error == "its name leads to an address in a private network, which is not allowed"


@pytest.mark.parametrize(
    "found", [["10.0.0.7"], ["169.254.169.254"], ["::1"], ["8.8.8.8", "127.0.0.2"], ["::ffff:10.0.0.7"], ["fe80::1%lo"]]
)
def test_no_connection_is_made_to_an_address_that_is_not_allowed(
    found: list[str], cast: Cast, port: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: connected.append(args))
    endpoint = added(cast, port, now, url="https://hooks.example/")
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    outbox.deliver_due(now=now, resolve=lambda _host, _port: found)
    delivery.refresh_from_db()
    assert "not allowed" in delivery.last_error
    assert not any(address in delivery.last_error for address in found)
    assert connected == []


def test_only_administrators_manage_webhooks_and_strangers_learn_nothing(cast: Cast, port: int, now: datetime) -> None:
    endpoint = added(cast, port, now)
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    wanted: dict[Any, Any] = {cast.as_bob: NotPermitted, cast.as_charlie: NotFound}
    for actor, refusal in {**wanted, OPERATOR: NotPermitted}.items():
        for act in (actions.edit_endpoint, actions.remove_endpoint, actions.rotate_secret, actions.pause_endpoint,
                    actions.resume_endpoint, actions.send_test_event):  # fmt: skip
            with pytest.raises(refusal):
                act(actor=actor, endpoint=endpoint, now=now)
        with pytest.raises(refusal):
            actions.resend(actor=actor, delivery=delivery, now=now)
        with pytest.raises(refusal):
            actions.add_endpoint(
                actor=actor, account=cast.acme, name="N", url="https://hooks.example/", events=ALL, now=now
            )
    for actor, refusal in wanted.items():
        with pytest.raises(refusal):
            selectors.endpoints_of(cast.acme, actor=actor)
        with pytest.raises(refusal):
            selectors.find_endpoint(endpoint.pk, actor=actor)
        with pytest.raises(refusal):
            selectors.find_delivery(delivery.pk, actor=actor)
    with pytest.raises(NotFound):
        selectors.find_endpoint(endpoint.pk, actor=cast.as_alice, account=cast.globex)
    assert selectors.find_endpoint(str(endpoint.pk), actor=cast.olga).pk == endpoint.pk


def test_what_is_wrong_with_each_field_is_said_at_once(cast: Cast, now: datetime) -> None:
    with pytest.raises(Invalid) as problem:
        actions.add_endpoint(
            actor=cast.as_alice, account=cast.acme, name=" ", url="https://10.0.0.7/", events=["token.eaten"], now=now
        )
    assert [error.field for error in problem.value.errors] == ["name", "url", "events"]
    with pytest.raises(Invalid) as problem:
        actions.add_endpoint(
            actor=cast.as_alice, account=cast.acme, name="N", url="http://hooks.example/", events=[], now=now
        )
    assert [error.field for error in problem.value.errors] == ["url", "events"]


def test_an_account_has_a_limited_number_of_webhooks(cast: Cast, port: int, now: datetime) -> None:
    for _ in range(actions.MAX_ENDPOINTS):
        added(cast, port, now)
    with pytest.raises(TooManyWebhooks, match="10 webhooks"):
        added(cast, port, now)
    listed = selectors.endpoints_of(cast.acme, actor=cast.as_alice)
    assert [vars(endpoint)["waiting"] for endpoint in listed] == [0] * actions.MAX_ENDPOINTS


def test_changes_are_recorded_without_the_secret_parts_of_the_url(cast: Cast, port: int, now: datetime) -> None:
    endpoint = added(cast, port, now)
    endpoint = actions.edit_endpoint(
        actor=cast.as_alice, endpoint=endpoint, url="https://hooks.example/secret", events=["token.expired"], now=now
    )
    actions.edit_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    actions.rotate_secret(actor=cast.as_alice, endpoint=endpoint, now=now)
    actions.pause_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    actions.resume_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    actions.remove_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    actions.remove_endpoint(actor=cast.as_alice, endpoint=endpoint, now=now)
    events = AuditEvent.objects.filter(event__startswith="webhook.").order_by("pk")
    assert [event.event.removeprefix("webhook.") for event in events] == [
        "added", "edited", "secret_rotated", "paused", "resumed", "removed"
    ]  # fmt: skip
    assert events[1].details["host"] == [f"127.0.0.1:{port}", "hooks.example"]
    said = json.dumps([event.details for event in events])
    assert "secret" not in said
    assert "key=k" not in said


def test_webhooks_of_a_closed_account_are_removed(cast: Cast, port: int, now: datetime) -> None:
    added(cast, port, now)
    account_closure.close_account(actor=OPERATOR, account=cast.acme, now=now)
    assert not WebhookEndpoint.objects.exists()
    with pytest.raises((AccountClosed, NotFound)):
        added(cast, port, now)


def test_old_deliveries_are_deleted_whatever_became_of_them(cast: Cast, port: int, now: datetime) -> None:
    endpoint = added(cast, port, now)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    assert outbox.delete_old(now) == 0
    assert outbox.delete_old(now + timedelta(seconds=1)) == 1
    assert not WebhookDelivery.objects.exists()


def test_a_clock_that_was_ahead_postpones_nothing_for_long(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    receiver.is_any_time = True
    endpoint = added(cast, port, now, receiver)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    ahead = now + timedelta(days=400)
    WebhookDelivery.objects.update(due_at=ahead)
    WebhookEndpoint.objects.update(rests_until=ahead)
    drain(now)
    assert receiver.types() == ["webhook.test"]


def test_operator_sees_whether_the_workers_keep_up(cast: Cast, port: int, receiver: Receiver, now: datetime) -> None:
    endpoint = added(cast, port, now, receiver)
    assert webhook_backlog(now=now) == WebhookBacklog(0, None, 0)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    found = webhook_backlog(now=now + timedelta(minutes=6))
    assert (found.waiting, found.due_since, found.is_good(now)) == (1, now, True)
    assert not found.is_good(now + timedelta(minutes=6))
    (finding,) = checks.webhooks()
    assert (finding.is_good, finding.detail) == (True, "1 waiting; 0 paused because their receivers failed")
    WebhookDelivery.objects.update(due_at=now - timedelta(hours=1))
    (finding,) = checks.webhooks()
    assert not finding.is_good
    assert "is simsim worker running?" in finding.detail
    # A receiver that fails is its owner's concern.
    WebhookEndpoint.objects.update(failing_since=now)
    assert webhook_backlog(now=now).due_since is None
    assert b"simsim_webhooks_waiting 1.0" in exposition(now)


def test_deliveries_are_listed_by_page_and_state(cast: Cast, port: int, receiver: Receiver, now: datetime) -> None:
    endpoint = added(cast, port, now, receiver)
    for number in range(3):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{number}", expires="30d", now=now)
    drain(now)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    first, cursor = selectors.list_deliveries(endpoint, actor=cast.as_alice, limit=3)
    rest, end = selectors.list_deliveries(endpoint, actor=cast.as_alice, limit=3, cursor=cursor)
    assert (len(first), len(rest), end) == (3, 1, None)
    (waiting,), _ = selectors.list_deliveries(
        endpoint, actor=cast.as_alice, state=selectors.DeliveryState.WAITING, limit=3
    )
    document = selectors.delivery_document(waiting)
    assert (document["state"], document["event"], document["answers"]) == ("waiting", "webhook.test", [])
    delivered = selectors.delivery_document(rest[0])
    assert [answer["status"] for answer in delivered["answers"]] == [204]  # type: ignore[attr-defined]
    assert delivered["payload"]["type"] == "token.created"  # type: ignore[index]


def test_secrets_in_another_form_are_not_secrets() -> None:
    good = base64.b64encode(b"x" * 32).decode()
    assert parse_secret(f"whsec_{good}") == b"x" * 32
    for text in ("", good, "whsec_", "whsec_AAAA", f"whsec_{good}=", "whsec_" + "é" * 32):
        assert parse_secret(text) is None


def test_the_documented_check_accepts_what_is_sent_and_nothing_else(
    cast: Cast, port: int, receiver: Receiver, now: datetime
) -> None:
    page = (Path(__file__).parents[2] / "docs/integrators/webhooks.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    endpoint = added(cast, port, now, receiver)
    actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    drain(now)
    body, headers = receiver.raw[0]
    assert names["event_of"](body, headers, receiver.secrets[0])["type"] == "webhook.test"
    for wrong_body, secret in ((body + b" ", receiver.secrets[0]), (body, new_secret())):
        with pytest.raises(WebhookVerificationError):
            names["event_of"](wrong_body, headers, secret)


def test_the_documented_events_are_those_that_are_sent() -> None:
    page = (Path(__file__).parents[2] / "docs/integrators/webhooks.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)
    assert documented == [*ALL, TEST]
    assert set(WORDS) == set(EventType)
