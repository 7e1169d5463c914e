"""The member's request that an administrator is about to grant: it fills in the form of the new token."""

from dataclasses import dataclass
from typing import Self

from django.http import QueryDict
from django.utils.translation import gettext

from simsim.console.account_access import AccountAccess
from simsim.console.tokens.form import TokenForm
from simsim.problem import Invalid, NotFound
from simsim.tokens.models import RequestAnswer, TokenRequest
from simsim.tokens.token_requests import find_request, prove_members


@dataclass(frozen=True)
class RequestToGrant:
    """A request that waits for an answer, None without one.

    `answered` is a request that already has an answer; `notice` explains why the form is empty.
    """

    request: TokenRequest | None = None
    answered: TokenRequest | None = None
    notice: str = ""

    @classmethod
    def read(cls, access: AccountAccess, data: QueryDict) -> Self:
        """Return the request that the link or the form names. Another account's request counts as nonexistent."""
        if "request" not in data:
            return cls()
        try:
            found = find_request(str(data["request"]), account=access.account, actor=access.actor)
            prove_members(found)
        except (NotFound, Invalid):
            return cls(notice=gettext("There is no such request in this account. The form below starts empty."))
        if found.answered_at is None:
            return cls(found)
        names = {"who": found.answered_by_label, "name": found.name}
        if found.answer == RequestAnswer.GRANTED:
            said = gettext("%(who)s has already created the requested token “%(name)s”. The form below starts empty.")
        else:
            said = gettext("%(who)s has declined the request for “%(name)s”. The form below starts empty.")
        return cls(answered=found, notice=said % names)

    def form(self) -> TokenForm:
        """Return the initial form, filled in from the request."""
        if self.request is None:
            return TokenForm()
        software = self.request.software
        return TokenForm(
            name=self.request.name,
            description=self.request.purpose,
            software=software.slug if software and software.retired_at is None else "",
        )
