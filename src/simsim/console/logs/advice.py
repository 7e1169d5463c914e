"""Advice about failed requests: the next step for each cause, and a link to the page for it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext

from simsim.credential.decision import Cause
from simsim.problem import gettext_noop
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import GatewayCause, Outcome
from simsim.request_log.short_addresses import is_short
from simsim.tokens.models import Token


@dataclass(frozen=True)
class Advice:
    """The next step; `url` is the page for it, "" if nothing can be done in the console."""

    text: str
    label: str = ""
    url: str = ""


CALL = (gettext_noop("See how to send the credentials"), "connect")
CREATE = (gettext_noop("Create a new token"), "create")
SHOW = (gettext_noop("Open the token"), "token")
ALLOW = (gettext_noop("Change the allowed networks"), "networks")
LIMITS = (gettext_noop("Change what the token may do"), "limits")
RATES = (gettext_noop("Change the rate and quota"), "rates")
NOWHERE = ("", "")

NOT_SENT = gettext_noop("The program must send the token’s username and password with every request, using HTTP Basic.")
MISTYPED = gettext_noop("Copy the username and password from the token’s page again, complete and unchanged.")
WAIT = gettext_noop("Nothing is wrong with the token. Make the program wait, and send requests less often.")
FAILING = gettext_noop(
    "The refusals before this one show the reason. Correct the program: requests with valid credentials are always "
    "let in. If the requests aren’t yours, you don’t need to do anything."
)
NOT_YOURS = gettext_noop(
    "Nothing is wrong with the token. If it happens again, tell the operator of this API when it happened."
)
NOT_ENFORCED = gettext_noop(
    "If you recognise this address, add it before the list is enforced. If you don’t, someone else may have the "
    "password. Revoke the token."
)
NOT_LIMITED = gettext_noop(
    "If the program needs this request, add it to what the token may do before the limits are enforced."
)
BEYOND = gettext_noop(
    "If the program needs this request, add it to what the token may do. If it should not send it, change the program."
)
TOO_FAST = gettext_noop(
    "Make the program send requests more slowly, and wait for the seconds in Retry-After after a 429. If it needs "
    "more, raise the token’s rate."
)
USED_UP = gettext_noop(
    "The token works again when the next day or month begins, in UTC. If the program needs more requests, raise the "
    "token’s quota."
)
STEPS: dict[str, tuple[str, tuple[str, str]]] = {
    Cause.PREVIOUS_PASSWORD: (
        gettext_noop(
            "Give the program the token’s current password before the overlap ends. You find it on the token’s page."
        ),
        SHOW,
    ),
    Cause.OUTSIDE_ALLOWLIST: (NOT_ENFORCED, ALLOW),
    Cause.PREVIOUS_AND_OUTSIDE: (NOT_ENFORCED, ALLOW),
    Cause.NO_CREDENTIALS: (NOT_SENT, CALL),
    Cause.TWO_HEADERS: (gettext_noop("The program must send one Authorization header, not several."), CALL),
    Cause.TOO_LONG: (MISTYPED, CALL),
    Cause.SCHEME: (NOT_SENT, CALL),
    Cause.BAD_ENCODING: (MISTYPED, CALL),
    Cause.NO_COLON: (MISTYPED, CALL),
    Cause.USERNAME_FORM: (MISTYPED, CALL),
    Cause.PASSWORD_FORM: (MISTYPED, CALL),
    Cause.PASSWORD_UNKNOWN: (MISTYPED, CALL),
    Cause.OTHER_ACCOUNT: (gettext_noop("Use the username and password from the same token’s page."), CALL),
    Cause.SUPERSEDED: (
        gettext_noop("Give the program the token’s current password. You find it on the token’s page."),
        SHOW,
    ),
    Cause.REVOKED: (
        gettext_noop("A revoked token stays revoked. If the program still needs access, create a new token for it."),
        CREATE,
    ),
    Cause.PAUSED: (
        gettext_noop(
            "The token’s page says who paused it and why. If the reason no longer applies, resume the token there."
        ),
        SHOW,
    ),
    Cause.EXPIRED: (
        gettext_noop("An expired token can’t be extended. Create a replacement and give it to the program."),
        CREATE,
    ),
    Cause.ADDRESS_UNKNOWN: (
        gettext_noop("Tell the operator of this API, or allow the token to be used from anywhere."),
        ALLOW,
    ),
    Cause.ADDRESS_NOT_ALLOWED: (
        gettext_noop(
            "If you recognise this address, add it to the token’s allowed networks. If you don’t, someone else may "
            "have the password. Revoke the token."
        ),
        ALLOW,
    ),
    Cause.OUTSIDE_LIMITS: (NOT_LIMITED, LIMITS),
    Cause.PREVIOUS_AND_LIMITS: (NOT_LIMITED, LIMITS),
    Cause.LIMIT_METHOD: (BEYOND, LIMITS),
    Cause.LIMIT_PATH: (BEYOND, LIMITS),
    Cause.LIMIT_UNCLEAR: (
        gettext_noop(
            "The program must send a plain path, without empty segments, dots at the end of a segment, semicolons or "
            "encoded slashes. If the API needs such paths, let the token make every request."
        ),
        LIMITS,
    ),
    Cause.LIMIT_UNNAMED: (
        gettext_noop(
            "Tell the operator of this API: the proxy must name the method and the path of each request. Until then, a "
            "token with limits can’t be used there."
        ),
        LIMITS,
    ),
    Cause.THROTTLED: (FAILING, NOWHERE),
    Cause.THROTTLED_USERNAME: (FAILING, NOWHERE),
    Cause.RATE: (TOO_FAST, RATES),
    Cause.QUOTA_DAY: (USED_UP, RATES),
    Cause.QUOTA_MONTH: (USED_UP, RATES),
    Cause.UNDECIDED: (NOT_YOURS, NOWHERE),
    GatewayCause.GATE_AWAY: (NOT_YOURS, NOWHERE),
    GatewayCause.NO_DECISION: (NOT_YOURS, NOWHERE),
    GatewayCause.BAD_REQUEST: (gettext_noop("Check how the program builds its requests."), CALL),
    GatewayCause.TOO_MANY: (WAIT, NOWHERE),
    GatewayCause.PREFLIGHT: (gettext_noop("The page’s own request follows, with credentials."), NOWHERE),
}
API_FAILED = gettext_noop("This response came from the API itself. Its status is explained in the API’s documentation.")
NOT_FINISHED = gettext_noop(
    "The response may still be on its way. If this doesn’t change, the proxy in front of the API does not report "
    "its responses."
)


def advice(row: LoggedRequest, token: Token | None, *, account_id: uuid.UUID, now: datetime) -> Advice | None:
    """Return the next step, None for a successful request; `token` is the account's token that was used, if any."""
    if row.cause == Cause.OK:
        if row.outcome == Outcome.UNKNOWN:
            return Advice(gettext(NOT_FINISHED))
        return Advice(gettext(API_FAILED)) if row.status is not None and row.status >= 400 else None
    step = STEPS.get(row.cause)
    if step is None:
        return None
    text, (label, where) = step
    if where in {"networks", "limits", "token"} and (token is None or token.has_ended(now)):
        # The page of an ended token is read-only, so the only remedy is another token.
        label, where = CREATE
    create = reverse("console:create_token", args=[account_id])
    networks = reverse("console:token", args=[account_id, token.pk]) + "{}#networks" if token else ""
    url = {
        "connect": reverse("console:connect", args=[account_id]),
        "create": f"{create}?like={token.pk}" if token else create,
        "token": reverse("console:token", args=[account_id, token.pk]) if token else "",
        "limits": reverse("console:token", args=[account_id, token.pk]) + "#limits" if token else "",
        "networks": networks.format(f"?add={row.address}" if row.address and not is_short(row.address) else ""),
    }.get(where, "")
    return Advice(gettext(text), gettext(label) if url else "", url)
