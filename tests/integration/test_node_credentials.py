"""The contract between management tokens of the scope `gate` and the gate, on the real database."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from api_client import management_token
from cast import Cast
from simsim.accounts.permissions import OPERATOR
from simsim.config import gate_settings
from simsim.config.gates import open_lookup
from simsim.credential.allowlist import Address, parse_address
from simsim.gate.known_nodes import KnownNodes
from simsim.management_tokens.actions import create_operator_token, revoke_management_token
from simsim.management_tokens.models import Scope

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.covers("B9", "B2")]
NEAR, FAR = parse_address("192.0.2.1"), parse_address("198.51.100.1")


@pytest.fixture
def nodes() -> Iterator[KnownNodes]:
    """What the gate's listener knows of nodes, on the database that the tests write to."""
    name = connection.settings_dict["NAME"]
    server = settings.OPERATOR.database_url.rpartition("/")[0]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{server}/{name}"
    opened = KnownNodes(open_lookup(replace(gate_settings.read(), database_url=url)))
    yield opened
    opened.close()


def admits(nodes: KnownNodes, password: str, address: Address | None) -> bool:
    """Ask as the listener does: on PostgreSQL, in a thread."""
    if connection.vendor == "sqlite":
        return nodes.admits(password, address)
    return asyncio.run(nodes.admits_together(password, address))


def created(now: datetime, scope: Scope = Scope.GATE, **more: Any) -> Any:
    options = {"actor": OPERATOR, "named": None, "name": "Orders API", "expires": "90d", "scope": scope} | more
    return create_operator_token(**options, now=now)


def test_node_is_admitted_from_its_networks_until_it_is_revoked(now: datetime, nodes: KnownNodes) -> None:
    token, credentials = created(now, allowed_networks=["192.0.2.0/24"])
    for address, is_admitted in ((NEAR, True), (FAR, False), (None, False)):
        assert admits(nodes, credentials.password, address) is is_admitted
    revoke_management_token(actor=OPERATOR, token=token, now=now)
    assert not admits(nodes, credentials.password, NEAR)


def test_no_other_management_token_opens_the_gate(cast: Cast, now: datetime, nodes: KnownNodes) -> None:
    others = [created(now, Scope.OPERATOR), management_token(cast.as_alice, cast.acme, Scope.READ, now=now)]
    others.append(created(now - timedelta(days=91)))  # has expired
    for _, credentials in others:
        assert not admits(nodes, credentials.password, NEAR)


def test_token_in_a_persons_name_ends_with_the_person(cast: Cast, now: datetime, nodes: KnownNodes) -> None:
    _, credentials = created(now, named=cast.as_alice)
    assert admits(nodes, credentials.password, NEAR)
    cast.alice.is_active = False
    cast.alice.save()
    assert not admits(nodes, credentials.password, NEAR)
    cast.alice.delete()
    assert not admits(nodes, credentials.password, NEAR)
