"""All errors that Simsim reports: RFC 9457 problems, each with its status and its sentence.

Sentences are in English and marked for translation: console and command line translate them, with `title` and `detail`
as message ids. No sentence names a secret, another account or an internal path.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

MEDIA_TYPE = "application/problem+json"


def gettext_noop(text: str) -> str:
    """Return the text unchanged; the name marks it for translation."""
    return text


@dataclasses.dataclass(frozen=True)
class FieldError:
    """The error of one field: a message id, and the values of its placeholders."""

    field: str
    message: str
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message


class Problem(Exception):
    """A broken rule, as an exception that console, gate and command line can show.

    `status` is the HTTP status, `slug` the stable name in the problem's `type`; `title` and `detail` are message ids;
    `params` fill the placeholders of `detail`.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = gettext_noop("Something went wrong")
    detail: str = ""

    def __init__(self, detail: str = "", **params: str) -> None:
        self.detail = detail or type(self).detail
        self.params = params
        super().__init__(str(self))

    def __str__(self) -> str:
        text = self.detail or self.title
        return text % self.params if self.params else text

    def document(self) -> dict[str, object]:
        """Return the RFC 9457 document, untranslated."""
        return {
            "type": f"urn:simsim:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": str(self),
        }


class BadRequest(Problem):
    status = 400
    slug = "bad-request"
    title = gettext_noop("Bad request")
    detail = gettext_noop("The request could not be understood as HTTP.")


class WrongUsage(Problem):
    """A command line that can't be understood; the sentence names the part."""

    status = 400
    slug = "wrong-usage"
    title = gettext_noop("Wrong usage")


class MethodNotAllowed(Problem):
    status = 405
    slug = "method-not-allowed"
    title = gettext_noop("Method not allowed")
    detail = gettext_noop("This method is not passed on to the API.")


class TargetTooLong(Problem):
    status = 414
    slug = "target-too-long"
    title = gettext_noop("Address too long")
    detail = gettext_noop("The first line of the request is longer than 8 kB. Send long values in the body.")


class HeadersTooLarge(Problem):
    status = 431
    slug = "headers-too-large"
    title = gettext_noop("Headers too large")
    detail = gettext_noop("A header of the request is longer than 8 kB, or all of them are longer than 32 kB.")


class NotImplementedHere(Problem):
    status = 501
    slug = "not-implemented"
    title = gettext_noop("Not implemented")
    detail = gettext_noop("The request uses a Transfer-Encoding other than chunked.")


class VersionNotSupported(Problem):
    status = 505
    slug = "version-not-supported"
    title = gettext_noop("HTTP version not supported")
    detail = gettext_noop("Send the request as HTTP/1.1.")


class Unauthorized(Problem):
    """The gate's refusal: the same bytes for every reason, so that the caller does not learn which part was wrong."""

    status = 401
    slug = "unauthorized"
    title = gettext_noop("Unauthorized")
    detail = gettext_noop(
        "The request carries no valid credentials for this API, or comes from an address that they do not allow."
    )


class BeyondLimits(Problem):
    """The gate's answer to whoever has proven a token's password, for a request that the token may not make."""

    status = 403
    slug = "beyond-limits"
    title = gettext_noop("Not allowed for this token")
    detail = gettext_noop(
        "The credentials are valid, but this token may not make this request. An administrator of the account can see"
        " in the log which limit applied."
    )


class NotPermitted(Problem):
    status = 403
    slug = "not-permitted"
    title = gettext_noop("Not permitted")
    detail = gettext_noop("Only administrators of the account may do this.")


class SignInRefused(Problem):
    """The provider's answer does not let the person in; `reason` is a word for the audit trail, about that user."""

    status = 403
    slug = "sign-in-refused"
    title = gettext_noop("You can’t sign in")

    def __init__(self, detail: str, *, reason: str, user_id: int | None, **params: str) -> None:
        self.reason = reason
        self.user_id = user_id
        super().__init__(detail, **params)


class NotFound(Problem):
    """Something does not exist, or belongs to another account, and the caller must not learn which."""

    status = 404
    slug = "not-found"
    title = gettext_noop("Not found")
    detail = gettext_noop("There is nothing at this address.")


class Conflict(Problem):
    status = 409
    slug = "conflict"
    title = gettext_noop("Not possible in the current state")


