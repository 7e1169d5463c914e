"""The life of a token, on the real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from simsim.accounts.actions import remove_user
from simsim.accounts.permissions import OPERATOR, Actor
from simsim.audit.models import AuditEvent
from simsim.credential import password
from simsim.credential.digest import digest
from simsim.mail.models import OwedMail
from simsim.problem import AlreadyExists, Invalid, NotFound, NotPermitted, RotatedMeanwhile, TokenNotActive
from simsim.tokens import actions
from simsim.tokens.models import TargetSoftware, Token
from simsim.tokens.rotation_overlap import rotation_id
from simsim.tokens.selectors import documents, find_token
from simsim.tokens.token_credentials import TokenCredentials

pytestmark = pytest.mark.django_db(databases="__all__")
DAY = timedelta(days=1)


@pytest.fixture
def power_bi(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return actions.create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)


@pytest.mark.covers("R1", "R2", "R15")
def test_created_token_belongs_to_the_account_and_its_username_is_the_account(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, credentials = power_bi
    assert token.account == cast.acme
    assert credentials.username == str(cast.acme.pk)
    assert password.is_well_formed(credentials.password)
    assert bytes(token.digest) == digest(credentials.password)


@pytest.mark.covers("R1")
@pytest.mark.parametrize(
    ("who", "refusal"), [("as_bob", NotPermitted), ("as_charlie", NotFound), ("olga", NotPermitted)]
)
def test_only_an_administrator_of_the_account_changes_its_tokens(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials], who: str, refusal: type[Exception]
) -> None:
    actor: Actor = getattr(cast, who)
    token, _ = power_bi
    before = AuditEvent.objects.count()
    for attempt in (
        lambda: actions.create_token(actor=actor, account=cast.acme, name="Mine", expires="1d", now=now),
        lambda: actions.edit_token(actor=actor, token=token, name="Mine", now=now),
        lambda: actions.show_credentials(actor=actor, token=token, now=now),
        lambda: actions.rotate_token(actor=actor, token=token, overlap=DAY, now=now),
        lambda: actions.revoke_token(actor=actor, token=token, now=now),
    ):
        with pytest.raises(refusal):
            attempt()
    token.refresh_from_db()
    assert (token.name, token.revoked_at, Token.objects.count()) == ("Power BI", None, 1)
    assert AuditEvent.objects.count() == before


@pytest.mark.covers("R2")
def test_token_keeps_working_when_its_creator_leaves(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, _ = power_bi
    from simsim.accounts.actions import change_role

    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)
    remove_user(actor=OPERATOR, account=cast.acme, user=cast.alice, now=now)
    cast.alice.delete()
    token.refresh_from_db()
    assert (token.revoked_at, token.created_by, token.created_by_label) == (None, None, "alice@acme.example")


@pytest.mark.covers("R5")
def test_name_is_unique_among_active_tokens_only(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    with pytest.raises(AlreadyExists, match="Power BI"):
        actions.create_token(actor=cast.as_alice, account=cast.acme, name="power bi", expires="1d", now=now)
    actions.create_token(actor=cast.as_charlie, account=cast.globex, name="Power BI", expires="1d", now=now)
    actions.revoke_token(actor=cast.as_alice, token=power_bi[0], now=now)
    again, _ = actions.create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="1d", now=now)
    assert again.pk != power_bi[0].pk


@pytest.mark.covers("R5", "R6", "R7", "R10")
def test_every_field_that_breaks_a_rule_is_named_at_once(cast: Cast, now: datetime) -> None:
    with pytest.raises(Invalid) as caught:
        actions.create_token(
            actor=cast.as_alice,
            account=cast.acme,
            name="",
            expires="yesterday",
            description="x" * 1001,
            software="abacus",
            allowed_networks=["10.0.0.0/8", "10.0.0.1/8", "", "010.0.0.1"],
            now=now,
        )
    assert [error.field for error in caught.value.errors] == [
        "name", "expires_at", "description", "software", "allowed_networks.1", "allowed_networks.3",
    ]  # fmt: skip
    assert "10.0.0.0/8" in str(caught.value.errors[4])
    assert not Token.objects.exists()


@pytest.mark.covers("R10", "B3")
def test_networks_are_stored_once_in_normal_form(cast: Cast, now: datetime) -> None:
    token, _ = actions.create_token(
        actor=cast.as_alice, account=cast.acme, name="N", expires="1d", now=now,
        allowed_networks=["::ffff:10.1.2.3", "10.1.2.3/32", "2001:DB8::/32", "192.0.2.7"],
    )  # fmt: skip
    assert token.allowed_networks == ["10.1.2.3/32", "2001:db8::/32", "192.0.2.7/32"]


@pytest.mark.covers("R5", "R18")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 3, 1, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 24, 12, 0, tzinfo=UTC)),
        ("90d", datetime(2027, 2, 21, 12, 0, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2027-01-31T10:00:00+02:00", datetime(2027, 1, 31, 8, tzinfo=UTC)),
        ("2027-01-31T10:00:00", None),
        ("2027-02-29", None),
        ("2026-11-22", None),
        ("2036-12-01", None),
        ("0d", None),
        ("3654d", None),
        ("99999d", None),
        ("9999-12-31", None),
        ("٣d", None),
        ("", None),
    ],
)  # fmt: skip
def test_expiry_means_the_end_of_the_day_in_utc_or_so_many_days_from_now(
    cast: Cast, text: str, moment: datetime | None
) -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    if moment is None:
        with pytest.raises(Invalid):
            actions.create_token(actor=cast.as_alice, account=cast.acme, name="T", expires=text, now=at)
    else:
        token, _ = actions.create_token(actor=cast.as_alice, account=cast.acme, name="T", expires=text, now=at)
        assert token.expires_at == moment


@pytest.mark.covers("R11", "B6")
def test_every_retrieval_of_credentials_is_recorded(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, credentials = power_bi
    assert actions.show_credentials(actor=cast.as_alice, token=token, now=now) == credentials
    event = AuditEvent.objects.latest("pk")
    assert (event.event, event.actor_label, event.subject_id) == (
        "token.credentials_shown", "alice@acme.example", str(token.pk),
    )  # fmt: skip


@pytest.mark.covers("R12")
def test_edit_changes_name_description_software_and_networks(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token = actions.edit_token(
        actor=cast.as_alice, token=power_bi[0], name="Reports", description="Monday’s figures", software="excel",
        allowed_networks=["198.51.100.0/24"], now=now,
    )  # fmt: skip
    token.refresh_from_db()
    assert token.software is not None
    assert (token.name, token.description, token.software.slug) == ("Reports", "Monday’s figures", "excel")
    assert len(bytes(token.allowlist)) == 34
    assert AuditEvent.objects.latest("pk").details["name"] == ["Power BI", "Reports"]
    token = actions.edit_token(actor=cast.as_alice, token=token, software="", allowed_networks=[], now=now)
    assert (token.software, bytes(token.allowlist)) == (None, b"")


@pytest.mark.covers("R12")
def test_ended_token_is_read_only(cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]) -> None:
    token, _ = power_bi
    for later, ended in ((now + 90 * DAY, "expired"), (now, "revoked")):
        if ended == "revoked":
            actions.revoke_token(actor=cast.as_alice, token=token, now=now)
        for attempt in (
            lambda at=later: actions.edit_token(actor=cast.as_alice, token=token, name="New", now=at),
            lambda at=later: actions.show_credentials(actor=cast.as_alice, token=token, now=at),
            lambda at=later: actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, now=at),
        ):
            with pytest.raises(TokenNotActive, match=ended):
                attempt()


@pytest.mark.covers("R13", "R14")
def test_revoking_is_final_and_the_first_one_counts(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, _ = power_bi
    actions.revoke_token(actor=cast.as_alice, token=token, reason="leaked", now=now)
    actions.revoke_token(actor=cast.as_alice, token=token, reason="other", now=now + DAY)
    (found,) = documents([find_token(token.pk, actor=cast.as_alice)], now=now)
    assert (found["status"], found["revoked_by"], found["revocation_reason"]) == (
        "revoked", "alice@acme.example", "leaked",
    )  # fmt: skip
    assert AuditEvent.objects.filter(event="token.revoked").count() == 1


@pytest.mark.covers("R7")
def test_retired_software_stays_on_its_tokens_and_is_not_offered_to_others(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token = actions.edit_token(actor=cast.as_alice, token=power_bi[0], software="excel", now=now)
    TargetSoftware.objects.filter(slug="excel").update(retired_at=now)
    kept = actions.edit_token(actor=cast.as_alice, token=token, name="Kept", software="excel", now=now)
    assert kept.software is not None
    with pytest.raises(Invalid, match="excel"):
        actions.create_token(actor=cast.as_alice, account=cast.acme, name="O", expires="1d", software="excel", now=now)


@pytest.mark.covers("R8")
def test_every_administrator_gets_a_mail_without_the_password(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    mails = list(OwedMail.objects.filter(kind="token_created"))
    assert [mail.recipient for mail in mails] == ["alice@acme.example"]
    assert power_bi[1].password not in str(mails[0].facts)


@pytest.mark.covers("B2")
def test_previous_password_works_only_until_the_overlap_ends(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, first = power_bi
    token, second = actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, now=now)
    assert second.password != first.password
    assert (bytes(token.previous_digest or b""), token.previous_works_until) == (digest(first.password), now + DAY)
    token, _ = actions.rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now)
    assert (token.previous_digest, token.previous_works_until) == (None, None)
    with pytest.raises(Invalid):
        actions.rotate_token(actor=cast.as_alice, token=token, overlap=8 * DAY, now=now)


@pytest.mark.covers("B2", "B6")
def test_overlap_ends_early_once_and_only_while_there_is_one(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    token, _ = power_bi
    actions.end_overlap(actor=cast.as_alice, token=token, now=now)
    actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, now=now)
    for hours in (1, 2):
        token = actions.end_overlap(actor=cast.as_alice, token=token, now=now + timedelta(hours=hours))
        assert token.previous_works_until == now + timedelta(hours=1)
    assert AuditEvent.objects.filter(event="token.overlap_ended").count() == 1
    with pytest.raises(NotPermitted):
        actions.end_overlap(actor=cast.as_bob, token=token, now=now)


@pytest.mark.covers("B2")
def test_answer_about_one_rotation_does_not_touch_the_next(cast: Cast, now: datetime, power_bi: Any) -> None:
    token, _ = power_bi
    seen = rotation_id(token)
    token, second = actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, after=seen, now=now)
    with pytest.raises(RotatedMeanwhile):
        actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, after=seen, now=now)
    with pytest.raises(RotatedMeanwhile):
        actions.end_overlap(actor=cast.as_alice, token=token, after=seen, now=now)
    token = find_token(token.pk, actor=cast.as_alice)
    assert (bytes(token.digest), token.previous_works_until) == (digest(second.password), now + DAY)


@pytest.mark.covers("B3")
def test_list_that_allows_everybody_is_never_report_only(
    cast: Cast, now: datetime, power_bi: tuple[Token, TokenCredentials]
) -> None:
    def edited(**changes: Any) -> Token:
        return actions.edit_token(actor=cast.as_alice, token=power_bi[0], now=now, **changes)

    assert edited(allowed_networks=[], report_only=True).report_only is False
    assert edited(allowed_networks=["192.0.2.0/24"], report_only=True).report_only is True
    assert AuditEvent.objects.latest("pk").details["report_only"] == [False, True]
    assert edited(name="Kept").report_only is True
    assert edited(allowed_networks=[]).report_only is False


@pytest.mark.covers("R1")
def test_creation_that_fails_half_way_leaves_nothing_behind(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    before = AuditEvent.objects.count()
    monkeypatch.setattr("simsim.tokens.notices.owe_created", fail)
    with pytest.raises(OSError, match="disk"):
        actions.create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", now=now)
    assert (Token.objects.count(), AuditEvent.objects.count(), OwedMail.objects.count()) == (0, before, 0)
