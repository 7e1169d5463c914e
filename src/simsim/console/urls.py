"""The addresses of the console."""

from django.urls import include, path

from simsim.console import home
from simsim.console.logs import pages as logs
from simsim.console.tokens import creating, credentials, details, lists, revoking

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
TOKEN = TOKENS + "<uuid:token_id>/"
urlpatterns = [
    path("", home.home, name="home"),
    path("accounts/<uuid:account_id>/", home.account, name="account"),
    path(TOKENS, lists.active, name="tokens"),
    path(TOKENS + "ended/", lists.ended, name="ended_tokens"),
    path(TOKENS + "new/", creating.create, name="create_token"),
    path(TOKEN, details.details, name="token"),
    path(TOKEN + "credentials/", credentials.show, name="credentials"),
    path(TOKEN + "revoke/", revoking.revoke, name="revoke_token"),
    path("accounts/<uuid:account_id>/logs/", logs.log, name="logs"),
    path("accounts/<uuid:account_id>/logs/<int:request_id>/", logs.logged_request, name="logged_request"),
    path("sign-in/", include("simsim.console.sign_in_urls")),
]
