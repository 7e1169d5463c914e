"""Pausing and resuming a token: pages that explain the consequences and ask first (B13)."""

import uuid
from dataclasses import dataclass
from typing import Self

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.tokens.rows import rows
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens.models import Token
from simsim.tokens.pause import pause_token, resume_token
from simsim.tokens.selectors import find_token

WITHOUT_END, AS_IT_IS, ON_A_DATE = "", "as-it-is", "date"
SPANS = {WITHOUT_END: _("Until it is resumed"), "1h": _("1 hour"), "24h": _("24 hours"), "7d": _("7 days")}


@dataclass(frozen=True)
class PauseForm:
    """The form's fields: `until` is a key of SPANS, AS_IT_IS or ON_A_DATE, and `until_on` a date for the last."""

    until: str = WITHOUT_END
    until_on: str = ""
    reason: str = ""

    @classmethod
    def of(cls, token: Token) -> Self:
        """Return the form with the pause as it is."""
        return cls(AS_IT_IS if token.paused_until else WITHOUT_END, "", token.pause_reason)

    def end(self, token: Token) -> str:
        """Return the end as `pause_token` takes it. Raises Invalid if a date was chosen but not entered."""
        if self.until == AS_IT_IS and token.paused_until:
            return token.paused_until.isoformat()
        if self.until == ON_A_DATE:
            if not self.until_on.strip():
                raise Invalid(FieldError("until", gettext_noop("Enter the last day of the pause.")))
            return self.until_on
        if self.until not in SPANS:
            raise Invalid(FieldError("until", gettext_noop("Choose one of the options.")))
        return self.until


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def pause(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask until when and why, then pause, or change the pause. For an ended token, redirect to its page."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    is_paused = token.is_paused(access.now)
    if access.request.method != "POST":
        if token.has_ended(access.now):
            return redirect("console:token", access.account.pk, token.pk)
        return question(access, token, PauseForm.of(token) if is_paused else PauseForm())
    if is_paused:
        # An earlier end makes the password work sooner, as resuming does.
        demand_recent_authentication(access.request)
    sent = access.request.POST
    form = PauseForm(sent.get("until", ""), sent.get("until_on", ""), sent.get("reason", ""))
    try:
        pause_token(actor=access.actor, token=token, until=form.end(token), reason=form.reason, now=access.now)
    except Invalid as problem:
        return question(access, token, form, problem)
    said = gettext("The pause was changed.") if is_paused else gettext("“%(name)s” is paused. No request gets in.")
    say(access.request, said % {"name": token.name})
    return redirect("console:token", access.account.pk, token.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def resume(access: AccountAccess, token_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then resume. A token that is not paused needs no question: redirect to its page."""
    token = find_token(token_id, actor=access.actor, account=access.account)
    if not token.is_paused(access.now) or token.has_ended(access.now):
        return redirect("console:token", access.account.pk, token.pk)
    if access.request.method != "POST":
        context = {"account": access.account, "now": access.now, "token": token}
        return render(access.request, "console/tokens/resume.html", context)
    # A leaked password would work again, so access to an unattended browser must not be enough.
    demand_recent_authentication(access.request)
    resume_token(actor=access.actor, token=token, now=access.now)
    say(access.request, gettext("“%(name)s” works again.") % {"name": token.name})
    return redirect("console:token", access.account.pk, token.pk)


def question(access: AccountAccess, token: Token, form: PauseForm, problem: Invalid | None = None) -> HttpResponse:
    [row] = rows([token], now=access.now)
    context = {
        "account": access.account,
        "now": access.now,
        "token": token,
        "row": row,
        "spans": SPANS.items(),
        "form": form,
        "errors": {error.field: sentence(Invalid(error)) for error in problem.errors} if problem else {},
    }
    return render(access.request, "console/tokens/pause.html", context, status=problem.status if problem else 200)
