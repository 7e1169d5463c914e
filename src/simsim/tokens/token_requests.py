"""Requests for tokens: a member asks, and an administrator answers (R3). `approval` has those of administrators."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from simsim.accounts.models import Account, Membership, User
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import Actor, Permission, lock_open, permit, role_of
from simsim.accounts.texts import parse_line, parse_text, shows_something
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.problem import (
    AlreadyAnswered,
    FieldError,
    Invalid,
    NotFound,
    NotPermitted,
    TooManyRequested,
    gettext_noop,
)
from simsim.rfc3339 import format_time
from simsim.tokens import approval_notices, notices, rules
from simsim.tokens.field_errors import Errors
from simsim.tokens.hand_over_links import offer_to_member
from simsim.tokens.models import RequestAnswer, TargetSoftware, Token, TokenRequest

MAX_UNANSWERED = 5


@transaction.atomic
def ask_for_token(
    *, actor: Actor, account: Account, name: str, purpose: str, software: str | None = None, now: datetime
) -> TokenRequest:
    """Store a person's request for a token, and queue an email to every administrator.

    Asking for the same name again, regardless of case, returns the waiting request. Raises Invalid with every field
    that breaks a rule, and TooManyRequested if MAX_UNANSWERED of the person's requests are waiting.
    """
    if actor.user is None:
        raise NotPermitted
    permit(actor, Permission.VIEW_ACCOUNT, account)
    name, purpose, wanted = parse_fields(name, purpose, software)
    # Without the lock, two concurrent requests could exceed the limit.
    lock_open(account)
    waiting = TokenRequest.objects.filter(account=account, asked_by=actor.user, answered_at=None, proposal__isnull=True)
    mine = list(waiting.select_related("account", "software"))
    if same := next((other for other in mine if name_key(other.name) == name_key(name)), None):
        return same
    if len(mine) >= MAX_UNANSWERED:
        raise TooManyRequested(number=str(MAX_UNANSWERED))
    request = TokenRequest.objects.create(
        account=account,
        asked_by=actor.user,
        asked_by_label=actor.label,
        name=name,
        purpose=purpose,
        software=wanted,
        asked_at=now,
    )
    record_request_event(actor, request, Event.TOKEN_REQUESTED, {"software": wanted.slug if wanted else None}, now)
    notices.owe_requested(request, now=now)
    return request


@transaction.atomic
def decline_request(*, actor: Actor, request: TokenRequest, now: datetime) -> TokenRequest:
    """Decline a request; who asked sees the answer. Declining an answered request changes nothing.

    Whoever asked for an approval withdraws the request with this.
    """
    permit(actor, Permission.MANAGE_TOKENS, request.account)
    if answer(request, RequestAnswer.DECLINED, actor=actor, token=None, now=now):
        record_request_event(actor, request, Event.TOKEN_REQUEST_DECLINED, {}, now)
        if request.is_for_approval:
            approval_notices.owe_answered(request, actor=actor, now=now)
    return request


def lock(request: TokenRequest) -> None:
    """Lock a request until the transaction ends.

    Whoever grants it locks it before recording anything, as whoever declines it does: otherwise, the two could wait
    for each other.
    """
    TokenRequest.objects.select_for_update().filter(pk=request.pk).first()


def prove_members(request: TokenRequest) -> None:
    """Raise Invalid for an administrator's request: whoever answers it can't choose other fields for the token."""
    if request.is_for_approval:
        message = gettext_noop("This request waits for the approval of a second administrator. Approve or decline it.")
        raise Invalid(FieldError("request_id", message))


def grant(request: TokenRequest, *, actor: Actor, token: Token, now: datetime) -> None:
    """Mark a request as granted by the token, and hand the token over to the member, in the token's transaction.

    Raises NotFound for another account's request, AlreadyAnswered if it has an answer.
    """
    mark_granted(request, actor=actor, token=token, now=now)
    asker = asker_of(request)
    # The administrator sees the password once, and passes it on.
    if asker is not None and token.is_password_kept:
        hand_over = offer_to_member(actor=actor, token=token, recipient=asker, now=now)
        notices.owe_granted(request, hand_over, asker, now=now)


def mark_granted(request: TokenRequest, *, actor: Actor, token: Token, now: datetime) -> None:
    if request.account_id != token.account_id:
        raise NotFound
    if not answer(request, RequestAnswer.GRANTED, actor=actor, token=token, now=now):
        raise AlreadyAnswered(who=request.answered_by_label)
    record_request_event(actor, request, Event.TOKEN_REQUEST_GRANTED, {"token": str(token.pk)}, now)


def answer(request: TokenRequest, given: RequestAnswer, *, actor: Actor, token: Token | None, now: datetime) -> bool:
    """Answer a waiting request; return False when it already has an answer."""
    # The condition is the lock: of two concurrent administrators only one changes the row.
    changed = TokenRequest.objects.filter(pk=request.pk, answered_at=None).update(
        answer=given, answered_at=now, answered_by_label=actor.label, token=token
    )
    request.refresh_from_db()
    return bool(changed)


def asker_of(request: TokenRequest) -> User | None:
    """Return the person who asked, or None if they have left the account or are disabled."""
    asker = request.asked_by
    return asker if asker is not None and role_of(asker, request.account) is not None else None


def unanswered(account: Account) -> QuerySet[TokenRequest]:
    """Return the requests that wait for an answer, oldest first. The caller has checked permission.

    `is_still_there` says whether the person who asked still belongs to the account.
    """
    belongs = Membership.objects.filter(account=account, user=OuterRef("asked_by"), user__is_active=True)
    waiting = TokenRequest.objects.filter(account=account, answered_at=None).annotate(is_still_there=Exists(belongs))
    return waiting.select_related("software", "asked_by").order_by("asked_at", "pk")


def own_requests(account: Account, *, actor: Actor) -> QuerySet[TokenRequest]:
    """Return the person's requests in the account, newest first; raise NotFound for a stranger."""
    permit(actor, Permission.VIEW_ACCOUNT, account)
    own = TokenRequest.objects.filter(account=account, asked_by=actor.user, asked_by__isnull=False)
    return own.select_related("software").order_by("-asked_at", "pk")


