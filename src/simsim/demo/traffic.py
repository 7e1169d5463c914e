"""The demo's own requests: a check that the curl line works, and a few of each kind, to fill the log."""

import base64
import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simsim.demo.installation import LOOPBACK
from simsim.health.probes import status_of

ENTITIES = "/api/v2/entities"
TRANSACTIONS = "/api/v2/transactions"
NAV_REPORT = "/api/v2/reports/nav"
CALLER = "/api/v2/caller"
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Call:
    """One request to the gateway."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None


def status(port: int, call: Call) -> int | None:
    """Return the status of the gateway's answer, or None if there is no answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS)
    return status_of(connection, call.target, method=call.method, body=call.body, headers=call.headers)


def basic(username: str, password: str) -> dict[str, str]:
    """Return the Authorization header of RFC 7617."""
    credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def ready_call(sample: Mapping[str, Any]) -> Call:
    """Return the request that the printed curl line makes."""
    return Call("GET", ENTITIES, basic(sample["token"]["username"], sample["token"]["password"]))


def first_calls(sample: Mapping[str, Any]) -> Iterator[Call]:
    """Yield a few requests of each kind: accepted, answered with an error, and refused for each reason."""
    opens = {key: basic(token["username"], token["password"]) for key, token in sample["others"].items()}
    ready = basic(sample["token"]["username"], sample["token"]["password"])
    yield Call("GET", ENTITIES)
    yield Call("GET", ENTITIES, {"Authorization": "Bearer something-else"})
    yield Call("GET", ENTITIES, opens["foreign"])
    yield Call("GET", ENTITIES, basic(sample["account_id"], sample["others"]["foreign"]["password"]))
    yield Call("GET", CALLER, ready)
    yield Call("HEAD", ENTITIES, ready)
    yield Call("POST", "/echo", {**ready, "Content-Type": "application/json"}, b'{"open": "sesame"}')
    yield Call("GET", ENTITIES, opens["expired"])
    yield Call("GET", f"{ENTITIES}/1001/prices?page=2", ready)
    yield Call("GET", f"{ENTITIES}/1009", ready)
    yield Call("GET", ENTITIES, opens["revoked"])
    yield Call("GET", TRANSACTIONS, ready)
    yield Call("GET", NAV_REPORT, ready)
    yield Call("GET", ENTITIES, opens["allowlisted"])
    yield Call("GET", ENTITIES, basic(sample["account_id"], "a password from somewhere else"))
    yield Call("GET", ENTITIES, ready)
