"""What a file declares, parsed and checked, each part with the line on which it stands."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import yaml

from simsim.accounts.actions import parse_email
from simsim.accounts.models import Role
from simsim.accounts.name_keys import name_key
from simsim.accounts.texts import parse_line
from simsim.operations.declaration.declared_policies import DeclaredPolicies, parse_policies
from simsim.operations.declaration.yaml_nodes import NodeReader, compose, line_of
from simsim.problem import Invalid, gettext_noop
from simsim.tokens.notice_policy import CHOICES, EARLY_DAYS, Notice

AS, EARLY = "as", "early_days"
PRESENT, ABSENT = "present", "absent"


@dataclass(frozen=True)
class DeclaredSoftware:
    line: int
    slug: str
    name: str


@dataclass(frozen=True)
class DeclaredPerson:
    """A person of an account. With `is_absent` they are removed. `is_invited`: a new person gets an email."""

    line: int
    email: str
    role: str
    is_absent: bool
    is_invited: bool


@dataclass(frozen=True)
class DeclaredNotices:
    """The audiences to set, and the early days, None to keep them; `acting_as` is the administrator who sets them."""

    line: int
    acting_as: str
    audiences: dict[str, str]
    early_days: frozenset[int] | None


@dataclass(frozen=True)
class DeclaredAccount:
    """An account. With `prunes_people`, whoever is not in `people` is removed."""

    line: int
    name: str
    external_id: str
    people: list[DeclaredPerson]
    prunes_people: bool
    notices: DeclaredNotices | None
    policies: DeclaredPolicies | None


@dataclass(frozen=True)
class Declaration:
    accounts: list[DeclaredAccount]
    software: list[DeclaredSoftware]


def parse_declaration(name: str, content: bytes) -> Declaration:
    """Return what the file declares; raise Invalid with every mistake in it, each with the file and the line."""
    reader = NodeReader(name)
    top = reader.mapping(compose(name, content), ("accounts", "software"))
    accounts = [parse_account(reader, node) for node in reader.items(top.get("accounts"))]
    software = [parse_software(reader, node) for node in reader.items(top.get("software"))]
    declaration = Declaration(accounts, software)
    prove_unique(reader, [(node.line, name_key(node.name)) for node in accounts], "name")
    prove_unique(reader, [(node.line, node.external_id) for node in accounts], "external_id")
    prove_unique(reader, [(node.line, node.slug) for node in software], "slug")
    for account in accounts:
        prove_unique(reader, [(person.line, person.email) for person in account.people], "email")
    if reader.faults:
        raise Invalid(*sorted(reader.faults, key=lambda fault: int(fault.field.rpartition(" ")[2])))
    return declaration


def parse_software(reader: NodeReader, node: yaml.Node) -> DeclaredSoftware:
    found = reader.mapping(node, ("slug", "name"), required=("slug", "name"))
    return DeclaredSoftware(line_of(node), reader.text(found.get("slug")), line_text(reader, found.get("name")))


def parse_account(reader: NodeReader, node: yaml.Node) -> DeclaredAccount:
    keys = ("name", "external_id", "people", "prune_people", "notices", "policies")
    found = reader.mapping(node, keys, required=("name",))
    prunes_people = reader.flag(found.get("prune_people"), default=False)
    if prunes_people and "people" not in found:
        reader.complain(found["prune_people"], gettext_noop("“prune_people” needs “people”: those who stay"))
    return DeclaredAccount(
        line_of(node),
        line_text(reader, found.get("name")),
        line_text(reader, found.get("external_id")),
        [parse_person(reader, person) for person in reader.items(found.get("people"))],
        prunes_people,
        parse_notices(reader, found["notices"]) if "notices" in found else None,
        parse_policies(reader, found["policies"]) if "policies" in found else None,
    )


def parse_person(reader: NodeReader, node: yaml.Node) -> DeclaredPerson:
    found = reader.mapping(node, ("email", "role", "state", "invite"), required=("email",))
    is_absent = reader.choice(found.get("state"), (PRESENT, ABSENT), PRESENT) == ABSENT
    role = reader.choice(found.get("role"), Role.values, "")
    if not is_absent and found and "role" not in found:
        reader.complain(node, gettext_noop("“%(key)s” is missing"), key="role")
    email = reader.proven(found.get("email"), parse_email)
    return DeclaredPerson(line_of(node), email, role, is_absent, reader.flag(found.get("invite"), default=True))


def parse_notices(reader: NodeReader, node: yaml.Node) -> DeclaredNotices:
    found = reader.mapping(node, (AS, *(notice.value for notice in Notice), EARLY), required=(AS,))
    audiences = {
        name: reader.choice(value, [choice.value for choice in CHOICES[Notice(name)]], CHOICES[Notice(name)][0].value)
        for name, value in found.items()
        if name not in {AS, EARLY}
    }
    offered = [str(day) for day in EARLY_DAYS]
    days = (reader.choice(day, offered, offered[0]) for day in reader.items(found.get(EARLY)))
    acting_as = reader.proven(found.get(AS), parse_email)
    return DeclaredNotices(line_of(node), acting_as, audiences, frozenset(map(int, days)) if EARLY in found else None)


def line_text(reader: NodeReader, node: yaml.Node | None) -> str:
    return reader.proven(node, lambda text: parse_line("name", text))


def prove_unique(reader: NodeReader, found: Iterable[tuple[int, Hashable]], key: str) -> None:
    """Complain about each value that an earlier line has already; empty ones are other faults, or were left out."""
    first: dict[Hashable, int] = {}
    for line, value in found:
        if value and value in first:
            reader.complain_at(
                line, gettext_noop("the same %(key)s as on line %(first)s"), key=key, first=str(first[value])
            )
        first.setdefault(value, line)
