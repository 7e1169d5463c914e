"""The errors that only the management API reports."""

from simsim.problem import Conflict, Problem, gettext_noop


class InsufficientScope(Problem):
    """The management token works, but not for this."""

    status = 403
    slug = "insufficient-scope"
    title = gettext_noop("Not within the token’s scope")
    detail = gettext_noop("This needs a management token with the scope %(scope)s.")


class RecentAuthenticationRequired(Problem):
    status = 403
    slug = "recent-authentication-required"
    title = gettext_noop("Enter your password again")
    detail = gettext_noop("In a browser, this needs a password that was entered in the last few minutes.")


class SecondFactorRequired(Problem):
    status = 403
    slug = "second-factor-required"
    title = gettext_noop("Add a second factor first")
    detail = gettext_noop(
        "The account requires a second factor of its administrators. Add one in the console, under “Sign-in and"
        " security”."
    )


class SingleSignOnRequired(Problem):
    status = 403
    slug = "single-sign-on-required"
    title = gettext_noop("Use single sign-on")
    detail = gettext_noop("The account requires single sign-on. Sign in to the console with it, then try again.")


class NotSentByThisSite(Problem):
    status = 403
    slug = "csrf"
    title = gettext_noop("Not sent by this site")
    detail = gettext_noop(
        "A change with the console’s cookie needs the header X-CSRFToken. Scripts use a management token."
    )


class BadSignature(Problem):
    status = 403
    slug = "bad-signature"
    title = gettext_noop("Not signed by a known key")
    detail = gettext_noop(
        "The body is not signed by a current key from this installation’s list. Sign exactly the bytes that you send."
    )


class SelfRotationOff(Problem):
    status = 403
    slug = "self-rotation-off"
    title = gettext_noop("Not allowed by the account")
    detail = gettext_noop(
        "The account does not allow programs to rotate their own token. Ask one of its administrators."
    )


class Unauthenticated(Problem):
    """The management API's refusal: the same for every reason, as the gate's."""

    status = 401
    slug = "unauthenticated"
    title = gettext_noop("Unauthorized")
    detail = gettext_noop("The request carries no credentials that work here and now.")


class NotAcceptedMediaType(Problem):
    status = 415
    slug = "unsupported-media-type"
    title = gettext_noop("Unsupported media type")
    detail = gettext_noop("Send the body as application/json.")


class RequestUnderWay(Conflict):
    slug = "request-under-way"
    detail = gettext_noop("A request with this Idempotency-Key is still being carried out. Send it again in a second.")


class PreconditionFailed(Problem):
    status = 412
    slug = "precondition-failed"
    title = gettext_noop("Changed in the meantime")
    detail = gettext_noop(
        "This was changed since you read it, so nothing was saved. Read it again, and repeat your change."
    )


class PreconditionRequired(Problem):
    status = 428
    slug = "precondition-required"
    title = gettext_noop("If-Match is missing")
    detail = gettext_noop("Send the header If-Match with the ETag that you read, so that no one else’s change is lost.")


class IdempotencyKeyReused(Problem):
    status = 422
    slug = "idempotency-key-reused"
    title = gettext_noop("This Idempotency-Key belongs to another request")
    detail = gettext_noop(
        "The key was sent with another request in the last 24 hours. Use a new key for each new request."
    )


class RateLimited(Problem):
    status = 429
    slug = "rate-limited"
    title = gettext_noop("Too many requests")
    detail = gettext_noop("These credentials have sent too many requests. Try again in %(seconds)s seconds.")


class TooManyFollowers(Problem):
    status = 429
    slug = "too-many-followers"
    title = gettext_noop("Too many open log streams")
    detail = gettext_noop("Close another stream, or try again in a minute.")


class Internal(Problem):
    """A bug, or an outage; the log has the details under the request's id."""

    detail = gettext_noop("Something went wrong here. Nothing was changed. Try again later.")
