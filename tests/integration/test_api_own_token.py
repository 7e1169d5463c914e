"""What the holder of a token may ask with its credentials: whose it is, when it expires, and a new password (B15)."""

from datetime import datetime, timedelta

import pytest

from api_client import Program, basic, program_of_alice
from cast import Cast
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token, edit_token, revoke_token, rotate_token
from simsim.tokens.models import Token
from simsim.tokens.self_rotation import let_programs_rotate

pytestmark = pytest.mark.django_db(databases="__all__")


def slug(answer: object) -> str:
    return str(answer.json()["type"]).rpartition("#")[2]  # type: ignore[attr-defined]


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, Program]:
    token, credentials = create_token(
        actor=cast.as_alice, account=cast.acme, name="Night load", expires="90d", now=now - timedelta(minutes=1)
    )
    return token, Program(basic(credentials.username, credentials.password))


@pytest.mark.covers("B15")
def test_a_program_learns_whose_token_it_holds_and_when_it_expires(
    made: tuple[Token, Program], cast: Cast, now: datetime
) -> None:
    token, program = made
    own = program.get("/self").json()
    assert (own["id"], own["name"], own["account_id"], own["account_name"]) == (
        str(token.pk), "Night load", str(cast.acme.pk), "Acme",
    )  # fmt: skip
    assert own["expires_at"].endswith("Z")
    assert (own["is_current_password"], own["may_rotate"], own["allowed_networks"]) == (True, False, [])


@pytest.mark.covers("B15", "R13")
def test_whoever_the_gate_refuses_learns_nothing(made: tuple[Token, Program], cast: Cast, now: datetime) -> None:
    token, program = made
    wrong = Program(basic(str(cast.acme.pk), "sim_" + "0" * 49))
    other_account = Program(basic(str(cast.globex.pk), "x"))
    refused = [wrong.get("/self"), other_account.get("/self"), Program().get("/self")]
    edit_token(actor=cast.as_alice, token=token, allowed_networks=["203.0.113.0/24"], now=now)
    refused.append(program.get("/self"))
    edit_token(actor=cast.as_alice, token=token, allowed_networks=[], now=now)
    assert program.get("/self").status_code == 200
    revoke_token(actor=cast.as_alice, token=token, now=now)
    refused.append(program.get("/self"))
    assert {(each.status_code, each.content) for each in refused} == {(401, refused[0].content)}
    assert program_of_alice(cast, now).get("/self").status_code == 401


@pytest.mark.covers("B15", "B2")
def test_a_program_rotates_its_token_only_where_the_account_allows_it(
    made: tuple[Token, Program], cast: Cast, now: datetime
) -> None:
    token, program = made
    refused = program.post("/self/rotate", {"overlap_seconds": 60})
    assert (refused.status_code, slug(refused)) == (403, "self-rotation-off")
    let_programs_rotate(actor=cast.as_alice, account=cast.acme, is_allowed=True, now=now)
    assert program.get("/self").json()["may_rotate"] is True
    rotated = program.post("/self/rotate", {"overlap_seconds": 60}, Idempotency_Key="night-1")
    assert rotated.status_code == 200, rotated.content
    fresh = Program(basic(rotated.json()["username"], rotated.json()["password"]))
    assert fresh.get("/self").json()["is_current_password"] is True
    previous = program.get("/self").json()
    assert (previous["is_current_password"], previous["may_rotate"]) == (False, False)
    # If the answer was lost, the program asks again with the password that it still has.
    again = program.post("/self/rotate", {"overlap_seconds": 60}, Idempotency_Key="night-1")
    assert (again.status_code, again.content) == (200, rotated.content)
    # An old password can't push the current one out.
    assert slug(program.post("/self/rotate")) == "rotated-meanwhile"
    event = AuditEvent.objects.get(event="token.rotated")
    assert event.actor_label == "the program that uses the token"
    assert OwedMail.objects.filter(kind="token_rotated").count() == 1
    token.refresh_from_db()
    rotate_token(actor=cast.as_alice, token=token, overlap=timedelta(0), now=now + timedelta(seconds=1))
    assert fresh.get("/self").status_code == 401


def test_the_account_s_choice_is_made_by_its_administrators_and_recorded(cast: Cast, now: datetime) -> None:
    program, path = program_of_alice(cast, now), f"/accounts/{cast.acme.pk}"
    tag = program.get(path).headers["ETag"]
    assert program.patch(path, {"programs_may_rotate": True}).status_code == 428
    assert program.patch(path, {"programs_may_rotate": True}, If_Match=tag).json()["programs_may_rotate"] is True
    assert program.patch(path, {"programs_may_rotate": False}, If_Match=tag).status_code == 412
    assert AuditEvent.objects.get(event="account.self_rotation_changed").details["allowed"] is True
