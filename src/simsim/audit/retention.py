"""Deletes old events from the beginnings of their chains, so that what is left can still be verified."""

from datetime import datetime

from django.db import transaction

from simsim.audit import chain
from simsim.audit.chain_keys import newest_key
from simsim.audit.models import AuditEvent, Chain

STEP = 900


def delete_old(before: datetime) -> int:
    """Delete some of the events before that time; return how many: call it until it returns 0.

    Each chain loses only its first events, and its row then seals where it begins now. The newest event of all stays,
    whatever its age: the worker recognises a restored database by it.
    """
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for name in Chain.objects.filter(oldest_at__lt=before).order_by("oldest_at").values_list("pk", flat=True)[:STEP]:
        if deleted := shorten(name, before, newest):
            return deleted
    outside = AuditEvent.objects.filter(number=None, at__lt=before).exclude(pk=newest)
    return AuditEvent.objects.filter(pk__in=list(outside.values_list("pk", flat=True)[:STEP])).delete()[0]


@transaction.atomic
def shorten(name: str, before: datetime, newest: int) -> int:
    """Delete the first events of one chain if they are older; return how many. A changed chain is left as it is."""
    found = Chain.objects.select_for_update().get(pk=name)
    if not chain.is_intact(found):
        return 0
    first = list(chain.events_of(name).filter(number__gte=found.first_kept).order_by("number")[: STEP + 1])
    old: list[AuditEvent] = []
    for number, event in enumerate(first[:STEP], start=found.first_kept):
        # Stop at a missing number too: what is wrong must not be deleted before somebody has seen it.
        if event.at >= before or event.pk == newest or event.number != number:
            break
        old.append(event)
    if not old:
        return 0
    kept = first[len(old)] if len(first) > len(old) else None
    found.first_kept, found.before_mac = found.first_kept + len(old), old[-1].mac
    found.oldest_at = kept.at if kept else None
    chain.sealed(found, newest_key()).save()
    return AuditEvent.objects.filter(pk__in=[event.pk for event in old]).delete()[0]
