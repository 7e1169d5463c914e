"""Summaries of counted requests that have no row in the log: how many, from where, and when."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Min, QuerySet, Sum

from simsim.request_log.models import Flood


@dataclass(frozen=True)
class Flooded:
    """Refused requests that are counted and not in the log.

    `network` is the network that most of them came from, or "" if unknown; `others` is the number of other networks.
    The summary covers the time up to `until`, exclusive.
    """

    number: int
    network: str
    others: int
    since: datetime
    until: datetime


def flooded(
    account_id: uuid.UUID, *, since: datetime | None, until: datetime | None, networks: list[str] | None = None
) -> Flooded | None:
    """Return the counted requests of the account in the minutes from `since` to `until`, or None.

    If `networks` is given, in the form that `Flood` stores, count only requests from these networks.
    """
    found: QuerySet[Flood] = Flood.objects.filter(account=account_id.hex, counted__gt=0)
    if since is not None:
        found = found.filter(minute__gte=since.replace(second=0, microsecond=0))
    if until is not None:
        found = found.filter(minute__lt=until)
    if networks is not None:
        found = found.filter(network__in=networks)
    by_network = list(
        found.values("network").order_by().annotate(number=Sum("counted"), first=Min("minute"), last=Max("minute"))
    )
    if not by_network:
        return None
    most = max(by_network, key=lambda each: (each["number"], each["network"]))
    return Flooded(
        number=sum(each["number"] for each in by_network),
        network=most["network"],
        others=len(by_network) - 1,
        since=min(each["first"] for each in by_network),
        until=max(each["last"] for each in by_network) + timedelta(minutes=1),
    )
