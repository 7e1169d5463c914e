"""`simsim user`: how people sign in, and help for those who can't."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import accounts as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.user import AccountId, Email
from simsim.rfc3339 import format_time


@needs_django
def reset_second_factor(email: Email, as_json: AsJson = False) -> None:
    """Remove a user's authenticator app, passkeys and recovery codes, for someone who has lost them all.

    It ends their sessions, is recorded in the audit trail of each of their accounts, and is e-mailed to them. Make sure
    that it is really them who asks.
    """
    from django.utils import timezone

    from simsim.accounts import second_factors
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_user

    user = find_user(email)
    removed = second_factors.reset_second_factors(actor=OPERATOR, user=user, now=timezone.now())
    note = "The user signs in with their password, and can add a new second factor then."
    print_one(
        {"id": user.pk, "email": user.email, "removed": removed},
        as_json=as_json, note=note if removed else "The user had no second factor.",
    )  # fmt: skip


@needs_django
def waive_single_sign_on(
    email: Email,
    hours: Annotated[float, typer.Option(metavar="N", min=0, max=168, help="For how many hours; 0 ends it now.")] = 4.0,
    as_json: AsJson = False,
) -> None:
    """Let a user open accounts that require single sign-on with their password, while the provider is down.

    The audit trail of each of their accounts records it, and they get an email. Make sure that the request really comes
    from them.
    """
    from datetime import timedelta

    from django.utils import timezone

    from simsim.accounts import single_sign_on
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_user

    user, now = find_user(email), timezone.now()
    until = now + timedelta(hours=hours) if hours else None
    single_sign_on.waive_single_sign_on(actor=OPERATOR, user=user, until=until, now=now)
    note = "The user signs in with their password. If they have none: simsim user reset-password EMAIL" if until else ""
    document = {"id": user.pk, "email": user.email, "waived_until": format_time(until)}
    print_one(document, as_json=as_json, note=note)


@needs_django
def forget_provider(email: Email, as_json: AsJson = False) -> None:
    """Unlink a user from the OpenID Connect provider, and end their sessions.

    Use this for a person who has a new id at the provider. Their next sign-in there links them again by email address.
    """
    from django.utils import timezone

    from simsim.accounts import provider_identities
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_user

    user = find_user(email)
    removed = provider_identities.unlink_person(actor=OPERATOR, user=user, now=timezone.now())
    note = "" if removed else "The user has never signed in at a provider."
    print_one({"id": user.pk, "email": user.email, "removed": removed}, as_json=as_json, note=note)


class PortalRoleName(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    READER = "reader"


@remotely(remote.create_portal_link)
@needs_django
def portal_link(  # noqa: PLR0917 - the options of the verb
    email: Email,
    account: AccountId,
    role: Annotated[
        PortalRoleName, typer.Option(help="What the user may do in this session; a reader changes nothing.")
    ],
    return_url: Annotated[str, typer.Option("--return-url", metavar="URL", help="Where the link back leads.")],
    expires_in_seconds: Annotated[
        int, typer.Option("--expires-in", metavar="SECONDS", help="How long the link works.")
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Print a link that opens the console once for a user, without a password."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.accounts.portal_links import create_portal_link
    from simsim.operations.arguments import find_account

    made = create_portal_link(
        actor=OPERATOR,
        account=find_account(account, actor=OPERATOR),
        email=email,
        role=role.value,
        return_url=return_url,
        expires_in_seconds=expires_in_seconds,
        now=timezone.now(),
    )
    print_one({"url": made.url, "expires_at": format_time(made.link.expires_at)}, as_json=as_json)
