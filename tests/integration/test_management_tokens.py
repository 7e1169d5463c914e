"""Management tokens: who makes them, when they work, and that they open nothing else."""

from datetime import datetime, timedelta

import pytest
from django.test import override_settings

from api_client import Program, basic, management_token, program_of_olga
from cast import Cast
from simsim.accounts.actions import add_user, change_role, remove_user
from simsim.accounts.models import Account
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.credential import basic as basic_credentials
from simsim.credential import management_password, password
from simsim.credential.decision import Decision
from simsim.management_tokens.actions import create_management_token, create_operator_token, revoke_management_token
from simsim.management_tokens.models import ManagementToken, Scope
from simsim.problem import Invalid, NotFound, NotPermitted
from simsim.tokens.account_closure import close_account
from simsim.tokens.actions import create_token
from verbs import Simsim

pytestmark = pytest.mark.django_db(databases="__all__")


def status(program: Program, account: Account) -> int:
    return int(program.get(f"/accounts/{account.pk}/tokens").status_code)


@pytest.mark.covers("B7")
def test_its_password_has_a_form_of_its_own_and_is_stored_as_a_digest_only(cast: Cast, now: datetime) -> None:
    token, credentials = management_token(cast.as_alice, cast.acme, now=now)
    assert management_password.is_well_formed(credentials.password)
    assert not password.is_well_formed(credentials.password)
    assert not management_password.is_well_formed(password.mint())
    assert credentials.password not in repr(credentials)
    stored = ManagementToken.objects.filter(pk=token.pk).values().get()
    assert credentials.password[5:] not in str(stored)
    for text in (credentials.password, basic(credentials.username, credentials.password)):
        assert credentials.password[8:30] not in password.mask(f"Authorization: {text}")
        assert password.MASKED in password.mask(text)


@pytest.mark.covers("B7", "R1")
def test_it_never_opens_the_gate_and_an_api_token_never_opens_the_management_api(cast: Cast, now: datetime) -> None:
    _, credentials = management_token(cast.as_alice, cast.acme, now=now)
    for username in (credentials.username, str(cast.acme.pk)):
        refused = basic_credentials.parse([basic(username, credentials.password).encode()])
        assert isinstance(refused, Decision)
    token, own = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    for username in (own.username, str(token.pk)):
        assert status(Program(basic(username, own.password)), cast.acme) == 401
    refused_answer = Program(basic(own.username, own.password)).get(f"/accounts/{cast.acme.pk}/tokens")
    assert refused_answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.covers("B7", "R13")
def test_it_dies_with_its_expiry_its_revocation_and_the_role_of_its_administrator(cast: Cast, now: datetime) -> None:
    def made(name: str = "90d") -> tuple[ManagementToken, Program]:
        token, credentials = management_token(cast.as_alice, cast.acme, now=now, expires=name)
        return token, Program.of(credentials)

    token, program = made()
    assert status(program, cast.acme) == 200
    ManagementToken.objects.filter(pk=token.pk).update(expires_at=now - timedelta(seconds=1))
    assert status(program, cast.acme) == 401
    token, program = made()
    revoke_management_token(actor=cast.as_alice, token=token, now=now)
    assert status(program, cast.acme) == 401
    _, program = made()
    add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role="administrator", now=now)
    change_role(actor=OPERATOR, account=cast.acme, user=cast.alice, role="member", now=now)
    assert status(program, cast.acme) == 401
    change_role(actor=OPERATOR, account=cast.acme, user=cast.alice, role="administrator", now=now)
    assert status(program, cast.acme) == 200
    cast.alice.is_active = False
    cast.alice.save()
    assert status(program, cast.acme) == 401
    cast.alice.is_active = True
    cast.alice.save()
    remove_user(actor=OPERATOR, account=cast.acme, user=cast.alice, now=now)
    assert status(program, cast.acme) == 401


def test_it_dies_with_its_account(cast: Cast, now: datetime) -> None:
    program = Program.of(management_token(cast.as_alice, cast.acme, now=now)[1])
    close_account(actor=OPERATOR, account=cast.acme, now=now)
    assert status(program, cast.acme) == 401


