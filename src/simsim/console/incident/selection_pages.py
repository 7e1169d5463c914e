"""Many tokens at once: what was chosen, then a question for each act that says what will happen (B18)."""

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from simsim.account_log.selection_networks import NetworksPreview, preview_networks_of
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.formats import number
from simsim.console.incident.selection_form import SelectionForm
from simsim.console.messages import say, warn
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import Invalid, NotFound, SelectionChanged
from simsim.rfc3339 import format_time
from simsim.tokens.models import RevocationReason
from simsim.tokens.notice_policy import administrators_of
from simsim.tokens.selection_acts import LIST, Act, Change
from simsim.tokens.selection_change import Changed, change_selection
from simsim.tokens.software import software_in_use
from simsim.tokens.token_selection import Selection, select_tokens

SHOWN = 50
NAMES_SHOWN = 5
# About as many as are changed in a second.
MANY = 2000


@require_safe
@for_administrators
def selection(access: AccountAccess) -> HttpResponse:
    """Show the tokens that the URL chooses, and let some of them be left out."""
    form = SelectionForm.read(access.request.GET)
    if "one_by_one" in access.request.GET and not form.ids["tokens"]:
        return nothing_chosen(access)
    found = None if form.errors else chosen_by(access, form, with_ended=bool(form.chosen.stopped_at))
    tokens, uses = (found.tokens, found.uses) if found else ([], {})
    context = {
        "account": access.account,
        "now": access.now,
        "form": form,
        "found": found,
        "rows": [(token, token.status(access.now), uses.get(token.pk)) for token in tokens[:SHOWN]],
        "shown": SHOWN,
        "software": software_in_use(access.account),
        "has_active": any(token.revoked_at is None for token in tokens),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(access.request, "console/incident/selection.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def change(access: AccountAccess, act: str) -> HttpResponse:
    """Say what will happen to the chosen tokens, and ask for their number before it does."""
    if act not in set(Act):
        raise NotFound
    form = SelectionForm.read(access.request.GET)
    if "one_by_one" in access.request.GET and not form.ids["tokens"]:
        return nothing_chosen(access)
    # At the question already, so that nothing that was typed below is lost.
    demand_recent_authentication(access.request)
    if form.errors:
        return redirect(reverse("console:token_selection", args=[access.account.pk]) + form.query)
    is_sent = access.request.method == "POST"
    sent = access.request.POST if is_sent else access.request.GET
    networks = sent.get("networks", "").split()
    what = Change(Act(act), sent.get("reason", "").strip(), networks, sent.get("how") == "add")
    return carry_out(access, form, what) if is_sent else question(access, form, what)


def carry_out(access: AccountAccess, form: SelectionForm, what: Change) -> HttpResponse:
    """Do what the question asked, if the number is right and the tokens are those that it showed."""
    found = chosen_by(access, form)
    if access.request.POST.get("fingerprint") != found.fingerprint:
        return question(access, form, what, changed=True)
    typed = access.request.POST.get("number", "").strip().replace(",", "")
    if typed != str(len(what.concerned(found.tokens, access.now))):
        return question(access, form, what, error=gettext("Enter the number of tokens, as it is shown above."))
    try:
        done = change_selection(
            actor=access.actor, account=access.account, change=what, chosen=form.chosen,
            fingerprint=found.fingerprint, now=access.now,
        )  # fmt: skip
    except SelectionChanged:
        return question(access, form, what, changed=True)
    except Invalid as problem:
        return question(access, form, what, problem=problem)
    return carried_out(access, form, done)


def nothing_chosen(access: AccountAccess) -> HttpResponse:
    # No ids would mean every token.
    warn(access.request, gettext("Choose at least one token."))
    return redirect("console:tokens", access.account.pk)


def chosen_by(access: AccountAccess, form: SelectionForm, *, with_ended: bool = False) -> Selection:
    return select_tokens(
        access.account, actor=access.actor, chosen=form.chosen, with_ended=with_ended, now=access.now
    )  # fmt: skip


def question(
    access: AccountAccess, form: SelectionForm, what: Change, *, changed: bool = False, error: str = "",
    problem: Invalid | None = None,
) -> HttpResponse:  # fmt: skip
    """Return the page that asks; `changed` says that the tokens are not those that were shown before."""
    found = chosen_by(access, form)
    effect, errors = effect_of(access, what, found)
    errors |= {each.field: sentence(Invalid(each)) for each in problem.errors} if problem else {}
    tokens = [] if what.act == Act.NETWORKS and effect is None else what.concerned(found.tokens, access.now)
    context = {
        "account": access.account,
        "now": access.now,
        "form": form,
        "act": what.act.value,
        "what": what,
        "networks": "\n".join(what.networks),
        "found": found,
        "number": len(tokens),
        "names": [token.name for token in tokens[:NAMES_SHOWN]],
        "more": max(0, len(tokens) - NAMES_SHOWN),
        "unchanged": len(found.tokens) - len(tokens),
        "in_use": sum(1 for token in tokens if token.pk in found.uses),
        "effect": effect,
        "many": len(tokens) > MANY,
        "administrators": sorted(administrators_of([access.account.pk])[access.account.pk].values()),
        "reasons": RevocationReason.choices,
        "errors": errors,
        "number_error": error,
        "changed": changed,
    }
    status = HTTPStatus.OK
    if changed:
        status = HTTPStatus.CONFLICT
    elif error or errors:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(access.request, "console/incident/change.html", context, status=status)


def effect_of(
    access: AccountAccess, what: Change, found: Selection
) -> tuple[NetworksPreview | None, dict[str, str]]:  # fmt: skip
    """Return what other networks would have refused, None before any are entered; and the errors of the networks."""
    if what.act != Act.NETWORKS or not what.networks:
        return None, {}
    try:
        effect = preview_networks_of(
            access.account, actor=access.actor, selection=found, change=what, now=access.now
        )  # fmt: skip
    except Invalid as problem:
        return None, {LIST: " ".join(sentence(Invalid(each)) for each in problem.errors[:NAMES_SHOWN])}
    return effect, {}


def carried_out(access: AccountAccess, form: SelectionForm, done: Changed) -> HttpResponse:
    """Say what was done, and show the tokens that were stopped together, where a pause can be undone."""
    said = {
        Act.PAUSE: ngettext("%(number)s token was paused.", "%(number)s tokens were paused.", done.number),
        Act.REVOKE: ngettext("%(number)s token was revoked.", "%(number)s tokens were revoked.", done.number),
        Act.RESUME: ngettext("%(number)s token works again.", "%(number)s tokens work again.", done.number),
        Act.NETWORKS: ngettext(
            "%(number)s token has new allowed networks.", "%(number)s tokens have new allowed networks.", done.number
        ),
    }[done.act] % {"number": number(done.number)}
    say(access.request, said)
    if done.changed:
        names = ", ".join(done.changed[:NAMES_SHOWN])
        left = gettext("Left alone, because somebody changed them meanwhile (%(number)s): %(names)s")
        warn(access.request, left % {"number": number(len(done.changed)), "names": names})
    page = reverse("console:token_selection", args=[access.account.pk])
    if done.act in {Act.PAUSE, Act.REVOKE}:
        return redirect(f"{page}?stopped_at={format_time(access.now)}")
    return redirect(page + form.query)
