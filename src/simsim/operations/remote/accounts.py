"""`simsim account`, `user` and `software` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One
from simsim.problem import NotFound, gettext_noop

if TYPE_CHECKING:
    from simsim.client import Simsim
    from simsim.client.generated.models import Account, Person

INVITED = "The worker sends the invitation within seconds."


def account_document(account: "Account") -> dict[str, Any]:
    found = document_of(account)
    return {name: found[name] for name in ("id", "name", "external_id", "created_at", "closed_at")}


def create_account(api: "Simsim", *, name: str) -> One:
    account = api.create_account(name=name)
    note = f"Next: simsim user invite EMAIL --account {account.id} --role administrator"
    return One({"id": account.id, "name": account.name}, note)


def list_accounts(api: "Simsim") -> Listed:
    found = sorted(api.iterate_accounts(limit=1000), key=lambda account: account.name.lower())
    return Listed([account_document(each) for each in found])


def ensure_account(api: "Simsim", *, name: str, external_id: str) -> One:
    is_known = any(each.external_id == external_id for each in api.iterate_accounts(limit=1000))
    account = api.create_account(name=name, external_id=external_id)
    return One(account_document(account) | {"created": not is_known})


def list_users(api: "Simsim", *, account: str | None) -> Listed:
    names = ("id", "email", "role", "joined_at", "last_sign_in_at")
    people = [document_of(each) for each in api.list_people(account_of(api, account)).items]
    return Listed([{name: number(each) if name == "id" else each[name] for name in names} for each in people])


def number(person: dict[str, Any]) -> int:
    """Return a person's id as this command line prints it; the API has all ids as text."""
    return int(person["id"])


def invite_user(api: "Simsim", *, email: str, account: str | None, role: Any) -> One:
    where = account_of(api, account)
    person = document_of(api.invite_person(where, email=email, role=role.value))
    document = {"id": number(person), "email": person["email"], "account_id": where, "role": person["role"]}
    return One(document, INVITED)


def invite_again(api: "Simsim", *, email: str, account: str | None) -> One:
    where = account_of(api, account)
    person = document_of(api.resend_invitation(where, find_person(api, where, email).id))
    document = {"id": number(person), "email": person["email"], "account_id": where, "role": person["role"]}
    return One(document, INVITED)


def create_portal_link(
    api: "Simsim", *, email: str, account: str | None, role: Any, return_url: str, expires_in_seconds: int
) -> One:  # fmt: skip
    made = api.create_portal_link(
        account_id=account_of(api, account), email=email, role=role.value, return_url=return_url,
        expires_in_seconds=expires_in_seconds,
    )  # fmt: skip
    return One(document_of(made))


def change_role(api: "Simsim", *, email: str, account: str | None, role: Any) -> One:
    where = account_of(api, account)
    person = api.change_role(where, find_person(api, where, email).id, role=role.value, if_match="*")
    return One({"email": person.email, "account_id": where, "role": person.role})


def remove_user(api: "Simsim", *, email: str, account: str | None) -> One:
    where = account_of(api, account)
    person = find_person(api, where, email)
    api.remove_person(where, person.id)
    return One({"email": person.email, "account_id": where, "removed": True})


def find_person(api: "Simsim", account: str, email: str) -> "Person":
    for person in api.list_people(account).items:
        if person.email.lower() == email.strip().lower():
            return person
    raise NotFound(gettext_noop("Nobody with the email address “%(email)s” belongs to the account."), email=email)


def list_software(api: "Simsim") -> Listed:
    found = sorted(api.list_software().items, key=lambda software: software.name.lower())
    return Listed([document_of(each) for each in found])


def add_software(api: "Simsim", *, slug: str, name: str) -> One:
    added = api.create_software(slug=slug, name=name)
    return One({"slug": added.slug, "name": added.name})


def retire_software(api: "Simsim", *, slug: str) -> One:
    return One(document_of(api.retire_target_software(slug)))
