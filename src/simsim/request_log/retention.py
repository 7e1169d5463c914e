"""What is older than the operator keeps goes, in steps small enough that nobody waits for one."""

from datetime import datetime

from simsim.request_log.models import LoggedRequest, SetAsideLine


def forget_old(before: datetime, step: int = 900) -> int:
    """Delete at most `step` of the requests, and of the lines set aside, from before that time; return how many.

    Call it until it returns 0.
    """
    return _forget(LoggedRequest, "received_at", before, step) + _forget(SetAsideLine, "found_at", before, step)


def _forget(model: type[LoggedRequest | SetAsideLine], time: str, before: datetime, step: int) -> int:
    old = model._default_manager.filter(**{f"{time}__lt": before}).order_by(time).values_list("pk", flat=True)[:step]
    # The ids are read first: by a list PostgreSQL deletes through the index, by a subquery with LIMIT it may not.
    return model._default_manager.filter(pk__in=list(old)).delete()[0]
