"""The console's URLs."""

from django.urls import include, path

from simsim.console import destination_pages, documentation, landing_page
from simsim.console.connect import pages as connect
from simsim.console.logs import export as log_export
from simsim.console.logs import fragments as log_fragments
from simsim.console.logs import pages as logs
from simsim.console.notices import pages as notices
from simsim.console.people import invitations, membership, second_factor_policy
from simsim.console.people import pages as people
from simsim.console.security import overview, well_known
from simsim.console.token_requests import pages as token_requests
from simsim.console.tokens import creation, credentials, details, gate_test, lists, revocation, rotation, search
from simsim.console.usage import pages as usage

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
CONNECT = "accounts/<uuid:account_id>/connect/"
PEOPLE = "accounts/<uuid:account_id>/people/"
LOGS = "accounts/<uuid:account_id>/logs/"
TOKEN = TOKENS + "<uuid:token_id>/"
urlpatterns = [
    path("", landing_page.home, name="home"),
    path("security/", overview.security, name="security"),
    path("security/sessions/end/", overview.end_others, name="end_other_sessions"),
    path("security/sessions/<slug:digest>/end/", overview.end_one, name="end_session"),
    path(".well-known/change-password", well_known.change_password, name="well_known_change_password"),
    path(".well-known/security.txt", well_known.security_txt, name="security_txt"),
    path("accounts/<uuid:account_id>/", landing_page.account, name="account"),
    path("accounts/<uuid:account_id>/destinations/", destination_pages.destinations, name="destinations"),
    path("accounts/<uuid:account_id>/api/", destination_pages.api, name="api"),
    path(TOKENS, lists.active, name="tokens"),
    path(TOKENS + "ended/", lists.ended, name="ended_tokens"),
    path(TOKENS + "search/", search.search, name="search_tokens"),
    path(TOKENS + "new/", creation.create, name="create_token"),
    path(TOKEN, details.details, name="token"),
    path(TOKEN + "credentials/", credentials.show, name="credentials"),
    path(TOKEN + "credentials/env/", credentials.download, name="download_credentials"),
    path(TOKEN + "test/", gate_test.test_now, name="try_token"),
    path(TOKEN + "rotate/", rotation.rotate, name="rotate_token"),
    path(TOKEN + "rotate/end-overlap/", rotation.end, name="end_overlap"),
    path(TOKEN + "revoke/", revocation.revoke, name="revoke_token"),
    path(CONNECT, connect.connect, name="connect"),
    path(CONNECT + "postman.json", connect.postman, name="postman_collection"),
    path(CONNECT + "<slug:slug>/", connect.connect, name="connect_recipe"),
    path(LOGS, logs.log, name="logs"),
    path(LOGS + "more/", log_fragments.more, name="more_requests"),
    path(LOGS + "newest/", log_fragments.newest, name="newest_requests"),
    path(LOGS + "export/", log_export.export, name="export_requests"),
    path(LOGS + "<int:request_id>/", logs.logged_request, name="logged_request"),
    path("accounts/<uuid:account_id>/usage/", usage.usage, name="usage"),
    path("accounts/<uuid:account_id>/ask/", token_requests.ask, name="ask"),
    path(
        "accounts/<uuid:account_id>/requests/<uuid:request_id>/decline/", token_requests.decline, name="decline_request"
    ),
    path("accounts/<uuid:account_id>/notices/", notices.notices, name="notices"),
    path(PEOPLE, people.people, name="people"),
    path(PEOPLE + "second-factor/", second_factor_policy.policy, name="second_factor_policy"),
    path(PEOPLE + "invite/", invitations.invite, name="invite_person"),
    path(PEOPLE + "<int:user_id>/invite/", invitations.again, name="invite_again"),
    path(PEOPLE + "<int:user_id>/role/", membership.role, name="change_role"),
    path(PEOPLE + "<int:user_id>/remove/", membership.remove, name="remove_person"),
    path("docs/<path:path>", documentation.documentation, name="documentation"),
    path("docs/", documentation.documentation, {"path": ""}, name="documentation_start"),
    path("sign-in/", include("simsim.console.sign_in_urls")),
]
