"""Adding, editing and removing webhooks, and their secrets, shown only in the response to a POST."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.console.webhooks.form import WebhookForm
from simsim.problem import Invalid, TooManyWebhooks
from simsim.webhooks import actions
from simsim.webhooks.models import WebhookEndpoint
from simsim.webhooks.selectors import find_endpoint


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def add(access: AccountAccess) -> HttpResponse:
    """Show the form, or add the webhook and show its secret in the response."""
    demand_recent_authentication(access.request, keeps_form=True)
    if access.request.method != "POST":
        return form_page(access, WebhookForm())
    form = WebhookForm.read(access.request.POST)
    try:
        endpoint, signing = actions.add_endpoint(
            actor=access.actor, account=access.account, name=form.name, url=form.url, events=form.events, now=access.now
        )
    except Invalid as problem:
        form.explain(problem)
        return form_page(access, form, status=problem.status)
    except TooManyWebhooks as problem:
        form.errors["all"] = sentence(problem)
        return form_page(access, form, status=problem.status)
    return secret_page(access, endpoint, signing, is_new=True)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def edit(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Show the form with the present values, or save them."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    # Whoever can change the URL can read the events.
    demand_recent_authentication(access.request, keeps_form=True)
    if access.request.method != "POST":
        return form_page(access, WebhookForm.of(endpoint), endpoint)
    form = WebhookForm.read(access.request.POST)
    try:
        actions.edit_endpoint(
            actor=access.actor, endpoint=endpoint, name=form.name, url=form.url, events=form.events, now=access.now
        )
    except Invalid as problem:
        form.explain(problem)
        return form_page(access, form, endpoint, status=problem.status)
    say(access.request, gettext("Saved. Events that are still waiting follow these settings, too."))
    return redirect("console:webhook", access.account.pk, endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def rotate(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then give the webhook a new secret and show it."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    demand_recent_authentication(access.request)
    if access.request.method != "POST":
        context = {"account": access.account, "now": access.now, "endpoint": endpoint}
        return render(access.request, "console/webhooks/rotate.html", context)
    endpoint, signing = actions.rotate_secret(actor=access.actor, endpoint=endpoint, now=access.now)
    return secret_page(access, endpoint, signing, is_new=False)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def remove(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then remove the webhook with its deliveries."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        context = {"account": access.account, "endpoint": endpoint}
        return render(access.request, "console/webhooks/remove.html", context)
    actions.remove_endpoint(actor=access.actor, endpoint=endpoint, now=access.now)
    say(access.request, gettext("The webhook “%(name)s” was removed.") % {"name": endpoint.name})
    return redirect("console:webhooks", access.account.pk)


def secret_page(
    access: AccountAccess, endpoint: WebhookEndpoint, signing: actions.SigningSecret, *, is_new: bool
) -> HttpResponse:
    """Return the page of a secret that has just been created. It can't be shown again."""
    context = {"account": access.account, "endpoint": endpoint, "signing": signing, "is_new": is_new}
    return render(access.request, "console/webhooks/secret.html", context, status=201)


def form_page(
    access: AccountAccess, form: WebhookForm, endpoint: WebhookEndpoint | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"account": access.account, "form": form, "endpoint": endpoint}
    return render(access.request, "console/webhooks/form.html", context, status=status)
