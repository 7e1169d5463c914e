"""The page *Sign-in and security*: how the person signs in, and where they are signed in."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from simsim.accounts.models import User
from simsim.accounts.permissions import actor_of
from simsim.accounts.person_events import record_person_event
from simsim.accounts.second_factors import is_needed
from simsim.audit.events import Event
from simsim.console.messages import say
from simsim.console_sessions.selectors import end_session, end_sessions, sessions_of
from simsim.console_sessions.store import digest_of


@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Show the password, the authenticator app, the passkeys, the recovery codes and the sessions of the person."""
    user, now = person(request), timezone.now()
    found = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at"))
    codes = next((each for each in found if each.type == Authenticator.Type.RECOVERY_CODES), None)
    app = next((each for each in found if each.type == Authenticator.Type.TOTP), None)
    passkeys = [each for each in found if each.type == Authenticator.Type.WEBAUTHN]
    context = {
        "now": now,
        "app": app,
        "passkeys": passkeys,
        "has_second_factor": bool(app or passkeys),
        "is_needed": is_needed(user),
        "codes": codes,
        "unused_codes": len(codes.wrap().get_unused_codes()) if codes else 0,
        "sessions": sessions_of(user.pk, now=now),
        "this_session": digest_of(request.session.session_key or ""),
    }
    return render(request, "console/security/security.html", context)


@login_required
@require_POST
def end_one(request: HttpRequest, digest: str) -> HttpResponse:
    """End one of the person's other sessions. Ending one that has ended already is no error."""
    user = person(request)
    if digest != digest_of(request.session.session_key or ""):
        with transaction.atomic():
            if end_session(user.pk, digest):
                note_ended(user, 1)
        say(request, gettext("The session was ended."))
    return redirect("console:security")


@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """End all sessions of the person except this one."""
    user = person(request)
    with transaction.atomic():
        ended = end_sessions(user.pk, keep=request.session.session_key)
        if ended:
            note_ended(user, ended)
    say(request, gettext("All other sessions were ended."))
    return redirect("console:security")


def note_ended(user: User, count: int) -> None:
    details: dict[str, object] = {"email": user.email, "ended": count}
    record_person_event(Event.SESSION_ENDED, actor=actor_of(user), user=user, details=details, now=timezone.now())


def person(request: HttpRequest) -> User:
    """Return the signed-in person; the caller has demanded a sign-in."""
    if not isinstance(request.user, User):
        raise TypeError("nobody is signed in")
    return request.user
