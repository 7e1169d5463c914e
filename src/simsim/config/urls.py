"""The addresses of the console and of the management API."""

from allauth.account.views import password_reset
from django.urls import include, path

from simsim.api.scim.entrance import entrance
from simsim.console.security.confirmation import confirm_it_is_you
from simsim.console.security.reset_requests import in_constant_time

urlpatterns = [
    path("", include("simsim.console.urls")),
    path("sign-in/second-factor/", include("simsim.console.security.second_factor_urls")),
    path("sign-in/reauthenticate/", confirm_it_is_you, name="account_reauthenticate"),
    path("sign-in/password/reset/", in_constant_time(password_reset), name="account_reset_password"),
    path("sign-in/", include("allauth.account.urls")),
    path("api/v1/", include("simsim.api.urls")),
    path("scim/v2/", entrance, {"path": ""}, name="scim_root"),
    path("scim/v2/<path:path>", entrance, name="scim"),
]
handler403 = "simsim.console.errors.permission_denied"
handler404 = "simsim.console.errors.not_found"
handler500 = "simsim.console.errors.server_error"
handler400 = "simsim.console.errors.bad_request"
