"""The page *Notices*: who gets which notice, and extra reminders of an expiry (B10)."""

from dataclasses import dataclass, field
from typing import Self

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import FieldError, Invalid
from simsim.tokens.notice_policy import (
    CHOICES,
    EARLY_DAYS,
    Audience,
    Notice,
    Policy,
    notice_policy,
    set_notice_policy,
)

# For each notice: its name, and when it is sent.
WORDS: dict[Notice, tuple[Promise, Promise]] = {
    Notice.CREATED: (_("A token is created"), _("Sent immediately, with a link to revoke it.")),
    Notice.EXPIRING: (_("A token is about to expire"), _("Two days before, with links to rotate or replace it.")),
    Notice.EXPIRED: (_("A token has expired"), _("Sent when it stops working.")),
    Notice.REVOKED: (
        _("A token is revoked"),
        _("Sent immediately: who did it, when and why. Also sent to the person who did it."),
    ),
    Notice.PAUSED: (
        _("A token is paused"),
        _("Sent immediately: who did it, until when and why, except to the person who did it."),
    ),
    Notice.RESUMED: (_("A token is resumed"), _("Sent immediately, except to the person who did it.")),
    Notice.RETRIEVED: (
        _("Someone other than the creator retrieves credentials"),
        _("Sent when they are shown or downloaded, except to the person who did it."),
    ),
    Notice.HANDED_OVER: (
        _("A hand-over link is used"),
        _("Sent immediately: when it was used, and from which address."),
    ),
    Notice.ALLOWLIST_CHANGED: (
        _("The allowed networks or the limits of a token are changed"),
        _("Sent immediately, with the lists before and after, except to the person who did it."),
    ),
    Notice.ROTATED: (
        _("A token gets a new password"),
        _("Sent immediately, with how long the previous password keeps working, except to the person who did it."),
    ),
    Notice.QUOTA_NEARLY_USED: (
        _("A token has used 80 % of a quota"),
        _("Sent at most once in a day or month, with when the quota starts again."),
    ),
    Notice.QUOTA_USED_UP: (
        _("A token has used up a quota"),
        _("Sent at most once in a day or month. Requests are refused until the quota starts again."),
    ),
}
NOTHING_SENT = -1


@dataclass(frozen=True)
class Question:
    """One notice on the form, with its possible audiences, the chosen one, and an error."""

    name: str
    title: Promise
    when: Promise
    choices: tuple[Audience, ...]
    default: Audience
    chosen: str
    error: str

    @property
    def is_fixed(self) -> bool:
        """Whether only one audience is possible."""
        return len(self.choices) == 1


@dataclass
class NoticeForm:
    """The choices; `errors` has a sentence for each invalid notice, and `early_days` for invalid days."""

    audiences: dict[str, str]
    days: list[str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Return the form with the current policy."""
        audiences = {notice.value: policy.audience(notice).value for notice in CHOICES}
        return cls(audiences, [str(days) for days in policy.early_days])

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent; a missing notice keeps its current audience."""
        sent = {notice.value: data.get(notice.value) for notice in CHOICES}
        audiences = {name: wanted for name, wanted in sent.items() if isinstance(wanted, str)}
        return cls(audiences, data.getlist("early_days"))

    @property
    def early_days(self) -> list[int]:
        return [int(days) if days.isascii() and days.isdecimal() else NOTHING_SENT for days in self.days]

    def explain(self, problem: Invalid) -> None:
        """Set each error for its question."""
        for error in problem.errors:
            self.errors[error.field] = sentence(Invalid(FieldError(error.field, error.message, error.params)))

    def questions(self) -> list[Question]:
        """Return the form's questions in the order of a token's life."""
        return [
            Question(
                name=notice.value,
                title=title,
                when=when,
                choices=CHOICES[notice],
                default=CHOICES[notice][0],
                chosen=self.audiences.get(notice.value, ""),
                error=self.errors.get(notice.value, ""),
            )
            for notice, (title, when) in WORDS.items()
        ]


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def notices(access: AccountAccess) -> HttpResponse:
    """Show who gets which notice, or save the choices."""
    policy = notice_policy(access.account, actor=access.actor)
    if access.request.method != "POST":
        return form_page(access, NoticeForm.of(policy))
    # Otherwise, a stranger at an open browser could turn off the emails that would give them away.
    demand_recent_authentication(access.request)
    form = NoticeForm.read(access.request.POST)
    try:
        set_notice_policy(
            actor=access.actor,
            account=access.account,
            audiences=form.audiences,
            early_days=form.early_days,
            now=access.now,
        )
    except Invalid as problem:
        form.explain(problem)
        return form_page(access, form, status=problem.status)
    say(access.request, gettext("Saved. Your choices apply to all notices from now on."))
    return redirect("console:notices", access.account.pk)


def form_page(access: AccountAccess, form: NoticeForm, *, status: int = 200) -> HttpResponse:
    days = [(str(number), str(number) in form.days) for number in EARLY_DAYS]
    context = {"account": access.account, "form": form, "questions": form.questions(), "days": days}
    return render(access.request, "console/notices/notices.html", context, status=status)
