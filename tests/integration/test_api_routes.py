"""Every route of the management API, walked: its rule, its place in the OpenAPI document, and who gets in."""

import itertools
import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from django.test import Client
from docutils import nodes

from api_client import Program, basic, management_token, program_of_olga
from cast import Cast
from console_client import console_addresses, sign_in
from simsim.access_reviews.actions import start_review
from simsim.accounts.actions import add_user
from simsim.accounts.models import Role
from simsim.accounts.permissions import GRANTS, OPERATOR
from simsim.accounts.second_factors import require_second_factor
from simsim.api.description import problems_of
from simsim.api.operation import Operation
from simsim.api.responses import type_of
from simsim.api.urls import OPERATIONS, urlpatterns
from simsim.audit.events import Event
from simsim.management_tokens.models import Scope
from simsim.operations.command_line import app
from simsim.tokens.actions import create_token
from simsim.tokens.hand_over import hand_over_token
from simsim.tokens.token_requests import ask_for_token
from simsim.webhooks.actions import add_endpoint

pytestmark = pytest.mark.django_db(databases="__all__")
DOCS = Path(__file__).parents[2] / "docs"
# Each console address that does something: the operations that do the same, and the commands.
TWINS = {
    "tokens": ("list_tokens", "token list"), "ended_tokens": ("list_tokens", "token list"),
    "search_tokens": ("list_tokens", "token list"),
    "create_token": ("create_token ask_for_approval", "token create, token-request ask"),
    "token": (
        "get_token edit_token preview_networks suggest_allowlist preview_limits suggest_limits list_hand_overs "
        "list_emails",
        "token show, token edit, token allowlist-preview, token allowlist-suggestion, token limits-preview, "
        "token limits-suggestion, token hand-overs, token emails",
    ),
    "credentials": ("show_credentials", "token credentials"),
    "download_credentials": ("show_credentials", "token credentials"),
    "rotate_token": ("rotate_token", "token rotate"), "end_overlap": ("end_overlap", "token end-overlap"),
    "revoke_token": ("revoke_token", "token revoke"), "pause_token": ("pause_token", "token pause"),
    "resume_token": ("resume_token", "token resume"), "hand_over_token": ("hand_over_token", "token hand-over"),
    "take_back_hand_over": ("take_back_hand_over", "token take-back"),
    "logs": ("list_requests get_counted_requests", "log list, log counted"),
    "more_requests": ("list_requests", "log list"), "logged_request": ("get_request", "log show"),
    "newest_requests": ("follow_requests", "log follow"), "export_requests": ("export_requests", "log export"),
    "usage": ("get_usage", "usage"),
    "review_request": (
        "get_token_request approve_token_request", "token-request show, token-request approve",
    ),
    "decline_request": ("list_token_requests decline_token_request", "token-request list, token-request decline"),
    "notices": ("get_notices set_notices", "notices show, notices set"),
    "policies": ("get_policies set_policies", "policy show, policy set"),
    "incident": (
        "get_creation_freeze freeze_creation lift_creation_freeze", "incident show, incident freeze, incident lift",
    ),
    "calls": ("get_call_report", "incident report"), "export_calls": ("export_call_report", "incident report"),
    "token_selection": ("preview_selection", "incident preview"),
    "change_selection": (
        "stop_tokens resume_tokens preview_selection_networks change_networks",
        "incident stop, incident resume, incident networks-preview, incident networks",
    ),
    "access_reviews": (
        "list_access_reviews start_access_review get_access_review_schedule set_access_review_schedule",
        "access-review list, access-review start, access-review schedule, access-review set-schedule",
    ),
    "access_review": (
        "get_access_review list_access_review_rows decide_access_review_row keep_access_review_rows",
        "access-review show, access-review rows, access-review decide, access-review keep",
    ),
    "sign_off_access_review": ("sign_off_access_review", "access-review sign-off"),
    "export_access_review": ("export_access_review", "access-review export"),
    "people": ("list_people get_person", "user list"), "invite_person": ("invite_person", "user invite"),
    "invite_again": ("resend_invitation", "user invite-again"), "change_role": ("change_role", "user role"),
    "remove_person": ("remove_person", "user remove"), "home": ("list_accounts", "account list"),
    "account": ("get_account", "account show"), "self_rotation": ("edit_account", "account self-rotation"),
    "audit_trail": ("list_audit_events", "audit list"), "export_audit_trail": ("list_audit_events", "audit export"),
    "webhooks": ("list_webhooks", "webhook list"), "add_webhook": ("add_webhook", "webhook add"),
    "webhook": ("get_webhook list_deliveries", "webhook list, webhook deliveries"),
    "edit_webhook": ("edit_webhook", "webhook edit"), "rotate_webhook": ("rotate_webhook_secret", "webhook rotate"),
    "remove_webhook": ("remove_webhook", "webhook remove"), "test_webhook": ("send_test_event", "webhook test"),
    "pause_webhook": ("pause_webhook", "webhook pause"), "resume_webhook": ("resume_webhook", "webhook resume"),
    "webhook_delivery": ("get_delivery", "webhook deliveries"),
    "resend_webhook_delivery": ("resend_delivery", "webhook resend"),
    "operator": ("get_status", "status"), "operator_checks": ("examine", "doctor"),
    "operator_data": ("get_stored_data", "stored-data"), "operator_mail": ("list_all_emails", "mail list"),
    "operator_retry_mail": ("retry_email", "mail retry"), "operator_accounts": ("list_accounts", "account list"),
    "second_factor_policy": ("get_second_factor set_second_factor", "account require-second-factor"),
    "single_sign_on_policy": ("get_single_sign_on set_single_sign_on", "account require-single-sign-on"),
    "management_tokens": ("list_management_tokens", "management-token list"),
    "revoke_management_token": ("revoke_management_token", "management-token revoke"),
    "report_leak": ("report_leaked_passwords", "leak report"),
}  # fmt: skip
# The others, with the reason why a program can't do the same.
WITHOUT_TWIN = {
    "portal": "for the person who comes from the operator’s product", "portal_look": "a style sheet",
    "portal_logo": "a picture",
    "security": "about a person’s own sign-in",
    "end_session": "about a person’s own sign-in", "end_other_sessions": "about a person’s own sign-in",
    "well_known_change_password": "a page for browsers", "security_txt": "a page for researchers",
    "handed_over": "for the person who got a link", "leak_reported": "says thank you",
    "offered_token": "for the member who got a token",
    "search": "for people: a program lists what it wants",
    "destinations": "a page of links", "api": "a page of links", "connect": "instructions for people",
    "connect_recipe": "instructions for people", "postman_collection": "instructions for people",
    "documentation": "pages for people", "documentation_start": "pages for people",
    "try_token": "a program tries its credentials by sending a request",
    "ask": "a member’s request: a member has no management token",
    "create_management_token": "a program that created these would outlive the revocation of its own",
}  # fmt: skip
# Reading that leaves an event in the trail, and a POST that changes nothing.
READS_AUDITED = {"export_requests", "export_call_report", "export_access_review"}
CHANGES_NOTHING = {"preview_networks", "preview_limits", "preview_selection", "preview_selection_networks"}
# SCIM has its own clients, which are programs; people do the same on the page People.
NO_CONSOLE = re.compile(r"^(sign-in|api/v1|scim/v2)/")