class TokenNotActive(Conflict):
    slug = "token-not-active"
    detail = gettext_noop("The token “%(name)s” is %(status)s and can no longer be changed.")


class RetrievalLimited(Problem):
    status = 403
    slug = "retrieval-limited"
    title = gettext_noop("Only for the token’s creator")
    detail = gettext_noop(
        "A policy lets only the token’s creator retrieve its password. Rotate the token to get a new one."
    )


class PasswordNotKept(Conflict):
    slug = "password-not-kept"
    detail = gettext_noop(
        "Simsim does not have the password of “%(name)s”, so it can’t be shown. Rotate the token to get a new one."
    )


class RotatedMeanwhile(Conflict):
    slug = "rotated-meanwhile"
    detail = gettext_noop(
        "“%(name)s” was given a new password in the meantime. Check it before you create another one."
    )


class AccountClosed(Conflict):
    slug = "account-closed"
    detail = gettext_noop("The account “%(name)s” is closed.")


class LastAdministrator(Conflict):
    slug = "last-administrator"
    detail = gettext_noop(
        "%(email)s is the last administrator of the account. Make someone else an administrator first."
    )


class TooManyInvitations(Conflict):
    slug = "too-many-invitations"
    detail = gettext_noop("Too many invitations were sent today. Try again tomorrow.")


class ChangedMeanwhile(Conflict):
    slug = "changed-meanwhile"
    detail = gettext_noop(
        "The allowed networks were changed since you opened this page. Look at your list again before you save it."
    )


class PasswordSetMeanwhile(Conflict):
    slug = "password-set-meanwhile"
    detail = gettext_noop(
        "Somebody has just set this password, so yours was not saved. If it was not you, ask for a new link on the"
        " sign-in page."
    )


class TooManyRequested(Conflict):
    slug = "too-many-token-requests"
    detail = gettext_noop(
        "%(number)s of your requests are still waiting for an answer. Ask again when one has been answered."
    )


class TooManyWebhooks(Conflict):
    slug = "too-many-webhooks"
    detail = gettext_noop("The account has %(number)s webhooks, which is the maximum. Remove one first.")


class WebhookPaused(Conflict):
    slug = "webhook-paused"
    detail = gettext_noop("The webhook “%(name)s” is paused. Resume it first.")


class SignInAtProviderFirst(Conflict):
    slug = "sign-in-at-provider-first"
    detail = gettext_noop(
        "Sign in with single sign-on yourself before you require it. Otherwise you would lock yourself out."
    )


class AlreadyAnswered(Conflict):
    slug = "already-answered"
    detail = gettext_noop("%(who)s has answered this request in the meantime. Nothing was created.")


class OwnRequest(Problem):
    """Nobody approves their own request."""

    status = 403
    slug = "own-request"
    title = gettext_noop("Not your own request")
    detail = gettext_noop("You asked for this approval yourself. Another administrator of the account has to give it.")


class AskerNotAdministrator(Conflict):
    """An approval is the word of two administrators, and the one who asked is one no longer."""

    slug = "asker-not-administrator"
    detail = gettext_noop(
        "%(who)s is no longer an administrator of the account, so this can’t be approved. Decline the request."
    )


class CreationFrozen(Conflict):
    """Nobody creates tokens in the account during an incident."""

    slug = "creation-frozen"
    detail = gettext_noop(
        "%(who)s has frozen the creation of tokens in “%(name)s”: %(reason)s. Nothing was created. Existing tokens keep"
        " working and can be rotated."
    )


class SelectionChanged(Conflict):
    slug = "selection-changed"
    detail = gettext_noop(
        "Nothing was changed, because the selection is not the one of the preview. Tokens in it now: %(number)s."
        " Preview it again."
    )


class ReviewUnderWay(Conflict):
    slug = "review-under-way"
    detail = gettext_noop("A review of “%(name)s” is under way. Sign it off before you start the next one.")


class ReviewSignedOff(Conflict):
    slug = "review-signed-off"
    detail = gettext_noop("This review was signed off by %(who)s and can no longer be changed.")


class ReviewIncomplete(Conflict):
    slug = "review-incomplete"
    detail = gettext_noop("This review can’t be signed off yet. Rows without a decision: %(number)s.")


class DecisionStands(Conflict):
    slug = "decision-stands"
    detail = gettext_noop("The decision about “%(name)s” has taken effect. It can’t be replaced by a weaker one.")


