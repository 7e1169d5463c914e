"""Two accounts, every role, every address and every id, from the router: who gets in, that nobody else learns or
changes anything (T13), and that no answer is kept in a cache."""

import copy
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client

from account_things import Things, people_of
from authorisation_rules import Asked, Caller, callers, concerned, expected, places, routes
from cast import Cast
from route_rules import FORMS
from simsim.accounts.portal_look import PortalLook
from simsim.api import rate_limits

pytestmark = [
    pytest.mark.django_db(databases="__all__"),
    pytest.mark.any_database,
    pytest.mark.covers("R1", "R3", "R11", "B7", "B12"),
]
WRITES = re.compile(
    r'\s*(?:INSERT INTO|UPDATE|DELETE FROM|WITH\b.*?(?:INSERT INTO|UPDATE|DELETE FROM)) "?(\w+)', re.I | re.S
)
# What every request may write: the session's last use, rate limits, and management tokens' and own tokens' last use.
HOUSEKEEPING = frozenset({"console_sessions_consolesession", "django_cache", "management_tokens_managementtoken"})


def verdict_of(answer: Any) -> str:
    if answer.status_code in {401, 403, 404, 405}:
        return str(answer.status_code)
    if answer.status_code == 302 and answer["Location"].startswith("/sign-in/login/?"):
        return "sign in"
    assert answer.status_code < 500
    return "in"


@contextmanager
def undone(written: set[str]) -> Iterator[None]:
    """Note the tables that are written to, and take everything back."""

    def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        if found := WRITES.match(sql):
            written.add(found[1])
        return execute(sql, *more)

    with ExitStack() as stack:
        for alias in settings.DATABASES:
            stack.enter_context(connections[alias].execute_wrapper(note))
            stack.enter_context(transaction.atomic(using=alias))
        yield
        for alias in settings.DATABASES:
            transaction.set_rollback(True, using=alias)


def body_of(asked: Asked, examples: dict[str, bytes]) -> dict[str, Any]:
    """Return what to send so that only the caller can be the reason for a refusal."""
    if asked.is_api:
        return {"data": examples.get(asked.name, b""), "content_type": "application/json"}
    return {"data": FORMS.get(asked.name, {})} if asked.method == "POST" else {}


def ask(asked: Asked, caller: Caller, address: str, body: dict[str, Any]) -> tuple[str, str, set[str], str]:
    """Return the verdict, the text of the answer, the tables that the request wrote to, and who may keep the answer."""
    written: set[str] = set()
    kept = copy.deepcopy(caller.client.cookies)
    headers = {"If-Match": "*", **({"Authorization": caller.authorization} if caller.authorization else {})}
    with undone(written):
        send = getattr(caller.client, asked.method.lower())
        answer = send(address, headers=headers, **body)
        text = "" if answer.streaming else answer.content.decode()
    caller.client.cookies = kept
    return verdict_of(answer), text, written - HOUSEKEEPING, answer.get("Cache-Control", "")


def examples_of_bodies() -> dict[str, bytes]:
    document = Client().get("/api/v1/openapi.json").json()
    return {
        each["operationId"]: json.dumps(each["requestBody"]["content"]["application/json"]["example"]).encode()
        for methods in document["paths"].values()
        for each in methods.values()
        if "requestBody" in each
    }


@pytest.fixture
def known(cast: Cast, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Things]]:
    settings.PORTAL = PortalLook("Portal", "#7a1fa2", None, frozenset({"https://app.example.com"}), 30)
    monkeypatch.setattr(rate_limits, "QUOTA", 10**9)
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 10**6  # seconds; on a slow machine, the matrix takes longer than usual
    logging.disable()  # each refusal would write a line
    yield {account.name: people_of(account, now) for account in (cast.acme, cast.globex)}
    logging.disable(logging.NOTSET)


def faults_of(
    asked: Asked, caller: Caller, answer: tuple[str, str, set[str], str], allowed: set[str], strangers: list[Things]
) -> Iterator[str]:
    """Yield what is wrong with an answer: `strangers` are the accounts of which the caller must learn nothing."""
    verdict, text, written, caching = answer
    if "no-store" not in caching or "public" in caching:
        yield f"may be kept: {caching}"
    # What takes no such method may say so before it looks at the caller.
    if verdict not in allowed | (set() if asked.is_operation else {"405"}):
        yield f"answered {verdict}"
    if verdict != "in" and written:
        yield f"wrote to {sorted(written)}"
    for each in strangers:
        if any(mark in text for mark in each.marks):
            yield f"shows what is {each.account.name}’s"


@pytest.mark.timeout(600)  # each half takes up to a minute
@pytest.mark.parametrize("is_api", [False, True], ids=["console", "API"])
def test_every_address_answers_every_caller_by_the_rules(known: dict[str, Things], now: datetime, is_api: bool) -> None:
    who, examples = list(callers(known, now)), examples_of_bodies()
    wrong, tried = Counter[str](), Counter[str]()
    for asked in (each for each in routes() if each.is_api is is_api):
        body = body_of(asked, examples)
        for address, account, is_foreign in places(asked, *known.values()):
            for caller in who:
                if not concerned(asked, caller, account, is_foreign=is_foreign):
                    continue
                answer = ask(asked, caller, address, body)
                allowed = expected(asked, caller, account=account, is_foreign=is_foreign)
                is_operator = caller.kind.startswith("operator")
                strangers = [each for name, each in known.items() if not is_operator and caller.home != name]
                for fault in faults_of(asked, caller, answer, allowed, strangers):
                    which = "another account’s" if is_foreign else "its own"
                    wrong[
                        f"{asked.method} {asked.name}, {which}: {caller.kind} {caller.role} {fault}, not {allowed}"
                    ] += 1
                tried[answer[0]] += 1
    assert not wrong, "\n".join(f"{count} times {fault}" for fault, count in sorted(wrong.items()))
    assert tried.total() > 1_000
