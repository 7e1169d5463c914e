"""Anchors: numbers and MACs of events, kept where nobody can change them together with the database.

Each forwarded event and each line of an export is an anchor too.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simsim.audit.chain import INSTALLATION
from simsim.audit.models import Chain
from simsim.problem import FieldError, Invalid, gettext_noop


@dataclass(frozen=True)
class Anchor:
    """The MAC that a chain's event had when the anchor was made."""

    chain: str
    number: int
    mac: str


def present_anchors(name: str | None = None) -> list[dict[str, object]]:
    """Return the newest event of each chain, or of one, as JSON."""
    chains = Chain.objects.filter(number__gt=0).order_by("name")
    return [
        {"account_id": None if each.name == INSTALLATION else each.name, "number": each.number, "mac": each.mac}
        for each in (chains.filter(pk=name) if name else chains)
    ]


def parse_anchors(text: str) -> list[Anchor]:
    """Return the anchors in the output of `simsim audit anchor`, in an export, or in a file of forwarded events.

    Raises Invalid if there are none. Lines without an anchor are ignored: a file of forwarded events has requests too.
    """
    found = {anchor for document in documents(text) for anchor in anchors_in(document)}
    if not found:
        raise Invalid(FieldError("anchor", gettext_noop("The file contains no anchor.")))
    return sorted(found, key=lambda anchor: (anchor.chain, anchor.number))


def documents(text: str) -> Iterator[object]:
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            # A syslog line has its JSON after the header.
            start = line.find("{")
            if start >= 0:
                try:
                    yield json.loads(line[start:])
                except ValueError:
                    continue


def anchors_in(document: object) -> Iterable[Anchor]:
    if isinstance(document, list):
        for part in document:
            yield from anchors_in(part)
    elif isinstance(document, dict):
        number, mac = document.get("number"), document.get("mac")
        if isinstance(number, int) and isinstance(mac, str) and mac:
            yield Anchor(str(document.get("account_id") or INSTALLATION), number, mac)
        for part in (document.get("items"), document.get("events")):
            if isinstance(part, list):
                yield from anchors_in(part)
