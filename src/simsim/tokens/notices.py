"""Queues the notices that people get when a token changes, and the events that webhooks get with them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings

from simsim.accounts.models import Account, User
from simsim.accounts.permissions import Actor, administrators
from simsim.mail import outbox
from simsim.rfc3339 import format_time
from simsim.tokens import webhook_events
from simsim.tokens.models import HandOver, RevocationReason, Token, TokenRequest
from simsim.tokens.notice_policy import Audience, Notice, administrators_of, policy_of, recipients
from simsim.webhooks.event_types import EventType


def owe_created(tokens: Sequence[Token], *, now: datetime) -> None:
    """Queue a notice of each new token to every administrator of its account (R8). It does not contain the password."""
    to = administrators_of({token.account_id for token in tokens})
    owed: list[outbox.Mail] = []
    for token in tokens:
        facts = {
            "account": token.account.name,
            "token_name": token.name,
            "creator": token.created_by_label,
            "expires_at": written(token.expires_at),
            "software": token.software.name if token.software else "",
            "allowed_networks": list(token.allowed_networks),
            "limits": token.limit_rules,
            "link": link_to(token),
        }
        owed += mails(Notice.CREATED, token, to[token.account_id], facts=facts)
    outbox.owe_all(owed, now=now)


def owe_imported(account: Account, actor: Actor, *, count: int, occasion: str, now: datetime) -> None:
    """Queue one notice to each administrator that tokens are being imported (R8); `occasion` identifies the file."""
    owed = [
        outbox.Mail(
            kind="tokens_imported",
            recipient=email,
            dedupe=f"tokens_imported:{account.pk}:{user_id}:{occasion}",
            facts={
                "account": account.name,
                "actor": actor.label,
                "count": count,
                "link": f"{address_of(account.pk)}tokens/",
                "audit_link": f"{address_of(account.pk)}audit/",
            },
            account_id=account.pk,
        )
        for user_id, email in sorted(administrators_of([account.pk])[account.pk].items())
    ]
    outbox.owe_all(owed, now=now)


def owe_revoked(token: Token, *, actor: Actor, has_own_mail: bool = False, now: datetime) -> None:
    """Queue the notice of a revocation, also to the person who revoked; withdraw unsent expiry notices.

    With `has_own_mail`, another email says it, and only webhooks get their event.
    """
    outbox.withdraw(kind=Notice.EXPIRING, token_ids=[token.pk], why="the token was revoked before", now=now)
    leaked = token.revocation_reason in {RevocationReason.LEAKED, RevocationReason.NOT_RECOGNISED}
    facts = {
        "reason": str(token.get_revocation_reason_display()),
        "may_have_leaked": leaked,
        "log_link": f"{address_of(token.account_id)}logs/?token={token.pk}",
        "new_link": f"{address_of(token.account_id)}tokens/new/?like={token.pk}",
    }
    if not has_own_mail:
        owe_change(Notice.REVOKED, token, actor=actor, occasion="", facts=facts, but=None, now=now)
    webhook_events.owe_change(
        EventType.TOKEN_REVOKED, token, actor=actor, more={"reason": token.revocation_reason or None}, now=now
    )


def owe_paused(token: Token, *, actor: Actor, has_own_mail: bool = False, now: datetime) -> None:
    """Queue the notice that a token was paused, until when and why; see `owe_revoked`."""
    facts = {
        "until": written(token.paused_until) if token.paused_until else "",
        "reason": token.pause_reason,
        "log_link": f"{address_of(token.account_id)}logs/?token={token.pk}",
    }
    if not has_own_mail:
        owe_change(Notice.PAUSED, token, actor=actor, occasion=now.isoformat(), facts=facts, but=actor.user, now=now)
    more = {"paused_until": format_time(token.paused_until), "reason": token.pause_reason or None}
    webhook_events.owe_change(EventType.TOKEN_PAUSED, token, actor=actor, more=more, now=now)


def owe_resumed(token: Token, pause: Mapping[str, object], *, actor: Actor, now: datetime) -> None:
    """Queue the notice that a token works again. `pause` has `paused_at`, `paused_by` and `reason` of the pause."""
    paused_at = pause["paused_at"]
    facts = {
        "paused_at": written(paused_at) if isinstance(paused_at, datetime) else "",
        "paused_by": pause["paused_by"],
        "reason": pause["reason"],
    }
    owe_change(Notice.RESUMED, token, actor=actor, occasion=now.isoformat(), facts=facts, but=actor.user, now=now)
    webhook_events.owe_change(EventType.TOKEN_RESUMED, token, actor=actor, now=now)


def owe_handed_over(hand_over: HandOver, *, now: datetime) -> None:
    """Queue the notice that a link which shows a token's credentials was used: when, and from which address."""
    token = hand_over.token
    facts = {
        "recipient": hand_over.recipient_label,
        "address": hand_over.used_from,
        "rotate_link": f"{link_to(token)}rotate/",
    }
    giver = Actor(hand_over.created_by_label)
    owe_change(
        Notice.HANDED_OVER,
        token,
        actor=giver,
        occasion=str(hand_over.pk),
        facts=facts,
        but=hand_over.recipient,
        now=now,
    )


