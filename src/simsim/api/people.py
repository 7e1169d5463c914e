"""The people of an account: invite them, change their roles, and remove them."""

from django.db import transaction

from simsim.accounts import actions
from simsim.accounts.invitations import invite, invite_again, needs_recent_authentication
from simsim.accounts.people import Person as PersonFound
from simsim.accounts.people import find_person, people_of
from simsim.accounts.permissions import Permission, lock_open
from simsim.api.account_log import number_in
from simsim.api.calls import Call
from simsim.api.documents import NewPerson, PersonChanges
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.log_documents import Person, PersonList
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import PEOPLE_OR_OPERATOR
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.problem import AccountClosed, AlreadyExists, LastAdministrator, TooManyInvitations
from simsim.rfc3339 import format_time

TAG = "People"
PATH = "/accounts/{account_id}/people"
PERSON_PATH = PATH + "/{user_id}"
READS = "Reading the list of people changes nothing."
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the role."}


@operation(
    "GET", PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE, audit=READS, answer=PersonList
)
def list_people(call: Call) -> Answer:
    """List the people of the account, administrators first."""
    people = people_of(call.account, actor=call.actor)
    return Answer({"items": [document(person) for person in people], "next_cursor": None})


@operation(
    "POST", PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE, audit=Event.USER_INVITED,
    body=NewPerson, answer=Person, status=201, creates=True, headers={"Location": "The person.", **SHOWS_ETAG},
    problems=(AlreadyExists, AccountClosed, TooManyInvitations),
)  # fmt: skip
def invite_person(call: Call, body: NewPerson) -> Answer:
    """Add a person to the account, and send them an email with a link to sign in."""
    if needs_recent_authentication(body.role):
        call.demand_recent_authentication()
    membership = invite(actor=call.actor, account=call.account, email=body.email, role=body.role, now=call.now)
    answer = answer_of(find_person(membership.user.pk, account=call.account, actor=call.actor))
    location = f"{call.request.path}/{membership.user.pk}"
    return Answer(answer.document, {**answer.headers, "Location": location})


@operation(
    "GET", PERSON_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE, audit=READS,
    answer=Person, headers=SHOWS_ETAG,
)  # fmt: skip
def get_person(call: Call, user_id: str) -> Answer:
    """Return a person."""
    return answer_of(person_in(call, user_id))


@operation(
    "PATCH", PERSON_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE,
    audit=Event.ROLE_CHANGED, body=PersonChanges, answer=Person, needs_recent=True, headers=SHOWS_ETAG,
    problems=(LastAdministrator, AccountClosed, PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def change_role(call: Call, user_id: str, body: PersonChanges) -> Answer:
    """Change a person's role. Needs If-Match."""
    with transaction.atomic():
        lock_open(call.account)
        person = person_in(call, user_id)
        prove_unchanged(call.request, document(person))
        actions.change_role(actor=call.actor, account=call.account, user=person.user, role=body.role, now=call.now)
        # A person who gives up their own role may no longer read the list.
        person.membership.role = body.role
    return answer_of(person)


@operation(
    "DELETE", PERSON_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE,
    audit=Event.USER_REMOVED, answer=None, status=204, needs_recent=True, problems=(LastAdministrator,),
)  # fmt: skip
def remove_person(call: Call, user_id: str) -> Answer:
    """Remove a person from the account. Their tokens stay: they belong to the account."""
    person = person_in(call, user_id)
    actions.remove_user(actor=call.actor, account=call.account, user=person.user, now=call.now)
    return Answer(None)


@operation(
    "POST", PERSON_PATH + "/invite", tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE,
    audit=Event.USER_INVITED, answer=Person, headers=SHOWS_ETAG, problems=(AlreadyExists, TooManyInvitations),
)  # fmt: skip
def resend_invitation(call: Call, user_id: str) -> Answer:
    """Send the invitation again to a person who has not signed in yet."""
    person = person_in(call, user_id)
    invite_again(actor=call.actor, account=call.account, user=person.user, now=call.now)
    return answer_of(person)


def person_in(call: Call, user_id: str) -> PersonFound:
    """Return the account's person; raise NotFound."""
    return find_person(number_in(user_id), account=call.account, actor=call.actor)


def answer_of(person: PersonFound) -> Answer:
    return Answer(document(person), {"ETag": etag_of(document(person))})


def document(person: PersonFound) -> dict[str, object]:
    return {
        "id": str(person.user.pk),
        "email": person.user.email,
        "role": str(person.membership.role),
        "is_active": person.user.is_active,
        "joined_at": format_time(person.membership.created_at),
        "last_sign_in_at": format_time(person.last_sign_in),
    }
