"""The list of an account's webhooks, a webhook with its deliveries, and one delivery with its answers."""

import json
import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_safe

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.webhooks.event_types import TEST, WORDS
from simsim.webhooks.models import WebhookEndpoint
from simsim.webhooks.outbox import answers_of
from simsim.webhooks.selectors import endpoints_of, find_delivery, find_endpoint, list_deliveries

PAGE_SIZE = 50


@require_safe
@for_administrators
def webhooks(access: AccountAccess) -> HttpResponse:
    """Show the account's webhooks."""
    context = {
        "account": access.account,
        "now": access.now,
        "endpoints": list(endpoints_of(access.account, actor=access.actor)),
    }
    return render(access.request, "console/webhooks/webhooks.html", context)


@require_safe
@for_administrators
def webhook(access: AccountAccess, endpoint_id: uuid.UUID) -> HttpResponse:
    """Show a webhook and a page of its deliveries, newest first."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    cursor = access.request.GET.get("cursor") or None
    deliveries, following = list_deliveries(endpoint, actor=access.actor, limit=PAGE_SIZE, cursor=cursor)
    context = {
        "account": access.account,
        "now": access.now,
        "endpoint": endpoint,
        "events": event_words(endpoint),
        "rows": [(found, words_of(found.event), next(iter(answers_of(found)), None)) for found in deliveries],
        "following": following,
        "is_first_page": cursor is None,
        "has_two_secrets": bool(endpoint.previous_works_until and endpoint.previous_works_until > access.now),
    }
    return render(access.request, "console/webhooks/webhook.html", context)


@require_safe
@for_administrators
def delivery(access: AccountAccess, endpoint_id: uuid.UUID, delivery_id: int) -> HttpResponse:
    """Show what was sent, and each of the receiver's latest answers."""
    endpoint = find_endpoint(endpoint_id, actor=access.actor, account=access.account)
    found = find_delivery(delivery_id, actor=access.actor, endpoint=endpoint)
    context = {
        "account": access.account,
        "now": access.now,
        "endpoint": endpoint,
        "delivery": found,
        "words": words_of(found.event),
        "answers": answers_of(found),
        "payload": json.dumps(json.loads(found.body), indent=2, ensure_ascii=False),
    }
    return render(access.request, "console/webhooks/delivery.html", context)


def words_of(event: str) -> str:
    """Return the words for a type of event; for one that this version does not know, its name."""
    known = {str(each): words for each, words in WORDS.items()} | {TEST: gettext_noop("Test event")}
    return gettext(known[event]) if event in known else event


def event_words(endpoint: WebhookEndpoint) -> list[str]:
    """Return the words for the events that the endpoint chose."""
    return [gettext(words) for event, words in WORDS.items() if event.value in endpoint.events]