@pytest.mark.covers("B7")
def test_it_works_in_its_account_only_and_from_its_networks_only(cast: Cast, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.globex, email=cast.alice.email, role="administrator", now=now)
    program = Program.of(management_token(cast.as_alice, cast.acme, now=now)[1])
    assert (status(program, cast.acme), status(program, cast.globex)) == (200, 404)
    assert [each["name"] for each in program.get("/accounts").json()["items"]] == ["Acme"]
    elsewhere = Program.of(management_token(cast.as_alice, cast.acme, now=now, allow=("203.0.113.0/24",))[1])
    here = Program.of(management_token(cast.as_alice, cast.acme, now=now, allow=("127.0.0.1",))[1])
    assert (status(elsewhere, cast.acme), status(here, cast.acme)) == (401, 200)


def test_the_last_use_is_known(cast: Cast, now: datetime) -> None:
    token, credentials = management_token(cast.as_alice, cast.acme, now=now)
    status(Program.of(credentials), cast.acme)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_address == "127.0.0.1"


@pytest.mark.covers("R1")
def test_only_administrators_make_them_and_no_program_does(cast: Cast, now: datetime) -> None:
    token, _ = management_token(cast.as_alice, cast.acme, now=now)
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted)):
        with pytest.raises(problem):
            create_management_token(
                actor=actor, account=cast.acme, name="CI", expires="90d", scopes=["tokens"], now=now
            )
    with pytest.raises(NotFound):
        revoke_management_token(actor=cast.as_charlie, token=token, now=now)
    for scopes in (["operator"], [], ["tokens", "all"]):
        with pytest.raises(Invalid):
            create_management_token(
                actor=cast.as_alice, account=cast.acme, name="CI", expires="90d", scopes=scopes, now=now
            )
    with pytest.raises(NotPermitted):
        create_operator_token(actor=cast.as_alice, named=None, name="CRM", expires="90d", now=now)


@pytest.mark.covers("B7")
def test_the_command_line_creates_lists_and_revokes_them(cast: Cast, simsim: Simsim) -> None:
    made = simsim("management-token", "create", "--as", cast.alice.email, "--name", "CI", "--expires", "90d")
    assert (made["username"], made["scopes"], made["account_id"]) == (made["id"], ["tokens"], str(cast.acme.pk))
    program = Program(basic(made["username"], made["password"]))
    assert status(program, cast.acme) == 200
    [listed] = simsim("management-token", "list", "--account", str(cast.acme.pk))["items"]
    assert (listed["id"], "password" in listed) == (made["id"], False)
    assert simsim("management-token", "revoke", made["id"])["revoked_by"] == "operator"
    assert status(program, cast.acme) == 401
    trail = AuditEvent.objects.filter(event__startswith="management_token").order_by("pk")
    assert [event.event.partition(".")[2] for event in trail] == ["created", "revoked"]


def test_the_command_line_asks_for_the_account_if_there_are_several(cast: Cast, simsim: Simsim, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.globex, email=cast.alice.email, role="administrator", now=now)
    arguments = ("management-token", "create", "--as", cast.alice.email, "--name", "CI", "--expires", "90d")
    assert "--account ID" in simsim(*arguments, fails=2)
    assert simsim(*arguments, "--account", str(cast.globex.pk))["account_id"] == str(cast.globex.pk)
    assert "scope operator" in simsim(*arguments[:2], *arguments[4:], fails=2)


@pytest.mark.covers("B7")
def test_an_operators_token_provisions_accounts_and_people_and_sees_no_tokens(
    cast: Cast, simsim: Simsim, now: datetime
) -> None:
    made = simsim("management-token", "create", "--name", "CRM", "--expires", "90d", "--scope", "operator")
    program = Program(basic(made["username"], made["password"]))
    account = program.post("/accounts", {"name": "Initech", "external_id": "crm-1"})
    assert account.status_code == 201, account.content
    assert program.post("/accounts", {"name": "Initech", "external_id": "crm-1"}).json() == account.json()
    people = f"/accounts/{account.json()['id']}/people"
    person = program.post(people, {"email": "peter@initech.example", "role": "administrator"})
    assert (person.status_code, person.json()["role"]) == (201, "administrator")
    assert len(program.get("/accounts?limit=1").json()["items"]) == 1
    assert status(program, cast.acme) == 403
    assert program.post("/target-software", {"slug": "crm", "name": "CRM"}).status_code == 201
    assert AuditEvent.objects.get(event="account.created", subject_id=account.json()["id"]).actor_label == "operator"


