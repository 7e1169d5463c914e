"""Two accounts with one thing of every kind that an address can name, for the authorisation matrix."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator

from api_client import management_token
from cast import PASSWORD
from logged_requests import logged
from simsim.access_reviews.actions import start_review
from simsim.access_reviews.models import ReviewRow
from simsim.accounts.actions import add_user
from simsim.accounts.models import Account, User
from simsim.accounts.permissions import OPERATOR, Actor, actor_of
from simsim.console_sessions.models import ConsoleSession
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.tokens.actions import create_token
from simsim.tokens.approval import ask_for_approval
from simsim.tokens.hand_over import hand_over_token
from simsim.tokens.hand_over_links import offer_to_member
from simsim.tokens.models import Token
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_requests import ask_for_token
from simsim.webhooks.actions import add_endpoint, send_test_event
from simsim.webhooks.models import WebhookEndpoint

PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:\[[^]]*\]\+|\.\+)\)")


@dataclass
class Things:
    """An account, its people and its things. Every name in it begins with the account's own name.

    `secrets` are passwords that only a few pages show.
    """

    account: Account
    administrator: User
    member: User
    now: datetime
    token: Token = field(init=False)
    webhook: WebhookEndpoint = field(init=False)
    secrets: list[str] = field(default_factory=list, repr=False)
    found: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.token = self.new_token("token")
        self.webhook, _ = add_endpoint(
            actor=self.actor, account=self.account, name=f"{self.account.name} webhook",
            url=f"https://{self.account.name.lower()}.example/", events=["token.expired"], now=self.now,
        )  # fmt: skip

    @property
    def actor(self) -> Actor:
        return actor_of(self.administrator)

    @property
    def marks(self) -> list[str]:
        """Texts that nobody outside the account may read."""
        name = self.account.name
        people = [self.administrator.email, self.member.email]
        return [f"{name} token", f"{name} webhook", f"{name} request", *people, *self.secrets]

    def new_token(self, name: str) -> Token:
        token, credentials = create_token(
            actor=self.actor, account=self.account, name=f"{self.account.name} {name}", expires="90d", now=self.now
        )
        self.secrets.append(credentials.password)
        return token

    def id_of(self, kind: str) -> str:
        """Return the id of this account's thing of the kind; raise KeyError for a kind that has no maker."""
        if kind not in self.found:
            self.found[kind] = str(MAKERS[kind](self))
        return self.found[kind]


def new_management_token(things: Things) -> object:
    token, credentials = management_token(things.actor, things.account, Scope.TOKENS, now=things.now)
    things.secrets.append(credentials.password)
    return token.pk


def new_person(things: Things) -> object:
    email = f"person@{things.account.name.lower()}.example"
    return add_user(actor=OPERATOR, account=things.account, email=email, role="member", now=things.now).user.pk


def new_approval(things: Things) -> object:
    """Return the id of another administrator's request, because nobody approves their own."""
    email = f"asker@{things.account.name.lower()}.example"
    asker = add_user(
        actor=OPERATOR, account=things.account, email=email, role="administrator", now=things.now
    ).user  # fmt: skip
    fields = TokenFields(f"{things.account.name} long", "365d")
    return ask_for_approval(actor=actor_of(asker), account=things.account, fields=fields, now=things.now).pk


def new_session(things: Things) -> object:
    """Return the digest of another session of the administrator."""
    kept = {"expire_date": things.now.replace(year=things.now.year + 1), "last_used_at": things.now}
    made = ConsoleSession.objects.create(
        session_key=f"session-of-{things.administrator.pk}", session_data="", user=things.administrator,
        signed_in_at=things.now, **kept,
    )  # fmt: skip
    return made.pk


def new_email(things: Things) -> object:
    """Return the id of an email that was given up."""
    found = OwedMail.objects.filter(account_id=things.account.pk).order_by("pk")[0]
    OwedMail.objects.filter(pk=found.pk).update(given_up_at=things.now)
    return found.pk