@pytest.mark.covers("B7")
def test_every_console_action_has_its_twin() -> None:
    found = {name for route, name in console_addresses() if not NO_CONSOLE.match(route)}
    assert found == TWINS.keys() | WITHOUT_TWIN.keys()
    operations = {name for names, _ in TWINS.values() for name in names.split()}
    assert operations <= OPERATIONS.keys()
    commands = {verb for _, verbs in TWINS.values() for verb in verbs.split(", ")}
    known = {" ".join(path[1:]) for path, _ in leaves(typer.main.get_group(app), ("simsim",))}
    assert commands <= known
    assert not {reason for reason in WITHOUT_TWIN.values() if "later" in reason}


@pytest.mark.covers("B7")
def test_administrator_without_the_required_second_factor_can_do_nothing_by_script(cast: Cast, now: datetime) -> None:
    _, credentials = management_token(cast.as_alice, cast.acme, now=now)
    address = f"/api/v1/accounts/{cast.acme.pk}/tokens"
    signed = {"Authorization": basic(credentials.username, credentials.password)}
    assert Client().get(address, headers=signed).status_code == 200
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    for answer in (Client().get(address, headers=signed), sign_in(cast.alice).get(address)):
        assert (answer.status_code, answer.json()["title"]) == (403, "Add a second factor first")


