"""What is older than the operator keeps goes, in steps small enough that nobody waits for one."""

from datetime import datetime
from typing import Any

from django.db.models import Model

from simsim.request_log.models import LoggedRequest, SetAsideLine, TokenAddressDay, TokenDay


def forget_old(before: datetime, step: int = 900) -> int:
    """Delete at most `step` of the requests, of the lines set aside and of the counts, from before that time.

    Return how many were deleted: call it until it returns 0. A day's counts stay until the whole of it is past.
    """
    day = before.date()
    return (
        _forget(LoggedRequest, "received_at", before, step)
        + _forget(SetAsideLine, "found_at", before, step)
        + _forget(TokenDay, "day", day, step)
        + _forget(TokenAddressDay, "day", day, step)
    )


def _forget(model: type[Model], time: str, before: Any, step: int) -> int:
    old = model._default_manager.filter(**{f"{time}__lt": before}).order_by(time).values_list("pk", flat=True)[:step]
    # The ids are read first: by a list PostgreSQL deletes through the index, by a subquery with LIMIT it may not.
    return model._default_manager.filter(pk__in=list(old)).delete()[0]
