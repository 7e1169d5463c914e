"""Verification of the chains: finds each event that was changed, added, removed or moved, and says which."""

import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from simsim.audit import chain
from simsim.audit.anchors import Anchor
from simsim.audit.chain import INSTALLATION, Link
from simsim.audit.chain_keys import all_keys
from simsim.audit.models import AuditEvent, Chain

STEP = 2000
MAX_FINDINGS = 1000
AT_ONCE = 500


@dataclass(frozen=True)
class Finding:
    """What is wrong, in a sentence; `number` is the event's place in its chain, None if the chain itself is meant."""

    chain: str
    number: int | None
    sentence: str
    event_id: int | None = None

    def document(self) -> dict[str, object]:
        return {
            "account_id": None if self.chain == INSTALLATION else self.chain,
            "number": self.number,
            "event_id": str(self.event_id) if self.event_id is not None else None,
            "detail": self.sentence,
        }


@dataclass
class Report:
    """What was verified, and what is wrong: the first MAX_FINDINGS findings, and the number of all."""

    chains: int = 0
    events: int = 0
    adopted: int = 0
    compared_anchors: int = 0
    findings: list[Finding] = field(default_factory=list)
    number_of_findings: int = 0

    def add(self, findings: Sequence[Finding]) -> None:
        self.number_of_findings += len(findings)
        self.findings += findings[: MAX_FINDINGS - len(self.findings)]


@dataclass
class Walk:
    """The way along one chain: the number that comes next, and the MACs that the next event may follow."""

    name: str
    keys: dict[str, bytes]
    expected: int
    before: tuple[str, ...] | None  # None after a gap
    events: int = 0
    adopted: int = 0
    missing_keys: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def find(self, number: int | None, sentence: str, event_id: int | None = None) -> None:
        self.findings.append(Finding(self.name, number, sentence, event_id))

    def step(self, event: AuditEvent) -> None:
        """Check the event that has the next number that there is."""
        number = event.number or 0
        self.events += 1
        if number < self.expected:
            self.find(number, "an event was added: its number is taken, or was before the first one", event.pk)
            return
        if number > self.expected:
            self.find(self.expected, gap(self.expected, number - 1))
            self.before = None
        self.expected = number + 1
        key = self.keys.get(event.key_id)
        if key is None:
            if event.key_id not in self.missing_keys:
                self.missing_keys.add(event.key_id)
                self.find(
                    number, f"this event, and maybe others, needs the key {event.key_id}, which is missing", event.pk
                )
            self.before = (event.mac,)
        elif self.before is None:
            # Its MAC covers a MAC that is gone, so nothing can be said about this one.
            self.before = (event.mac,)
        else:
            self.check(event, number, key, self.before)

    def check(self, event: AuditEvent, number: int, key: bytes, before: tuple[str, ...]) -> None:
        for each in before:
            for link in (Link.NEXT, Link.ADOPTED):
                if fits(key, event, each, link):
                    self.adopted += link is Link.ADOPTED
                    self.before = (event.mac,)
                    return
        if fits(key, event, "", Link.AFTER_BREAK):
            self.find(
                number, "before this event, the chain was cut or changed from outside: events may be missing", event.pk
            )
            self.before = (event.mac,)
            return
        self.find(number, "the event was changed, or is not the one that was here", event.pk)
        # If only its MAC was changed, the next event follows the right one.
        self.before = (event.mac, *(chain.event_mac(key, event, before=each, link=Link.NEXT) for each in before))


def fits(key: bytes, event: AuditEvent, before: str, link: Link) -> bool:
    expected = chain.event_mac(key, event, before=before, link=link)
    return hmac.compare_digest(expected.encode(), event.mac.encode())


def verify(
    expected: Collection[str], *, only: str | None = None, tell: Callable[[int], None] = lambda _: None
) -> Report:
    """Verify every chain, or `only` one. `expected` are the names of the chains that must exist.

    Calls `tell` now and then with the number of events verified so far. Changes nothing and locks nothing.
    """
    report, keys = Report(), all_keys()
    chains = {each.name: each for each in Chain.objects.filter(**{"pk": only} if only else {})}
    for name in [only] if only else sorted({*expected, *chains, *names_of_events()}):
        walk = walk_along(
            name, chains.get(name), keys, is_expected=name in expected, tell=lambda done: tell(report.events + done)
        )
        report.chains += 1
        report.events += walk.events
        report.adopted += walk.adopted
        report.add(walk.findings)
    report.add(outside(only))
    return report


def names_of_events() -> set[str]:
    found = AuditEvent.objects.order_by().values_list("account_id", flat=True).distinct()
    return {str(account_id) if account_id else INSTALLATION for account_id in found}


