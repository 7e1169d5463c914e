"""Queues the emails about approvals: a request to the other administrators, and the answer to the one who asked."""

from datetime import datetime

from simsim.accounts.permissions import Actor, administrators
from simsim.mail import outbox
from simsim.tokens import rules, webhook_events
from simsim.tokens.models import RequestAnswer, TokenRequest
from simsim.tokens.notices import address_of, written


def owe_asked(request: TokenRequest, *, now: datetime) -> None:
    """Queue an email with the request to every administrator but the one who asked."""
    proposal = request.proposal or {}
    expires_at = rules.parse_moment(proposal["expires"], now)
    facts = {
        "account": request.account.name,
        "asker": request.asked_by_label,
        "token_name": request.name,
        "purpose": request.purpose,
        "software": request.software.name if request.software else "",
        "expires_at": written(expires_at) if expires_at else "",
        "allowed_networks": proposal["allowed_networks"],
        "report_only": proposal["report_only"],
        "limits": proposal["limits"],
        "link": f"{address_of(request.account_id)}requests/{request.pk}/",
    }
    kind = "token_approval_requested"
    outbox.owe_all(
        [
            outbox.Mail(kind, each.email, f"{kind}:{request.pk}:{each.pk}", facts, request.account_id)
            for each in administrators(request.account)
            if each != request.asked_by
        ],
        now=now,
    )
    webhook_events.owe_requested(request, now=now)


def owe_answered(request: TokenRequest, *, actor: Actor, now: datetime) -> None:
    """Queue an email with the answer to the person who asked, unless they withdrew the request themselves."""
    asker = request.asked_by
    if asker is None or not asker.is_active or asker == actor.user:
        return
    token = request.token
    page = f"{address_of(request.account_id)}tokens/"
    outbox.owe(
        kind="token_approval_answered",
        recipient=asker.email,
        dedupe=f"token_approval_answered:{request.pk}",
        account_id=request.account_id,
        token_id=token.pk if token else None,
        facts={
            "account": request.account.name,
            "administrator": actor.label,
            "token_name": request.name,
            "is_approved": request.answer == RequestAnswer.GRANTED,
            "is_password_kept": token is not None and token.is_password_kept,
            "link": f"{page}{token.pk}/" if token else page,
        },
        now=now,
    )
