"""The chains of the audit trail: one for each account, and one for the installation.

Each event has the next number of its chain, and a MAC over all its columns and the MAC before (HMAC-SHA256, RFC 2104).
The chain's row seals its newest event, so that no event can be missing at the end. Without the key, which is not in the
database, nobody can change, add, remove or reorder events unnoticed: see `verification`.

The row of a chain is locked from an event to the commit. So an action takes its other locks before it records.
"""

import hmac
import json
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from django.db import connection
from django.db.models import Max, QuerySet

from simsim.audit.chain_keys import ChainKey, find_key, keep_keys, newest_key
from simsim.audit.events import Event
from simsim.audit.models import AuditEvent, Chain
from simsim.bulk_insert import insert_all

log = logging.getLogger(__name__)
# The chain of events that belong to no account.
INSTALLATION = "installation"
TABLE = "audit_auditevent"


class Link(StrEnum):
    """How an event follows the one before. Each has its own MAC, so that none can pass for another."""

    NEXT = "next"
    ADOPTED = "adopted"  # from before the chain began
    AFTER_BREAK = "after a break"  # the row of the chain had been changed or removed


def chain_name(event: AuditEvent) -> str:
    return str(event.account_id) if event.account_id else INSTALLATION


def append(events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """Store new events at the ends of their chains; return them. The caller is in a transaction."""
    parts: dict[str, list[AuditEvent]] = {}
    for event in events:
        parts.setdefault(chain_name(event), []).append(event)
    # In one order, so that two transactions with events of several chains don't wait for each other.
    chains = {name: lock(name, parts[name][0]) for name in sorted(parts)}
    for event, pk in zip(events, next_ids(len(events)), strict=True):
        event.pk = pk
    for name, (chain, link) in chains.items():
        extend(chain, parts[name], link)
    insert_all(events)
    for chain, _ in chains.values():
        chain.save()
    return list(events)


def lock(name: str, first: AuditEvent) -> tuple[Chain, Link]:
    """Return the chain, locked until the transaction ends, and how the event `first` follows its end.

    An account's chain begins with its creation. Any other chain that is missing was removed.
    """
    chain = Chain.objects.select_for_update().filter(pk=name).first()
    if chain is None:
        # Of two transactions that begin a chain, the second waits here and then finds the chain of the first.
        Chain.objects.bulk_create([new_chain(name)], ignore_conflicts=True)
        chain = Chain.objects.select_for_update().get(pk=name)
        if first.event == Event.ACCOUNT_CREATED and first.subject_id == name:
            return chain, Link.NEXT
    elif is_intact(chain):
        return chain, Link.NEXT
    newest = events_of(name).aggregate(newest=Max("number"))["newest"] or 0
    if newest or chain.number:
        log.error("the audit trail was changed from outside (%s): run simsim audit verify", name)
    chain.number = max(newest, chain.number)
    return chain, Link.AFTER_BREAK


def new_chain(name: str) -> Chain:
    """Return an empty, sealed chain."""
    return sealed(Chain(name=name, number=0, mac=""), newest_key())


def extend(chain: Chain, events: Iterable[AuditEvent], link: Link) -> None:
    """Give the events their numbers and MACs, and seal the chain again. Nothing is saved."""
    key = newest_key()
    if chain.key_id != key.id:
        keep_keys()
    for event in events:
        chain.number += 1
        event.number, event.key_id = chain.number, key.id
        event.mac = event_mac(key.key, event, before="" if link is Link.AFTER_BREAK else chain.mac, link=link)
        chain.mac, chain.oldest_at = event.mac, chain.oldest_at or event.at
        link = link if link is Link.ADOPTED else Link.NEXT
    sealed(chain, key)


def event_mac(key: bytes, event: AuditEvent, *, before: str, link: Link) -> str:
    """Return the MAC of an event that follows the MAC `before`."""
    parts = [
        "simsim-audit-event-v1", link.value, before, event.pk, chain_name(event), event.number, moment(event.at),
        event.event, event.actor_id, event.actor_label, event.subject_id, event.door, event.address, event.os_user,
        event.key_id, event.details,
    ]  # fmt: skip
    return mac(key, parts)


def sealed(chain: Chain, key: ChainKey) -> Chain:
    chain.key_id = key.id
    chain.seal = seal_of(chain, key.key)
    return chain


def is_intact(chain: Chain) -> bool:
    key = find_key(chain.key_id)
    return key is not None and hmac.compare_digest(seal_of(chain, key).encode(), chain.seal.encode())


def seal_of(chain: Chain, key: bytes) -> str:
    oldest = moment(chain.oldest_at) if chain.oldest_at else None
    parts = [
        "simsim-audit-chain-v1", chain.name, chain.number, chain.mac, chain.first_kept, chain.before_mac, oldest,
        chain.key_id,
    ]  # fmt: skip
    return mac(key, parts)


def mac(key: bytes, parts: Sequence[object]) -> str:
    # Canonical: JSON separates the parts, and neither the order nor the spelling of details depends on the database.
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hmac.digest(key, text.encode("ascii"), "sha256").hex()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def events_of(name: str) -> QuerySet[AuditEvent]:
    """Return the events of a chain, those outside it too."""
    return AuditEvent.objects.filter(account_id=None if name == INSTALLATION else name)


def next_ids(count: int) -> list[int]:
    """Return the ids of the next events: an event's MAC covers its id, so the id has to be known before."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [TABLE, count]
            )
            return [row[0] for row in cursor.fetchall()]
        # SQLite has one writer, which is this transaction.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [TABLE])
        found = cursor.fetchone()
        last = found[0] if found else 0
        return list(range(last + 1, last + 1 + count))
