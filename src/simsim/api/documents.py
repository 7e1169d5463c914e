"""The JSON that the management API takes and gives, for its OpenAPI document and for the checks of what it takes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ID = "5f0c2c1e-8a55-4b6e-9c1b-1d0a7b3e9f10"
ACCOUNT = "6f1c3b0a-2f57-4c55-8b11-0c8f5d1f7a10"
AT = "2027-01-31T12:00:00Z"
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
TokenStatus = Literal["active", "paused", "expired", "revoked"]
RoleName = Literal["administrator", "member"]
ReasonName = Literal["no_longer_needed", "replaced", "leaked", "not_recognised", "other", ""]
Example = dict[str, Any]
TOKEN: Example = {
    "id": ID, "account_id": ACCOUNT, "name": "Power BI", "description": "The sales report", "software": "power-bi",
    "status": "active", "expires_at": AT, "allowed_networks": ["203.0.113.0/24"], "limits": ["GET /api/v2/**"],
    "rates": ["10/s burst 20", "10000/day"], "report_only": False, "username": ACCOUNT,
    "password_can_be_shown": True, "previous_password_works_until": None,
    "paused_at": None, "paused_by": None, "paused_until": None, "pause_reason": None,
    "created_at": "2026-11-02T09:30:00Z", "created_by": "alice@acme.example", "revoked_at": None, "revoked_by": None,
    "revocation_reason": None, "last_used_at": "2026-11-20T06:00:12Z", "last_used_address": "203.0.113.9",
}  # fmt: skip
LIMITS = "Rules such as GET /api/v2/**, each with methods and a path; none allows every request."
RATES = "How many requests it may make: 10/s burst 20, 10000/day, 300000/month; none is no limit. Days are UTC."
CREDENTIALS: Example = {"username": ACCOUNT, "password": "sim_…"}


class Given(BaseModel):
    """What a caller sends: unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewToken(Given):
    """A token to create."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Power BI", "expires": "90d", "allowed_networks": ["203.0.113.0/24"]}]}
    )
    name: str = Field(description="Unique among the account’s active tokens.")
    expires: str = Field(description="A date such as 2027-01-31 (through that day, UTC), 90d, or an RFC 3339 time.")
    description: str = Field("", description="Where the token is used.")
    software: str | None = Field(None, description="The short name of target software.")
    allowed_networks: list[str] = Field([], description="Addresses and networks; none allows every address.")
    limits: list[str] = Field([], description=LIMITS)
    rates: list[str] = Field([], description=RATES)
    report_only: bool = Field(
        False, description="Let in what networks and limits would refuse, and mark it in the log."
    )
    request_id: Id | None = Field(None, description="The member’s request that the token grants.")


class TokenChanges(Given):
    """Changes of a token; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "The sales report of 2027"}]})
    name: str = ""
    description: str = ""
    software: str | None = Field(None, description="The short name of target software; null removes it.")
    allowed_networks: list[str] = []
    limits: list[str] = Field([], description=LIMITS)
    rates: list[str] = Field([], description=RATES)
    report_only: bool = False


class Revocation(Given):
    """Why a token is revoked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "leaked"}]})
    reason: ReasonName = ""


class Pause(Given):
    """How long a token is paused, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"until": "2h", "reason": "The report floods the API"}]})
    until: str = Field("", description="A date, an RFC 3339 time, 30m, 2h or 7d; empty means until it is resumed.")
    reason: str = ""


class NewHandOver(Given):
    """A link to make, which shows a token's credentials once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expires_in_seconds": 86400}]})
    expires_in_seconds: int = Field(86_400, ge=300, le=604_800, description="How long the link can be used.")
    with_code: bool = Field(False, description="Whether the link also asks for a code, to be told in another way.")


class Rotation(Given):
    """How a token is rotated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})
    overlap_seconds: int = Field(
        86_400, ge=0, le=604_800, description="How long the previous password keeps working: up to 7 days."
    )


