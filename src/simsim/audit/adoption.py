"""Takes events from before the chains into them, in steps that each make a revoke wait for moments only."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction

from simsim.audit import chain, recorder
from simsim.audit.chain_keys import keep_keys
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Chain
from simsim.audit.recorder import Recordable

STEP = 900


def begin_chains(account_ids: Iterable[object], *, actor: Recordable, now: datetime) -> int | None:
    """Begin the chains of an installation that has none; return how many earlier events they took in, else None.

    An interrupted call is continued by the next one: the installation's own chain begins last.
    """
    if Chain.objects.filter(pk=chain.INSTALLATION).exists():
        keep_keys()
        return None
    known = AuditEvent.objects.filter(number=None, account_id__isnull=False).values_list("account_id", flat=True)
    names = sorted({str(account_id) for account_id in [*account_ids, *known.distinct()]})
    Chain.objects.bulk_create([chain.new_chain(name) for name in names], ignore_conflicts=True)
    adopted = sum(adopt_chain(name) for name in names)
    with transaction.atomic():
        Chain.objects.bulk_create([chain.new_chain(chain.INSTALLATION)], ignore_conflicts=True)
        while step := adopt_step(chain.INSTALLATION):
            adopted += step
        details: dict[str, object] = {"earlier_events": adopted}
        recorder.record(Event.AUDIT_CHAIN_BEGUN, actor=actor, account_id=None, subject_id="", details=details, now=now)
    return adopted


def adopt(*, actor: Recordable, now: datetime) -> int:
    """Take the events that are outside of every chain into the chains, record that, and return how many."""
    outside = AuditEvent.objects.filter(number=None).values_list("account_id", flat=True).distinct()
    adopted = sum(adopt_chain(str(account_id) if account_id else chain.INSTALLATION) for account_id in list(outside))
    if adopted:
        with transaction.atomic():
            recorder.record(
                Event.AUDIT_ADOPTED, actor=actor, account_id=None, subject_id="", details={"events": adopted}, now=now
            )
    return adopted


def adopt_chain(name: str) -> int:
    adopted = 0
    while step := adopt_step(name):
        adopted += step
    return adopted


@transaction.atomic
def adopt_step(name: str) -> int:
    """Number some of the chain's events that have no number, oldest first; return how many.

    A chain that was changed from outside takes none in: its new seal would hide the change.
    """
    found = Chain.objects.select_for_update().filter(pk=name).first()
    if found is None or not chain.is_intact(found):
        return 0
    events = list(chain.events_of(name).filter(number=None).order_by("pk")[:STEP])
    if not events:
        return 0
    chain.extend(found, events, chain.Link.ADOPTED)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {chain.TABLE} SET number = %s, mac = %s, key_id = %s WHERE id = %s",  # noqa: S608
            [(event.number, event.mac, event.key_id, event.pk) for event in events],
        )
    found.save()
    return len(events)
