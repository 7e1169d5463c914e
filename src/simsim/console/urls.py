"""The console's URLs."""

from django.urls import include, path

from simsim.console import destination_pages, documentation, landing_page
from simsim.console.access_reviews import decisions as review_decisions
from simsim.console.access_reviews import pages as access_reviews
from simsim.console.audit import pages as audit
from simsim.console.connect import pages as connect
from simsim.console.hand_over import pages as handed_over
from simsim.console.incident import call_pages
from simsim.console.incident import pages as incident
from simsim.console.incident import selection_pages as selections
from simsim.console.leaks import pages as leaks
from simsim.console.logs import export as log_export
from simsim.console.logs import fragments as log_fragments
from simsim.console.logs import pages as logs
from simsim.console.management_tokens import creation as management_token_creation
from simsim.console.management_tokens import pages as management_tokens
from simsim.console.notices import pages as notices
from simsim.console.operators import accounts_page, data_page, mail_pages, status_pages
from simsim.console.people import invitations, membership, second_factor_policy, single_sign_on_policy
from simsim.console.people import pages as people
from simsim.console.policies import pages as policies
from simsim.console.portal import pages as portal
from simsim.console.search import pages as everything
from simsim.console.security import overview, well_known
from simsim.console.single_sign_on import pages as single_sign_on
from simsim.console.token_requests import approval_page
from simsim.console.token_requests import pages as token_requests
from simsim.console.tokens import (
    creation,
    credentials,
    details,
    gate_test,
    hand_over,
    lists,
    pause,
    revocation,
    rotation,
    search,
)
from simsim.console.usage import pages as usage
from simsim.console.webhooks import buttons as webhook_buttons
from simsim.console.webhooks import changes as webhook_changes
from simsim.console.webhooks import pages as webhooks

