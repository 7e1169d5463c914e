"""The contract between the console's tables and the gate: the view `verifiable_token`, on the real database."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection

from cast import Cast
from simsim.config import gate_settings
from simsim.config.gates import open_lookup
from simsim.credential.digest import digest
from simsim.gate.lookup import COLUMNS, Lookup
from simsim.tokens import actions
from simsim.tokens.pause import pause_token, resume_token

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def lookup() -> Lookup:
    """The gate's own lookup, on the database that the tests write to."""
    name = connection.settings_dict["NAME"]
    server = settings.OPERATOR.database_url.rpartition("/")[0]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{server}/{name}"
    return open_lookup(replace(gate_settings.read(), database_url=url))


@pytest.mark.covers("R13", "B11")
def test_view_has_the_columns_that_the_gate_reads() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM verifiable_token")
        assert [column.name if hasattr(column, "name") else column[0] for column in cursor.description] == [
            name.strip() for name in COLUMNS.split(",")
        ]


@pytest.mark.covers("R13", "B1", "B2", "B3", "B13")
def test_gate_sees_each_change_of_a_token_at_the_next_lookup(cast: Cast, now: datetime, lookup: Lookup) -> None:
    token, first = actions.create_token(
        actor=cast.as_alice, account=cast.acme, name="Überweisung 💶", expires="90d",
        allowed_networks=["192.0.2.0/24"], now=now,
    )  # fmt: skip
    found = lookup.find(digest(first.password))
    assert found is not None
    assert (found.token_id, found.account_id, found.name) == (str(token.pk), str(cast.acme.pk), "Überweisung 💶")
    assert (found.digest, found.expires_at, found.revoked) == (digest(first.password), now + 90 * DAY, False)
    assert (len(found.allowlist), found.superseded_at) == (34, None)

    actions.edit_token(actor=cast.as_alice, token=token, allowed_networks=[], now=now)
    edited = lookup.find(digest(first.password))
    assert edited is not None
    assert edited.allowlist == b""

    actions.edit_token(actor=cast.as_alice, token=token, allowed_networks=["192.0.2.0/24"], report_only=True, now=now)
    reporting = lookup.find(digest(first.password))
    assert reporting is not None
    assert (edited.report_only, reporting.report_only) == (False, True)

    _, second = actions.rotate_token(actor=cast.as_alice, token=token, overlap=DAY, now=now)
    old, new = lookup.find(digest(first.password)), lookup.find(digest(second.password))
    assert old is not None
    assert new is not None
    assert (old.superseded_at, new.superseded_at, old.token_id) == (now + DAY, None, new.token_id)

    assert (old.report_only, new.report_only) == (True, True)

    actions.end_overlap(actor=cast.as_alice, token=token, now=now + timedelta(hours=1))
    ended_early = lookup.find(digest(first.password))
    assert ended_early is not None
    assert ended_early.superseded_at == now + timedelta(hours=1)

    pause_token(actor=cast.as_alice, token=token, until="2h", now=now)
    for secret in (first, second):
        paused = lookup.find(digest(secret.password))
        assert paused is not None
        assert (paused.paused, paused.paused_until) == (True, now + timedelta(hours=2))
    resume_token(actor=cast.as_alice, token=token, now=now)
    resumed = lookup.find(digest(second.password))
    assert resumed is not None
    assert (resumed.paused, resumed.paused_until, new.paused) == (False, None, False)

    actions.revoke_token(actor=cast.as_alice, token=token, now=now)
    for secret in (first, second):
        ended = lookup.find(digest(secret.password))
        assert ended is not None
        assert ended.revoked
    assert lookup.find(bytes(32)) is None
    lookup.close()


@pytest.mark.covers("R5", "B11")
def test_expiry_is_read_to_the_microsecond(cast: Cast, now: datetime, lookup: Lookup) -> None:
    for moment in (now, now.replace(microsecond=1), now.replace(microsecond=999_999)):
        _, credentials = actions.create_token(
            actor=cast.as_alice, account=cast.acme, name=moment.isoformat(), expires="1d", now=moment
        )
        found = lookup.find(digest(credentials.password))
        assert found is not None
        assert found.expires_at == moment + DAY
    lookup.close()
