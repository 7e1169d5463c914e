"""The operator's rules about people who sign in by OpenID Connect: whose addresses count, and which roles they get."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A role in an account."""

    account_id: uuid.UUID
    role: str


@dataclass(frozen=True)
class ProviderRules:
    """`domains` are the domains whose email addresses the provider vouches for, with where new people belong, or None.

    With `trusts_email`, an address in these domains counts as verified if the provider does not say whether it is.
    `groups` are the roles that the provider's groups give.
    """

    domains: Mapping[str, Place | None] = field(default_factory=dict)
    trusts_email: bool = False
    groups: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)

    @property
    def accounts_by_group(self) -> frozenset[uuid.UUID]:
        """The accounts whose roles the groups decide."""
        return frozenset(place.account_id for places in self.groups.values() for place in places)

    def default_place(self, email: str) -> Place | None:
        """Return where somebody with this address belongs without a group; None if nowhere."""
        return self.domains.get(email.rpartition("@")[2])

    def roles(self, groups: frozenset[str]) -> dict[uuid.UUID, str]:
        """Return the role that these groups give in each account, the highest if there are several."""
        found: dict[uuid.UUID, str] = {}
        for group in groups:
            for place in self.groups.get(group, ()):
                # "administrator" is the higher role, and comes first in the alphabet.
                found[place.account_id] = min(place.role, found.get(place.account_id, place.role))
        return found
