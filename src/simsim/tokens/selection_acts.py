"""What can be done to a selection of tokens: to which of them, with which values, and what is said about it (B18)."""

import dataclasses
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_network

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.accounts.texts import parse_line
from simsim.audit.events import Event
from simsim.credential import allowlist
from simsim.credential.limits import unpack
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens import rules
from simsim.tokens.models import Status
from simsim.tokens.pause import MAX_REASON_LENGTH
from simsim.tokens.policies import policies_of
from simsim.tokens.policy_rules import changed_list_errors, is_open
from simsim.tokens.token_selection import SelectedToken
from simsim.webhooks.event_types import EventType

Values = dict[str, object]
LIST = "allowed_networks"


class Act(StrEnum):
    PAUSE = "pause"
    REVOKE = "revoke"
    RESUME = "resume"
    NETWORKS = "networks"


EVENTS = {
    Act.PAUSE: (Event.TOKEN_PAUSED, EventType.TOKEN_PAUSED),
    Act.REVOKE: (Event.TOKEN_REVOKED, EventType.TOKEN_REVOKED),
    Act.RESUME: (Event.TOKEN_RESUMED, EventType.TOKEN_RESUMED),
    Act.NETWORKS: (Event.TOKEN_EDITED, EventType.ALLOWLIST_CHANGED),
}


@dataclass(frozen=True)
class Change:
    """An act, with what it needs.

    `reason` is a line of text for a pause, and one of RevocationReason for a revocation. `networks` replace the lists
    of the tokens, or with `adds` join them.
    """

    act: Act
    reason: str = ""
    networks: Sequence[str] = ()
    adds: bool = False

    def concerned(self, tokens: Iterable[SelectedToken], now: datetime) -> list[SelectedToken]:
        """Return the tokens that the act changes.

        A pause without end stays as it is: whoever resumes those that this act paused must not resume others. A token
        without a list lets every address in already, so nothing is added to it.
        """
        if self.act == Act.PAUSE:
            return [each for each in tokens if each.status(now) != Status.PAUSED or each.paused_until is not None]
        if self.act == Act.RESUME:
            return [each for each in tokens if each.status(now) == Status.PAUSED]
        if self.act == Act.NETWORKS:
            return [each for each in tokens if self.networks_of(each) != each.allowed_networks]
        return list(tokens)

    def networks_of(self, token: SelectedToken) -> list[str]:
        """Return the list that the token gets."""
        if not self.adds:
            return list(self.networks)
        if not token.allowed_networks:
            return []
        return list(dict.fromkeys([*token.allowed_networks, *self.networks]))

    def prove_allowed(self, account: Account, tokens: Iterable[SelectedToken]) -> None:
        """Raise Invalid if a token may not have the list that it would get."""
        if self.act != Act.NETWORKS:
            return
        policy = policies_of(account).effective
        kinds = {(tuple(self.networks_of(each)), each.report_only, tuple(each.allowed_networks)) for each in tokens}
        for networks, is_lenient, before in kinds:
            rules.parse_networks(networks)
            was_open = is_open(before, report_only=is_lenient)
            if errors := changed_list_errors(policy, networks, report_only=is_lenient, was_open=was_open):
                raise Invalid(FieldError(LIST, errors[0].message, errors[0].params))

    def updates(
        self, tokens: Sequence[SelectedToken], *, actor: Actor, now: datetime
    ) -> Iterator[tuple[Values, list[uuid.UUID]]]:
        """Yield new values of columns, with the tokens that get them."""
        if self.act == Act.NETWORKS:
            alike: dict[tuple[str, ...], list[uuid.UUID]] = {}
            for token in tokens:
                alike.setdefault(tuple(self.networks_of(token)), []).append(token.pk)
            for networks, ids in alike.items():
                packed = allowlist.pack([ip_network(text) for text in networks])
                yield {LIST: list(networks), "allowlist": packed}, ids
        elif tokens:
            yield self.columns(actor, now), [token.pk for token in tokens]

    def columns(self, actor: Actor, now: datetime) -> Values:
        if self.act == Act.REVOKE:
            return {
                "revoked_at": now, "revoked_by": actor.user, "revoked_by_label": actor.label,
                "revocation_reason": self.reason, "next_notice_at": None,
            }  # fmt: skip
        is_pause = self.act == Act.PAUSE
        return {
            "paused_at": now if is_pause else None, "paused_until": None, "paused_by": actor.user if is_pause else None,
            "paused_by_label": actor.label if is_pause else "", "pause_reason": self.reason,
        }  # fmt: skip

    def audited(self) -> tuple[Event, Values]:
        """Return the event of the whole act, with the details that say what was done."""
        if self.act == Act.RESUME:
            return Event.SELECTION_RESUMED, {}
        if self.act == Act.NETWORKS:
            return Event.SELECTION_NETWORKS, {LIST: list(self.networks), "adds": self.adds}
        return Event.SELECTION_STOPPED, {"act": self.act.value, "reason": self.reason}

    def audited_of(self, token: SelectedToken) -> tuple[Event, Values]:
        """Return the event of one token, with its details."""
        details: Values = {"name": token.name}
        if self.act == Act.NETWORKS:
            details = {LIST: [token.allowed_networks, self.networks_of(token)]}
        elif self.act != Act.RESUME:
            details |= {"reason": self.reason} | ({"until": None} if self.act == Act.PAUSE else {})
        return EVENTS[self.act][0], details

    def told(self, tokens: Iterable[SelectedToken]) -> tuple[EventType, Mapping[uuid.UUID, Values]]:
        """Return the event for webhooks, and for each token what only this event has."""
        return EVENTS[self.act][1], {token.pk: self.told_of(token) for token in tokens}

    def told_of(self, token: SelectedToken) -> Values:
        if self.act == Act.NETWORKS:
            return {
                "allowed_networks_before": token.allowed_networks,
                "limits_before": unpack(token.limits),
                "report_only_before": token.report_only,
            }
        if self.act == Act.RESUME:
            return {}
        told: Values = {"reason": self.reason or None}
        return told | {"paused_until": None} if self.act == Act.PAUSE else told


def parse_change(change: Change) -> Change:
    """Return the change with its texts in normal form; raise Invalid."""
    if change.act == Act.REVOKE:
        return dataclasses.replace(change, reason=rules.parse_reason(change.reason))
    if change.act == Act.PAUSE:
        reason = parse_line("reason", change.reason, required=False, longest=MAX_REASON_LENGTH)
        return dataclasses.replace(change, reason=reason)
    if change.act == Act.RESUME:
        return Change(Act.RESUME)
    networks = rules.parse_networks(change.networks)
    if not networks:
        # An empty list would let every address in.
        raise Invalid(FieldError(LIST, gettext_noop("Enter at least one network.")))
    return dataclasses.replace(change, networks=networks)
