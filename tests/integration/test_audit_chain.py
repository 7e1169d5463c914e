"""Nobody who can write to the database, and has no key, can change the audit trail unnoticed."""

import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from audit_tampering import Attacker
from cast import Cast
from concurrency import race
from simsim.accounts.actions import change_role, create_account, remove_user, rename_account
from simsim.accounts.models import Account
from simsim.accounts.passwords import reset_password
from simsim.accounts.permissions import OPERATOR
from simsim.audit import adoption, chain, recorder, retention, verification
from simsim.audit.anchors import parse_anchors, present_anchors
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Chain, KeptChainKey
from simsim.audit.verification import Report
from simsim.health.doctor import trail as doctor_trail
from simsim.tokens.actions import create_token, edit_token, revoke_token, rotate_token, show_credentials
from simsim.tokens.keyring import Keyring
from simsim.tokens.software import add_software
from simsim.tokens.token_requests import ask_for_token, decline_request
from verbs import Simsim

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db(databases="__all__")
TAMPERINGS = {"sqlite": 1000, "postgresql": 150}
# Of changing each column of an event and of a chain, and of the others.
WAYS = 14 + 7 + 8


@pytest.fixture(autouse=True)
def begun(db: None, now: datetime) -> None:
    """Every installation begins its chains when it is migrated."""
    adoption.begin_chains([], actor=OPERATOR, now=now)


@pytest.fixture
def trail(cast: Cast, now: datetime) -> Callable[[], Report]:
    """Some events in three chains, and a function that verifies them all."""
    act(cast, now)
    return verified


def act(cast: Cast, now: datetime, name: str = "ERP") -> None:
    """Act in every chain."""
    add_software(actor=OPERATOR, slug=f"software-{name.lower()}", name=f"Software {name}", now=now)
    for account, actor in ((cast.acme, cast.as_alice), (cast.globex, cast.as_charlie)):
        token = create_token(actor=actor, account=account, name=name, expires="90d", now=now)[0]
        edit_token(actor=actor, token=token, allowed_networks=["192.0.2.0/24"], now=now + timedelta(seconds=1))
        show_credentials(actor=actor, token=token, now=now + timedelta(seconds=2))
        rotate_token(actor=actor, token=token, overlap=HOUR, now=now + timedelta(seconds=3))
        revoke_token(actor=actor, token=token, reason="leaked", now=now + timedelta(seconds=4))


def verified(only: str | None = None) -> Report:
    return verification.verify({chain.INSTALLATION, *map(str, Account.objects.values_list("pk", flat=True))}, only=only)


def sentences(report: Report) -> list[str]:
    return [finding.sentence for finding in report.findings]


@pytest.mark.covers("B6")
def test_untouched_trail_is_whole(trail: Callable[[], Report]) -> None:
    report = trail()
    assert sentences(report) == []
    assert (report.chains, report.events) == (3, AuditEvent.objects.count())


@pytest.mark.covers("B6")
def test_each_of_a_thousand_random_tamperings_is_found_and_located(trail: Callable[[], Report]) -> None:
    attacker, seen = Attacker(seed=15), set()
    for _ in range(TAMPERINGS[connection.vendor]):
        with transaction.atomic():
            done = attacker.tamper()
            report = trail()
            transaction.set_rollback(True)
        assert done.is_located_by(report), (done, report.findings)
        seen.add(done.what)
    assert connection.vendor != "sqlite" or len(seen) == WAYS
    assert trail().number_of_findings == 0


@pytest.mark.covers("B6")
def test_next_event_does_not_hide_that_the_end_was_cut(trail: Callable[[], Report], cast: Cast, now: datetime) -> None:
    """Whoever cuts the chain and its row waits in vain for an event that seals the chain again."""
    name = str(cast.acme.pk)
    chain.events_of(name).filter(number__gt=3).delete()
    Chain.objects.filter(pk=name).update(number=3, mac=chain.events_of(name).get(number=3).mac)
    create_token(actor=cast.as_alice, account=cast.acme, name="Later", expires="90d", now=now)
    rename_account(actor=OPERATOR, account=cast.acme, name="Acme Corporation", now=now)
    (finding,) = trail().findings
    assert (finding.chain, finding.number) == (name, 4)
    assert "cut or changed" in finding.sentence


@pytest.mark.covers("B6")
def test_next_event_does_not_hide_that_a_chain_was_removed(
    trail: Callable[[], Report], cast: Cast, now: datetime
) -> None:
    name = str(cast.acme.pk)
    chain.events_of(name).delete()
    Chain.objects.filter(pk=name).delete()
    create_token(actor=cast.as_alice, account=cast.acme, name="Later", expires="90d", now=now)
    (finding,) = trail().findings
    assert (finding.chain, finding.number) == (name, 1)