@pytest.mark.covers("B9")
def test_a_token_for_asking_the_gate_stands_alone_and_opens_no_api(cast: Cast, simsim: Simsim) -> None:
    create = ("management-token", "create", "--name", "Orders API", "--expires", "90d", "--scope", "gate")
    made = simsim(*create)
    assert (made["scopes"], made["account_id"], made["created_by"]) == (["gate"], None, "operator")
    program = Program(basic(made["username"], made["password"]))
    for path in ("/accounts", "/status", "/target-software", f"/accounts/{cast.acme.pk}/tokens"):
        assert program.get(path).status_code == 401
    for more in (("--scope", "operator"), ("--scope", "read"), ("--account", str(cast.acme.pk))):
        assert "can't be combined" in simsim(*create, *more, fails=2)
    assert simsim("management-token", "revoke", made["id"])["status"] == "revoked"


def test_an_operators_token_in_a_persons_name_dies_with_that_person(cast: Cast, now: datetime) -> None:
    _, credentials = create_operator_token(actor=OPERATOR, named=cast.as_alice, name="CRM", expires="90d", now=now)
    program = Program.of(credentials)
    assert program.get("/accounts").status_code == 200
    cast.alice.is_active = False
    cast.alice.save()
    assert program.get("/accounts").status_code == 401
    cast.alice.delete()
    assert program.get("/accounts").status_code == 401
    assert program_of_olga(now).get("/accounts").status_code == 200


@override_settings(APPEND_SLASH=True)
@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.PEOPLE,)])
def test_a_narrow_scope_reads_tokens_and_changes_none(cast: Cast, now: datetime, scopes: tuple[Scope, ...]) -> None:
    program = Program.of(management_token(cast.as_alice, cast.acme, *scopes, now=now)[1])
    assert status(program, cast.acme) == 200
    answer = program.post(f"/accounts/{cast.acme.pk}/tokens", {"name": "A", "expires": "90d"})
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (403, "insufficient-scope")
    assert "scope tokens" in answer.json()["detail"]


@pytest.mark.covers("B7", "R1")
def test_programs_list_and_revoke_those_of_their_account_only(cast: Cast, now: datetime) -> None:
    reader, writer = (
        management_token(cast.as_alice, cast.acme, scope, now=now) for scope in (Scope.READ, Scope.TOKENS)
    )
    foreign, _ = management_token(cast.as_charlie, cast.globex, now=now)
    path = f"/accounts/{cast.acme.pk}/management-tokens"
    program, own = Program.of(reader[1]), Program.of(writer[1])
    answer = program.get(path)
    assert {each["id"] for each in answer.json()["items"]} == {str(reader[0].pk), str(writer[0].pk)}
    assert reader[1].password[5:] not in answer.content.decode()
    assert program.post(f"{path}/{reader[0].pk}/revoke").status_code == 403
    for account, token_id in (
        (cast.acme, foreign.pk), (cast.globex, foreign.pk), (cast.globex, reader[0].pk), (cast.acme, "x")
    ):  # fmt: skip
        assert own.post(f"/accounts/{account.pk}/management-tokens/{token_id}/revoke").status_code == 404
    assert own.get(f"/accounts/{cast.globex.pk}/management-tokens").status_code == 404
    for _ in range(2):
        revoked = own.post(f"{path}/{reader[0].pk}/revoke").json()
        assert (revoked["status"], revoked["revoked_by"]) == ("revoked", "alice@acme.example")
    assert program.get(path).status_code == 401
    event = AuditEvent.objects.get(event="management_token.revoked")
    assert (event.subject_id, event.details["management_token"]) == (str(reader[0].pk), str(writer[0].pk))
    assert own.post(f"{path}/{writer[0].pk}/revoke").status_code == 200
    assert own.get(path).status_code == 401
    assert ManagementToken.objects.get(pk=foreign.pk).revoked_at is None