app_name = "console"
TOKENS = "accounts/<uuid:account_id>/tokens/"
REQUEST = "accounts/<uuid:account_id>/requests/<uuid:request_id>/"
CONNECT = "accounts/<uuid:account_id>/connect/"
PEOPLE = "accounts/<uuid:account_id>/people/"
AUDIT = "accounts/<uuid:account_id>/audit/"
MANAGEMENT_TOKENS = "accounts/<uuid:account_id>/management-tokens/"
LOGS = "accounts/<uuid:account_id>/logs/"
WEBHOOKS = "accounts/<uuid:account_id>/webhooks/"
WEBHOOK = WEBHOOKS + "<uuid:endpoint_id>/"
DELIVERY = WEBHOOK + "deliveries/<int:delivery_id>/"
REVIEWS = "accounts/<uuid:account_id>/access-reviews/"
REVIEW = REVIEWS + "<uuid:review_id>/"
TOKEN = TOKENS + "<uuid:token_id>/"
urlpatterns = [
    path("", landing_page.home, name="home"),
    path("security/", overview.security, name="security"),
    path("security/sessions/end/", overview.end_others, name="end_other_sessions"),
    path("security/sessions/<slug:digest>/end/", overview.end_one, name="end_session"),
    path(".well-known/change-password", well_known.change_password, name="well_known_change_password"),
    path(".well-known/security.txt", well_known.security_txt, name="security_txt"),
    path("accounts/<uuid:account_id>/", landing_page.account, name="account"),
    path("accounts/<uuid:account_id>/search/", everything.search, name="search"),
    path("accounts/<uuid:account_id>/destinations/", destination_pages.destinations, name="destinations"),
    path("accounts/<uuid:account_id>/api/", destination_pages.api, name="api"),
    path(TOKENS, lists.active, name="tokens"),
    path(TOKENS + "ended/", lists.ended, name="ended_tokens"),
    path(TOKENS + "search/", search.search, name="search_tokens"),
    path(TOKENS + "selection/", selections.selection, name="token_selection"),
    path(TOKENS + "selection/<slug:act>/", selections.change, name="change_selection"),
    path(TOKENS + "new/", creation.create, name="create_token"),
    path(TOKEN, details.details, name="token"),
    path(TOKEN + "credentials/", credentials.show, name="credentials"),
    path(TOKEN + "credentials/env/", credentials.download, name="download_credentials"),
    path(TOKEN + "test/", gate_test.test_now, name="try_token"),
    path(TOKEN + "rotate/", rotation.rotate, name="rotate_token"),
    path(TOKEN + "rotate/end-overlap/", rotation.end, name="end_overlap"),
    path(TOKEN + "hand-over/", hand_over.create, name="hand_over_token"),
    path(TOKEN + "hand-over/<uuid:hand_over_id>/take-back/", hand_over.end, name="take_back_hand_over"),
    path(TOKEN + "pause/", pause.pause, name="pause_token"),
    path(TOKEN + "resume/", pause.resume, name="resume_token"),
    path(TOKEN + "revoke/", revocation.revoke, name="revoke_token"),
    path(CONNECT, connect.connect, name="connect"),
    path(CONNECT + "postman.json", connect.postman, name="postman_collection"),
    path(CONNECT + "<slug:slug>/", connect.connect, name="connect_recipe"),
    path(LOGS, logs.log, name="logs"),
    path(LOGS + "more/", log_fragments.more, name="more_requests"),
    path(LOGS + "newest/", log_fragments.newest, name="newest_requests"),
    path(LOGS + "calls/", call_pages.calls, name="calls"),
    path(LOGS + "calls/export/", call_pages.export, name="export_calls"),
    path(LOGS + "export/", log_export.export, name="export_requests"),
    path(LOGS + "<int:request_id>/", logs.logged_request, name="logged_request"),
    path(AUDIT, audit.trail, name="audit_trail"),
    path(AUDIT + "export/", audit.export, name="export_audit_trail"),
    path("accounts/<uuid:account_id>/usage/", usage.usage, name="usage"),
    path("accounts/<uuid:account_id>/ask/", token_requests.ask, name="ask"),
    path(REQUEST, approval_page.review, name="review_request"),
    path(REQUEST + "decline/", token_requests.decline, name="decline_request"),
    path("accounts/<uuid:account_id>/notices/", notices.notices, name="notices"),
    path("accounts/<uuid:account_id>/policies/", policies.policies, name="policies"),
    path("accounts/<uuid:account_id>/incident/", incident.incident, name="incident"),
    path(REVIEWS, access_reviews.access_reviews, name="access_reviews"),
    path(REVIEW, review_decisions.access_review, name="access_review"),
    path(REVIEW + "sign-off/", access_reviews.sign, name="sign_off_access_review"),
    path(REVIEW + "export/", access_reviews.export, name="export_access_review"),
    path(WEBHOOKS, webhooks.webhooks, name="webhooks"),
    path(WEBHOOKS + "new/", webhook_changes.add, name="add_webhook"),
    path(WEBHOOK, webhooks.webhook, name="webhook"),
    path(WEBHOOK + "edit/", webhook_changes.edit, name="edit_webhook"),
    path(WEBHOOK + "rotate/", webhook_changes.rotate, name="rotate_webhook"),
    path(WEBHOOK + "remove/", webhook_changes.remove, name="remove_webhook"),
    path(WEBHOOK + "test/", webhook_buttons.send_test_event, name="test_webhook"),
    path(WEBHOOK + "pause/", webhook_buttons.pause, name="pause_webhook"),
    path(WEBHOOK + "resume/", webhook_buttons.resume, name="resume_webhook"),
    path(DELIVERY, webhooks.delivery, name="webhook_delivery"),
    path(DELIVERY + "resend/", webhook_buttons.resend, name="resend_webhook_delivery"),
    path(PEOPLE, people.people, name="people"),
    path(PEOPLE + "second-factor/", second_factor_policy.policy, name="second_factor_policy"),
    path(PEOPLE + "single-sign-on/", single_sign_on_policy.policy, name="single_sign_on_policy"),
    path(PEOPLE + "invite/", invitations.invite, name="invite_person"),
    path(PEOPLE + "<int:user_id>/invite/", invitations.again, name="invite_again"),
    path(PEOPLE + "<int:user_id>/role/", membership.role, name="change_role"),
    path(PEOPLE + "<int:user_id>/remove/", membership.remove, name="remove_person"),
    path(MANAGEMENT_TOKENS, management_tokens.management_tokens, name="management_tokens"),
    path(MANAGEMENT_TOKENS + "new/", management_token_creation.create, name="create_management_token"),
    path(MANAGEMENT_TOKENS + "self-rotation/", management_tokens.self_rotation, name="self_rotation"),
    path(MANAGEMENT_TOKENS + "<uuid:token_id>/revoke/", management_tokens.revoke, name="revoke_management_token"),
    path("accounts/<uuid:account_id>/hand-over/<uuid:hand_over_id>/", handed_over.offered, name="offered_token"),
    path("leaks/", leaks.report, name="report_leak"),
    path("leaks/reported/", leaks.reported, name="leak_reported"),
    path("hand-over/", handed_over.opened, name="handed_over"),
    path("operator/", status_pages.status, name="operator"),
    path("operator/checks/", status_pages.checks, name="operator_checks"),
    path("operator/mail/", mail_pages.mails, name="operator_mail"),
    path("operator/mail/<int:mail_id>/retry/", mail_pages.retry, name="operator_retry_mail"),
    path("operator/accounts/", accounts_page.accounts, name="operator_accounts"),
    path("operator/data/", data_page.data, name="operator_data"),
    path("docs/<path:path>", documentation.documentation, name="documentation"),
    path("docs/", documentation.documentation, {"path": ""}, name="documentation_start"),
    path("portal/", portal.opened, name="portal"),
    path("portal/look.css", portal.look, name="portal_look"),
    path("portal/logo", portal.logo, name="portal_logo"),
    path("sign-in/openid-connect/", single_sign_on.begin, name="provider_sign_in"),
    path("sign-in/openid-connect/callback/", single_sign_on.callback, name="provider_callback"),
    path("sign-in/", include("simsim.console.sign_in_urls")),
]