def find_request(request_id: uuid.UUID | str, *, account: Account, actor: Actor) -> TokenRequest:
    """Return the account's request with this id, answered or not; raise NotFound also for another account's."""
    permit(actor, Permission.MANAGE_TOKENS, account)
    try:
        wanted = request_id if isinstance(request_id, uuid.UUID) else uuid.UUID(request_id)
    except ValueError:
        raise NotFound from None
    found = TokenRequest.objects.select_related("account", "software", "asked_by").filter(pk=wanted, account=account)
    request = found.first()
    if request is None:
        raise NotFound
    return request


def document(request: TokenRequest) -> dict[str, object]:
    """Return a request as JSON."""
    return {
        "id": str(request.pk),
        "name": request.name,
        "purpose": request.purpose,
        "software": request.software.slug if request.software else None,
        "proposal": proposed(request),
        "asked_by": request.asked_by_label,
        "asked_at": format_time(request.asked_at),
        "answer": request.answer or None,
        "answered_at": format_time(request.answered_at),
        "answered_by": request.answered_by_label or None,
        "token_id": str(request.token_id) if request.token_id else None,
    }


def proposed(request: TokenRequest) -> dict[str, object] | None:
    """Return the other fields of the token that waits for an approval, as JSON; None for a member's request."""
    if request.proposal is None:
        return None
    shown = ("allowed_networks", "report_only", "limits", "rates")
    expires_at = rules.parse_moment(request.proposal["expires"], request.asked_at)
    return {"expires_at": format_time(expires_at), **{name: request.proposal[name] for name in shown}}


def parse_fields(name: str, purpose: str, software: str | None) -> tuple[str, str, TargetSoftware | None]:
    """Return the normalized fields; raise Invalid with every field that breaks a rule."""
    errors = Errors()
    line = errors.collect(lambda: parse_line("name", name))
    text = errors.collect(lambda: parse_text("purpose", purpose))
    if text is not None and not shows_something(text):
        errors.found.append(FieldError("purpose", gettext_noop("This field is required.")))
    wanted = errors.collect(lambda: rules.parse_software(software))
    errors.raise_if_any()
    return line or "", text or "", wanted


def record_request_event(
    actor: Actor, request: TokenRequest, event: Event, more: dict[str, object], now: datetime
) -> None:
    details = {"name": request.name, "asked_by": request.asked_by_label} | more
    recorder.record(event, actor=actor, account_id=request.account_id, subject_id=request.pk, details=details, now=now)


def delete_answered(before: datetime) -> int:
    """Delete the requests that were answered before that time; return how many.

    An approval stays as long as its token, because it says why the token may exist.
    """
    has_token = Q(proposal__isnull=False, token__expires_at__gt=before, token__revoked_at=None)
    return TokenRequest.objects.filter(answered_at__lt=before).exclude(has_token).delete()[0]
