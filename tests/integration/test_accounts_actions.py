"""Accounts, people and roles, on the real database."""

from datetime import datetime

import pytest

from cast import Cast
from demotions import prove_demotions
from simsim.accounts.actions import add_user, change_role, create_account, remove_user
from simsim.accounts.models import User
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.problem import AlreadyExists, Invalid, LastAdministrator, NotFound, NotPermitted

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.covers("R1")
def test_last_administrator_can_be_neither_demoted_nor_removed(cast: Cast, now: datetime) -> None:
    with pytest.raises(LastAdministrator, match="alice"):
        change_role(actor=cast.as_alice, account=cast.acme, user=cast.alice, role="member", now=now)
    with pytest.raises(LastAdministrator):
        remove_user(actor=OPERATOR, account=cast.acme, user=cast.alice, now=now)
    change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now)
    remove_user(actor=cast.as_bob, account=cast.acme, user=cast.alice, now=now)
    assert list(cast.acme.users.all()) == [cast.bob]


@pytest.mark.covers("R1")
def test_disabled_administrator_does_not_count(cast: Cast, now: datetime) -> None:
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    with pytest.raises(LastAdministrator):
        remove_user(actor=OPERATOR, account=cast.acme, user=cast.alice, now=now)
    with pytest.raises(NotFound):
        add_user(actor=cast.as_bob, account=cast.acme, email="eve@acme.example", role="member", now=now)


@pytest.mark.covers("R1")
def test_only_administrators_of_the_account_manage_its_people(cast: Cast, now: datetime) -> None:
    for actor, refusal in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound)):
        with pytest.raises(refusal):
            add_user(actor=actor, account=cast.acme, email="eve@acme.example", role="member", now=now)
        with pytest.raises(refusal):
            change_role(actor=actor, account=cast.acme, user=cast.bob, role="administrator", now=now)
        with pytest.raises(refusal):
            remove_user(actor=actor, account=cast.acme, user=cast.bob, now=now)
    with pytest.raises(NotPermitted):
        create_account(actor=cast.as_alice, name="Another", now=now)


@pytest.mark.covers("R1")
def test_one_person_belongs_to_several_accounts_and_keeps_the_password(cast: Cast, now: datetime) -> None:
    stored = User.objects.get(pk=cast.alice.pk).password
    add_user(
        actor=cast.as_charlie, account=cast.globex, email="Alice@ACME.example", role="member", password="new", now=now
    )
    assert User.objects.get(pk=cast.alice.pk).password == stored
    assert set(cast.alice.accounts.all()) == {cast.acme, cast.globex}


@pytest.mark.covers("R1")
def test_unusable_input_is_refused_with_a_message(cast: Cast, now: datetime) -> None:
    for email, role in (("not an address", "member"), ("eve@acme.example", "owner"), ("e\r\nBcc: x@y.z", "member")):
        with pytest.raises(Invalid):
            add_user(actor=OPERATOR, account=cast.acme, email=email, role=role, now=now)
    with pytest.raises(AlreadyExists, match="bob"):
        add_user(actor=OPERATOR, account=cast.acme, email="bob@acme.example", role="member", now=now)
    with pytest.raises(AlreadyExists, match="Acme"):
        create_account(actor=OPERATOR, name="Acme", now=now)
    for name in ("", "   ", "a\nb", "a\u202eb", "x" * 201, "a\u2028b"):
        with pytest.raises(Invalid):
            create_account(actor=OPERATOR, name=name, now=now)


@pytest.mark.covers("B6")
def test_every_change_of_people_is_in_the_audit_trail(cast: Cast, now: datetime) -> None:
    change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now)
    change_role(actor=cast.as_alice, account=cast.acme, user=cast.bob, role="administrator", now=now)
    remove_user(actor=cast.as_alice, account=cast.acme, user=cast.bob, now=now)
    trail = AuditEvent.objects.filter(account_id=cast.acme.pk).order_by("pk")
    assert [event.event for event in trail] == [
        "account.created", "user.added", "user.added", "user.role_changed", "user.removed",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.covers("R1", "B11")
def test_two_administrators_who_demote_each_other_leave_one(now: datetime) -> None:
    assert prove_demotions(25, now)["done"] == 25