class AlreadyExists(Conflict):
    slug = "already-exists"


class HandOverEnded(Problem):
    """A hand-over link that no longer works; `detail` says why."""

    status = 410
    slug = "hand-over-ended"
    title = gettext_noop("This link no longer works")


class PortalLinkEnded(Problem):
    """A link from the operator's product that was used, or is too old."""

    status = 410
    slug = "portal-link-ended"
    title = gettext_noop("This link no longer works")
    detail = gettext_noop(
        "Each link works once, for a short time. Go back to the page that you came from, and try again."
    )


class NotInThisSession(Problem):
    status = 403
    slug = "not-in-this-session"
    title = gettext_noop("Not available here")
    detail = gettext_noop("You can’t open this page in a session that began in another product.")


class HandOverPaused(Conflict):
    slug = "hand-over-paused"
    detail = gettext_noop(
        "The token is paused, so its password does not work at the moment. The link was not used up. Try again later,"
        " or ask the person who gave it to you."
    )


class Invalid(Problem):
    """Input that breaks a rule; `errors` says for each field what to change, and `advice` what else to do."""

    status = 422
    slug = "invalid"
    title = gettext_noop("The input is not valid")
    advice: ClassVar[str] = ""

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__(" ".join(str(error) for error in errors).replace("%", "%%") if errors else "")

    def __str__(self) -> str:
        return " ".join([*map(str, self.errors), self.advice]).rstrip()

    def document(self) -> dict[str, object]:
        return super().document() | {"errors": [{"field": e.field, "detail": str(e)} for e in self.errors]}


class ApprovalRequired(Invalid):
    """The token may be created only after a second administrator has approved it; `errors` has the reasons."""

    status = 403
    slug = "approval-required"
    title = gettext_noop("Approval needed")
    advice = gettext_noop("Nothing was created. Ask for the approval.")


class BodyTooSlow(Problem):
    status = 408
    slug = "body-too-slow"
    title = gettext_noop("Request timeout")
    detail = gettext_noop("The rest of the request did not arrive in time. Send it again.")


class BodyTooLarge(Problem):
    status = 413
    slug = "body-too-large"
    title = gettext_noop("Content too large")
    detail = gettext_noop("The request is larger than this address accepts.")


class TooManyRequests(Problem):
    status = 429
    slug = "too-many-requests"
    title = gettext_noop("Too many requests")
    detail = gettext_noop("Too many requests came from this address. Try again in a little while.")


class TooManyFailures(Problem):
    """The gate's answer to a caller whose requests keep failing. It says nothing about the credentials."""

    status = 429
    slug = "too-many-failures"
    title = gettext_noop("Too many failed requests")
    detail = gettext_noop(
        "Too many requests from this address or with this username failed. "
        "Requests with valid credentials are not affected."
    )


class BeyondRate(Problem):
    """The gate's answer to a token that has made as many requests as its rate or its quota allows."""

    status = 429
    slug = "beyond-rate"
    title = gettext_noop("Too many requests with this token")
    detail = gettext_noop(
        "The credentials are valid, but this token may make no more requests for now. Send the next one after the"
        " number of seconds in Retry-After."
    )


class KeyMissing(Problem):
    status = 500
    slug = "key-missing"
    title = gettext_noop("An encryption key is missing")
    detail = gettext_noop("The password was encrypted under the key %(key_id)s, which is not in SIMSIM_TOKEN_KEYS.")


class Unusable(Problem):
    """Simsim can't start because of a setting, a file or a peer; the sentence names it."""

    status = 500
    slug = "unusable-setting"
    title = gettext_noop("A setting is unusable")


class BadGateway(Problem):
    status = 502
    slug = "api-unreachable"
    title = gettext_noop("The API did not answer")
    detail = gettext_noop(
        "The request was let in, but the API behind this gateway did not answer, or its answer could not be used."
    )


class Undecided(Problem):
    """The gate can't make a decision now, so it lets nobody in."""

    status = 503
    slug = "undecided"
    title = gettext_noop("No decision can be made")
    detail = gettext_noop("The credentials could not be checked just now. Try again in a few seconds.")


class ServiceUnavailable(Problem):
    """A service that Simsim needs does not answer. Another try may succeed."""

    status = 503
    slug = "unavailable"
    title = gettext_noop("Not available now")
