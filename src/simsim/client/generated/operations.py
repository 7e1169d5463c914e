"""A method for each operation of the management API. Made from the OpenAPI document by `make client`; don’t edit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from httpx2 import ServerSentEvent

from simsim.client.connection import Connection, pages_of
from simsim.client.documents import UNSET, Unset, given
from simsim.client.exchange import Request, new_key, part
from simsim.client.generated import models


class Simsim(Connection):
    """The management API, as `Connection` reaches it."""

    def add_webhook(
        self, account_id: str, *, name: str, url: str, events: Sequence[str], idempotency_key: str | None = None
    ) -> models.WebhookWithSecret:
        """Add a webhook, and return it with the secret that signs its events. The secret can't be read again."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/webhooks",
                body=given(name=name, url=url, events=events),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.WebhookWithSecret,
        )

    def approve_token_request(self, account_id: str, request_id: str) -> models.TokenRequest:
        """Approve the token that another administrator asked for. It is created as they asked, and belongs to them."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/token-requests/{part(request_id)}/approve"),
            models.TokenRequest,
        )

    def ask_for_approval(
        self,
        account_id: str,
        *,
        name: str,
        expires: str,
        description: str | Unset = UNSET,
        software: str | Unset | None = UNSET,
        allowed_networks: Sequence[str] | Unset = UNSET,
        limits: Sequence[str] | Unset = UNSET,
        rates: Sequence[str] | Unset = UNSET,
        report_only: bool | Unset = UNSET,
        request_id: str | Unset | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.TokenRequest:
        """Ask for the approval of a token that a policy lets nobody create alone. The other administrators are notified."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-requests",
                body=given(
                    name=name,
                    expires=expires,
                    description=description,
                    software=software,
                    allowed_networks=allowed_networks,
                    limits=limits,
                    rates=rates,
                    report_only=report_only,
                    request_id=request_id,
                ),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.TokenRequest,
        )

    def change_networks(
        self,
        account_id: str,
        *,
        allowed_networks: Sequence[str],
        fingerprint: str,
        creator: str | Unset = UNSET,
        software: str | Unset = UNSET,
        text: str | Unset = UNSET,
        state: Literal["", "paused", "soon", "unused"] | Unset = UNSET,
        allows: str | Unset = UNSET,
        used_from: str | Unset = UNSET,
        created_before: str | Unset | None = UNSET,
        created_after: str | Unset | None = UNSET,
        used_before: str | Unset | None = UNSET,
        used_after: str | Unset | None = UNSET,
        stopped_at: str | Unset | None = UNSET,
        tokens: Sequence[str] | Unset = UNSET,
        without: Sequence[str] | Unset = UNSET,
        adds: bool | Unset = UNSET,
    ) -> models.EditedTokens:
        """Replace the allowed networks of the previewed tokens, or add to them, and send each administrator one email."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-selection/networks",
                body=given(
                    creator=creator,
                    software=software,
                    text=text,
                    state=state,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    tokens=tokens,
                    without=without,
                    allowed_networks=allowed_networks,
                    adds=adds,
                    fingerprint=fingerprint,
                ),
            ),
            models.EditedTokens,
        )

    def change_role(
        self, account_id: str, user_id: str, *, role: Literal["administrator", "member"], if_match: str
    ) -> models.Person:
        """Change a person's role. Needs If-Match."""
        return self._send(
            Request(
                "PATCH",
                f"/accounts/{part(account_id)}/people/{part(user_id)}",
                body=given(role=role),
                if_match=if_match,
            ),
            models.Person,
        )

    def create_account(
        self, *, name: str, external_id: str | Unset | None = UNSET, idempotency_key: str | None = None
    ) -> models.Account:
        """Create an account; its id is the username of all its tokens."""
        return self._send(
            Request(
                "POST",
                "/accounts",
                body=given(name=name, external_id=external_id),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.Account,
        )

    def create_portal_link(
        self,
        *,
        account_id: str,
        email: str,
        role: Literal["administrator", "member", "reader"],
        return_url: str,
        expires_in_seconds: int | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> models.PortalLink:
        """Create a link that opens the console once, for a person in an account. Send the person there at once."""
        return self._send(
            Request(
                "POST",
                "/portal-links",
                body=given(
                    account_id=account_id,
                    email=email,
                    role=role,
                    return_url=return_url,
                    expires_in_seconds=expires_in_seconds,
                ),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.PortalLink,
        )

    def create_software(self, *, slug: str, name: str, idempotency_key: str | None = None) -> models.Software:
        """Add software to the catalogue."""
        return self._send(
            Request(
                "POST",
                "/target-software",
                body=given(slug=slug, name=name),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.Software,
        )

    def create_token(
        self,
        account_id: str,
        *,
        name: str,
        expires: str,
        description: str | Unset = UNSET,
        software: str | Unset | None = UNSET,
        allowed_networks: Sequence[str] | Unset = UNSET,
        limits: Sequence[str] | Unset = UNSET,
        rates: Sequence[str] | Unset = UNSET,
        report_only: bool | Unset = UNSET,
        request_id: str | Unset | None = UNSET,
        idempotency_key: str | None = None,
    ) -> models.TokenWithCredentials:
        """Create a token and return it with its credentials. Every administrator is notified."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens",
                body=given(
                    name=name,
                    expires=expires,
                    description=description,
                    software=software,
                    allowed_networks=allowed_networks,
                    limits=limits,
                    rates=rates,
                    report_only=report_only,
                    request_id=request_id,
                ),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.TokenWithCredentials,
        )

    def decide_access_review_row(
        self,
        account_id: str,
        review_id: str,
        row_id: str,
        *,
        decision: Literal["keep", "shorten", "revoke"],
        note: str | Unset = UNSET,
        expires: str | Unset = UNSET,
        reason: Literal["no_longer_needed", "replaced", "leaked", "not_recognised", "other", ""] | Unset = UNSET,
    ) -> models.ReviewRowDocument:
        """Decide about one row. A stronger decision replaces a weaker one."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}/rows/{part(row_id)}/decision",
                body=given(decision=decision, note=note, expires=expires, reason=reason),
            ),
            models.ReviewRowDocument,
        )

    def decline_token_request(self, account_id: str, request_id: str) -> models.TokenRequest:
        """Decline a request, or withdraw your own. Declining an answered request changes nothing."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/token-requests/{part(request_id)}/decline"),
            models.TokenRequest,
        )

    def edit_account(
        self, account_id: str, *, if_match: str, programs_may_rotate: bool | Unset = UNSET
    ) -> models.Account:
        """Choose whether programs may rotate the tokens that they hold. Needs If-Match."""
        return self._send(
            Request(
                "PATCH",
                f"/accounts/{part(account_id)}",
                body=given(programs_may_rotate=programs_may_rotate),
                if_match=if_match,
            ),
            models.Account,
        )

    def edit_token(
        self,
        account_id: str,
        token_id: str,
        *,
        if_match: str,
        name: str | Unset = UNSET,
        description: str | Unset = UNSET,
        software: str | Unset | None = UNSET,
        allowed_networks: Sequence[str] | Unset = UNSET,
        limits: Sequence[str] | Unset = UNSET,
        rates: Sequence[str] | Unset = UNSET,
        report_only: bool | Unset = UNSET,
    ) -> models.Token:
        """Change an active token. Needs If-Match with the ETag that you read, or with * to overwrite any change."""
        return self._send(
            Request(
                "PATCH",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}",
                body=given(
                    name=name,
                    description=description,
                    software=software,
                    allowed_networks=allowed_networks,
                    limits=limits,
                    rates=rates,
                    report_only=report_only,
                ),
                if_match=if_match,
            ),
            models.Token,
        )

    def edit_webhook(
        self,
        account_id: str,
        webhook_id: str,
        *,
        if_match: str,
        name: str | Unset = UNSET,
        url: str | Unset = UNSET,
        events: Sequence[str] | Unset = UNSET,
    ) -> models.Webhook:
        """Change a webhook. Needs If-Match with the ETag that you read, or with * to overwrite any change."""
        return self._send(
            Request(
                "PATCH",
                f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}",
                body=given(name=name, url=url, events=events),
                if_match=if_match,
            ),
            models.Webhook,
        )

    def end_overlap(self, account_id: str, token_id: str) -> models.Token:
        """Stop the previous password now. Without an overlap, nothing changes."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/end-overlap"), models.Token
        )

    def examine(self) -> models.Examination:
        """Return what `simsim doctor` finds on this node. An examination is at most 30 seconds old."""
        return self._send(Request("GET", "/checks"), models.Examination)

    def export_access_review(
        self, account_id: str, review_id: str, *, format: Literal["csv", "json"] | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Return the whole review as a file for auditors. The export is recorded."""
        return self._stream(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}/export",
                query=given(format=format),
            )
        )

    def export_call_report(
        self,
        account_id: str,
        *,
        since: str | None = None,
        tokens: str | None = None,
        without: str | None = None,
        state: Literal["", "paused", "soon", "unused"] | None = None,
        creator: str | None = None,
        software: str | None = None,
        text: str | None = None,
        allows: str | None = None,
        used_from: str | None = None,
        created_before: str | None = None,
        created_after: str | None = None,
        used_before: str | None = None,
        used_after: str | None = None,
        stopped_at: str | None = None,
        format: Literal["csv", "jsonl"] | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Return the whole report as a file. The export is recorded."""
        return self._stream(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/call-report/export",
                query=given(
                    since=since,
                    tokens=tokens,
                    without=without,
                    state=state,
                    creator=creator,
                    software=software,
                    text=text,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    format=format,
                ),
            )
        )

    def export_requests(
        self,
        account_id: str,
        *,
        since: str | None = None,
        endpoint: str | None = None,
        status: str | None = None,
        token: str | None = None,
        software: str | None = None,
        outcome: Literal["accepted", "refused", "unknown"] | None = None,
        address: str | None = None,
        until: str | None = None,
        format: Literal["csv", "jsonl"] | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Return all requests that match the filters, newest first, however many there are. The export is recorded."""
        return self._stream(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/requests/export",
                query=given(
                    since=since,
                    endpoint=endpoint,
                    status=status,
                    token=token,
                    software=software,
                    outcome=outcome,
                    address=address,
                    until=until,
                    format=format,
                ),
            )
        )

    def follow_requests(
        self,
        account_id: str,
        *,
        since: str | None = None,
        endpoint: str | None = None,
        status: str | None = None,
        token: str | None = None,
        software: str | None = None,
        outcome: Literal["accepted", "refused", "unknown"] | None = None,
        address: str | None = None,
        last_event_id: str | None = None,
    ) -> AbstractContextManager[Iterator[ServerSentEvent]]:
        """Stream new requests as server-sent events, oldest first, each once, some seconds after they arrived."""
        return self._resumed(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/requests/follow",
                query=given(
                    since=since,
                    endpoint=endpoint,
                    status=status,
                    token=token,
                    software=software,
                    outcome=outcome,
                    address=address,
                ),
                last_event_id=last_event_id,
            )
        )

    def freeze_creation(self, account_id: str, *, reason: str) -> models.CreationFreezeDocument:
        """Refuse new tokens until the freeze is lifted. Existing tokens keep working and can be rotated."""
        return self._send(
            Request("PUT", f"/accounts/{part(account_id)}/creation-freeze", body=given(reason=reason)),
            models.CreationFreezeDocument,
        )

    def get_access_review(self, account_id: str, review_id: str) -> models.AccessReviewDocument:
        """Return a review without its rows."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}"),
            models.AccessReviewDocument,
        )

    def get_access_review_schedule(self, account_id: str) -> models.ReviewScheduleDocument:
        """Return how often a review starts by itself, and when the next one does."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/access-review-schedule"), models.ReviewScheduleDocument
        )

    def get_account(self, account_id: str) -> models.Account:
        """Return an account."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}"), models.Account)

    def get_call_report(
        self,
        account_id: str,
        *,
        since: str | None = None,
        tokens: str | None = None,
        without: str | None = None,
        state: Literal["", "paused", "soon", "unused"] | None = None,
        creator: str | None = None,
        software: str | None = None,
        text: str | None = None,
        allows: str | None = None,
        used_from: str | None = None,
        created_before: str | None = None,
        created_after: str | None = None,
        used_before: str | None = None,
        used_after: str | None = None,
        stopped_at: str | None = None,
    ) -> models.CallReportDocument:
        """Return which endpoints were called with the tokens, from where, when, how often and with what status."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/call-report",
                query=given(
                    since=since,
                    tokens=tokens,
                    without=without,
                    state=state,
                    creator=creator,
                    software=software,
                    text=text,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                ),
            ),
            models.CallReportDocument,
        )

    def get_counted_requests(
        self,
        account_id: str,
        *,
        since: str | None = None,
        endpoint: str | None = None,
        status: str | None = None,
        token: str | None = None,
        software: str | None = None,
        outcome: Literal["accepted", "refused", "unknown"] | None = None,
        address: str | None = None,
        until: str | None = None,
    ) -> models.CountedRequests:
        """Return how many matching requests were only counted, not listed: refused ones of a flood."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/requests/counted",
                query=given(
                    since=since,
                    endpoint=endpoint,
                    status=status,
                    token=token,
                    software=software,
                    outcome=outcome,
                    address=address,
                    until=until,
                ),
            ),
            models.CountedRequests,
        )

    def get_creation_freeze(self, account_id: str) -> models.CreationFreezeDocument:
        """Return whether the creation of tokens is frozen, why, by whom and since when."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/creation-freeze"), models.CreationFreezeDocument
        )

    def get_delivery(self, account_id: str, webhook_id: str, delivery_id: str) -> models.WebhookDelivery:
        """Return one delivery."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/deliveries/{part(delivery_id)}"),
            models.WebhookDelivery,
        )

    def get_notices(self, account_id: str) -> models.Notices:
        """Return who gets which notice, and how early expiry notices are sent."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/notices"), models.Notices)

    def get_own_token(self) -> models.OwnToken:
        """Return what you may know about the token whose credentials you send: its account, its expiry, its networks."""
        return self._send(Request("GET", "/self"), models.OwnToken)

    def get_person(self, account_id: str, user_id: str) -> models.Person:
        """Return a person."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/people/{part(user_id)}"), models.Person)

    def get_policies(self, account_id: str) -> models.PolicyDocument:
        """Return the rules for the account's tokens, and the tokens that do not meet them. Those keep working."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/policies"), models.PolicyDocument)

    def get_request(self, account_id: str, request_id: str) -> models.LoggedRequest:
        """Return one logged request."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/requests/{part(request_id)}"), models.LoggedRequest
        )

    def get_second_factor(self, account_id: str) -> models.SecondFactorPolicy:
        """Return whether the account's administrators need a second factor."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/second-factor"), models.SecondFactorPolicy)

    def get_single_sign_on(self, account_id: str) -> models.SingleSignOnPolicy:
        """Return who must use single sign-on."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/single-sign-on"), models.SingleSignOnPolicy)

    def get_status(self) -> models.Status:
        """Return what runs on this node and on the others, since when, and how far it is behind."""
        return self._send(Request("GET", "/status"), models.Status)

    def get_stored_data(self) -> models.StoredData:
        """Return sizes, retention, key ids, the last backup and the revocation journal."""
        return self._send(Request("GET", "/stored-data"), models.StoredData)

    def get_token(self, account_id: str, token_id: str) -> models.Token:
        """Return a token, without its password."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/tokens/{part(token_id)}"), models.Token)

    def get_token_request(self, account_id: str, request_id: str) -> models.TokenRequest:
        """Return a request, answered or not."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/token-requests/{part(request_id)}"), models.TokenRequest
        )

    def get_usage(
        self,
        account_id: str,
        *,
        since: str | None = None,
        until: str | None = None,
        by: Literal["day", "token", "software", "endpoint", "status"] | None = None,
    ) -> models.Usage:
        """Return how many requests were let in and refused, by day, token, software, endpoint or status."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/usage", query=given(since=since, until=until, by=by)),
            models.Usage,
        )

    def get_webhook(self, account_id: str, webhook_id: str) -> models.Webhook:
        """Return a webhook."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}"), models.Webhook)

    def hand_over_token(
        self,
        account_id: str,
        token_id: str,
        *,
        expires_in_seconds: int | Unset = UNSET,
        with_code: bool | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> models.HandOver:
        """Make a link that shows the token's credentials once, to whoever opens it and presses the button."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}/hand-over",
                body=given(expires_in_seconds=expires_in_seconds, with_code=with_code),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.HandOver,
        )

    def invite_person(
        self,
        account_id: str,
        *,
        email: str,
        role: Literal["administrator", "member"],
        idempotency_key: str | None = None,
    ) -> models.Person:
        """Add a person to the account, and send them an email with a link to sign in."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/people",
                body=given(email=email, role=role),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.Person,
        )

    def keep_access_review_rows(
        self,
        account_id: str,
        review_id: str,
        *,
        rows: Literal["all", "open", "never_used", "unused", "far_expiry", "people"] | Unset = UNSET,
        note: str | Unset = UNSET,
    ) -> models.KeptRows:
        """Keep every undecided row that the filter chooses."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}/keep",
                body=given(rows=rows, note=note),
            ),
            models.KeptRows,
        )

    def lift_creation_freeze(self, account_id: str) -> None:
        """Allow new tokens again. Without a freeze, nothing changes. Only the operator can lift the operator's freeze."""
        self._send(Request("DELETE", f"/accounts/{part(account_id)}/creation-freeze"), type(None))

    def list_access_review_rows(
        self,
        account_id: str,
        review_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        rows: Literal["all", "open", "never_used", "unused", "far_expiry", "people"] | None = None,
    ) -> models.ReviewRowPage:
        """List the rows of a review: tokens by name, then management tokens, then people."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}/rows",
                query=given(limit=limit, cursor=cursor, rows=rows),
            ),
            models.ReviewRowPage,
        )

    def iterate_access_review_rows(
        self,
        account_id: str,
        review_id: str,
        *,
        limit: int | None = None,
        rows: Literal["all", "open", "never_used", "unused", "far_expiry", "people"] | None = None,
    ) -> Iterator[models.ReviewRowDocument]:
        """Yield the items of every page of `list_access_review_rows`."""
        for page in pages_of(
            lambda cursor: self.list_access_review_rows(account_id, review_id, limit=limit, rows=rows, cursor=cursor)
        ):
            yield from page.items

    def list_access_reviews(self, account_id: str) -> models.AccessReviewPage:
        """List the account's access reviews, newest first."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/access-reviews"), models.AccessReviewPage)

    def list_accounts(self, *, limit: int | None = None, cursor: str | None = None) -> models.AccountPage:
        """List the accounts that you can use, sorted by id: all of them with the scope operator."""
        return self._send(Request("GET", "/accounts", query=given(limit=limit, cursor=cursor)), models.AccountPage)

    def iterate_accounts(self, *, limit: int | None = None) -> Iterator[models.Account]:
        """Yield the items of every page of `list_accounts`."""
        for page in pages_of(lambda cursor: self.list_accounts(limit=limit, cursor=cursor)):
            yield from page.items

    def list_all_emails(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: Literal["waiting", "delivered", "given_up"] | None = None,
    ) -> models.MailPage:
        """List the emails of all accounts, newest first. Their contents are never shown."""
        return self._send(
            Request("GET", "/emails", query=given(limit=limit, cursor=cursor, state=state)), models.MailPage
        )

    def iterate_all_emails(
        self, *, limit: int | None = None, state: Literal["waiting", "delivered", "given_up"] | None = None
    ) -> Iterator[models.Mail]:
        """Yield the items of every page of `list_all_emails`."""
        for page in pages_of(lambda cursor: self.list_all_emails(limit=limit, state=state, cursor=cursor)):
            yield from page.items

    def list_audit_events(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        event: str | None = None,
    ) -> models.AuditPage:
        """List the account's audit trail, newest first."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/audit-events",
                query=given(limit=limit, cursor=cursor, since=since, until=until, actor=actor, event=event),
            ),
            models.AuditPage,
        )

    def iterate_audit_events(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        event: str | None = None,
    ) -> Iterator[models.AuditEvent]:
        """Yield the items of every page of `list_audit_events`."""
        for page in pages_of(
            lambda cursor: self.list_audit_events(
                account_id, limit=limit, since=since, until=until, actor=actor, event=event, cursor=cursor
            )
        ):
            yield from page.items

    def list_deliveries(
        self,
        account_id: str,
        webhook_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: Literal["waiting", "delivered", "given_up"] | None = None,
    ) -> models.WebhookDeliveryPage:
        """List what was sent to a webhook or waits, newest first, with the receiver's answers."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/deliveries",
                query=given(limit=limit, cursor=cursor, state=state),
            ),
            models.WebhookDeliveryPage,
        )

    def iterate_deliveries(
        self,
        account_id: str,
        webhook_id: str,
        *,
        limit: int | None = None,
        state: Literal["waiting", "delivered", "given_up"] | None = None,
    ) -> Iterator[models.WebhookDelivery]:
        """Yield the items of every page of `list_deliveries`."""
        for page in pages_of(
            lambda cursor: self.list_deliveries(account_id, webhook_id, limit=limit, state=state, cursor=cursor)
        ):
            yield from page.items

    def list_emails(
        self, account_id: str, *, limit: int | None = None, cursor: str | None = None, token: str | None = None
    ) -> models.SentEmailPage:
        """List the emails about the account's tokens, newest first, without their contents."""
        return self._send(
            Request(
                "GET", f"/accounts/{part(account_id)}/emails", query=given(limit=limit, cursor=cursor, token=token)
            ),
            models.SentEmailPage,
        )

    def iterate_emails(
        self, account_id: str, *, limit: int | None = None, token: str | None = None
    ) -> Iterator[models.SentEmail]:
        """Yield the items of every page of `list_emails`."""
        for page in pages_of(lambda cursor: self.list_emails(account_id, limit=limit, token=token, cursor=cursor)):
            yield from page.items

    def list_hand_overs(self, account_id: str, token_id: str) -> models.HandOverList:
        """List the latest links that hand a token over, newest first, with what became of them."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/hand-over"), models.HandOverList
        )

    def list_management_tokens(self, account_id: str) -> models.ManagementTokenList:
        """List the account's management tokens, newest first, also those that ended."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/management-tokens"), models.ManagementTokenList)

    def list_people(self, account_id: str) -> models.PersonList:
        """List the people of the account, administrators first."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/people"), models.PersonList)

    def list_requests(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        since: str | None = None,
        endpoint: str | None = None,
        status: str | None = None,
        token: str | None = None,
        software: str | None = None,
        outcome: Literal["accepted", "refused", "unknown"] | None = None,
        address: str | None = None,
        until: str | None = None,
    ) -> models.RequestPage:
        """List the account's requests, newest first."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/requests",
                query=given(
                    limit=limit,
                    cursor=cursor,
                    since=since,
                    endpoint=endpoint,
                    status=status,
                    token=token,
                    software=software,
                    outcome=outcome,
                    address=address,
                    until=until,
                ),
            ),
            models.RequestPage,
        )

    def iterate_requests(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        since: str | None = None,
        endpoint: str | None = None,
        status: str | None = None,
        token: str | None = None,
        software: str | None = None,
        outcome: Literal["accepted", "refused", "unknown"] | None = None,
        address: str | None = None,
        until: str | None = None,
    ) -> Iterator[models.LoggedRequest]:
        """Yield the items of every page of `list_requests`."""
        for page in pages_of(
            lambda cursor: self.list_requests(
                account_id,
                limit=limit,
                since=since,
                endpoint=endpoint,
                status=status,
                token=token,
                software=software,
                outcome=outcome,
                address=address,
                until=until,
                cursor=cursor,
            )
        ):
            yield from page.items

    def list_software(self) -> models.SoftwareList:
        """List the catalogue of target software, by name."""
        return self._send(Request("GET", "/target-software"), models.SoftwareList)

    def list_token_requests(self, account_id: str) -> models.TokenRequestList:
        """List the requests that wait for an answer, oldest first."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/token-requests"), models.TokenRequestList)

    def list_tokens(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: Literal["active", "paused", "expired", "revoked"] | None = None,
        q: str | None = None,
    ) -> models.TokenPage:
        """List the account's tokens, those that expire first at the top."""
        return self._send(
            Request(
                "GET",
                f"/accounts/{part(account_id)}/tokens",
                query=given(limit=limit, cursor=cursor, status=status, q=q),
            ),
            models.TokenPage,
        )

    def iterate_tokens(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        status: Literal["active", "paused", "expired", "revoked"] | None = None,
        q: str | None = None,
    ) -> Iterator[models.Token]:
        """Yield the items of every page of `list_tokens`."""
        for page in pages_of(
            lambda cursor: self.list_tokens(account_id, limit=limit, status=status, q=q, cursor=cursor)
        ):
            yield from page.items

    def list_webhooks(self, account_id: str) -> models.WebhookList:
        """List the account's webhooks, oldest first."""
        return self._send(Request("GET", f"/accounts/{part(account_id)}/webhooks"), models.WebhookList)

    def pause_token(
        self, account_id: str, token_id: str, *, until: str | Unset = UNSET, reason: str | Unset = UNSET
    ) -> models.Token:
        """Pause a token: once this has answered, no request with it is accepted until it is resumed or the pause ends."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}/pause",
                body=given(until=until, reason=reason),
            ),
            models.Token,
        )

    def pause_webhook(self, account_id: str, webhook_id: str) -> models.Webhook:
        """Pause a webhook: its events wait until it is resumed. Pausing it again changes nothing."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/pause"), models.Webhook
        )

    def preview_limits(self, account_id: str, token_id: str, *, limits: Sequence[str]) -> models.LimitsPreview:
        """Return which of the newest requests of the last 30 days limits would have refused."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}/limits-preview",
                body=given(limits=limits),
            ),
            models.LimitsPreview,
        )

    def preview_networks(
        self, account_id: str, token_id: str, *, allowed_networks: Sequence[str]
    ) -> models.AllowlistPreview:
        """Return which requests of the last 30 days an allowlist would have refused."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}/allowlist-preview",
                body=given(allowed_networks=allowed_networks),
            ),
            models.AllowlistPreview,
        )

    def preview_selection(
        self,
        account_id: str,
        *,
        creator: str | Unset = UNSET,
        software: str | Unset = UNSET,
        text: str | Unset = UNSET,
        state: Literal["", "paused", "soon", "unused"] | Unset = UNSET,
        allows: str | Unset = UNSET,
        used_from: str | Unset = UNSET,
        created_before: str | Unset | None = UNSET,
        created_after: str | Unset | None = UNSET,
        used_before: str | Unset | None = UNSET,
        used_after: str | Unset | None = UNSET,
        stopped_at: str | Unset | None = UNSET,
        tokens: Sequence[str] | Unset = UNSET,
        without: Sequence[str] | Unset = UNSET,
    ) -> models.TokenSelectionDocument:
        """Return the tokens that meet the filters and have not ended."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-selection/preview",
                body=given(
                    creator=creator,
                    software=software,
                    text=text,
                    state=state,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    tokens=tokens,
                    without=without,
                ),
            ),
            models.TokenSelectionDocument,
        )

    def preview_selection_networks(
        self,
        account_id: str,
        *,
        allowed_networks: Sequence[str],
        creator: str | Unset = UNSET,
        software: str | Unset = UNSET,
        text: str | Unset = UNSET,
        state: Literal["", "paused", "soon", "unused"] | Unset = UNSET,
        allows: str | Unset = UNSET,
        used_from: str | Unset = UNSET,
        created_before: str | Unset | None = UNSET,
        created_after: str | Unset | None = UNSET,
        used_before: str | Unset | None = UNSET,
        used_after: str | Unset | None = UNSET,
        stopped_at: str | Unset | None = UNSET,
        tokens: Sequence[str] | Unset = UNSET,
        without: Sequence[str] | Unset = UNSET,
        adds: bool | Unset = UNSET,
    ) -> models.NetworksPreviewDocument:
        """Return how many requests of the last 30 days would have been refused if the tokens had had these networks."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-selection/networks-preview",
                body=given(
                    creator=creator,
                    software=software,
                    text=text,
                    state=state,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    tokens=tokens,
                    without=without,
                    allowed_networks=allowed_networks,
                    adds=adds,
                ),
            ),
            models.NetworksPreviewDocument,
        )

    def remove_person(self, account_id: str, user_id: str) -> None:
        """Remove a person from the account. Their tokens stay: they belong to the account."""
        self._send(Request("DELETE", f"/accounts/{part(account_id)}/people/{part(user_id)}"), type(None))

    def remove_webhook(self, account_id: str, webhook_id: str) -> None:
        """Remove a webhook with its deliveries, also those that wait."""
        self._send(Request("DELETE", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}"), type(None))

    def resend_delivery(self, account_id: str, webhook_id: str, delivery_id: str) -> models.WebhookDelivery:
        """Send an event again with the same `webhook-id`, even one that was delivered or given up."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/deliveries/{part(delivery_id)}/resend",
            ),
            models.WebhookDelivery,
        )

    def resend_invitation(self, account_id: str, user_id: str) -> models.Person:
        """Send the invitation again to a person who has not signed in yet."""
        return self._send(Request("POST", f"/accounts/{part(account_id)}/people/{part(user_id)}/invite"), models.Person)

    def resume_token(self, account_id: str, token_id: str) -> models.Token:
        """Let a paused token work again. Resuming a token that is not paused changes nothing."""
        return self._send(Request("POST", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/resume"), models.Token)

    def resume_tokens(
        self,
        account_id: str,
        *,
        fingerprint: str,
        creator: str | Unset = UNSET,
        software: str | Unset = UNSET,
        text: str | Unset = UNSET,
        state: Literal["", "paused", "soon", "unused"] | Unset = UNSET,
        allows: str | Unset = UNSET,
        used_from: str | Unset = UNSET,
        created_before: str | Unset | None = UNSET,
        created_after: str | Unset | None = UNSET,
        used_before: str | Unset | None = UNSET,
        used_after: str | Unset | None = UNSET,
        stopped_at: str | Unset | None = UNSET,
        tokens: Sequence[str] | Unset = UNSET,
        without: Sequence[str] | Unset = UNSET,
    ) -> models.ResumedTokens:
        """Resume those of the previewed tokens that are paused, and send each administrator one email."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-selection/resume",
                body=given(
                    creator=creator,
                    software=software,
                    text=text,
                    state=state,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    tokens=tokens,
                    without=without,
                    fingerprint=fingerprint,
                ),
            ),
            models.ResumedTokens,
        )

    def resume_webhook(self, account_id: str, webhook_id: str) -> models.Webhook:
        """Resume a webhook: events that were waiting are sent now."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/resume"), models.Webhook
        )

    def retire_target_software(self, slug: str) -> models.Software:
        """Stop offering software for new tokens. Tokens that have it keep it. Retiring it again changes nothing."""
        return self._send(Request("POST", f"/target-software/{part(slug)}/retire"), models.Software)

    def retry_email(self, email_id: str) -> models.Mail:
        """Send an email again, even one that was given up; if that fails, it is tried for three more days."""
        return self._send(Request("POST", f"/emails/{part(email_id)}/retry"), models.Mail)

    def revoke_management_token(self, account_id: str, management_token_id: str) -> models.ManagementToken:
        """Revoke a management token permanently, also the one that you use. Revoking it again changes nothing."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/management-tokens/{part(management_token_id)}/revoke"),
            models.ManagementToken,
        )

    def revoke_token(
        self,
        account_id: str,
        token_id: str,
        *,
        reason: Literal["no_longer_needed", "replaced", "leaked", "not_recognised", "other", ""] | Unset = UNSET,
    ) -> models.Token:
        """Revoke a token permanently: once this has answered, no request with it is accepted."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/revoke", body=given(reason=reason)),
            models.Token,
        )

    def rotate_own_token(
        self, *, overlap_seconds: int | Unset = UNSET, idempotency_key: str | None = None
    ) -> models.TokenWithCredentials:
        """Give your own token a new password, where the account allows it. The previous one keeps working for a while."""
        return self._send(
            Request(
                "POST",
                "/self/rotate",
                body=given(overlap_seconds=overlap_seconds),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.TokenWithCredentials,
        )

    def rotate_token(
        self,
        account_id: str,
        token_id: str,
        *,
        overlap_seconds: int | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> models.TokenWithCredentials:
        """Give a token a new password. The previous one keeps working during the overlap."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/tokens/{part(token_id)}/rotate",
                body=given(overlap_seconds=overlap_seconds),
                idempotency_key=idempotency_key or new_key(),
            ),
            models.TokenWithCredentials,
        )

    def rotate_webhook_secret(
        self, account_id: str, webhook_id: str, *, idempotency_key: str | None = None
    ) -> models.WebhookWithSecret:
        """Give a webhook a new secret. For 24 hours, the previous one signs its events, too."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/rotate",
                idempotency_key=idempotency_key or new_key(),
            ),
            models.WebhookWithSecret,
        )

    def send_test_event(self, account_id: str, webhook_id: str) -> models.WebhookDelivery:
        """Queue a test event. Read the delivery again after some seconds to see the receiver's answer."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/webhooks/{part(webhook_id)}/test"), models.WebhookDelivery
        )

    def set_access_review_schedule(
        self, account_id: str, *, every: Literal["off", "quarterly", "half_yearly", "yearly"]
    ) -> models.ReviewScheduleDocument:
        """Choose how often a review starts by itself. Every administrator gets an email when one starts."""
        return self._send(
            Request("PUT", f"/accounts/{part(account_id)}/access-review-schedule", body=given(every=every)),
            models.ReviewScheduleDocument,
        )

    def set_notices(
        self, account_id: str, *, early_days: Sequence[int], if_match: str, audiences: Mapping[str, str] | Unset = UNSET
    ) -> models.Notices:
        """Choose who gets which notice, and the additional days of expiry notices. Needs If-Match."""
        return self._send(
            Request(
                "PUT",
                f"/accounts/{part(account_id)}/notices",
                body=given(audiences=audiences, early_days=early_days),
                if_match=if_match,
            ),
            models.Notices,
        )

    def set_policies(
        self,
        account_id: str,
        *,
        if_match: str,
        max_lifetime_days: int | Unset | None = UNSET,
        needs_allowlist: bool | Unset = UNSET,
        min_ipv4_prefix: int | Unset | None = UNSET,
        min_ipv6_prefix: int | Unset | None = UNSET,
        retrieval: Literal["administrators", "creator", "off"] | Unset = UNSET,
        leak_response: Literal["revoke", "pause"] | Unset = UNSET,
        max_idle_days: int | Unset | None = UNSET,
        approval_above_days: int | Unset | None = UNSET,
        approval_if_open: bool | Unset = UNSET,
    ) -> models.PolicyDocument:
        """Set the rules for the account's tokens from now on. Needs If-Match."""
        return self._send(
            Request(
                "PUT",
                f"/accounts/{part(account_id)}/policies",
                body=given(
                    max_lifetime_days=max_lifetime_days,
                    needs_allowlist=needs_allowlist,
                    min_ipv4_prefix=min_ipv4_prefix,
                    min_ipv6_prefix=min_ipv6_prefix,
                    retrieval=retrieval,
                    leak_response=leak_response,
                    max_idle_days=max_idle_days,
                    approval_above_days=approval_above_days,
                    approval_if_open=approval_if_open,
                ),
                if_match=if_match,
            ),
            models.PolicyDocument,
        )

    def set_second_factor(self, account_id: str, *, required: bool, if_match: str) -> models.SecondFactorPolicy:
        """Choose whether the account's administrators need a second factor. Needs If-Match."""
        return self._send(
            Request(
                "PUT", f"/accounts/{part(account_id)}/second-factor", body=given(required=required), if_match=if_match
            ),
            models.SecondFactorPolicy,
        )

    def set_single_sign_on(
        self, account_id: str, *, required: Literal["off", "administrators", "everyone"], if_match: str
    ) -> models.SingleSignOnPolicy:
        """Choose who must use single sign-on. Needs If-Match."""
        return self._send(
            Request(
                "PUT", f"/accounts/{part(account_id)}/single-sign-on", body=given(required=required), if_match=if_match
            ),
            models.SingleSignOnPolicy,
        )

    def show_credentials(self, account_id: str, token_id: str) -> models.Credentials:
        """Return the username and password of an active token. This is recorded, and others are notified."""
        return self._send(
            Request("POST", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/credentials"), models.Credentials
        )

    def sign_off_access_review(self, account_id: str, review_id: str, *, name: str) -> models.AccessReviewDocument:
        """Sign off a review in which every row is decided. Only a person can do this, not a management token."""
        return self._send(
            Request(
                "POST", f"/accounts/{part(account_id)}/access-reviews/{part(review_id)}/sign-off", body=given(name=name)
            ),
            models.AccessReviewDocument,
        )

    def start_access_review(
        self, account_id: str, *, idempotency_key: str | None = None
    ) -> models.AccessReviewDocument:
        """Start a review of every token, management token and person that has access now."""
        return self._send(
            Request(
                "POST", f"/accounts/{part(account_id)}/access-reviews", idempotency_key=idempotency_key or new_key()
            ),
            models.AccessReviewDocument,
        )

    def stop_tokens(
        self,
        account_id: str,
        *,
        act: Literal["pause", "revoke"],
        fingerprint: str,
        creator: str | Unset = UNSET,
        software: str | Unset = UNSET,
        text: str | Unset = UNSET,
        state: Literal["", "paused", "soon", "unused"] | Unset = UNSET,
        allows: str | Unset = UNSET,
        used_from: str | Unset = UNSET,
        created_before: str | Unset | None = UNSET,
        created_after: str | Unset | None = UNSET,
        used_before: str | Unset | None = UNSET,
        used_after: str | Unset | None = UNSET,
        stopped_at: str | Unset | None = UNSET,
        tokens: Sequence[str] | Unset = UNSET,
        without: Sequence[str] | Unset = UNSET,
        reason: str | Unset = UNSET,
    ) -> models.StoppedTokens:
        """Pause or revoke the previewed tokens, and send each administrator one email."""
        return self._send(
            Request(
                "POST",
                f"/accounts/{part(account_id)}/token-selection/stop",
                body=given(
                    creator=creator,
                    software=software,
                    text=text,
                    state=state,
                    allows=allows,
                    used_from=used_from,
                    created_before=created_before,
                    created_after=created_after,
                    used_before=used_before,
                    used_after=used_after,
                    stopped_at=stopped_at,
                    tokens=tokens,
                    without=without,
                    act=act,
                    reason=reason,
                    fingerprint=fingerprint,
                ),
            ),
            models.StoppedTokens,
        )

    def suggest_allowlist(self, account_id: str, token_id: str) -> models.SuggestedNetworks:
        """Return the smallest sensible allowlist for the requests of the last 30 days."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/allowlist-suggestion"),
            models.SuggestedNetworks,
        )

    def suggest_limits(self, account_id: str, token_id: str) -> models.SuggestedLimits:
        """Return limits that allow the newest requests of the last 30 days; ids in paths become a star."""
        return self._send(
            Request("GET", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/limits-suggestion"),
            models.SuggestedLimits,
        )

    def take_back_hand_over(self, account_id: str, token_id: str, hand_over_id: str) -> models.HandOverLink:
        """Take back a hand-over link, so that it shows nothing. A used or expired link stays as it is."""
        return self._send(
            Request(
                "POST", f"/accounts/{part(account_id)}/tokens/{part(token_id)}/hand-over/{part(hand_over_id)}/take-back"
            ),
            models.HandOverLink,
        )
