"""`simsim doctor` on the audit trail: what shows at once, without verifying every event."""

from collections.abc import Iterator

from simsim.accounts.models import Account
from simsim.audit import chain
from simsim.audit.models import AuditEvent, Chain
from simsim.health.doctor.findings import Finding

ADVICE = "simsim audit verify says more"


def trail() -> Iterator[Finding]:
    """Yield whether every account has a chain with an intact seal, and whether every event is in one."""
    chains = list(Chain.objects.all())
    expected = {chain.INSTALLATION, *map(str, Account.objects.values_list("pk", flat=True))}
    says = []
    if broken := sum(not chain.is_intact(each) for each in chains):
        says.append(f"the seals of {broken:,} chains are wrong")
    if missing := len(expected - {each.name for each in chains}):
        says.append(f"{missing:,} chains are missing")
    if outside := AuditEvent.objects.filter(number=None).count():
        says.append(f"{outside:,} events are in no chain")
    if says:
        yield Finding("audit trail", False, f"{', '.join(says)}: {ADVICE}")
    else:
        yield Finding("audit trail", True, f"the seals of {len(chains):,} chains are intact")
