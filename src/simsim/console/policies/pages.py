"""The page *Policies*: the rules for an account's tokens, and the tokens that do not meet them (B10)."""

from dataclasses import dataclass, field
from typing import Self

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from simsim.accounts.permissions import administrators
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import FieldError, Invalid
from simsim.tokens.policies import TokenPolicy, set_account_policy, token_policies
from simsim.tokens.policy_models import LeakChoice, Retrieval
from simsim.tokens.policy_rules import Outside, tokens_outside

NUMBERS = ("max_lifetime_days", "min_ipv4_prefix", "min_ipv6_prefix", "max_idle_days", "approval_above_days")
BOXES = ("needs_allowlist", "approval_if_open")
# Refused by the action, as every text that is no number.
NO_NUMBER = 0
SHOWN = 100


@dataclass
class PolicyForm:
    """The choices as texts; `errors` has a sentence for each invalid field."""

    texts: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: TokenPolicy) -> Self:
        """Return the form with the account's policy."""
        texts = {name: "" if value is None else str(value) for name, value in policy.document().items()}
        return cls(texts | {name: "yes" if policy.document()[name] else "" for name in BOXES})

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent."""
        names = (*NUMBERS, *BOXES, "retrieval", "leak_response")
        return cls({name: data.get(name, "").strip() for name in names})

    @property
    def choices(self) -> dict[str, object]:
        """The choices for the action."""
        numbers = {name: number_of(self.texts[name]) for name in NUMBERS}
        named = {name: self.texts[name] for name in ("retrieval", "leak_response")}
        return {**numbers, **named, **{name: self.texts[name] == "yes" for name in BOXES}}

    def explain(self, problem: Invalid) -> None:
        """Set each error for its field."""
        for error in problem.errors:
            self.errors[error.field] = sentence(Invalid(FieldError(error.field, error.message, error.params)))


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def policies(access: AccountAccess) -> HttpResponse:
    """Show the policy with the tokens that do not meet it, or save the choices."""
    if access.request.method != "POST":
        return form_page(access, PolicyForm.of(token_policies(access.account, actor=access.actor).own))
    # Otherwise, a stranger at an open browser could loosen what protects the tokens.
    demand_recent_authentication(access.request)
    form = PolicyForm.read(access.request.POST)
    try:
        set_account_policy(actor=access.actor, account=access.account, choices=form.choices, now=access.now)
    except Invalid as problem:
        form.explain(problem)
        return form_page(access, form, status=problem.status)
    say(access.request, gettext("Saved. The policy applies to every new token and to every change from now on."))
    return redirect("console:policies", access.account.pk)


def form_page(access: AccountAccess, form: PolicyForm, *, status: int = 200) -> HttpResponse:
    found = token_policies(access.account, actor=access.actor)
    outside = tokens_outside(access.account, found.effective, actor=access.actor, now=access.now)
    context = {
        "account": access.account,
        "form": form,
        "demands_list": found.floor.needs_allowlist,
        "demands_approval": found.floor.approval_if_open,
        "own": found.own,
        "has_approvers": administrators(access.account).count() > 1,
        "effective": found.effective,
        "helps": helps_of(found.floor),
        "retrievals": choices_of(Retrieval, found.floor.retrieval, form.texts["retrieval"]),
        "leaks": choices_of(LeakChoice, found.floor.leak_response, form.texts["leak_response"]),
        "outside": [(each.token, reasons_of(each)) for each in outside[:SHOWN]],
        "number_outside": len(outside),
    }
    return render(access.request, "console/policies/policies.html", context, status=status)


def helps_of(floor: TokenPolicy) -> dict[str, str]:
    """Return the explanation of each number, with the operator's limit."""
    days, ipv4, ipv6 = (floor.max_lifetime_days, floor.min_ipv4_prefix, floor.min_ipv6_prefix)
    most = gettext("The operator of this API allows at most %(number)s.")
    least = gettext("The operator of this API requires at least %(number)s.")
    helps = (
        ("max_lifetime_days", gettext("For example 90. Leave it empty for no limit."), most, days),
        ("min_ipv4_prefix", gettext("The length of its prefix: 24 is a network of 256 addresses."), least, ipv4),
        ("min_ipv6_prefix", gettext("The length of its prefix, for example 48."), least, ipv6),
        (
            "approval_above_days",
            gettext("For example 90. Leave it empty if no lifetime needs an approval."),
            most,
            floor.approval_above_days,
        ),
        ("max_idle_days", gettext("Every administrator gets an email seven days before."), most, floor.max_idle_days),
    )
    return {name: f"{text} {limit % {'number': number}}" if number else text for name, text, limit, number in helps}


def choices_of(
    offered: type[Retrieval] | type[LeakChoice], least: Retrieval | LeakChoice, chosen: str
) -> list[tuple[str, str, bool, bool]]:
    """Return each choice: its value, its words, whether it is chosen, and whether the installation allows it."""
    order = list(offered)
    return [
        (choice.value, str(choice.label), choice.value == chosen, order.index(choice) >= order.index(least))
        for choice in order
    ]


def reasons_of(outside: Outside) -> list[str]:
    return [sentence(Invalid(reason)) for reason in outside.reasons]


def number_of(text: str) -> int | None:
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else NO_NUMBER
