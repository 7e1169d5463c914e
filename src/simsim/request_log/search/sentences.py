"""The log's sentences for people: one for each cause of a decision, which names the address and the token."""

from django.utils.translation import gettext

from simsim.credential.decision import Cause
from simsim.problem import gettext_noop
from simsim.request_log.models import LoggedRequest
from simsim.request_log.outcome import GatewayCause, Outcome, is_console_test

ACCEPTED = gettext_noop("The token “%(token)s” let the request in.")
NOT_FINISHED = gettext_noop("The token “%(token)s” let the request in. How it ended is unknown.")
API_FAILED = gettext_noop("The token “%(token)s” let the request in. The API answered with an error, %(status)s.")
CALLER_LEFT = gettext_noop(
    "The token “%(token)s” let the request in; the caller closed the connection before the answer was complete."
)
TEST_PASSED = gettext_noop("The token “%(token)s” was tested from the console, and the gate accepted it.")
NOT_LISTED = gettext_noop("The request was refused: %(reason)s.")

# nginx and Traefik log this status when the caller closed the connection. No API sends it.
CLOSED_BY_CALLER = 499

SENTENCES: dict[str, str] = {
    Cause.PREVIOUS_PASSWORD: gettext_noop(
        "The token “%(token)s” let the request in with its previous password, which still works."
    ),
    Cause.OUTSIDE_ALLOWLIST: gettext_noop(
        "The token “%(token)s” let the request in although the address %(address)s is not in its allowed networks, "
        "because the list is report only."
    ),
    Cause.PREVIOUS_AND_OUTSIDE: gettext_noop(
        "The token “%(token)s” let the request in with its previous password, which still works, and although the "
        "address %(address)s is not in its allowed networks, because the list is report only."
    ),
    Cause.NO_CREDENTIALS: gettext_noop("The request contained no credentials."),
    Cause.TWO_HEADERS: gettext_noop("The request contained more than one Authorization header."),
    Cause.TOO_LONG: gettext_noop("The Authorization header was longer than any valid one."),
    Cause.SCHEME: gettext_noop("The Authorization header did not use the Basic scheme."),
    Cause.BAD_ENCODING: gettext_noop("The credentials were not Base64 of UTF-8 text."),
    Cause.NO_COLON: gettext_noop("The credentials had no colon between username and password."),
    Cause.USERNAME_FORM: gettext_noop("The username does not have the form of an account's username."),
    Cause.PASSWORD_FORM: gettext_noop(
        "The password does not look like a token's password. It may have been cut off or altered."
    ),
    Cause.PASSWORD_UNKNOWN: gettext_noop("The password has the right form, but belongs to no token."),
    Cause.OTHER_ACCOUNT: gettext_noop("The password belongs to a token of another account than the username names."),
    Cause.SUPERSEDED: gettext_noop("This password of the token “%(token)s” was replaced and no longer works."),
    Cause.REVOKED: gettext_noop("The token “%(token)s” was revoked."),
    Cause.PAUSED: gettext_noop("The token “%(token)s” was paused."),
    Cause.EXPIRED: gettext_noop("The token “%(token)s” had expired."),
    Cause.ADDRESS_UNKNOWN: gettext_noop(
        "The token “%(token)s” is restricted to networks, and the address of the request is unknown."
    ),
    Cause.ADDRESS_NOT_ALLOWED: gettext_noop(
        "The address %(address)s is not in the networks that the token “%(token)s” allows."
    ),
    Cause.OUTSIDE_LIMITS: gettext_noop(
        "The token “%(token)s” let the request in although its limits do not allow %(method)s for this path, because "
        "they are report only."
    ),
    Cause.PREVIOUS_AND_LIMITS: gettext_noop(
        "The token “%(token)s” let the request in with its previous password, which still works, and although its "
        "limits do not allow %(method)s for this path, because they are report only."
    ),
    Cause.LIMIT_METHOD: gettext_noop(
        "The limits of the token “%(token)s” allow the path %(path)s, but not with the method %(method)s."
    ),
    Cause.LIMIT_PATH: gettext_noop("None of the limits of the token “%(token)s” covers the path %(path)s."),
    Cause.LIMIT_UNCLEAR: gettext_noop(
        "The token “%(token)s” has limits, and programs could read the path %(path)s in different ways."
    ),
    Cause.LIMIT_UNNAMED: gettext_noop(
        "The token “%(token)s” has limits, and the proxy did not tell the gate for certain which request this is."
    ),
    Cause.THROTTLED: gettext_noop("Too many failed requests came from the address %(address)s or from its network."),
    Cause.THROTTLED_USERNAME: gettext_noop("Too many failed requests used this username, from any address."),
    Cause.RATE: gettext_noop("The token “%(token)s” sent more requests a second than its rate allows."),
    Cause.QUOTA_DAY: gettext_noop("The token “%(token)s” had used up its quota of the day."),
    Cause.QUOTA_MONTH: gettext_noop("The token “%(token)s” had used up its quota of the month."),
    Cause.UNDECIDED: gettext_noop("The credentials could not be checked when the request came."),
    GatewayCause.GATE_AWAY: gettext_noop("The gateway got no decision on the request and did not let it through."),
    GatewayCause.BAD_REQUEST: gettext_noop(
        "The gateway could not read the request as HTTP, or its client disconnected."
    ),
    GatewayCause.TOO_MANY: gettext_noop("The gateway refused the request because too many came at once."),
    GatewayCause.NO_DECISION: gettext_noop("The gateway answered the request, but no decision on it was found."),
    GatewayCause.PREFLIGHT: gettext_noop(
        "The request was let in without credentials, as a browser’s preflight (CORS), which the operator allows."
    ),
}


def sentence(row: LoggedRequest) -> str:
    """Return, in the reader's language, what happened to the request and why."""
    values = {
        "token": row.token_name or "",
        "address": row.address or gettext("(unknown)"),
        "status": str(row.status or ""),
        "reason": row.reason,
        "method": row.method,
        "path": row.resource,
    }
    return gettext(_message(row)) % values


def _message(row: LoggedRequest) -> str:
    if row.cause != Cause.OK:
        return SENTENCES.get(row.cause, NOT_LISTED)
    if is_console_test(row.method, row.resource):
        return TEST_PASSED
    if row.outcome == Outcome.UNKNOWN:
        return NOT_FINISHED
    if row.status == CLOSED_BY_CALLER:
        return CALLER_LEFT
    return API_FAILED if row.status is not None and row.status >= 400 else ACCEPTED
