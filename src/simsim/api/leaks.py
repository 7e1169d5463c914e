"""Reports of leaked passwords by a program that signs them, in the form of GitHub's secret-scanning partners (B4)."""

from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, RootModel

from simsim.accounts.client_address import address_of
from simsim.api import rate_limits
from simsim.api.callers import Caller
from simsim.api.calls import Call, Door, parse_json, prove_query
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.audit.events import Event
from simsim.gate.address import site_of
from simsim.leak_reports.actions import REPORT, ReportedPassword, report_leaks
from simsim.leak_reports.public_keys import is_signed, key_list
from simsim.management_problem import BadSignature, NotAcceptedMediaType
from simsim.problem import FieldError, Invalid, NotFound, ServiceUnavailable, gettext_noop

TAG = "Leaked passwords"
IDENTIFIER, SIGNATURE = "Github-Public-Key-Identifier", "Github-Public-Key-Signature"
NO_KEYS = gettext_noop("This installation accepts no signed reports: SIMSIM_LEAK_REPORT_KEYS names no keys.")
NO_LIST = gettext_noop("Send a JSON array of objects, each with a token.")


class LeakedPassword(BaseModel):
    """A password that was found. Fields that Simsim does not know are ignored, so that a sender may add some."""

    model_config = ConfigDict(extra="ignore")

    token: str = Field(description="The whole password.")
    type: str | None = Field(None, description="The sender’s name for this kind of password; not used.")
    url: str | None = Field(None, description="Where it was found. The audit trail keeps this.")
    source: str | None = Field(None, description="Who found it, such as github; upper and lower case are the same.")


class LeakedPasswords(RootModel[list[LeakedPassword]]):
    """A report: every password that was found."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                [
                    {
                        "token": "sim_" + "0" * 49,
                        "type": "simsim_token",
                        "url": "https://github.com/acme/reports/blob/main/.env",
                        "source": "content",
                    }
                ]
            ]
        }
    )


class SignedDoor(Door):
    """Admits a sender who signs the body with a current key from the installation's list."""

    security: ClassVar = ()
    request_headers: ClassVar = {
        IDENTIFIER: "Which key of the list signed the body.",
        SIGNATURE: "The base64 of the DER form of an ECDSA signature (P-256, SHA-256) of the body’s bytes.",
    }

    def __call__(self, request: HttpRequest) -> Call:
        now, address = timezone.now(), address_of(request)
        client = f"reports:{site_of(address).hex() if address else ''}"
        rate_limits.count(request, client)
        prove_query(request, ())
        if not settings.LEAK_REPORT_KEYS:
            raise NotFound(NO_KEYS)
        signature = request.headers.get(SIGNATURE, "")
        key = key_list(settings.LEAK_REPORT_KEYS).find(request.headers.get(IDENTIFIER, ""))
        if key is None or not is_signed(request.body, signature, key):
            raise BadSignature
        if request.content_type != "application/json":
            raise NotAcceptedMediaType
        found = parse_json(request.body)
        if not isinstance(found, list):
            raise Invalid(FieldError("body", NO_LIST))
        request.parsed_body = found  # type: ignore[attr-defined]
        return Call(request, Caller(REPORT, client, frozenset()), REPORT, None, now, None)


@operation(
    "POST", "/leaks", tag=TAG, scopes=frozenset(), audit=Event.LEAK_REPORTED, body=LeakedPasswords, answer=None,
    status=204, door=SignedDoor, problems=(BadSignature, NotFound, ServiceUnavailable),
)  # fmt: skip
def report_leaked_passwords(call: Call, body: LeakedPasswords) -> Answer:
    """Report leaked passwords. Each that works stops working before the answer; a repeated report changes nothing."""
    report_leaks(
        [ReportedPassword(each.token, source=each.source or "", place=each.url or "") for each in body.root],
        now=call.now,
    )
    return Answer(None)
