"""The buttons of a webhook: send a test event, pause, resume, send an event again. A GET redirects to the webhook."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say, warn
from simsim.problem import WebhookPaused
from simsim.webhooks import actions
from simsim.webhooks.selectors import find_delivery, find_endpoint


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def send_test_event(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Queue a test event."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    if access.request.method == "POST":
        try:
            actions.send_test_event(actor=access.actor, endpoint=endpoint, now=access.now)
        except WebhookPaused as problem:
            warn(access.request, sentence(problem))
        else:
            say(access.request, gettext("A test event is on its way. Reload this page to see the receiver’s answer."))
    return redirect("console:webhook", access.account.pk, endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def pause(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Pause the webhook."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    if access.request.method == "POST":
        actions.pause_endpoint(actor=access.actor, endpoint=endpoint, now=access.now)
        say(access.request, gettext("Paused. Events wait until you resume the webhook."))
    return redirect("console:webhook", access.account.pk, endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def resume(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Resume the webhook."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    if access.request.method == "POST":
        actions.resume_endpoint(actor=access.actor, endpoint=endpoint, now=access.now)
        say(access.request, gettext("Resumed. Events that were waiting are sent now."))
    return redirect("console:webhook", access.account.pk, endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def resend(access: AccountAccess, endpoint_id: uuid.UUID, delivery_id: int) -> HttpResponse:
    """Send an event again, with the same id."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    delivery = find_delivery(delivery_id, actor=access.actor, endpoint=endpoint)
    if access.request.method == "POST":
        try:
            actions.resend(actor=access.actor, delivery=delivery, now=access.now)
        except WebhookPaused as problem:
            warn(access.request, sentence(problem))
        else:
            say(access.request, gettext("The event is being sent again. Reload this page to see the answer."))
    return redirect("console:webhook_delivery", access.account.pk, endpoint.pk, delivery.pk)
