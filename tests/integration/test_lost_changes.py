"""Changes that a restored database lacks are applied again: only those, only as restrictions, and only once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from cast import Cast
from simsim.accounts.actions import add_user, change_role, remove_user
from simsim.accounts.passwords import reset_password
from simsim.accounts.permissions import OPERATOR
from simsim.audit import journal
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.personal_data.erasure import end_person
from simsim.tokens.account_closure import close_account
from simsim.tokens.actions import edit_token, end_overlap, revoke_token, rotate_token
from simsim.tokens.lost_changes import apply_again
from simsim.tokens.lost_restrictions import Outcome
from simsim.tokens.models import Token
from simsim.tokens.pause import pause_token, resume_token

pytestmark = pytest.mark.django_db(databases="__all__")
Lose = Callable[..., None]


@pytest.fixture(autouse=True)
def path(settings: Settings, tmp_path: Path) -> Path:
    settings.JOURNAL = tmp_path / "journal.jsonl"
    return tmp_path / "journal.jsonl"


@pytest.fixture
def lose(token: Token, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]) -> Lose:
    """Make a change, and put the token back to what it was before, as a restored backup does.

    Without `is_committed`, the change is one that was rolled back, or whose commit nobody noted.
    """

    def call(change: Callable[[], object], *, is_committed: bool = True) -> None:
        newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
        before = Token.objects.get(pk=token.pk)
        with django_capture_on_commit_callbacks(execute=is_committed):
            change()
        before.save()
        AuditEvent.objects.filter(pk__gt=newest).delete()

    return call


def applied(path: Path, now: datetime) -> list[Outcome]:
    return apply_again(journal.read(path).changes, now=now)


@pytest.mark.covers("B21", "R13")
def test_lost_revocation_is_applied_with_its_time_and_actor_and_only_once(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    lose(lambda: revoke_token(actor=cast.as_alice, token=token, reason="leaked", now=now))
    (told,) = applied(path, now + timedelta(hours=1))
    token.refresh_from_db()
    assert (token.revoked_at, token.revoked_by_label, token.revocation_reason) == (now, "alice@acme.example", "leaked")
    assert told.sentence.startswith(f"“Night load” ({token.pk}) was revoked by alice@acme.example on ")
    assert AuditEvent.objects.filter(event=Event.TOKEN_REVOKED, details__restored=True).count() == 1
    Token.objects.filter(pk=token.pk).update(revoked_at=None)
    assert applied(path, now + timedelta(hours=2)) == []


@pytest.mark.covers("B21")
def test_change_that_the_backup_has_is_not_applied(token: Token, cast: Cast, path: Path, now: datetime) -> None:
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], now=now)
    Token.objects.filter(pk=token.pk).update(allowed_networks=[], allowlist=b"")
    assert applied(path, now) == []


@pytest.mark.covers("B21")
def test_lost_rotation_closes_both_passwords_of_before(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now)
    token.refresh_from_db()
    before = {bytes(token.digest), bytes(token.previous_digest or b"")}
    lose(lambda: rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now))
    (told,) = applied(path, now + timedelta(minutes=1))
    token.refresh_from_db()
    assert bytes(token.digest) not in before
    assert token.previous_digest is None
    assert "simsim token credentials" in told.sentence


@pytest.mark.covers("B21")
def test_lost_end_of_an_overlap_is_applied(lose: Lose, token: Token, cast: Cast, path: Path, now: datetime) -> None:
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(days=1), now=now)
    lose(lambda: end_overlap(actor=cast.as_alice, token=token, now=now + timedelta(minutes=1)))
    later = now + timedelta(hours=1)
    assert len(applied(path, later)) == 1
    token.refresh_from_db()
    assert token.previous_works_until == later


@pytest.mark.covers("B21", "B13")
@pytest.mark.parametrize(
    ("before", "lost", "after"),
    [
        (None, ["2h"], "2h"), (None, [""], ""), (None, ["1h"], None), (None, ["2h", "resume"], None),
        (None, ["resume", "2h"], "2h"), ("2h", [""], ""), ("", ["2h"], ""), (None, ["", "2h"], "2h"),
    ],
)  # fmt: skip
def test_token_is_paused_again_unless_the_pause_is_over_or_was_ended(
    before: str | None, lost: list[str], after: str | None,
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime,
) -> None:  # fmt: skip
    if before is not None:
        pause_token(actor=cast.as_alice, token=token, until=before, now=now)

    def pause_and_resume() -> None:
        for what in lost:
            if what == "resume":
                resume_token(actor=cast.as_alice, token=token, now=now)
            else:
                pause_token(actor=cast.as_alice, token=token, until=what, reason="Odd", now=now)

    lose(pause_and_resume)
    later = now + timedelta(hours=1)
    assert len(applied(path, later)) == int(before != after)
    token.refresh_from_db()
    assert token.is_paused(later) is (after is not None)
    if after is not None:
        assert token.paused_until == (now + timedelta(hours=2) if after else None)
    if before != after:
        assert (token.paused_by_label, token.pause_reason, token.paused_at) == ("alice@acme.example", "Odd", now)
    assert applied(path, later) == []


@pytest.mark.covers("B21", "B13")
def test_operator_is_told_of_a_token_that_is_paused_again_after_it_was_resumed(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    pause_token(actor=cast.as_alice, token=token, now=now)
    lose(lambda: resume_token(actor=cast.as_alice, token=token, now=now))
    (told,) = applied(path, now)
    assert not told.is_done
    assert told.sentence.endswith(f"Do it again: simsim token resume {token.pk} --as alice@acme.example")
    token.refresh_from_db()
    assert token.is_paused(now)


@pytest.mark.covers("B21", "R10")
@pytest.mark.parametrize(
    ("before", "lists", "after"),
    [
        ([], [["10.0.0.0/8"]], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], [["10.1.0.0/16"]], ["10.1.0.0/16"]),
        (["10.0.0.0/8"], [["10.1.0.0/16"], ["10.0.0.0/8", "192.0.2.0/24"]], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], [[]], ["10.0.0.0/8"]),
        (["10.0.0.0/9", "10.128.0.0/9"], [["10.0.0.0/8"]], ["10.0.0.0/9", "10.128.0.0/9"]),
    ],
)
def test_list_is_narrowed_again_and_never_widened(
    before: list[str], lists: list[list[str]], after: list[str],
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime,
) -> None:  # fmt: skip
    edit_token(actor=cast.as_alice, token=token, allowed_networks=before, now=now)

    def edit_all() -> None:
        for networks in lists:
            edit_token(actor=cast.as_alice, token=token, allowed_networks=networks, now=now)

    lose(edit_all)
    assert len(applied(path, now)) == int(before != after)
    token.refresh_from_db()
    assert token.allowed_networks == after


@pytest.mark.covers("B21")
def test_enforced_list_is_enforced_again(lose: Lose, token: Token, cast: Cast, path: Path, now: datetime) -> None:
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], report_only=True, now=now)
    lose(lambda: edit_token(actor=cast.as_alice, token=token, report_only=False, now=now))
    assert [told.sentence.endswith("it enforces its restrictions again") for told in applied(path, now)] == [True]
    token.refresh_from_db()
    assert not token.report_only


@pytest.mark.covers("B21")
def test_operator_is_told_which_people_and_accounts_are_back(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    (member,) = cast.bob.memberships.all()
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="member", now=now)
    remove_user(actor=OPERATOR, account=cast.acme, user=cast.bob, now=now)
    reset_password(actor=OPERATOR, user=cast.charlie, password="open sesame, said Charlie", now=now)
    close_account(actor=OPERATOR, account=cast.acme, now=now)
    member.role = "administrator"
    member.save(force_insert=True)
    type(cast.acme).objects.filter(pk=cast.acme.pk).update(closed_at=None)
    AuditEvent.objects.filter(pk__gt=newest).delete()
    told = [outcome.sentence.partition("Do it again: ")[2] for outcome in applied(path, now) if not outcome.is_done]
    assert set(told) == {
        f"simsim user role bob@acme.example --account {cast.acme.pk} --role member",
        f"simsim user remove bob@acme.example --account {cast.acme.pk}",
        "simsim user reset-password charlie@globex.example",
        f"simsim account close {cast.acme.pk}",
    }


def test_full_disk_does_not_keep_a_leaked_token_alive(
    token: Token, cast: Cast, settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOURNAL = Path("/dev/full/journal.jsonl")
    revoked = revoke_token(actor=cast.as_alice, token=token, now=now)
    assert revoked.revoked_at == now
    assert "a restore will not know of this change" in caplog.text


@pytest.mark.covers("B21", "R13")
def test_change_whose_commit_is_not_certain_is_named_once_and_not_applied(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["10.0.0.0/8"], now=now)
    lose(lambda: revoke_token(actor=cast.as_alice, token=token, now=now), is_committed=False)
    token.refresh_from_db()
    # A wider list would not have restricted anything.
    lose(lambda: edit_token(actor=cast.as_alice, token=token, allowed_networks=[], now=now), is_committed=False)
    (told,) = applied(path, now + timedelta(hours=1))
    assert told.sentence.startswith(f"alice@acme.example began to revoke “Night load” ({token.pk}) on ")
    assert told.sentence.endswith(f"If it should have: simsim token revoke {token.pk} --as EMAIL")
    assert not told.is_done
    token.refresh_from_db()
    assert token.revoked_at is None
    assert applied(path, now + timedelta(hours=2)) == []


@pytest.mark.parametrize(("act", "verb"), [(pause_token, "pause"), (resume_token, "resume")])
def test_pause_whose_commit_is_not_certain_is_named(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime, act: Any, verb: str
) -> None:
    if act is resume_token:
        pause_token(actor=cast.as_alice, token=token, now=now)
    lose(lambda: act(actor=cast.as_alice, token=token, now=now), is_committed=False)
    (told,) = applied(path, now + timedelta(hours=1))
    assert told.sentence.endswith(f"If it should have: simsim token {verb} {token.pk} --as EMAIL")


def test_change_that_succeeded_at_the_second_try_is_applied_and_not_named_twice(
    lose: Lose, token: Token, cast: Cast, path: Path, now: datetime
) -> None:
    for is_committed in (False, True):
        at = now + timedelta(seconds=is_committed)
        lose(
            lambda: revoke_token(actor=cast.as_alice, token=Token.objects.get(pk=token.pk), now=at),  # noqa: B023
            is_committed=is_committed,
        )
    (told,) = applied(path, now + timedelta(hours=1))
    assert told.is_done


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_rolled_back_change_is_not_certain_and_a_committed_one_is(token: Token, cast: Cast, path: Path) -> None:
    now = token.created_at
    with transaction.atomic():
        revoke_token(actor=cast.as_alice, token=token, now=now)
        transaction.set_rollback(True)
    later = now + timedelta(seconds=1)
    revoke_token(actor=cast.as_alice, token=Token.objects.get(pk=token.pk), now=later)
    assert [each.is_certain for each in journal.read(path).changes] == [False, True]


@pytest.mark.covers("B21")
def test_lost_erasure_is_named_with_the_command_and_the_journal_has_no_address_for_it(
    lose: Lose, cast: Cast, path: Path, now: datetime
) -> None:
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)
    add_user(actor=OPERATOR, account=cast.acme, email="charlie@globex.example", role="administrator", now=now)
    lose(lambda: end_person(actor=OPERATOR, user=cast.alice, pseudonym="erased person 0a", now=now))
    assert applied(path, now) == []  # the backup has no such person either
    lose(lambda: end_person(actor=OPERATOR, user=cast.bob, pseudonym="erased person 0b", now=now))
    cast.bob.save()  # as the backup has him
    told = [each.sentence for each in applied(path, now)]
    assert len(told) == 1
    assert "bob@acme.example was erased" in told[0]
    assert "simsim person erase bob@acme.example" in told[0]
    (line,) = [line for line in path.read_text().splitlines() if "erased person 0b" in line]
    assert "bob@acme.example" not in line
