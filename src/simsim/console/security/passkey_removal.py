"""Removal of a passkey, except of the last second factor of somebody who needs one."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.http import HttpResponse


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """allauth's page, with the check that allauth makes for authenticator apps only."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not get_adapter().can_delete_authenticator(self.object):
            refused: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=409)
            return refused
        response: HttpResponse = super().form_valid(form)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        adapter = get_adapter()
        error = (
            ""
            if adapter.can_delete_authenticator(self.object)
            else adapter.error_messages["cannot_delete_authenticator"]
        )
        context: dict[str, Any] = super().get_context_data(error=error, **kwargs)
        return context
