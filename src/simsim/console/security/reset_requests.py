"""Requests for a link to choose a new password: one answer, after one time, and never too many emails."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from simsim.mail import outbox

# Longer than making an email takes: the time must not tell whether the address belongs to somebody.
ANSWER_SECONDS = 0.3
# Anybody may ask for a link for anybody. Further requests get the same answer, and the links sent before still work.
MAX_LINKS = 3
WINDOW = timedelta(minutes=10)


def is_enough(email: str) -> bool:
    """Whether the person was sent as many links lately as anybody needs."""
    owed = outbox.owed_since(timezone.now() - WINDOW, kind="ready_made").filter(recipient=email)
    return owed.count() >= MAX_LINKS


def in_constant_time(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer a sent form no sooner than after ANSWER_SECONDS."""

    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        started = time.monotonic()
        response = view(request, *args, **kwargs)
        if request.method == "POST":
            time.sleep(max(0.0, started + ANSWER_SECONDS - time.monotonic()))
        return response

    return answered
