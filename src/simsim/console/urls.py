"""The addresses of the console."""

from django.urls import path, re_path

from simsim.console import creating, ending, places, token_lists, token_page

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
TOKEN = TOKENS + "<uuid:token_id>/"
# Administrators and the operator add people and set their addresses: the library's own ways to do so are closed.
CLOSED = r"^sign-in/(signup/|email/|confirm-email/.*|password/set/|login/code/.*)$"

urlpatterns = [
    path("", places.home, name="home"),
    path("accounts/<uuid:account_id>/", places.account, name="account"),
    path(TOKENS, token_lists.active, name="tokens"),
    path(TOKENS + "ended/", token_lists.ended, name="ended_tokens"),
    path(TOKENS + "new/", creating.create, name="create_token"),
    path(TOKEN, token_page.token, name="token"),
    path(TOKEN + "credentials/", token_page.credentials, name="credentials"),
    path(TOKEN + "revoke/", ending.revoke, name="revoke_token"),
    path("sign-in/", places.sign_in_door),
    re_path(CLOSED, places.closed),
]
