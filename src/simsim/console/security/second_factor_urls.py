"""The URLs of second factors: allauth's pages under names of ours, without its list and its download of codes."""

from allauth.mfa.base import views as second_factors
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from django.db.transaction import atomic
from django.urls import path
from django.views.generic import RedirectView

from simsim.console.security.confirmation import View, proven_recently
from simsim.console.security.passkey_removal import RemovePasskey

to_security = RedirectView.as_view(pattern_name="console:security")


def changing(view: View) -> View:
    """Change a method only after a recent proof, and only together with its audit event and its email."""
    return proven_recently(atomic(view))


urlpatterns = [
    path("", to_security, name="mfa_index"),
    path("authenticate/", second_factors.authenticate, name="mfa_authenticate"),
    path("confirm/", second_factors.reauthenticate, name="mfa_reauthenticate"),
    path("app/add/", changing(app.activate_totp), name="mfa_activate_totp"),
    path("app/remove/", changing(app.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", changing(recovery_codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("passkeys/", to_security, name="mfa_list_webauthn"),
    path("passkeys/add/", changing(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/confirm/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("passkeys/sign-in/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("passkeys/<int:pk>/remove/", changing(RemovePasskey.as_view()), name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
]