def owe_retrieved(token: Token, *, actor: Actor, way: str, now: datetime) -> None:
    """Queue the notice that a person who isn't the creator retrieved the credentials: once an hour per person and way.

    Webhooks get an event each time, also about the creator.

    `way` is "shown" or "downloaded".
    """
    webhook_events.owe_change(EventType.CREDENTIALS_SHOWN, token, actor=actor, more={"way": way}, now=now)
    if actor.user is None or actor.user.pk == token.created_by_id:
        return
    occasion = f"{actor.user.pk}:{way}:{now:%Y-%m-%dT%H}"
    facts = {
        "way": way,
        "rotate_link": f"{link_to(token)}rotate/",
        "people_link": f"{address_of(token.account_id)}people/",
    }
    owe_change(Notice.RETRIEVED, token, actor=actor, occasion=occasion, facts=facts, but=actor.user, now=now)


def owe_allowlist_changed(token: Token, before: Mapping[str, object], *, actor: Actor, now: datetime) -> None:
    """Queue the notice that the allowed networks or the limits changed, or whether they are enforced.

    `before` has the token's `allowed_networks`, `limits` and `report_only` from before the change.
    """
    facts = {
        "networks": list(token.allowed_networks),
        "networks_before": before["allowed_networks"],
        "limits": token.limit_rules,
        "limits_before": before["limits"],
        "report_only": token.report_only,
        "report_only_before": before["report_only"],
    }
    occasion = now.isoformat()
    owe_change(Notice.ALLOWLIST_CHANGED, token, actor=actor, occasion=occasion, facts=facts, but=actor.user, now=now)
    more = {f"{name}_before": before[name] for name in ("allowed_networks", "limits", "report_only")}
    webhook_events.owe_change(EventType.ALLOWLIST_CHANGED, token, actor=actor, more=more, now=now)


def owe_rotated(token: Token, *, overlap: timedelta, actor: Actor, now: datetime) -> None:
    """Queue the notice that a token has a new password, and how long the previous one still works."""
    facts = {"works_until": written(now + overlap) if overlap else ""}
    occasion = now.isoformat()
    owe_change(Notice.ROTATED, token, actor=actor, occasion=occasion, facts=facts, but=actor.user, now=now)
    until = {"previous_password_works_until": format_time(token.previous_works_until)}
    webhook_events.owe_change(EventType.TOKEN_ROTATED, token, actor=actor, more=until, now=now)


def owe_change(
    notice: Notice,
    token: Token,
    *,
    actor: Actor,
    occasion: str,
    facts: Mapping[str, object],
    but: User | None,
    now: datetime,
) -> None:
    """Queue a notice to the people whom the account's policy names, except `but`, who made the change."""
    audience = policy_of(token.account_id).audience(notice)
    if audience == Audience.NOBODY:
        return
    to = recipients(audience, administrators_of([token.account_id])[token.account_id], token.created_by_id)
    if but is not None:
        to.pop(but.pk, None)
    told = {**facts_of(token), "actor": actor.label, "happened_at": written(now), **facts}
    outbox.owe_all(mails(notice, token, to, facts=told, occasion=occasion), now=now)


def mails(
    notice: Notice, token: Token, to: Mapping[int, str], *, facts: Mapping[str, object], occasion: str = ""
) -> list[outbox.Mail]:
    """Return a notice's emails, each unique by kind, token, recipient and occasion."""
    tail = f":{occasion}" if occasion else ""
    return [
        outbox.Mail(
            kind=notice.value,
            recipient=email,
            dedupe=f"{notice.value}:{token.pk}:{user_id}{tail}",
            facts=facts,
            account_id=token.account_id,
            token_id=token.pk,
        )
        for user_id, email in sorted(to.items())
    ]


def facts_of(token: Token) -> dict[str, object]:
    """Return the facts that every notice about a token shows."""
    return {
        "account": token.account.name,
        "token_name": token.name,
        "creator": token.created_by_label,
        "expires_at": written(token.expires_at),
        "link": link_to(token),
    }


def owe_requested(request: TokenRequest, *, now: datetime) -> None:
    """Queue an email with the member's request to every administrator of the account (R3). Replies go to the member."""
    for administrator in administrators(request.account):
        outbox.owe(
            kind="token_requested",
            recipient=administrator.email,
            dedupe=f"token_requested:{request.pk}:{administrator.pk}",
            account_id=request.account_id,
            facts={
                "account": request.account.name,
                "asker": request.asked_by_label,
                "reply_to": request.asked_by_label,
                "token_name": request.name,
                "purpose": request.purpose,
                "software": request.software.name if request.software else "",
                "link": f"{address_of(request.account_id)}tokens/new/?request={request.pk}",
            },
            now=now,
        )
    webhook_events.owe_requested(request, now=now)


def owe_granted(request: TokenRequest, hand_over: HandOver, asker: User, *, now: datetime) -> None:
    """Queue a notice to the member that the token was created, with the page that shows its credentials once.

    The page asks the member to sign in, so the link in the email has no secret.
    """
    token = hand_over.token
    outbox.owe(
        kind="token_request_granted",
        recipient=asker.email,
        dedupe=f"token_request_granted:{request.pk}",
        account_id=token.account_id,
        token_id=token.pk,
        facts={
            "account": token.account.name,
            "administrator": token.created_by_label,
            "token_name": token.name,
            "expires_at": written(token.expires_at),
            "works_until": written(hand_over.expires_at),
            "link": f"{address_of(token.account_id)}hand-over/{hand_over.pk}/",
        },
        now=now,
    )


def link_to(token: Token) -> str:
    """Return the address of a token's page, which asks before it changes anything."""
    return f"{address_of(token.account_id)}tokens/{token.pk}/"


def address_of(account_id: uuid.UUID) -> str:
    """Return the address of an account's pages, on SIMSIM_BASE_URL."""
    return f"{settings.OPERATOR.base_url.rstrip('/')}/accounts/{account_id}/"


def written(moment: datetime) -> str:
    """Return a time in UTC, in the format of emails."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
