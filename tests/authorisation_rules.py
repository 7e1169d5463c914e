"""Who asks for which address of the product in the authorisation matrix, and which answers the rules allow them."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.test import Client

from account_things import SHARED, Things, filled, kinds_in
from api_client import basic, management_token, program_of_olga
from cast import PASSWORD
from console_client import console_addresses, sign_in
from route_rules import (
    FOR_ANYBODY,
    FOR_EVERYONE,
    FOR_ITS_OWNER,
    FOR_NOBODY,
    FOR_OPERATORS,
    FOR_PERSONS,
    FORMS,
    MAY_BE_MISSING,
    QUERIES,
    SIGNED_IN,
)
from simsim.accounts.models import PortalRole, Role
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import GRANTS, OPERATOR, PORTAL_GRANTS, Permission
from simsim.accounts.portal_links import create_portal_link
from simsim.api.callers import PERSON_SCOPES
from simsim.api.urls import OPERATIONS
from simsim.console.portal import limits
from simsim.management_tokens.models import Scope

OURS = "Acme"


@dataclass(frozen=True)
class Asked:
    """One method of one address: `kinds` are the things that its ids name."""

    name: str
    pattern: str
    method: str

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/v1/")

    @property
    def is_operation(self) -> bool:
        """Whether it is an operation of the management API; its documents are not."""
        return self.is_api and self.name in OPERATIONS

    @functools.cached_property
    def kinds(self) -> list[str]:
        return kinds_in(self.name, self.pattern)

    @property
    def is_safe(self) -> bool:
        return self.method == "GET"


@dataclass
class Caller:
    """Somebody who asks: `home` is their account's name, "" if they have none; `kind` says how they are known."""

    kind: str
    home: str = ""
    role: str = ""
    scopes: frozenset[Scope] = frozenset()
    client: Client = field(default_factory=Client)
    authorization: str = field(default="", repr=False)


def routes() -> Iterator[Asked]:
    """Yield every address of the product with each method to ask; `test_scim` asks those of SCIM."""
    for pattern, name in console_addresses():
        if pattern.startswith("scim/v2/"):
            continue
        known = OPERATIONS.get(name) if pattern.startswith("api/v1/") else None
        for method in [known.method] if known else ["GET", "POST"]:
            yield Asked(name or pattern, pattern, method)


def callers(known: dict[str, Things], now: datetime) -> Iterator[Caller]:
    yield Caller("nobody")
    for home, things in known.items():
        # The administrator comes first: what the address answers them shows whether it takes the method.
        yield Caller("person", home, Role.ADMINISTRATOR, PERSON_SCOPES, sign_in(things.administrator))
        yield Caller("person", home, Role.MEMBER, PERSON_SCOPES, sign_in(things.member))
        for role in PortalRole:
            yield Caller("portal", home, role, client=arrived(things, role, now))
        for scope in (Scope.READ, Scope.TOKENS, Scope.PEOPLE):
            token, credentials = management_token(things.actor, things.account, scope, now=now)
            yield Caller(
                "program",
                home,
                Role.ADMINISTRATOR,
                token.granted,
                authorization=basic(credentials.username, credentials.password),
            )
        yield Caller("token", home, authorization=basic(str(things.account.pk), things.secrets[0]))
    person, _ = add_operator(actor=OPERATOR, email="oscar@operator.example", password=PASSWORD, now=now)
    yield Caller("operator", scopes=PERSON_SCOPES, client=sign_in(person))
    yield Caller(
        "operator's program", scopes=frozenset({Scope.OPERATOR}), authorization=program_of_olga(now).authorization
    )


def arrived(things: Things, role: str, now: datetime) -> Client:
    """Return the browser of somebody from the operator's product."""
    link = create_portal_link(
        actor=OPERATOR, account=things.account, email=f"{role}@portal.example", role=role,
        return_url="https://app.example.com/", now=now,
    )  # fmt: skip
    browser = Client()
    assert browser.post("/portal/", {"link": link.secret}).status_code == 302
    return browser


def expected(asked: Asked, caller: Caller, *, account: str, is_foreign: bool) -> set[str]:
    """Return the allowed answers: `in`, `sign in` or a status.

    `account` is the one that the address names, "" for none; `is_foreign` says that another id belongs to another one.
    """
    if asked.name in FOR_NOBODY:
        return {"403", "404"} if caller.kind == "portal" else {"404"}
    if asked.name in FOR_ANYBODY:
        return {"in", "403", "404"}
    if asked.is_api:
        return expected_of_operation(asked, caller, account=account, is_foreign=is_foreign)
    inside = {"404"} if is_foreign else {"in", "404"} if asked.name in MAY_BE_MISSING else {"in"}
    if not caller.client.cookies:
        return {"sign in"}
    return expected_in_browser(asked, caller, account, inside)


