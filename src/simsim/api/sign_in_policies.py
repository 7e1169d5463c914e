"""How an account's people must sign in: with single sign-on, or with a second factor (B8)."""

from typing import Literal

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field

from simsim.accounts.permissions import Permission, lock_open
from simsim.accounts.recent_authentication import is_signed_in_at_provider
from simsim.accounts.second_factors import require_second_factor
from simsim.accounts.single_sign_on import require_single_sign_on
from simsim.api.calls import Call
from simsim.api.documents import Given
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.operation import operation
from simsim.api.people import TAG
from simsim.api.responses import Answer
from simsim.api.scopes import PEOPLE_OR_OPERATOR
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.problem import AccountClosed, SignInAtProviderFirst

SINGLE_SIGN_ON_PATH = "/accounts/{account_id}/single-sign-on"
SECOND_FACTOR_PATH = "/accounts/{account_id}/second-factor"
READS = "Reading how people must sign in changes nothing."
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the choice."}
Required = Literal["off", "administrators", "everyone"]
WHOM = "Who can open the account only after signing in at the provider."


class SingleSignOnChoice(Given):
    """Who must sign in at the OpenID Connect provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"required": "administrators"}]})
    required: Required = Field(description=WHOM)


class SingleSignOnPolicy(BaseModel):
    """Who must sign in at the OpenID Connect provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"required": "administrators"}]})
    required: Required = Field(description=WHOM)


class SecondFactorChoice(Given):
    """Whether the account's administrators need a second factor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"required": True}]})
    required: bool


class SecondFactorPolicy(BaseModel):
    """Whether the account's administrators need a second factor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"required": True}]})
    required: bool


@operation(
    "GET", SINGLE_SIGN_ON_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE, audit=READS,
    answer=SingleSignOnPolicy, headers=SHOWS_ETAG,
)  # fmt: skip
def get_single_sign_on(call: Call) -> Answer:
    """Return who must use single sign-on."""
    return answer_of(call.account.single_sign_on)


@operation(
    "PUT", SINGLE_SIGN_ON_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE,
    audit=Event.SINGLE_SIGN_ON_POLICY_CHANGED, body=SingleSignOnChoice, answer=SingleSignOnPolicy, needs_recent=True,
    headers=SHOWS_ETAG, problems=(AccountClosed, SignInAtProviderFirst, PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def set_single_sign_on(call: Call, body: SingleSignOnChoice) -> Answer:
    """Choose who must use single sign-on. Needs If-Match.

    An administrator can require it only in a browser in which they have used it themselves: with a management token of
    theirs, this answers 409. The operator can always require it, and anyone who may change it can turn it off.
    """
    with transaction.atomic():
        account = lock_open(call.account)
        prove_unchanged(call.request, {"required": account.single_sign_on})
        changed = require_single_sign_on(
            actor=call.actor,
            account=account,
            required=body.required,
            signed_in_at_provider=call.caller.is_session and is_signed_in_at_provider(call.request),
            now=call.now,
        )
    return answer_of(changed.single_sign_on)


@operation(
    "GET", SECOND_FACTOR_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE, audit=READS,
    answer=SecondFactorPolicy, headers=SHOWS_ETAG,
)  # fmt: skip
def get_second_factor(call: Call) -> Answer:
    """Return whether the account's administrators need a second factor."""
    return answer_of(call.account.needs_second_factor)


@operation(
    "PUT", SECOND_FACTOR_PATH, tag=TAG, scopes=PEOPLE_OR_OPERATOR, permission=Permission.MANAGE_PEOPLE,
    audit=Event.SECOND_FACTOR_POLICY_CHANGED, body=SecondFactorChoice, answer=SecondFactorPolicy, needs_recent=True,
    headers=SHOWS_ETAG, problems=(AccountClosed, PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def set_second_factor(call: Call, body: SecondFactorChoice) -> Answer:
    """Choose whether the account's administrators need a second factor. Needs If-Match.

    An administrator without one can do nothing in the account until they add one, and neither can their management
    tokens.
    """
    with transaction.atomic():
        account = lock_open(call.account)
        prove_unchanged(call.request, {"required": account.needs_second_factor})
        changed = require_second_factor(actor=call.actor, account=account, required=body.required, now=call.now)
    return answer_of(changed.needs_second_factor)


def answer_of(required: str | bool) -> Answer:
    document = {"required": required if isinstance(required, bool) else str(required)}
    return Answer(document, {"ETag": etag_of(document)})
