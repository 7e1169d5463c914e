"""Random changes of the audit trail by somebody who can write to the database and does not have the keys."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from simsim.audit.chain import INSTALLATION, chain_name, events_of
from simsim.audit.models import AuditEvent, Chain
from simsim.audit.verification import Report

COPIED = (
    "at", "event", "account_id", "actor_id", "actor_label", "subject_id", "details", "door", "address", "os_user",
    "number", "mac", "key_id",
)  # fmt: skip
CONTENT = COPIED[:10]
HEX = "0123456789abcdef"


@dataclass
class Tampering:
    """What was done, and where: a chain and a number, an event's id, or a whole chain."""

    what: str
    places: set[tuple[str, int | None]] = field(default_factory=set)
    event_ids: set[int] = field(default_factory=set)

    def is_located_by(self, report: Report) -> bool:
        return any(
            (found.chain, found.number) in self.places or found.event_id in self.event_ids for found in report.findings
        )


class Attacker:
    """Makes one random change at a time; `seed` repeats them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ways: list[Callable[[], Tampering]] = [
            self.drop, self.edit, self.edit, self.edit, self.swap, self.reorder, self.truncate, self.truncate_with_end,
            self.insert, self.edit_end, self.remove_end, self.remove_chain,
        ]  # fmt: skip

    def tamper(self) -> Tampering:
        return self.random.choice(self.ways)()

    def event(self) -> AuditEvent:
        return self.random.choice(list(AuditEvent.objects.order_by("pk")))

    def chain(self) -> Chain:
        return self.random.choice(list(Chain.objects.filter(number__gt=2).order_by("name")))

    def drop(self) -> Tampering:
        event = self.event()
        AuditEvent.objects.filter(pk=event.pk).delete()
        return at("dropped", event)

    def edit(self) -> Tampering:
        event, column = self.event(), self.random.choice(["id", *COPIED])
        done = at(f"edited {column}", event)
        if column == "id":
            AuditEvent.objects.filter(pk=event.pk).update(id=self.random.randrange(10**6, 10**9))
        else:
            AuditEvent.objects.filter(pk=event.pk).update(**{column: self.other(column, getattr(event, column))})
        return done

    def other(self, column: str, value: object) -> object:
        """Return another value for a column."""
        match column:
            case "at":
                return value + self.random.choice([-1, 1]) * timedelta(microseconds=self.random.randrange(1, 10**9))  # type: ignore[operator]
            case "account_id":
                accounts = {*AuditEvent.objects.values_list("account_id", flat=True), uuid.uuid4(), None} - {value}
                return self.random.choice(sorted(accounts, key=str))
            case "actor_id":
                return None if value is not None and self.random.random() < 0.3 else self.random.randrange(10**6, 10**7)
            case "number":
                return self.random.choice([None, self.random.randrange(1000, 2000), 1 if value != 1 else 2])
            case "details":
                return {**value, "name": [self.random.random() < 0.5, "x"]}  # type: ignore[dict-item]
            case "mac":
                return flipped(str(value), self.random)
            case _:
                return f"{value}x"[-12:] if value else "x"

    def swap(self) -> Tampering:
        """Swap two events, with their places or only their contents."""
        one, two = self.random.sample(list(AuditEvent.objects.order_by("pk")), 2)
        columns = self.random.choice([COPIED, CONTENT])
        done = at("swapped", one, two)
        values = {name: getattr(one, name) for name in columns}, {name: getattr(two, name) for name in columns}
        if values[0] == values[1]:
            return self.swap()
        AuditEvent.objects.filter(pk=two.pk).update(**values[0])
        AuditEvent.objects.filter(pk=one.pk).update(**values[1])
        return done

    def reorder(self) -> Tampering:
        """Give some of a chain's events each other's numbers."""
        chain = self.chain()
        events = self.random.sample(list(events_of(chain.name)), self.random.randrange(2, chain.number + 1))
        for event, follower in zip(events, [*events[1:], events[0]], strict=True):
            AuditEvent.objects.filter(pk=event.pk).update(number=follower.number)
        return at("reordered", *events)

    def truncate(self) -> Tampering:
        chain = self.chain()
        kept = self.random.randrange(0, chain.number)
        events_of(chain.name).filter(number__gt=kept).delete()
        return Tampering("truncated", {(chain.name, kept + 1)})

    def truncate_with_end(self) -> Tampering:
        """Remove events at the end, and make the chain's row name the newest one that is left."""
        chain = self.chain()
        kept = self.random.randrange(1, chain.number)
        events_of(chain.name).filter(number__gt=kept).delete()
        Chain.objects.filter(pk=chain.name).update(number=kept, mac=events_of(chain.name).get(number=kept).mac)
        return Tampering("truncated, with the row of the chain", {(chain.name, kept)})

    def insert(self) -> Tampering:
        chain, event = self.chain(), self.event()
        event.pk, event.account_id = 10**7, None if chain.name == INSTALLATION else uuid.UUID(chain.name)
        event.number = self.random.choice([None, self.random.randrange(1, chain.number + 1), chain.number + 1])
        event.actor_label = "mallory@example.com"
        event.save(force_insert=True)
        return Tampering("inserted", {(chain.name, event.number)} if event.number else set(), {event.pk})

    def edit_end(self) -> Tampering:
        chain = self.chain()
        column = self.random.choice(["number", "mac", "first_kept", "before_mac", "oldest_at", "key_id", "seal"])
        value = {
            "number": chain.number + self.random.choice([-1, 1, 5]), "mac": flipped(chain.mac, self.random),
            "first_kept": 2, "before_mac": "ab" * 32, "oldest_at": None, "key_id": "ab" * 8,
            "seal": flipped(chain.seal, self.random),
        }[column]  # fmt: skip
        Chain.objects.filter(pk=chain.name).update(**{column: value})
        numbers = {None, 1, *range(chain.number, chain.number + 7), chain.number - 1}
        return Tampering(f"edited {column} of a chain", {(chain.name, number) for number in numbers})

    def remove_end(self) -> Tampering:
        chain = self.chain()
        Chain.objects.filter(pk=chain.name).delete()
        return Tampering("removed the row of a chain", {(chain.name, None)})

    def remove_chain(self) -> Tampering:
        chain = self.chain()
        events_of(chain.name).delete()
        Chain.objects.filter(pk=chain.name).delete()
        return Tampering("removed a chain", {(chain.name, None)})


def at(what: str, *events: AuditEvent) -> Tampering:
    return Tampering(what, {(chain_name(event), event.number) for event in events})


def flipped(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chance.choice([each for each in HEX if each != text[place]]) + text[place + 1 :]