def expected_in_browser(asked: Asked, caller: Caller, account: str, inside: set[str]) -> set[str]:
    """Return the allowed answers to somebody who is signed in; `inside` are those to whoever may come in."""
    if caller.kind == "portal":
        return expected_in_portal(asked, caller, account, inside)
    if asked.name in FOR_OPERATORS:
        return inside if caller.kind == "operator" else {"404"}
    if asked.name in FOR_ITS_OWNER:
        return {"in"} if (caller.home, caller.role) == (OURS, Role.ADMINISTRATOR) else {"404"}
    if asked.name in SIGNED_IN:
        return inside
    permission = permission_for(asked)
    if caller.home != account:
        return {"404"}
    return inside if permission in GRANTS[caller.role] else {"403"}


def expected_in_portal(asked: Asked, caller: Caller, account: str, inside: set[str]) -> set[str]:
    if asked.name in SIGNED_IN | FOR_OPERATORS | FOR_ITS_OWNER:
        return inside if asked.name in limits.EVERYWHERE else {"403"}
    reads = asked.is_safe or asked.name in limits.READS_BY_POST
    is_open = asked.name in pages_in_portal(caller.role) and (reads or caller.role != PortalRole.READER)
    is_granted = permission_for(asked) in PORTAL_GRANTS[caller.role]
    return inside if caller.home == account and is_open and is_granted else {"403"}


def pages_in_portal(role: str) -> frozenset[str]:
    """Return the pages of the account that a session from the operator's product may open."""
    narrow = {PortalRole.MEMBER: limits.FOR_MEMBERS, PortalRole.READER: limits.FOR_READERS}
    return narrow.get(PortalRole(role), (FOR_EVERYONE | FORMS.keys()) - limits.NOT_FOR_ADMINISTRATORS)


def permission_for(asked: Asked) -> Permission:
    """Return what permit() must allow for a page of an account; fail for a page without a rule."""
    assert (asked.name in FOR_EVERYONE) is not (asked.name in FORMS), f"{asked.name} has no rule, or two"
    if asked.name in FOR_EVERYONE:
        return Permission.VIEW_ACCOUNT
    return Permission.VIEW_TOKENS if asked.is_safe else Permission.MANAGE_TOKENS


def expected_of_operation(asked: Asked, caller: Caller, *, account: str, is_foreign: bool) -> set[str]:
    operation = OPERATIONS[asked.name]
    if caller.kind == "portal":
        return {"401", "403"}
    if operation.door.security == ():
        return {"404"}  # this installation knows no keys that sign reports
    if (caller.kind == "token") is not operation.path.startswith("/self") or caller.kind == "nobody":
        return {"401"}
    if caller.kind == "token":
        return {"in"} if asked.is_safe else {"in", "403"}
    if caller.kind != "operator's program" and account:
        if caller.home != account:
            return {"404"}
        if operation.rule.permission not in GRANTS[caller.role]:
            return {"403"}
    if not caller.scopes & operation.rule.scopes:
        return {"403"}
    if is_foreign:
        return {"404"}
    return {"403"} if asked.name in FOR_PERSONS and caller.kind == "program" else {"in"}


def places(asked: Asked, ours: Things, others: Things) -> Iterator[tuple[str, str, bool]]:
    """Yield the addresses that the route's ids make, the account in each, and whether another id is another account's.

    They name our account: its own people ask for what is theirs, and those of the other one for what is foreign.
    """
    own = [ours.id_of(kind) for kind in asked.kinds]
    account = ours.account.name if "account" in asked.kinds else ""
    query = QUERIES.get(asked.name, "")
    yield filled(asked.pattern, own) + query, account, False
    for index, kind in enumerate(asked.kinds):
        if account and kind not in SHARED | {"account"}:
            mixed = [*own[:index], others.id_of(kind), *own[index + 1 :]]
            yield filled(asked.pattern, mixed) + query, account, True


def concerned(asked: Asked, caller: Caller, account: str, *, is_foreign: bool) -> bool:
    """Whether to ask: everybody for an account's own things, and those whom it lets in for another account's.

    Credentials of programs mean nothing outside the API, so one of each kind tries there.
    """
    if is_foreign and caller.home != account and caller.kind != "operator's program":
        return False
    return asked.is_api or not caller.authorization or (caller.home == account and Scope.PEOPLE not in caller.scopes)