class Networks(Given):
    """An allowlist to try out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_networks": ["203.0.113.0/24"]}]})
    allowed_networks: list[str]


class LimitRules(Given):
    """Limits to try out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limits": ["GET /api/v2/**"]}]})
    limits: list[str] = Field(description=LIMITS)


class NewAccount(Given):
    """An account to create. With an external id, an account that has it already is returned unchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Acme", "external_id": "crm-4711"}]})
    name: str
    external_id: str | None = Field(None, description="The customer’s id in your own system.")


class AccountChanges(Given):
    """An account's settings; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"programs_may_rotate": True}]})
    programs_may_rotate: bool = Field(False, description="Whether a program may rotate the token that it holds.")


class NewPerson(Given):
    """A person to invite by email."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "bob@acme.example", "role": "member"}]})
    email: str
    role: RoleName


class NewPortalLink(Given):
    """A link to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": ACCOUNT, "email": "alice@acme.example", "role": "administrator",
                    "return_url": "https://app.example.com/settings", "expires_in_seconds": 60,
                }
            ]
        }
    )  # fmt: skip
    account_id: Id
    email: str = Field(description="The person, who is created if nobody has this address.")
    role: Literal["administrator", "member", "reader"] = Field(description="What they may do in this session.")
    return_url: str = Field(description="Where the link back leads; its origin must be allowed by a setting.")
    expires_in_seconds: int = Field(60, description="How long the link works, from 10 to 600.")


class PortalLink(BaseModel):
    """A new link, which works once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://console.example.com/portal/#…", "expires_at": AT}]}
    )
    url: str
    expires_at: Moment


class PersonChanges(Given):
    """A person's new role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "administrator"}]})
    role: RoleName


class NewSoftware(Given):
    """Target software to add to the catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"slug": "power-bi", "name": "Power BI"}]})
    slug: str
    name: str


class NoticeChoices(Given):
    """Who gets which notice, and additional days of expiry notices; a notice that is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"audiences": {"token_created": "administrators"}, "early_days": [14]}]}
    )
    audiences: dict[str, str] = Field({}, description="The audience of each notice, by the notice’s name.")
    early_days: list[int] = Field(description="Days before the expiry: 30, 14, 7 and 1 are possible.")


class Token(BaseModel):
    """A token, without its password."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN]})
    id: Id
    account_id: Id
    name: str
    description: str
    software: str | None
    status: TokenStatus
    expires_at: Moment
    allowed_networks: list[str]
    limits: list[str]
    rates: list[str]
    report_only: bool
    username: str
    password_can_be_shown: bool
    previous_password_works_until: Moment | None
    paused_at: Moment | None
    paused_by: str | None
    paused_until: Moment | None
    pause_reason: str | None
    created_at: Moment
    created_by: str
    revoked_at: Moment | None
    revoked_by: str | None
    revocation_reason: str | None
    last_used_at: Moment | None
    last_used_address: str | None


class TokenWithCredentials(Token):
    """A token with the credentials that software sends."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN | CREDENTIALS]})
    username: str
    password: str


class Credentials(BaseModel):
    """Username and password."""

    model_config = ConfigDict(json_schema_extra={"examples": [CREDENTIALS]})
    username: str
    password: str


class HandOver(BaseModel):
    """A link that shows a token's credentials once. Neither the link nor the code can be read again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": ID, "url": "https://console.example/hand-over/#…", "code": None, "expires_at": AT}]
        }
    )
    id: Id
    url: str
    code: str | None
    expires_at: Moment


class TokenPage(BaseModel):
    """A page of tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [TOKEN], "next_cursor": None}]})
    items: list[Token]
    next_cursor: str | None


class OwnToken(BaseModel):
    """What the holder of a token may know about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": ID, "name": "Power BI", "account_id": ACCOUNT, "account_name": "Acme", "expires_at": AT,
                    "allowed_networks": [], "limits": [], "rates": ["10000/day"], "report_only": False,
                    "used_today": 812, "used_this_month": 20411, "is_current_password": True,
                    "previous_password_works_until": None, "may_rotate": True,
                }
            ]
        }
    )  # fmt: skip
    id: Id
    name: str
    account_id: Id
    account_name: str
    expires_at: Moment
    allowed_networks: list[str]
    limits: list[str]
    rates: list[str]
    used_today: int | None
    used_this_month: int | None
    report_only: bool
    is_current_password: bool
    previous_password_works_until: Moment | None
    may_rotate: bool
