"""Middleware: a session from the operator's product opens only pages of its account that its role needs."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve

from simsim.accounts.models import PortalRole
from simsim.console.errors import problem_page
from simsim.console.middleware import Handler
from simsim.console.portal.session import PortalSession, portal_of
from simsim.problem import NotInThisSession

EVERYWHERE = frozenset(
    {"home", "portal", "portal_look", "portal_logo", "documentation", "documentation_start", "account_logout",
     "account_reauthenticate", "account_login"}
)  # fmt: skip
FOR_MEMBERS = frozenset(
    {"account", "destinations", "api", "connect", "connect_recipe", "postman_collection", "ask", "offered_token",
     "search"}
)  # fmt: skip
# Only to read: other methods are refused.
FOR_READERS = frozenset(
    {"account", "destinations", "api", "connect", "connect_recipe", "postman_collection", "tokens", "ended_tokens",
     "token", "logs", "more_requests", "newest_requests", "logged_request", "export_requests", "usage", "audit_trail",
     "export_audit_trail", "token_selection", "calls", "export_calls", "search"}
)  # fmt: skip
# A search reads, and is sent by POST all the same.
READS_BY_POST = frozenset({"search"})
# What outlives the session, or decides who gets in, belongs to the operator's product or to people who sign in here.
NOT_FOR_ADMINISTRATORS = frozenset(
    {"people", "second_factor_policy", "single_sign_on_policy", "invite_person", "invite_again", "change_role",
     "remove_person", "management_tokens", "create_management_token", "revoke_management_token", "self_rotation",
     "hand_over_token", "take_back_hand_over", "webhooks", "add_webhook", "webhook", "edit_webhook", "rotate_webhook",
     "remove_webhook", "test_webhook", "pause_webhook", "resume_webhook", "webhook_delivery",
     "resend_webhook_delivery", "access_reviews", "access_review", "sign_off_access_review", "export_access_review",
     "review_request"}
)  # fmt: skip
SAFE_METHODS = frozenset({"GET", "HEAD"})


def portal_limits(get_response: Handler) -> Handler:
    """Refuse every page that is not named for the session's role."""

    def middleware(request: HttpRequest) -> HttpResponse:
        session = portal_of(request)
        if session is None or request.path_info.startswith("/static/"):
            return get_response(request)
        if not is_allowed(request, session):
            return problem_page(request, NotInThisSession())
        return get_response(request)

    return middleware


def is_allowed(request: HttpRequest, session: PortalSession) -> bool:
    """Whether the session may open the page; an unknown address is answered as usual, within the account."""
    try:
        match = resolve(request.path_info)
    except Http404:
        return True
    name = match.url_name or ""
    if name in EVERYWHERE and "account_id" not in match.kwargs:
        return True
    if str(match.kwargs.get("account_id")) != session.account or match.namespaces != ["console"]:
        return False
    if session.role == PortalRole.MEMBER:
        return name in FOR_MEMBERS
    if session.role == PortalRole.READER:
        return name in FOR_READERS and (request.method in SAFE_METHODS or name in READS_BY_POST)
    return name not in NOT_FOR_ADMINISTRATORS