def walk_along(
    name: str, begin: Chain | None, keys: dict[str, bytes], *, is_expected: bool, tell: Callable[[int], None]
) -> Walk:
    """Verify one chain, with the events that are recorded meanwhile. If retention shortens it, begin again."""
    while True:
        walk = Walk(name, keys, begin.first_kept if begin else 1, (begin.before_mac,) if begin else None)
        follow(walk, in_order(name), tell)
        end = Chain.objects.filter(pk=name).first()
        while end and walk.expected <= end.number and (newer := list(in_order(name, after=walk.expected - 1))):
            follow(walk, newer, tell)
            end = Chain.objects.filter(pk=name).first()
        if begin is None or end is None or begin.first_kept == end.first_kept:
            break
        begin = end
    if end is not None:
        check_end(walk, end)
    elif is_expected or walk.events:
        walk.find(None, "the row that seals the chain is missing: events at its end may be missing too")
    return walk


def follow(walk: Walk, events: Iterable[AuditEvent], tell: Callable[[int], None]) -> None:
    for event in events:
        walk.step(event)
        if walk.events % STEP == 0:
            tell(walk.events)


def check_end(walk: Walk, end: Chain) -> None:
    """Check the seal of the chain, and that its newest event is the sealed one."""
    key = walk.keys.get(end.key_id)
    if key is None:
        walk.find(None, f"the seal of the chain needs the key {end.key_id}, which is missing")
    elif not hmac.compare_digest(chain.seal_of(end, key).encode(), end.seal.encode()):
        walk.find(end.number, "the row that seals the chain was changed: events at its end may be missing")
    if walk.expected <= end.number:
        walk.find(walk.expected, f"{gap(walk.expected, end.number)} at the end")
    elif walk.expected > end.number + 1:
        walk.find(end.number + 1, "events were added after the sealed end")
    elif not walk.findings and walk.before != ((end.mac,) if walk.events else (end.before_mac,)):
        walk.find(end.number, "the newest event is not the one that was sealed")


def gap(first: int, last: int) -> str:
    return f"event {first} is missing" if first == last else f"events {first} to {last} are missing"


def in_order(name: str, *, after: int | None = None) -> Iterator[AuditEvent]:
    """Yield the numbered events of a chain, in short queries: a long one would keep the database from tidying up."""
    numbered = chain.events_of(name).filter(number__isnull=False).order_by("number", "pk")
    begin = Q() if after is None else Q(number__gt=after)
    while page := list(numbered.filter(begin)[:STEP]):
        yield from page
        if len(page) < STEP:
            return
        last = page[-1]
        begin = Q(number__gt=last.number) | Q(number=last.number, pk__gt=last.pk)


def outside(only: str | None) -> list[Finding]:
    """Return a finding for each event that is in no chain, or for each of one account."""
    events = AuditEvent.objects.filter(number=None) if only is None else chain.events_of(only).filter(number=None)
    sentence = (
        "an event is outside the chain: it was added from outside, or written by a version from before the chains "
        "(then simsim audit adopt takes it in)"
    )
    return [
        Finding(chain.chain_name(event), None, sentence, event.pk) for event in events.order_by("pk")[:MAX_FINDINGS]
    ]


def compare(anchors: Sequence[Anchor], report: Report) -> None:
    """Compare the chains with anchors, and add to the report what differs.

    An anchor of an event that retention has deleted can't be compared.
    """
    by_chain: dict[str, list[Anchor]] = {}
    for anchor in anchors:
        by_chain.setdefault(anchor.chain, []).append(anchor)
    for name, own in by_chain.items():
        end = Chain.objects.filter(pk=name).first()
        for begin in range(0, len(own), AT_ONCE):
            part = own[begin : begin + AT_ONCE]
            found = dict(
                chain.events_of(name).filter(number__in=[each.number for each in part]).values_list("number", "mac")
            )
            for anchor in part:
                report.add(list(difference(anchor, found.get(anchor.number), end)))
                report.compared_anchors += 1


def difference(anchor: Anchor, mac: str | None, end: Chain | None) -> Iterator[Finding]:
    if mac is None and end is not None and anchor.number < end.first_kept:
        if anchor.number == end.first_kept - 1 and anchor.mac != end.before_mac:
            yield Finding(
                anchor.chain, anchor.number, "the anchor differs: what was before the first event was rebuilt"
            )
    elif mac is None:
        last = end.number if end else 0
        yield Finding(anchor.chain, anchor.number, f"an anchor knows this event, and the chain ends at {last}")
    elif mac != anchor.mac:
        yield Finding(anchor.chain, anchor.number, "the anchor differs: the chain was rebuilt at or before this event")
