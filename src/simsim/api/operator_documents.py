"""The JSON of the operator's view of an installation: its state, an examination, its data and its emails."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from simsim.api.documents import ACCOUNT, AT, ID, Example, Id, Moment
from simsim.api.log_documents import page_of

MAIL: Example = {
    "id": "4711", "kind": "token_created", "recipient": "alice@acme.example", "state": "given_up", "owed_at": AT,
    "attempts": 9, "next_attempt_at": None, "last_error": "550 No such user here", "delivered_at": None,
    "given_up_at": AT, "account_id": ACCOUNT, "token_id": ID, "message_id": "<1.simsim@console.example>",
}  # fmt: skip
STATUS: Example = {
    "at": AT, "version": "1.4.0", "host": "gate-1", "gate_ready": True, "console_answers": True,
    "programs": [
        {"name": "gate", "running": True, "since": AT, "processes": 2, "resident_bytes": 90000000, "failures": 0,
         "ending": None, "restarts_at": None}
    ],
    "gateway": {"listen": "0.0.0.0:443", "answers": True}, "log": {"unshipped_bytes": 0, "oldest_at": None},
    "disk": {"free_bytes": 80000000000, "total_bytes": 100000000000},
    "databases": [{"alias": "default", "product": "PostgreSQL", "size_bytes": 120000000}],
    "workers": [
        {"host": "gate-1", "node": "5f0c2c1e8a554b6e9c1b1d0a7b3e9f10", "version": "1.4.0", "since": AT,
         "last_round_at": AT, "oldest_unshipped_at": None, "failing": [], "stopped_at": None}
    ],
    "mail": {"waiting": 0, "oldest": None}, "forwarding": None, "tokens": {"active": 120},
    "sections": [{"title": "This node", "lines": [{"name": "decisions", "ok": True, "text": "the gate can decide"}]}],
}  # fmt: skip
STORED: Example = {
    "databases": STATUS["databases"],
    "tables": [{"name": "Tokens", "rows": 120, "has_more": False, "size_bytes": 480000}], "disk": STATUS["disk"],
    "retention_days": {"log": 365, "emails": 365, "webhook_deliveries": 30, "audit_events": 3650},
    "keys": [
        {"id": "a1b2c3d4", "encrypts_new": True, "is_present": True, "passwords": 120, "webhook_secrets": 4}
    ],
    "last_backup": {"at": AT, "path": "/srv/backup/simsim.tar"},
    "revocation_journal": {"path": "/srv/revocations", "changed_at": AT, "size_bytes": 4096, "trouble": None},
}  # fmt: skip
FINDING: Example = {"subject": "mail", "ok": True, "state": "ok", "detail": "smtp.example:587 answers"}
Part = dict[str, Any]


class Mail(BaseModel):
    """An email to send or sent, without its contents."""

    model_config = ConfigDict(json_schema_extra={"examples": [MAIL]})
    id: str
    kind: str
    recipient: str
    state: Literal["waiting", "delivered", "given_up"]
    owed_at: Moment
    attempts: int
    next_attempt_at: Moment | None
    last_error: str | None
    delivered_at: Moment | None
    given_up_at: Moment | None
    account_id: Id | None
    token_id: Id | None
    message_id: str


class MailPage(BaseModel):
    """A page of emails, newest first."""

    model_config = page_of(MAIL)
    items: list[Mail]
    next_cursor: str | None


class Status(BaseModel):
    """What runs where, since when, and how far it is behind, as `simsim status --json` prints it.

    A part is null if its database does not answer, or if there is no such thing here. `sections`
    says the same in words.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [STATUS]})
    at: Moment
    version: str
    host: str
    gate_ready: bool
    console_answers: bool
    programs: list[Part]
    gateway: Part | None
    log: Part
    disk: Part | None
    databases: list[Part]
    workers: list[Part] | None
    mail: Part | None
    forwarding: Part | None
    tokens: Part | None
    sections: list[Part]


class Finding(BaseModel):
    """A part that was examined: `detail` says how it is, or what to do."""

    subject: str
    ok: bool
    state: Literal["ok", "wrong", "not_started"]
    detail: str


class Examination(BaseModel):
    """What `simsim doctor` finds on this node, and when the examination began."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"at": AT, "ok": True, "items": [FINDING], "next_cursor": None}]}
    )
    at: Moment
    ok: bool
    items: list[Finding]
    next_cursor: str | None


class StoredData(BaseModel):
    """What the installation stores, and for how long. `tables` and `keys` are null if a database does not answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [STORED]})
    databases: list[Part]
    tables: list[Part] | None
    disk: Part | None
    retention_days: dict[str, int | None]
    keys: list[Part] | None
    last_backup: Part | None
    revocation_journal: Part
