"""The command line in the test's own process, on the test's database."""

from collections.abc import Callable
from typing import Any

from simsim.operations.context import KeptSettings, Operator, Wiring

Simsim = Callable[..., Any]


def unused_operator() -> Operator:
    raise AssertionError("these verbs read the database alone")


def unused_settings() -> KeptSettings:
    raise AssertionError("these verbs write no settings")


WIRING = Wiring(
    operator=unused_operator,
    start_django=lambda: None,
    start_unproven=lambda: None,
    console="",
    gate="",
    gate_listener="",
    this_command=(),
    kept_settings=unused_settings,
)
TOKEN_FIELDS = {
    "id", "account_id", "name", "description", "software", "status", "expires_at", "allowed_networks", "limits",
    "rates", "report_only",
    "created_at", "created_by", "revoked_at", "revoked_by", "revocation_reason", "last_used_at", "last_used_address",
    "username", "password_can_be_shown", "previous_password_works_until", "paused_at", "paused_by", "paused_until",
    "pause_reason",
}  # fmt: skip
