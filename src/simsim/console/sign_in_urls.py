"""Addresses of the sign-in that are closed: they stand before allauth's own, which would open them."""

from django.urls import path, re_path
from django.views.generic import RedirectView

from simsim.console.errors import not_found

# Nobody makes their own user, and an address is changed by whoever vouches for it: the operator or an administrator.
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="console:home")),
    path("signup/", not_found),
    path("email/", not_found),
    re_path(r"^confirm-email/", not_found),
    path("login/code/confirm/", not_found),
    path("password/set/", not_found),
]
