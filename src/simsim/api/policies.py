"""The rules for an account's tokens, and the tokens that do not meet them (B10)."""

from typing import Literal

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from simsim.accounts.permissions import Permission, lock_open
from simsim.api.calls import Call
from simsim.api.documents import Given
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.tokens.policies import Policies, set_account_policy, token_policies
from simsim.tokens.policy_rules import tokens_outside

TAG = "Policies"
PATH = "/accounts/{account_id}/policies"
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the policy."}
CHOICES: JsonDict = {
    "max_lifetime_days": 90, "needs_allowlist": True, "min_ipv4_prefix": 24, "min_ipv6_prefix": 48,
    "retrieval": "creator", "leak_response": "revoke", "max_idle_days": 90, "approval_above_days": 30,
    "approval_if_open": True,
}  # fmt: skip
WIDEST = "The prefix of the widest network that is allowed, such as 24; null for no limit."


class PolicyChoices(Given):
    """A policy; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHOICES]})
    max_lifetime_days: int | None = Field(None, description="The longest lifetime of a token; null for no limit.")
    needs_allowlist: bool = Field(False, description="Whether each token needs an enforced allowlist.")
    min_ipv4_prefix: int | None = Field(None, description=WIDEST)
    min_ipv6_prefix: int | None = Field(None, description=WIDEST)
    retrieval: Literal["administrators", "creator", "off"] = Field(
        "administrators", description="Who may retrieve a password again. With off, stored passwords are destroyed."
    )
    leak_response: Literal["revoke", "pause"] = Field(
        "revoke", description="What happens to a token whose password is reported as leaked."
    )
    max_idle_days: int | None = Field(
        None,
        description="After how many days without a request a token is paused, with a warning before; null for never.",
    )
    approval_above_days: int | None = Field(
        None, description="Above how many days of life a token needs a second administrator; null for any life."
    )
    approval_if_open: bool = Field(
        False, description="Whether a token that any address may use needs a second administrator."
    )


class PolicyValues(BaseModel):
    """A policy."""

    max_lifetime_days: int | None
    needs_allowlist: bool
    min_ipv4_prefix: int | None
    min_ipv6_prefix: int | None
    retrieval: str
    leak_response: str
    max_idle_days: int | None
    approval_above_days: int | None
    approval_if_open: bool


class TokenOutside(BaseModel):
    """A token that does not meet the policy that applies."""

    id: str
    name: str
    reasons: list[str]


class PolicyDocument(BaseModel):
    """The account's policy, the installation's, the stricter of both, which applies, and the tokens outside it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "policy": CHOICES,
                    "installation": CHOICES,
                    "effective": CHOICES,
                    "tokens_outside": [
                        {
                            "id": "0d1c6a6e-3c1f-4d5b-9a53-6f0c2b1d4e90",
                            "name": "Nightly export",
                            "reasons": ["A policy requires at least one allowed network."],
                        }
                    ],
                }
            ]
        }
    )
    policy: PolicyValues
    installation: PolicyValues
    effective: PolicyValues
    tokens_outside: list[TokenOutside]


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS, answer=PolicyDocument, headers=SHOWS_ETAG,
    audit="Reading a policy changes nothing.",
)  # fmt: skip
def get_policies(call: Call) -> Answer:
    """Return the rules for the account's tokens, and the tokens that do not meet them. Those keep working."""
    return answer_of(call, token_policies(call.account, actor=call.actor))


@operation(
    "PUT", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=PolicyDocument,
    headers=SHOWS_ETAG, audit=Event.POLICY_CHANGED, body=PolicyChoices, needs_recent=True,
    problems=(PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def set_policies(call: Call, body: PolicyChoices) -> Answer:
    """Set the rules for the account's tokens from now on. Needs If-Match.

    What needs a second administrator can be made stricter here. Only the operator loosens it.
    """
    with transaction.atomic():
        lock_open(call.account)
        prove_unchanged(call.request, token_policies(call.account, actor=call.actor).own.document())
        choices = body.model_dump(include=body.model_fields_set)
        policies = set_account_policy(actor=call.actor, account=call.account, choices=choices, now=call.now)
    return answer_of(call, policies)


def answer_of(call: Call, policies: Policies) -> Answer:
    own = policies.own.document()
    outside = tokens_outside(call.account, policies.effective, actor=call.actor, now=call.now)
    document = {
        "policy": own,
        "installation": policies.floor.document(),
        "effective": policies.effective.document(),
        "tokens_outside": [
            {"id": str(each.token.pk), "name": each.token.name, "reasons": [str(reason) for reason in each.reasons]}
            for each in outside
        ],
    }
    return Answer(document, {"ETag": etag_of(own)})