@pytest.mark.covers("B6")
def test_retention_leaves_a_chain_that_can_be_verified(trail: Callable[[], Report], cast: Cast, now: datetime) -> None:
    later = now + timedelta(days=10)
    act(cast, later, name="CRM")
    anchors = parse_anchors(json.dumps(present_anchors()))
    before = AuditEvent.objects.count()
    while retention.delete_old(later):
        pass
    report = trail()
    verification.compare(anchors, report)
    assert sentences(report) == []
    assert report.events == AuditEvent.objects.count() < before
    assert not AuditEvent.objects.filter(at__lt=later).exists()
    AuditEvent.objects.filter(account_id=cast.acme.pk).earliest("number").delete()
    assert "is missing" in sentences(trail())[0]


@pytest.mark.covers("B6")
def test_retention_deletes_no_event_of_a_chain_that_was_changed(
    trail: Callable[[], Report], cast: Cast, now: datetime
) -> None:
    name = str(cast.acme.pk)
    count = chain.events_of(name).count()
    Chain.objects.filter(pk=name).update(mac="ab" * 32)
    while retention.delete_old(now + timedelta(days=1)):
        pass
    assert chain.events_of(name).count() == count


@pytest.mark.covers("B6")
def test_anchor_shows_that_a_chain_was_rebuilt_with_the_key(
    trail: Callable[[], Report], cast: Cast, now: datetime
) -> None:
    exported = "\n".join(json.dumps(anchor) for anchor in present_anchors())
    name = str(cast.acme.pk)
    events = list(chain.events_of(name).order_by("number"))
    events[2].actor_label = "mallory@example.com"
    end = Chain.objects.get(pk=name)
    end.number, end.mac = 0, ""
    chain.extend(end, events, chain.Link.NEXT)
    AuditEvent.objects.bulk_update(events, ["actor_label", "number", "mac", "key_id"])
    end.save()
    report = trail()
    assert sentences(report) == []
    verification.compare(parse_anchors(exported), report)
    assert [(finding.chain, finding.number) for finding in report.findings] == [(name, len(events))]


@pytest.mark.covers("B6")
def test_anchors_are_read_from_a_file_of_forwarded_events(trail: Callable[[], Report]) -> None:
    forwarded = "<110>1 2026-11-26 simsim - - audit [x] " + json.dumps(
        {"kind": "audit", "account_id": None, "number": 900, "mac": "ab" * 32}
    )
    report = trail()
    verification.compare(parse_anchors(forwarded + '\n{"kind": "request", "status": 200}\nnonsense {'), report)
    assert sentences(report) == ["an anchor knows this event, and the chain ends at 2"]


@pytest.mark.covers("B6", "B1")
def test_chain_is_verified_after_its_encryption_key_is_retired(
    trail: Callable[[], Report], cast: Cast, now: datetime, settings: Settings
) -> None:
    first, second, third = settings.KEYRING.keys[0], secrets.token_bytes(32), secrets.token_bytes(32)
    for number, keys in enumerate(([second, first], [third, second])):
        settings.KEYRING = Keyring(keys)
        create_account(actor=OPERATOR, name=f"Initech {number}", now=now)
        rename_account(actor=OPERATOR, account=cast.acme, name=f"Acme {number}", now=now)
    settings.KEYRING = Keyring([third])
    assert sentences(trail()) == []
    assert AuditEvent.objects.values("key_id").distinct().count() == 3
    KeptChainKey.objects.filter(pk=AuditEvent.objects.earliest("pk").key_id).delete()
    assert any("which is missing" in sentence for sentence in sentences(trail()))


@pytest.mark.covers("B6")
def test_events_from_before_the_chains_are_taken_in_once(cast: Cast, now: datetime) -> None:
    act(cast, now)
    AuditEvent.objects.update(number=None, mac="", key_id="")
    Chain.objects.all().delete()
    count = AuditEvent.objects.count()
    assert adoption.begin_chains([cast.acme.pk, cast.globex.pk], actor=OPERATOR, now=now) == count
    report = verified()
    assert sentences(report) == []
    assert report.adopted == count
    assert adoption.begin_chains([], actor=OPERATOR, now=now) is None
    AuditEvent.objects.filter(event="token.revoked").update(actor_label="mallory@example.com")
    assert verified().number_of_findings == 2


@pytest.mark.covers("B6")
def test_event_of_an_older_node_is_outside_until_it_is_adopted(simsim: Simsim, cast: Cast, now: datetime) -> None:
    older = AuditEvent.objects.create(
        at=now, event="token.created", account_id=cast.acme.pk, actor_label="x", subject_id="y"
    )
    (finding,) = verified().findings
    assert finding.event_id == older.pk
    assert simsim("audit", "adopt") == {"adopted": 1}
    assert sentences(verified()) == []
    assert AuditEvent.objects.latest("pk").details == {"events": 1}


