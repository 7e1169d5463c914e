"""Totals of what each node has shipped, which only grow: for `/metrics`, which then counts no rows.

They grow in the transaction that stores the rows, so each line counts exactly once, whichever process dies.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import connections, models

UPSERT = """
    INSERT INTO request_log_nodetotal AS kept (node, kind, label, amount) VALUES (%s, %s, %s, %s)
    ON CONFLICT (node, kind, label) DO UPDATE SET amount = kept.amount + excluded.amount
"""


class TotalKind(StrEnum):
    """What is added up.

    The label of DECISIONS is the reason, that of MEASURED the number of a class of `decision_times.BOUNDS`; the others
    have none.
    """

    DECISIONS = "decisions"
    LINES = "lines"
    LINES_SET_ASIDE = "lines_set_aside"
    MISSED_REQUESTS = "missed_requests"
    MEASURED = "measured"
    MEASURED_SECONDS = "measured_seconds"


Amounts = Mapping[tuple[TotalKind, str], float]


class NodeTotal(models.Model):
    """One total of a node, `node` being the name of its spool."""

    node = models.CharField(max_length=32)
    kind = models.CharField(max_length=20)
    label = models.CharField(max_length=32)
    amount = models.FloatField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["node", "kind", "label"], name="one_total_of_a_kind_and_label")
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.kind} {self.label}: {self.amount}"


def add(node: str, amounts: Amounts) -> None:
    """Add to a node's totals. Call it in the transaction that stores what is counted."""
    values = [(node, kind, label, amount) for (kind, label), amount in sorted(amounts.items()) if amount]
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        cursor.executemany(UPSERT, values)


def totals_of(node: str) -> dict[tuple[str, str], float]:
    """Return a node's totals by kind and label."""
    found = NodeTotal.objects.filter(node=node).values_list("kind", "label", "amount")
    return {(kind, label): amount for kind, label, amount in found}
