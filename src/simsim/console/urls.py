"""The addresses of the console."""

from django.urls import include, path

from simsim.console import destinations, home
from simsim.console.connecting import pages as connecting
from simsim.console.logs import exporting as log_exporting
from simsim.console.logs import fragments as log_fragments
from simsim.console.logs import pages as logs
from simsim.console.notices import pages as notices
from simsim.console.people import changing, inviting, listing
from simsim.console.tokens import creating, credentials, details, lists, requests, revoking, rotating, trying
from simsim.console.usage import pages as usage

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
CONNECT = "accounts/<uuid:account_id>/connect/"
PEOPLE = "accounts/<uuid:account_id>/people/"
LOGS = "accounts/<uuid:account_id>/logs/"
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
    path(LOGS, logs.log, name="logs"),
    path(LOGS + "more/", log_fragments.more, name="more_requests"),
    path(LOGS + "newest/", log_fragments.newest, name="newest_requests"),
    path(LOGS + "export/", log_exporting.export, name="export_requests"),
    path(LOGS + "<int:request_id>/", logs.logged_request, name="logged_request"),
    path("accounts/<uuid:account_id>/usage/", usage.usage, name="usage"),
    path("accounts/<uuid:account_id>/ask/", requests.ask, name="ask"),
    path("accounts/<uuid:account_id>/requests/<uuid:request_id>/decline/", requests.decline, name="decline_request"),
    path("accounts/<uuid:account_id>/notices/", notices.notices, name="notices"),
    path(PEOPLE, listing.people, name="people"),
    path(PEOPLE + "invite/", inviting.invite, name="invite_person"),
    path(PEOPLE + "<int:user_id>/invite/", inviting.again, name="invite_again"),
    path(PEOPLE + "<int:user_id>/role/", changing.role, name="change_role"),
    path(PEOPLE + "<int:user_id>/remove/", changing.remove, name="remove_person"),
    path("sign-in/", include("simsim.console.sign_in_urls")),
]