@pytest.mark.covers("B7", "R1")
def test_every_route_has_a_rule_a_scope_and_an_audit_decision() -> None:
    routed = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern)) for pattern in urlpatterns}
    declared = {operation.path.removeprefix("/") for operation in OPERATIONS.values()}
    # Those of OAuth have forms, rules of their own, and tests in test_oauth.py.
    assert routed == declared | {"openapi.json", "docs", "^.*$", "oauth/introspect", "oauth/revoke"}
    for operation in OPERATIONS.values():
        rule = operation.rule
        is_own = operation.path.startswith("/self")
        assert rule.scopes or is_own or is_signed(operation), operation.name
        assert rule.permission is not None or is_own or "{account_id}" not in operation.path, operation.name
        assert isinstance(rule.audit, Event) or len(rule.audit) > 10, operation.name
        # Whatever changes something is audited.
        changes = operation.method != "GET" and operation.name not in CHANGES_NOTHING
        assert isinstance(rule.audit, Event) is (changes or operation.name in READS_AUDITED), operation.name
        if rule.is_secret and not is_own:
            assert rule.needs_recent, operation.name
        if operation.status == 201:
            assert rule.creates, operation.name


def test_the_document_describes_every_operation_with_examples_and_every_error() -> None:
    document = json.loads(Client().get("/api/v1/openapi.json").content)
    assert document["openapi"] == "3.1.0"
    described = {each["operationId"]: each for methods in document["paths"].values() for each in methods.values()}
    assert described.keys() == OPERATIONS.keys()
    for name, each in described.items():
        operation = OPERATIONS[name]
        assert len(each["description"]) > 15, name
        answer = each["responses"][str(operation.status)]
        if operation.media:
            assert answer["content"].keys() == set(operation.media)
        if operation.answer is not None:
            example = answer["content"]["application/json"]["example"]
            operation.answer.model_validate(example)
        if operation.body is not None:
            operation.body.model_validate(each["requestBody"]["content"]["application/json"]["example"])
        for problem in problems_of(operation):
            content = each["responses"][str(problem.status)]["content"]["application/problem+json"]
            assert problem.slug in content["examples"], (name, problem)
        for parameter in each["parameters"]:
            assert parameter["description"], (name, parameter)


@pytest.mark.covers("B7", "B22")
def test_the_type_of_every_problem_leads_to_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS / "_sphinx")
    import reference

    page = "\n".join(reference.problems())
    for operation in OPERATIONS.values():
        for problem in problems_of(operation):
            path, _, anchor = type_of(problem).partition("/docs/")[2].partition("#")
            assert (DOCS / path.replace(".html", ".md")).is_file()
            # The site names a section after its heading.
            assert f"\n## {anchor}\n\n{problem.title}. " in page
            assert nodes.make_id(anchor) == anchor


def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command that does something, below this one, with the words that name it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, each in below.items():
        yield from leaves(each, (*path, name))


def addresses(cast: Cast, now: datetime) -> dict[str, str]:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    request = ask_for_token(actor=cast.as_bob, account=cast.acme, name="For Bob", purpose="A report", now=now)
    dora = add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role="member", now=now).user
    webhook, _ = add_endpoint(
        actor=cast.as_alice,
        account=cast.acme,
        name="W",
        url="https://hooks.example/",
        events=["token.created"],
        now=now,
    )
    link = hand_over_token(actor=cast.as_alice, token=token, now=now).hand_over
    review = start_review(actor=cast.as_alice, account=cast.acme, now=now)
    values = {
        "review_id": str(review.pk), "row_id": str(review.rows.order_by("pk")[0].pk),
        "account_id": str(cast.acme.pk), "token_id": str(token.pk), "user_id": str(dora.pk),
        "webhook_id": str(webhook.pk), "delivery_id": "1", "hand_over_id": str(link.pk), "email_id": "1",
        "slug": "power-bi", "management_token_id": str(management_token(cast.as_alice, cast.acme, now=now)[0].pk),
    }  # fmt: skip
    return {
        operation.name: operation.path.format(
            **values, request_id=str(request.pk) if "token-requests" in operation.path else "1"
        )
        for operation in OPERATIONS.values()
    }


