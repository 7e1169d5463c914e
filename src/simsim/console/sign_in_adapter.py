"""How allauth behaves here: no sign-up, addresses determined as the gate does, and links only to our own host."""

from typing import Any
from urllib.parse import urljoin, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy

from simsim.accounts.client_address import address_of
from simsim.accounts.models import User
from simsim.accounts.passwords import choose_password
from simsim.accounts.recent_authentication import AT_PROVIDER, is_from_portal, is_recent, is_signed_in_at_provider
from simsim.console.security import guesses, reset_requests
from simsim.console.security.places import place_of

UNKNOWN_ADDRESS = "unknown"
# These messages are not shown, because the next page makes them unnecessary.
HIDDEN_MESSAGES = {"account/messages/logged_in.txt", "mfa/messages/recovery_codes_generated.txt"}


class SignInAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Only administrators and the operator add people, so there is no sign-up."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": gettext_lazy("Too many failed attempts. Wait a few minutes, then try again."),
        "too_many_guesses": gettext_lazy(
            "Too many failed attempts at this address. Use a browser with which you have signed in before, choose a new"
            " password under “Forgot your password?”, or try again in 15 minutes."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address under which attempts are counted; all unknown addresses count as one."""
        address = address_of(request)
        return address.text if address else UNKNOWN_ADDRESS

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Counted by email and address: by email only, five wrong guesses from anywhere would lock the person out (T6).
        # A browser that the person knows counts for itself, even behind the address of a guesser.
        key = super()._get_login_attempts_cache_key(request, **credentials)
        browser = guesses.known_browser_of(request, str(credentials.get("email", "")))
        return f"{key}:{browser or self.get_client_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        super().pre_authenticate(request, **credentials)
        self._attempt = guesses.attempt(request, str(credentials.get("email", "")))
        if self._attempt is None:
            raise self.validation_error("too_many_guesses")

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._attempt is not None:
            self._attempt.rollback()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue an email; a person who was just sent several links to choose a password gets no more of them."""
        if not reset_requests.is_enough(email):
            super().send_mail(template_prefix, email, context)

    def is_safe_url(self, url: str) -> bool:
        """Whether a sign-in may redirect to the URL: only to our own pages, as a path or below SIMSIM_BASE_URL."""
        base = urlsplit(settings.OPERATOR.base_url)
        # allauth compares only hosts, but another port of our host, or plain http, may be another site.
        if url_has_allowed_host_and_scheme(url, allowed_hosts=None):
            return True
        target = urlsplit(url) if url_has_allowed_host_and_scheme(url, allowed_hosts={base.netloc}) else None
        return target is not None and (target.scheme, target.netloc) == (base.scheme, base.netloc)

    def login(self, request: HttpRequest, user: User) -> None:
        # Django changes `last_login` before it reports the sign-in.
        vars(request)["is_first_sign_in"] = user.last_login is None
        super().login(request, user)

    def set_password(self, user: User, password: str) -> None:
        """Set the person's password; raise PasswordSetMeanwhile if somebody else has just set it."""
        request = context.request
        by_link = request.user != user
        choose_password(
            user=user,
            password=password,
            by_link=by_link,
            # Of the browser that sets the password. Django ends a session that belongs to an earlier password itself.
            keep_session=request.session.session_key,
            place=place_of(request),
            now=timezone.now(),
        )
        if by_link:
            # Whoever reads the person's mail may sign in, even while somebody else guesses the password.
            vars(request)["has_signed_in"] = user.pk

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link for the email: below SIMSIM_BASE_URL, never under the host in the request's Host header."""
        link: str = super().get_reset_password_from_key_url(key)
        path = "/" + link.split("://", 1)[-1].partition("/")[2]
        return urljoin(settings.OPERATOR.base_url, path)

    def format_email_subject(self, subject: str) -> str:
        """Return the subject without the site's name, which would come from the request's Host header."""
        return subject

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """Return the email in the common layout, which names our own URL and the recipient."""
        known = {"base_url": settings.OPERATOR.base_url, "recipient": email}
        message: EmailMessage = super().render_mail(template_prefix, email, {**context, **known}, headers)
        return message

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether the person must prove who they are again; allauth asks before it changes sign-in methods."""
        # allauth lets people who have no password and no second factor pass (its did_recently_reauthenticate).
        del app, kwargs
        return not is_recent(context.request)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """Return how the person can prove who they are again; whoever signed in at the provider does it there."""
        if is_signed_in_at_provider(context.request) or is_from_portal(context.request):
            return [{"id": AT_PROVIDER, "description": "", "url": reverse("account_reauthenticate")}]
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in HIDDEN_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
