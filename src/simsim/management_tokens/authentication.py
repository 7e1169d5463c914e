"""Finds the management token that a request's credentials belong to, if it works now."""

import hmac
from datetime import datetime, timedelta

from django.db.models import Q

from simsim.accounts.models import Role
from simsim.accounts.permissions import Actor, role_of
from simsim.credential import allowlist, management_password
from simsim.credential.allowlist import Address
from simsim.credential.digest import digest
from simsim.management_tokens.models import ManagementToken, Scope, State

# Otherwise each request would write to the database, and make the gate forget its verdicts.
USE_ACCURACY = timedelta(minutes=1)


def authenticate(
    username: str | None, password: str, *, address: Address | None, now: datetime
) -> ManagementToken | None:
    """Return the token with these credentials if it works from that address now, None otherwise.

    Without a username (None), the password alone names the token: whoever knows it knows 256 random bits.
    It works only while the administrator who created it still is one: their role is read for each request.
    A token of the scope GATE works at the gate only.
    """
    if not management_password.is_well_formed(password):
        return None
    proof = digest(password)
    token = ManagementToken.objects.select_related("account", "created_by").filter(digest=proof).first()
    # Compare again: an index may compare by collation, but digests must be equal byte for byte.
    if token is None or not hmac.compare_digest(bytes(token.digest), proof) or username not in {None, str(token.pk)}:
        return None
    if token.state(now) != State.ACTIVE or not allowlist.allows(allowlist.pack(token.networks), address):
        return None
    if not has_its_role(token) or Scope.GATE in token.granted:
        return None
    note_use(token, address, now)
    return token


def has_its_role(token: ManagementToken) -> bool:
    """Whether the person behind the token may still do what the token does."""
    if token.account is None:
        # created_by is None if the operator named nobody, or if the user was deleted; the label tells them apart.
        person = token.created_by
        return person.is_active if person else token.created_by_label == "operator"
    return token.created_by is not None and role_of(token.created_by, token.account) == Role.ADMINISTRATOR


def actor_of_token(token: ManagementToken) -> Actor:
    """Return the actor that a request with the token acts as: the operator, or the administrator who created it."""
    if token.granted == {Scope.OPERATOR}:
        return Actor("operator", management_token=str(token.pk))
    user = token.created_by
    if user is None:
        raise ValueError("a management token of an account without its administrator")
    return Actor(user.email, user, management_token=str(token.pk))


def note_use(token: ManagementToken, address: Address | None, now: datetime) -> None:
    """Store when and from where the token was used, at most once in USE_ACCURACY."""
    outdated = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_ACCURACY)
    if token.last_used_at is None or token.last_used_at < now - USE_ACCURACY:
        ManagementToken.objects.filter(outdated, pk=token.pk).update(
            last_used_at=now, last_used_address=address.text if address else ""
        )
