"""The emails about a token: to whom they were sent, when, and whether they arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.mail.delivery_status import DeliveryState, is_withdrawn, mails_about, state_of
from simsim.mail.models import OwedMail
from simsim.pagination import newest
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token
from simsim.tokens.notice_policy import Notice

# Emails about tokens that no policy can redirect.
OTHERS = ("token_request_granted", "token_approval_answered", "leak_reported", "token_idle", "token_shortened")
SHOWN = 50


@dataclass(frozen=True)
class SentNotice:
    """One email about a token. `at` is when it was delivered, given up or queued; `answer` is the server's last answer.

    `is_withdrawn` means that the notice was given up because it was no longer true.
    """

    kind: str
    recipient: str
    state: DeliveryState
    at: datetime
    answer: str
    is_withdrawn: bool


def notices_of(token: Token, *, actor: Actor) -> Sequence[SentNotice]:
    """Return the latest SHOWN emails about the token, newest first; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_TOKENS, token.account)
    return [sent_notice(mail) for mail in mails_about(token.pk, [*Notice, *OTHERS])[:SHOWN]]


def list_notices(
    account: Account, *, actor: Actor, token: Token | None, limit: int, cursor: str | None = None
) -> tuple[Sequence[OwedMail], str | None]:
    """Return one page of the emails about the account's tokens, or about one of them, newest first.

    Also returns the cursor of the next page. Raises NotFound or NotPermitted, and Invalid for an invalid cursor.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    tokens = Token.objects.filter(account=account)
    about = tokens.filter(pk=token.pk) if token else tokens
    found = OwedMail.objects.filter(token_id__in=about.values_list("pk"), kind__in=[*Notice, *OTHERS])
    return newest(found.defer("facts"), limit=limit, cursor=cursor)


def document(mail: OwedMail) -> dict[str, object]:
    """Return an email about a token as its account sees it."""
    sent = sent_notice(mail)
    return {
        "id": str(mail.pk),
        "kind": sent.kind,
        "recipient": sent.recipient,
        "token_id": str(mail.token_id),
        "state": sent.state.value,
        "at": format_time(sent.at),
        "answer": sent.answer or None,
        "is_withdrawn": sent.is_withdrawn,
    }


def sent_notice(mail: OwedMail) -> SentNotice:
    # Show only a mail server's answer to the account: other errors name the operator's machines.
    answer = mail.last_error if mail.last_error[:3].isdecimal() else ""
    at = mail.delivered_at or mail.given_up_at or mail.owed_at
    return SentNotice(mail.kind, mail.recipient, state_of(mail), at, answer, is_withdrawn(mail))
