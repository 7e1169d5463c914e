"""The operator's rules for the webhooks of accounts, from the settings."""

from collections.abc import Iterable

from simsim.config.addresses import packed_networks
from simsim.delivery.authorities import prove_authorities
from simsim.webhooks.destination import DestinationRules


def read_webhook_rules(allow_networks: Iterable[str], is_http_allowed: bool, authorities: str) -> DestinationRules:
    """Return where webhooks may go; raise Unusable for a bad network, or a file without certificates."""
    networks = packed_networks(
        "SIMSIM_WEBHOOK_ALLOW_NETWORKS",
        allow_networks,
        too_wide="is too wide",
    )
    return DestinationRules(networks, is_http_allowed, prove_authorities("SIMSIM_WEBHOOK_CA", authorities))