def callers(cast: Cast, now: datetime) -> Iterator[tuple[str, Program, frozenset[Scope], str]]:
    """Yield each caller, its scopes, and where it belongs: acme, member, globex, operator or nowhere."""
    people = frozenset({Scope.READ, Scope.TOKENS, Scope.PEOPLE})
    yield "nobody", Program(), frozenset(), "nowhere"
    yield "a wrong password", Program(basic(str(uuid.uuid4()), "simm_wrong")), frozenset(), "nowhere"
    yield "Alice's browser", Program(client=sign_in(cast.alice)), people, "acme"
    yield "Bob's browser", Program(client=sign_in(cast.bob)), people, "member"
    yield "Charlie's browser", Program(client=sign_in(cast.charlie)), people, "globex"
    for actor, account, home in ((cast.as_alice, cast.acme, "acme"), (cast.as_charlie, cast.globex, "globex")):
        for scope in (Scope.READ, Scope.TOKENS, Scope.PEOPLE):
            token, credentials = management_token(actor, account, scope, now=now)
            yield f"{home} {scope}", Program.of(credentials), token.granted, home
    yield "operator", program_of_olga(now), frozenset({Scope.OPERATOR}), "operator"
    own = create_token(actor=cast.as_alice, account=cast.acme, name="Own", expires="90d", now=now)[1]
    yield "an API token", Program(basic(own.username, own.password)), frozenset(), "token"


def is_signed(operation: Operation) -> bool:
    """Whether the operation asks for a signature of the body, and for no caller."""
    return operation.door.security == ()


def expected(operation: Operation, scopes: frozenset[Scope], home: str) -> set[int]:
    """Return the statuses that the rule allows this caller."""
    refused, is_own = {401}, operation.path.startswith("/self")
    if is_signed(operation):
        return {404}  # the tests' installation lists no keys
    if home == "nowhere" or (home == "token") is not is_own:
        return refused
    if home == "token":
        return {200, 403} if operation.name == "rotate_own_token" else {200}
    has_scope = bool(scopes & operation.rule.scopes)
    if home == "operator":
        return LET_IN if has_scope else {403}
    if "{account_id}" in operation.path:
        if home == "globex":
            return {404}
        permission = operation.rule.permission
        if home == "member" and permission not in GRANTS[Role.MEMBER]:
            return {403}
    return LET_IN if has_scope else {403}


# Whoever is let in gets an answer, or hears what is wrong with an empty request.
LET_IN = {200, 201, 204, 404, 409, 412, 422, 428}


@pytest.mark.covers("R1", "B7")
def test_nobody_gets_further_than_their_scope_role_and_account_allow(cast: Cast, now: datetime) -> None:
    paths = addresses(cast, now)
    known = list(callers(cast, now))
    for operation, (name, program, scopes, home) in itertools.product(OPERATIONS.values(), known):
        answer = program.send(operation.method, paths[operation.name], None)
        allowed = expected(operation, scopes, home)
        assert answer.status_code in allowed, (operation.name, name, answer.status_code, answer.content)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert "no-store" in answer.headers["Cache-Control"]
    assert len(OPERATIONS) * len(known) > 300


def test_a_foreign_account_answers_as_one_that_does_not_exist(cast: Cast, now: datetime) -> None:
    charlie = Program.of(management_token(cast.as_charlie, cast.globex, Scope.TOKENS, Scope.PEOPLE, now=now)[1])
    paths = addresses(cast, now)
    for operation in OPERATIONS.values():
        if "{account_id}" in operation.path:
            foreign = charlie.send(operation.method, paths[operation.name])
            for other in (str(uuid.uuid4()), "nonsense", "{" + str(cast.acme.pk) + "}"):
                missing = charlie.send(operation.method, paths[operation.name].replace(str(cast.acme.pk), other))
                assert (missing.status_code, missing.content) == (404, foreign.content), operation.name


def test_the_rate_of_one_client_is_limited(cast: Cast, now: datetime, monkeypatch: Any) -> None:
    from simsim.api import rate_limits

    program = Program.of(management_token(cast.as_alice, cast.acme, now=now)[1])
    other = Program.of(management_token(cast.as_alice, cast.acme, now=now)[1])
    monkeypatch.setattr(rate_limits, "QUOTA", 3)
    left = [program.get("/target-software").headers["RateLimit"] for _ in range(3)]
    assert [text.split(";")[1] for text in left] == ["r=2", "r=1", "r=0"]
    refused = program.get("/target-software")
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (429, "rate-limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Policy"] == '"requests";q=3000;w=60'
    assert other.get("/target-software").status_code == 200