MAKERS: dict[str, Callable[[Things], object]] = {
    "account": lambda of: of.account.pk,
    "token": lambda of: of.token.pk,
    "management token": new_management_token,
    "logged request": lambda of: (
        logged(received_at=of.now, account_id=of.account.pk, token_name=f"{of.account.name} token").pk
    ),
    "token request": lambda of: (
        ask_for_token(
            actor=actor_of(of.member), account=of.account, name=f"{of.account.name} request", purpose="P", now=of.now
        ).pk
    ),
    "approval": new_approval,
    "link": lambda of: hand_over_token(actor=of.actor, token=of.token, now=of.now).hand_over.pk,
    "offer": lambda of: (
        offer_to_member(actor=of.actor, token=of.new_token("offer"), recipient=of.member, now=of.now).pk
    ),
    "person": new_person,
    "review": lambda of: start_review(actor=of.actor, account=of.account, now=of.now).pk,
    "row": lambda of: ReviewRow.objects.filter(review__id=uuid.UUID(of.id_of("review"))).order_by("pk")[0].pk,
    "webhook": lambda of: of.webhook.pk,
    "delivery": lambda of: send_test_event(actor=of.actor, endpoint=of.webhook, now=of.now).pk,
    "email": new_email,
    "session": new_session,
    "passkey": lambda of: (
        Authenticator.objects.create(
            user=of.administrator, type=Authenticator.Type.WEBAUTHN, data={"name": f"{of.account.name} key"}
        ).pk
    ),
    "person of a link": lambda of: user_pk_to_url_str(of.member),
    "secret of a link": lambda of: default_token_generator.make_token(of.member),
    "software": lambda of: "power-bi",
    "recipe": lambda of: "curl",
    "page": lambda of: "index.html",
    "act": lambda of: "pause",
}
# What a name in an address means, where that depends on the address; `kind_of` asks in this order.
KINDS = [
    ("revoke_management_token", "token_id", "management token"), ("offered_token", "hand_over_id", "offer"),
    ("review_request", "request_id", "approval"), ("get_token_request", "request_id", "approval"),
    ("approve_token_request", "request_id", "approval"),
    ("decline_request", "request_id", "token request"), ("decline_token_request", "request_id", "token request"),
    ("connect_recipe", "slug", "recipe"),
    ("", "account_id", "account"), ("", "token_id", "token"), ("", "request_id", "logged request"),
    ("", "hand_over_id", "link"), ("", "user_id", "person"), ("", "endpoint_id", "webhook"),
    ("", "webhook_id", "webhook"), ("", "delivery_id", "delivery"), ("", "mail_id", "email"),
    ("", "email_id", "email"), ("", "digest", "session"), ("", "pk", "passkey"), ("", "slug", "software"),
    ("", "path", "page"), ("", "act", "act"), ("", "review_id", "review"), ("", "row_id", "row"),
    ("", "management_token_id", "management token"), ("", "uidb36", "person of a link"),
    ("account_reset_password_from_key", "key", "secret of a link"),
    ("account_confirm_email", "key", "secret of a link"),
]  # fmt: skip
# The same for everybody: no account has its own.
SHARED = frozenset({"software", "recipe", "page", "act", "person of a link", "secret of a link"})


def kind_of(route: str, name: str) -> str:
    """Return the kind of thing that a name in this route's address stands for; fail for an unknown one."""
    for wanted, known, kind in KINDS:
        if known == name and wanted in {"", route}:
            return kind
    raise AssertionError(f"{route} names things by {name}, for which there is no maker")


def kinds_in(route: str, pattern: str) -> list[str]:
    """Return the kinds of the ids in a pattern, in order."""
    return [kind_of(route, first or second) for first, second in PLACEHOLDER.findall(pattern)]


def filled(pattern: str, ids: list[str]) -> str:
    """Return the address that the pattern describes, with these ids."""
    following = iter(ids)
    return "/" + PLACEHOLDER.sub(lambda _: next(following), pattern).replace("^", "").replace("$", "")


def people_of(account: Account, now: datetime) -> Things:
    """Return the account with an administrator and a member of the tests' own, who sign in with PASSWORD."""
    administrator, member = (
        add_user(
            actor=OPERATOR, account=account, email=f"{role}@{account.name.lower()}.example", role=role,
            password=PASSWORD, now=now,
        ).user
        for role in ("administrator", "member")
    )  # fmt: skip
    return Things(account, administrator, member, now)