@pytest.mark.covers("B6")
def test_verb_says_what_was_changed_and_exits_with_1(
    simsim: Simsim, capsys: pytest.CaptureFixture[str], cast: Cast, now: datetime, tmp_path: Path
) -> None:
    act(cast, now)
    told = simsim("audit", "verify")
    assert told["is_whole"] is True
    anchors = tmp_path / "anchors.json"
    anchors.write_text(json.dumps(simsim("audit", "anchor")), encoding="utf-8")
    assert simsim("audit", "verify", "--anchor", str(anchors))["compared_anchors"] == 3
    assert simsim("audit", "verify", "--account", str(cast.acme.pk))["chains"] == 1
    assert simsim("audit", "verify", "--account", "installation")["chains"] == 1
    changed = AuditEvent.objects.filter(event="token.revoked", account_id=cast.acme.pk).get()
    AuditEvent.objects.filter(pk=changed.pk).update(details={"name": "ERP", "reason": ""})
    from simsim.operations.command_line import run
    from verbs import WIRING

    assert run(["audit", "verify"], wiring=WIRING) == 1
    out = capsys.readouterr().out
    assert f"account {cast.acme.pk}, number {changed.number} (event {changed.pk}): the event was changed" in out
    assert run(["audit", "verify", "--json"], wiring=WIRING) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["event_id"] == str(changed.pk)
    assert run(["audit", "verify", "--account", "installation"], wiring=WIRING) == 0
    assert "The audit trail is whole: " in capsys.readouterr().out
    assert simsim("audit", "verify", "--anchor", str(tmp_path), fails=2).startswith("--anchor: ")


@pytest.mark.covers("B6", "B21")
def test_doctor_sees_a_wrong_seal_a_missing_chain_and_an_event_outside(cast: Cast, now: datetime) -> None:
    (found,) = doctor_trail.trail()
    assert (found.is_good, found.detail) == (True, "the seals of 3 chains are intact")
    Chain.objects.filter(pk=str(cast.acme.pk)).update(number=1)
    Chain.objects.filter(pk=str(cast.globex.pk)).delete()
    AuditEvent.objects.create(at=now, event="user.added", account_id=cast.acme.pk, actor_label="x", subject_id="y")
    (found,) = doctor_trail.trail()
    assert not found.is_good
    for says in ("the seals of 1 chains are wrong", "1 chains are missing", "1 events are in no chain"):
        assert says in found.detail


@pytest.mark.covers("B6")
def test_event_stores_only_its_own_details(now: datetime) -> None:
    details = {"name": "Acme", "external_id": 0.5, "password": "sesame"}
    with pytest.warns(UserWarning, match="account.created may not record password"):
        event = recorder.audit_event(
            Event.ACCOUNT_CREATED, actor=OPERATOR, account_id=None, subject_id="", details=details, now=now
        )
    assert event.details == {"name": "Acme", "external_id": "0.5"}


@pytest.mark.covers("B6")
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_acts_in_one_account_at_once_keep_the_chain_whole(now: datetime) -> None:
    adoption.begin_chains([], actor=OPERATOR, now=now)
    cast = Cast.assemble(now)
    tokens = [
        create_token(actor=cast.as_alice, account=cast.acme, name=f"Token {number}", expires="90d", now=now)[0]
        for number in range(12)
    ]
    requests = [
        ask_for_token(actor=cast.as_bob, account=cast.acme, name=f"Ask {number}", purpose="x", software=None, now=now)
        for number in range(3)
    ]
    works: list[Callable[[], object]] = [
        *(lambda token=token: revoke_token(actor=cast.as_alice, token=token, now=now) for token in tokens[:6]),
        *(lambda token=token: edit_token(actor=cast.as_alice, token=token, name="x", now=now) for token in tokens[6:7]),
        *(
            lambda token=token: rotate_token(actor=cast.as_alice, token=token, overlap=HOUR, now=now)
            for token in tokens[7:]
        ),
        *(lambda each=each: decline_request(actor=cast.as_alice, request=each, now=now) for each in requests),
        *(
            lambda each=each: create_token(
                actor=cast.as_alice, account=cast.acme, name=each.name, expires="90d", request=each, now=now
            )
            for each in requests
        ),
        lambda: reset_password(actor=OPERATOR, user=cast.bob, password="another sesame, said Bob", now=now),
        lambda: change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now),
        lambda: remove_user(actor=OPERATOR, account=cast.globex, user=cast.charlie, now=now),
    ]  # fmt: skip
    outcomes = race(*works)
    assert len(outcomes) == len(works)
    assert set(outcomes) <= {"done", "AlreadyAnswered", "LastAdministrator"}
    report = verified()
    assert sentences(report) == []
    assert report.events == AuditEvent.objects.count()
