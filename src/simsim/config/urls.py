"""The addresses of the console."""

from django.urls import include, path

urlpatterns = [
    path("", include("simsim.console.urls")),
    path("sign-in/second-factor/", include("simsim.console.security.second_factor_urls")),
    path("sign-in/", include("allauth.account.urls")),
]
handler403 = "simsim.console.errors.permission_denied"
handler404 = "simsim.console.errors.not_found"
handler500 = "simsim.console.errors.server_error"
handler400 = "simsim.console.errors.bad_request"
