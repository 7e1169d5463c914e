"""URLs of allauth that must not exist here: these patterns come before allauth's own."""

from django.urls import path, re_path
from django.views.generic import RedirectView

from simsim.console.errors import not_found

# People can neither create their own user nor change its email: only the operator and administrators can.
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="console:home")),
    path("signup/", not_found),
    path("email/", not_found),
    re_path(r"^confirm-email/", not_found),
    path("login/code/confirm/", not_found),
    path("password/set/", not_found),
]
