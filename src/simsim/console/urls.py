"""The addresses of the console."""

from django.urls import include, path

from simsim.console import destinations, home
from simsim.console.connecting import pages as connecting
from simsim.console.logs import pages as logs
from simsim.console.tokens import creating, credentials, details, lists, revoking, rotating, trying

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
CONNECT = "accounts/<uuid:account_id>/connect/"
TOKEN = TOKENS + "<uuid:token_id>/"
urlpatterns = [
    path("", home.home, name="home"),
    path("accounts/<uuid:account_id>/", home.account, name="account"),
    path("accounts/<uuid:account_id>/destinations/", destinations.destinations, name="destinations"),
    path("accounts/<uuid:account_id>/api/", destinations.api, name="api"),
    path(TOKENS, lists.active, name="tokens"),
    path(TOKENS + "ended/", lists.ended, name="ended_tokens"),
    path(TOKENS + "new/", creating.create, name="create_token"),
    path(TOKEN, details.details, name="token"),
    path(TOKEN + "credentials/", credentials.show, name="credentials"),
    path(TOKEN + "credentials/env/", credentials.download, name="download_credentials"),
    path(TOKEN + "test/", trying.try_now, name="try_token"),
    path(TOKEN + "rotate/", rotating.rotate, name="rotate_token"),
    path(TOKEN + "rotate/end-overlap/", rotating.end, name="end_overlap"),
    path(TOKEN + "revoke/", revoking.revoke, name="revoke_token"),
    path(CONNECT, connecting.connect, name="connect"),
    path(CONNECT + "postman.json", connecting.postman, name="postman_collection"),
    path(CONNECT + "<slug:slug>/", connecting.connect, name="connect_recipe"),
    path("accounts/<uuid:account_id>/logs/", logs.log, name="logs"),
    path("accounts/<uuid:account_id>/logs/<int:request_id>/", logs.logged_request, name="logged_request"),
    path("sign-in/", include("simsim.console.sign_in_urls")),
]
