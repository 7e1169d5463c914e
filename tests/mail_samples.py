"""Samples of every mail, for the tests and `make mail-previews`. A new kind of mail gets its facts here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from simsim.accounts.sign_in_changes import Change
from simsim.console.sign_in_adapter import SignInAdapter
from simsim.mail.models import OwedMail

ALICE, BOB, DORA = "alice@acme.example", "bob@acme.example", "dora@acme.example"
EXPIRY = "2027-01-31 09:30 UTC"
# Facts that a mail does not show: the address for replies is in a header, a role or a way selects a sentence.
NOT_SHOWN = {"reply_to", "role", "way", "change", "response", "period"}
PASSWORD = "sim_" + "0aZ9" * 12 + "b"
# Names that attack a mail, as a row may contain that was stored under other rules.
HOSTILE_NAMES = [
    "Zoë’s “report” & <b>bold</b> <script>alert(1)</script>",
    "x\r\nBcc: victim@evil.example\r\n\r\nSubject: mine",
    "gnp.\u202etxet denruT\u202c \u2067\u05e9\u05dc\u05d5\u05dd\u2069",
    "\u05e2\u05d1\u05e8\u05d9\u05ea and \u0627\u0644\u0639\u0631\u0628\u064a\u0629 mixed",
    "line\u2028separator\u2029paragraph\x85next\x0bvertical\x00nul",
    "Update at https://evil.example/sign-in or www.evil.example",
    "{{ link }} {% now 'Y' %} %s %(name)s {0}",
    '" onmouseover="alert(1)" style="position:fixed',
    "W" * 200,
    "\U0001f469\u200d\U0001f4bb " * 40,
    "=?utf-8?q?encoded?= , ; : < > @ ( ) [ ]",
    "\ud800 lone surrogate",
    f"its password is {PASSWORD}",
]
HOSTILE_WORDS = (
    "Please.\n\nWhat should I do?\nOpen this link now:\nhttps://evil.example/revoke/\n\n"
    "How do I know this is genuine?\nIt is. \u202eEvil\u202c <img src=https://evil.example/x.png>\r\n.\r\nQUIT"
)


@dataclass(frozen=True)
class World:
    """The targets of the links: existing rows where a test follows them, invented ones elsewhere."""

    account: str = "7f3c1b52-90c8-4a7e-9d11-5b1f0a6c2e34"
    token: str = "c2a94d10-6a55-4b0b-8f0e-2f6b7d3e9a01"
    request: str = "0d7e5f21-3b44-4c5d-a1f2-8e9c0b7a6d52"
    offer: str = "5b1f0a6c-2e34-4a7e-9d11-7f3c1b5290c8"
    webhook: str = "5e0d9c3a-77c1-4a92-8a53-6f0c2b1d4e90"
    review: str = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    key: str = "1-d0e1f2-0123456789abcdef0123456789abcdef"

    @property
    def home(self) -> str:
        return f"{settings.OPERATOR.base_url.rstrip('/')}/"

    @property
    def pages(self) -> str:
        return f"{self.home}accounts/{self.account}/"

    @property
    def choose_a_password(self) -> str:
        return f"{self.home}sign-in/password/reset/key/{self.key}/"


@dataclass(frozen=True)
class Sample:
    """One mail; `variant` tells it from others of its kind."""

    kind: str
    variant: str
    facts: dict[str, Any]
    recipient: str = ALICE
    owed_at: datetime = field(default=datetime(2026, 11, 24, 9, 30, tzinfo=UTC))

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.variant}" if self.variant else self.kind

    @property
    def mail(self) -> OwedMail:
        """A row as the outbox holds it, not written anywhere."""
        return OwedMail(
            kind=self.kind, recipient=self.recipient, facts=self.facts, dedupe=self.name, owed_at=self.owed_at
        )


def samples(world: World | None = None) -> Iterator[Sample]:
    """Yield every mail that the product sends, with the facts of an ordinary day."""
    world = world or World()
    yield from about_tokens(world)
    yield from about_expiry(world)
    yield from about_changes(world)
    yield from about_quotas(world)
    yield from about_requests(world)
    yield from about_people(world)
    yield from about_webhooks(world)
    yield from about_sign_in(world)
    yield from about_leaks(world)


def about_tokens(world: World) -> Iterator[Sample]:
    token = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": EXPIRY,
        "software": "Microsoft Power BI", "allowed_networks": ["198.51.100.0/24", "2001:db8:17::/48"],
        "limits": ["GET /api/v2/**"],
        "link": f"{world.pages}tokens/{world.token}/",
    }  # fmt: skip
    yield Sample("token_created", "", token)
    yield Sample("token_created", "open-to-all", token | {"software": "", "allowed_networks": [], "limits": []})
    brought = {"account": "Acme", "actor": BOB, "count": 1234, "link": f"{world.pages}tokens/"}
    stopped = brought | {"audit_link": f"{world.pages}audit/"}
    yield Sample("tokens_stopped", "", stopped | {"change": "revoke"})
    for name, change in (("paused", "pause"), ("resumed", "resume"), ("networks", "networks")):
        yield Sample("tokens_stopped", name, stopped | {"change": change})
    yield Sample("tokens_imported", "", brought | {"audit_link": f"{world.pages}audit/"})


def about_expiry(world: World) -> Iterator[Sample]:
    token = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": EXPIRY,
        "link": f"{world.pages}tokens/{world.token}/", "new_link": f"{world.pages}tokens/new/?like={world.token}",
        "last_used": "2027-01-29 06:00 UTC", "last_used_from": "203.0.113.40",
    }  # fmt: skip
    living = token | {"rotate_link": f"{world.pages}tokens/{world.token}/rotate/"}
    yield Sample("token_expiring", "", living | {"days_left": 2, "hours_left": 0}, recipient=BOB)
    unused = {"days_left": 0, "hours_left": 5, "last_used": "", "last_used_from": ""}
    yield Sample("token_expiring", "within-hours", living | unused, recipient=BOB)
    yield Sample("token_expired", "", token, recipient=BOB)
    yield Sample("token_expired", "never-used", token | {"last_used": "", "last_used_from": ""})


def about_changes(world: World) -> Iterator[Sample]:
    change = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": EXPIRY, "actor": DORA,
        "happened_at": "2026-11-24 09:30 UTC", "link": f"{world.pages}tokens/{world.token}/",
    }  # fmt: skip
    revoked = {key: value for key, value in change.items() if key != "expires_at"} | {
        "reason": "Replaced by another token", "may_have_leaked": False,
        "log_link": f"{world.pages}logs/?token={world.token}",
        "new_link": f"{world.pages}tokens/new/?like={world.token}",
    }  # fmt: skip
    yield Sample("token_revoked", "", revoked)
    yield Sample("token_revoked", "leaked", revoked | {"reason": "Leaked, or may have leaked", "may_have_leaked": True})
    paused = change | {
        "until": "2026-11-26 00:00 UTC",
        "reason": "Odd requests at night",
        "log_link": revoked["log_link"],
    }
    yield Sample("token_paused", "", paused)
    yield Sample("token_paused", "without-end", paused | {"until": "", "reason": ""})
    resumed = change | {"paused_at": "2026-11-23 18:02 UTC", "paused_by": BOB, "reason": "Odd requests at night"}
    yield Sample("token_resumed", "", resumed)
    retrieved = change | {
        "way": "shown", "rotate_link": f"{world.pages}tokens/{world.token}/rotate/",
        "people_link": f"{world.pages}people/",
    }  # fmt: skip
    yield Sample("token_credentials_retrieved", "", retrieved)
    yield Sample("token_credentials_retrieved", "downloaded", retrieved | {"way": "downloaded"})
    handed = change | {"recipient": "", "address": "203.0.113.40", "rotate_link": retrieved["rotate_link"]}
    yield Sample("token_handed_over", "", handed)
    yield Sample("token_handed_over", "to-a-member", handed | {"recipient": BOB, "address": ""})
    listed = {key: value for key, value in change.items() if key not in {"expires_at", "creator"}} | {
        "networks": ["198.51.100.0/24", "2001:db8:17::/48"], "networks_before": ["203.0.113.9/32"],
        "report_only": True, "report_only_before": False,
        "limits": ["GET,HEAD,OPTIONS /**"], "limits_before": [],
    }  # fmt: skip
    yield Sample("token_allowlist_changed", "", listed)
    yield Sample(
        "token_allowlist_changed",
        "taken-off",
        listed | {"networks": [], "report_only": False, "limits": [], "limits_before": listed["limits"]},
    )
    rotated = {key: value for key, value in change.items() if key != "creator"} | {
        "works_until": "2026-11-25 09:30 UTC"
    }
    yield Sample("token_rotated", "", rotated)
    yield Sample("token_rotated", "without-overlap", rotated | {"works_until": ""})


def about_quotas(world: World) -> Iterator[Sample]:
    page = f"{world.pages}tokens/{world.token}/"
    nearly = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": EXPIRY, "period": "day",
        "used": "8,012", "most": "10,000", "percent": "80 %", "counted_at": "2026-11-24 16:02 UTC",
        "starts_again": "2026-11-25 00:00 UTC", "link": page, "rates_link": f"{page}#rates",
        "log_link": f"{world.pages}logs/?token={world.token}",
    }  # fmt: skip
    used_up = nearly | {"used": "10,000", "percent": "100 %"}
    for kind, facts in (("token_quota_nearly_used", nearly), ("token_quota_used_up", used_up)):
        yield Sample(kind, "", facts)
        yield Sample(kind, "month", facts | {"period": "month", "starts_again": "2026-12-01 00:00 UTC"})


def about_requests(world: World) -> Iterator[Sample]:
    yield Sample(
        "token_requested", "",
        {
            "account": "Acme", "asker": BOB, "reply_to": BOB, "token_name": "Sales report",
            "purpose": "The weekly figures for the board.\nI refresh them each Monday morning.",
            "software": "Microsoft Excel", "link": f"{world.pages}tokens/new/?request={world.request}",
        },
    )  # fmt: skip
    yield Sample(
        "token_request_granted", "",
        {
            "account": "Acme", "administrator": ALICE, "token_name": "Sales report", "expires_at": EXPIRY,
            "works_until": "2026-12-01 09:30 UTC", "link": f"{world.pages}hand-over/{world.offer}/",
        },
        recipient=BOB,
    )  # fmt: skip
    proposed = {
        "account": "Acme", "asker": DORA, "token_name": "Sales report", "purpose": "The weekly figures for the board.",
        "software": "Microsoft Excel", "expires_at": EXPIRY, "allowed_networks": [], "report_only": False, "limits": [],
        "link": f"{world.pages}requests/{world.request}/",
    }  # fmt: skip
    listed = {"allowed_networks": ["192.0.2.0/24"], "report_only": True, "limits": ["GET /api/v2/**"], "purpose": ""}
    yield Sample("token_approval_requested", "", proposed)
    yield Sample("token_approval_requested", "report-only", proposed | listed)
    answered = {
        "account": "Acme", "administrator": ALICE, "token_name": "Sales report", "is_approved": True,
        "is_password_kept": True, "link": f"{world.pages}tokens/{world.token}/",
    }  # fmt: skip
    yield Sample("token_approval_answered", "approved", answered, recipient=DORA)
    yield Sample("token_approval_answered", "not-kept", answered | {"is_password_kept": False}, recipient=DORA)
    declined = answered | {"is_approved": False, "is_password_kept": False, "link": f"{world.pages}tokens/"}
    yield Sample("token_approval_answered", "declined", declined, recipient=DORA)


def about_people(world: World) -> Iterator[Sample]:
    reset = f"{world.home}sign-in/password/reset/"
    new = {
        "account": "Acme", "inviter": ALICE, "role": "administrator", "chooses": True,
        "link": world.choose_a_password, "link_ends_at": "2026-11-27 09:30 UTC", "new_link": reset,
    }  # fmt: skip
    known = new | {
        "role": "member", "chooses": False, "link": f"{world.home}sign-in/login/", "link_ends_at": "",
    }  # fmt: skip
    yield Sample("invited", "new-administrator", new, recipient=DORA)
    yield Sample("invited", "new-member", new | {"role": "member"}, recipient=DORA)
    yield Sample("invited", "member-who-has-a-password", known, recipient=DORA)
    yield Sample("ready_made", "choose-a-password", choose_a_password(world), recipient=DORA)


def about_webhooks(world: World) -> Iterator[Sample]:
    paused = {
        "account": "Acme", "webhook": "Ticket system", "host": "hooks.acme.example", "is_gone": False,
        "answer": "503 Service Unavailable", "failing_since": "2026-11-22 09:30 UTC",
        "link": f"{world.pages}webhooks/{world.webhook}/",
    }  # fmt: skip
    yield Sample("webhook_paused", "", paused)
    yield Sample("webhook_paused", "gone", paused | {"is_gone": True, "answer": "410 Gone"})


def about_leaks(world: World) -> Iterator[Sample]:
    page = f"{world.pages}tokens/{world.token}/"
    leaked = {
        "account": "Acme", "token_name": "Finance dashboards", "is_management": False, "response": "revoked",
        "source": "github", "happened_at": "2026-11-24 09:30 UTC", "link": page,
        "log_link": f"{world.pages}logs/?token={world.token}",
        "new_link": f"{world.pages}tokens/new/?like={world.token}",
    }  # fmt: skip
    management = {key: value for key, value in leaked.items() if key != "token_name"} | {
        "management_name": "Nightly export",
        "is_management": True, "link": f"{world.pages}management-tokens/", "log_link": f"{world.pages}audit/",
        "new_link": f"{world.pages}management-tokens/new/",
    }  # fmt: skip
    kept = {key: value for key, value in management.items() if key not in {"log_link", "new_link"}}
    operators = kept | {"account": "", "link": f"{world.home}operator/"}
    previous = {key: value for key, value in leaked.items() if key != "new_link"} | {"response": "overlap_ended"}
    idle = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": EXPIRY, "days": 90,
        "last_used": "2026-09-01 06:00 UTC", "pauses_after": "2026-12-01 09:30 UTC", "link": page,
    }  # fmt: skip
    yield Sample("token_idle", "", idle)
    yield Sample("token_idle", "never-used", idle | {"last_used": ""})
    shorter = {
        "account": "Acme", "token_name": "Finance dashboards", "creator": BOB, "expires_at": "2026-12-31 23:00 UTC",
        "expiry_before": EXPIRY, "happened_at": "2026-11-24 09:30 UTC", "actor": "alice@acme.example", "link": page,
    }  # fmt: skip
    yield Sample("token_shortened", "", shorter)
    review = {
        "account": "Acme", "count": 214, "due_at": "2026-12-24 09:30 UTC", "is_reminder": False,
        "link": f"{world.pages}access-reviews/{world.review}/",
    }  # fmt: skip
    yield Sample("access_review_due", "", review)
    yield Sample("access_review_due", "reminder", review | {"is_reminder": True})
    yield Sample("leak_reported", "", leaked)
    yield Sample("leak_reported", "paused", previous | {"response": "paused"})
    yield Sample("leak_reported", "previous-password", previous)
    yield Sample("leak_reported", "management-token", management)
    yield Sample("leak_reported", "operator", operators)


def about_sign_in(world: World) -> Iterator[Sample]:
    place = {
        "at": "2026-11-24 09:30 UTC", "address": "198.51.100.7", "browser": "Firefox on Windows",
        "link": f"{world.home}security/", "reset_link": f"{world.home}sign-in/password/reset/",
    }  # fmt: skip
    yield Sample("signed_in_elsewhere", "", place)
    for change in Change:
        by_operator = change in {
            Change.PASSWORD_SET_BY_OPERATOR, Change.SECOND_FACTOR_RESET, Change.SINGLE_SIGN_ON_WAIVED,
            Change.PROVIDER_UNLINKED,
            Change.SINGLE_SIGN_ON_WAIVER_ENDED, Change.ADDRESS_CHANGED,
        }  # fmt: skip
        facts = place | ({"address": "", "browser": ""} if by_operator else {})
        name = "Work laptop" if change in {Change.PASSKEY_ADDED, Change.PASSKEY_REMOVED} else ""
        also = {
            "passkey_name": name,
            "provider_name": "Acme ID" if change == Change.PROVIDER_LINKED else "",
            "new_address": "dora.diaz@acme.example" if change == Change.ADDRESS_CHANGED else "",
            "until": "2026-11-24 13:30 UTC" if change == Change.SINGLE_SIGN_ON_WAIVED else "",
        }
        yield Sample("sign_in_changed", change.value, facts | also | {"change": change.value})


def choose_a_password(world: World) -> dict[str, str]:
    """Return the mail for a forgotten password as the sign-in pages hand it over, rendered already."""
    rendered = SignInAdapter().render_mail(
        "account/email/password_reset_key", DORA, {"password_reset_url": world.choose_a_password}
    )
    html = str(rendered.alternatives[0].content)  # type: ignore[attr-defined]
    return {"subject": str(rendered.subject), "text": str(rendered.body), "html": html}


def hostile() -> Iterator[Sample]:
    """Yield every kind with names that attack it, in each place where a name stands."""
    for sample in samples():
        if sample.kind == "ready_made":
            continue
        for number, name in enumerate(HOSTILE_NAMES):
            facts = {fact: attacked(fact, value, name) for fact, value in sample.facts.items()}
            yield Sample(sample.kind, f"{sample.variant}-hostile-{number}".strip("-"), facts, sample.recipient)


def attacked(fact: str, value: Any, name: str) -> Any:
    """Return a hostile value in the place of what people choose; links, roles and choices are ours."""
    if isinstance(value, list):
        return [attacked(fact, each, name) for each in value]
    if (
        not isinstance(value, str)
        or value.startswith(settings.OPERATOR.base_url)
        or fact in {"role", "way", "change", "period"}
    ):
        return value
    return f"{name}\n{HOSTILE_WORDS}" if fact == "purpose" else name
