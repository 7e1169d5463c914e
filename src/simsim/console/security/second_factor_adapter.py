"""How allauth's second factors behave here: secrets encrypted, passkeys bound to SIMSIM_BASE_URL's host."""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from simsim.accounts.models import User
from simsim.accounts.second_factors import is_needed
from simsim.problem import KeyMissing
from simsim.sealed_text import seal, unseal

PURPOSE = "second-factor"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Authenticator apps, passkeys and recovery codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": gettext_lazy("This code is wrong or has been used. Wait for the next one and try again."),
        "cannot_delete_authenticator": gettext_lazy(
            "An account that you administer requires a second factor, and this is your last one. Add another one first."
        ),
    }

    def encrypt(self, text: str) -> str:
        return seal(text, secret=settings.SECRET_KEY, purpose=PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; raise KeyMissing if it was encrypted under another SIMSIM_SECRET_KEY."""
        text = unseal(encrypted_text, secret=settings.SECRET_KEY, purpose=PURPOSE)
        if text is None:
            raise KeyMissing(
                "Your second factor was encrypted under another SIMSIM_SECRET_KEY. Ask the operator to reset it."
            )
        return text

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Whether the person may remove it: not the last second factor of someone who needs one."""
        if transaction.get_connection().in_atomic_block:
            # Otherwise, of two last ones that are removed at the same moment, each would be followed by the other.
            User.objects.select_for_update().get(pk=authenticator.user_id)
        others = Authenticator.objects.filter(user_id=authenticator.user_id).exclude(pk=authenticator.pk)
        has_another = others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()
        return has_another or not is_needed(authenticator.user)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """Return the suggested name of a new passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return gettext("Passkey %(number)s") % {"number": count + 1} if count else gettext("My passkey")

    def get_public_key_credential_rp_entity(self) -> dict[str, Any]:
        # Not the request's Host header: a passkey works only for the name for which it was made.
        return {"id": settings.BASE.hostname, "name": "Simsim"}
