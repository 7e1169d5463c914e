"""What was typed about a token, kept as it was typed until it is right."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from simsim.gate.address import client_address
from simsim.problem import AlreadyExists, Invalid
from simsim.tokens.models import TargetSoftware, Token
from simsim.tokens.rules import is_longer_than_recommended

NETWORKS = "allowed_networks"
PRESETS = {
    "30d": gettext_lazy("30 days"),
    "60d": gettext_lazy("60 days"),
    "90d": gettext_lazy("90 days"),
    "365d": gettext_lazy("A year"),
}
ON_A_DATE = "date"
USUAL = "90d"


@dataclass(frozen=True)
class Preset:
    value: str
    label: str
    expires_at: datetime
    is_long: bool
    is_chosen: bool


@dataclass(frozen=True)
class Row:
    """One row of the allowed networks."""

    index: int
    text: str
    errors: list[str]


@dataclass
class TokenForm:
    """The fields as text, and under each field's name what is wrong with it."""

    name: str = ""
    preset: str = USUAL
    expires_on: str = ""
    description: str = ""
    software: str = ""
    networks: list[str] = field(default_factory=list)
    present: TargetSoftware | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def typed(cls, post: QueryDict, present: TargetSoftware | None = None) -> "TokenForm":
        return cls(
            name=post.get("name", ""),
            preset=post.get("expires", USUAL),
            expires_on=post.get("expires_on", ""),
            description=post.get("description", ""),
            software=post.get("software", ""),
            networks=post.getlist(NETWORKS),
            present=present,
        )

    @classmethod
    def of(cls, token: Token) -> "TokenForm":
        return cls(
            name=token.name,
            description=token.description,
            software=token.software.slug if token.software else "",
            networks=list(token.allowed_networks),
            present=token.software,
        )

    @property
    def expires(self) -> str:
        """The expiry in the words of `rules.parse_expiry`."""
        return self.expires_on if self.preset == ON_A_DATE else self.preset

    @property
    def has_date(self) -> bool:
        return self.preset == ON_A_DATE

    @property
    def rows(self) -> list[Row]:
        """The rows to show: what was typed, and an empty one where there is none."""
        texts = self.networks or [""]
        return [Row(i, text, self.errors.get(f"{NETWORKS}.{i}", [])) for i, text in enumerate(texts)]

    @property
    def software_choices(self) -> list[TargetSoftware]:
        """Software that may be chosen; a retired one only where the token has it already (R7)."""
        offered = Q(retired_at=None) | Q(pk=self.present.pk if self.present else None)
        return list(TargetSoftware.objects.filter(offered))

    def presets(self, now: datetime) -> list[Preset]:
        shown = []
        for value, label in PRESETS.items():
            moment = now + timedelta(days=int(value[:-1]))
            is_long = is_longer_than_recommended(moment, now=now)
            shown.append(Preset(value, str(label), moment, is_long, self.preset == value))
        return shown

    def refuse(self, problem: Invalid | AlreadyExists) -> None:
        """Put what the action refused beside the fields that it is about."""
        if isinstance(problem, AlreadyExists):
            self.errors["name"] = [_(problem.detail) % problem.params]
            return
        for error in problem.errors:
            message = _(error.message)
            self.errors.setdefault(error.field, []).append(message % error.params if error.params else message)

    @property
    def error_count(self) -> int:
        return sum(len(messages) for messages in self.errors.values())

    def step(self, step: str, request: HttpRequest) -> None:
        """Do what a button inside the form asks for: add a row, add the visitor's address, take a row away."""
        if step == "add_row":
            self.networks = [*(self.networks or [""]), ""]
        elif step == "add_my_address":
            self.add(visitor_address(request))
        elif step.startswith("remove_") and step.removeprefix("remove_").isdecimal():
            gone = int(step.removeprefix("remove_"))
            self.networks = [text for index, text in enumerate(self.networks) if index != gone]

    def add(self, address: str | None) -> None:
        if address is None:
            self.errors[NETWORKS] = [_("Your address could not be determined: type it in.")]
        elif address not in self.networks:
            self.networks = [text for text in self.networks if text.strip()] + [address]


def visitor_address(request: HttpRequest) -> str | None:
    """Return the address that the browser comes from, as the gate would see it; None when it can't be known."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    trusted = settings.OPERATOR.trusted_networks()
    address = client_address(request.META.get("REMOTE_ADDR"), [forwarded] if forwarded else [], trusted)
    return address.text if address else None
