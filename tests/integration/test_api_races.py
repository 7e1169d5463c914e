"""Requests that race each other: one Idempotency-Key, and one ETag."""

import threading
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from api_client import Program, program_of_alice
from cast import Cast
from simsim.mail.models import OwedMail
from simsim.management_tokens import answered_requests
from simsim.management_tokens.models import AnsweredRequest
from simsim.tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
AT_ONCE = 100


def all_at_once(number: int, program: Program, method: str, path: str, body: object, **headers: str) -> list[Any]:
    """Send the same request from many threads at the same moment."""
    answers: list[Any] = []
    barrier = threading.Barrier(number)

    def one() -> None:
        barrier.wait()
        try:
            answers.append(Program(program.authorization, Client()).send(method, path, body, **headers))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.covers("B7")
def test_a_hundred_equal_creates_make_one_token_and_one_round_of_mails(cast: Cast, now: datetime) -> None:
    program = program_of_alice(cast, now)
    body = {"name": "Power BI", "expires": "90d"}
    path = f"/accounts/{cast.acme.pk}/tokens"
    answers = all_at_once(AT_ONCE, program, "POST", path, body, Idempotency_Key="only-once")
    found = Counter(answer.status_code for answer in answers)
    assert found.keys() <= {201, 409}
    assert found.total() == AT_ONCE
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    under_way = {answer.json()["type"].rpartition("#")[2] for answer in answers if answer.status_code == 409}
    assert under_way <= {"request-under-way"}
    assert Token.objects.count() == 1
    assert OwedMail.objects.filter(kind="token_created").count() == 1
    assert program.post(path, body, Idempotency_Key="only-once").content in made


@pytest.mark.covers("B7")
def test_of_two_editors_at_once_one_is_refused(cast: Cast, now: datetime) -> None:
    program = program_of_alice(cast, now)
    path = f"/accounts/{cast.acme.pk}/tokens"
    made = program.post(path, {"name": "Power BI", "expires": "90d"})
    one, tag = made.headers["Location"], made.headers["ETag"]
    texts = [f"editor {number}" for number in range(2)]
    answers: list[Any] = []
    barrier = threading.Barrier(len(texts))

    def edit(text: str) -> None:
        barrier.wait()
        try:
            answers.append(Program(program.authorization, Client()).patch(one, {"description": text}, If_Match=tag))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=edit, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 412]


def test_an_answer_is_stored_encrypted_and_for_a_day(cast: Cast, now: datetime) -> None:
    program = program_of_alice(cast, now)
    path, body = f"/accounts/{cast.acme.pk}/tokens", {"name": "Power BI", "expires": "90d"}
    made = program.post(path, body, Idempotency_Key="k")
    stored = AnsweredRequest.objects.get()
    assert made.json()["password"].encode() not in bytes(stored.sealed_body)
    assert made.json()["name"].encode() not in bytes(stored.sealed_body)
    AnsweredRequest.objects.update(begun_at=now - answered_requests.KEPT)
    assert program.post(path, body, Idempotency_Key="k").json()["type"].rpartition("#")[2] == "already-exists"
    assert not AnsweredRequest.objects.exists()


def test_a_claim_whose_process_died_is_taken_over(cast: Cast, now: datetime) -> None:
    program = program_of_alice(cast, now)
    path, body = f"/accounts/{cast.acme.pk}/tokens", {"name": "Power BI", "expires": "90d"}
    program.post(path, body, Idempotency_Key="k")
    Token.objects.all().delete()
    AnsweredRequest.objects.update(status=None, sealed_body=b"", begun_at=now)
    assert program.post(path, body, Idempotency_Key="k").status_code == 409
    AnsweredRequest.objects.update(begun_at=now - 2 * answered_requests.MAX_UNDER_WAY)
    assert program.post(path, body, Idempotency_Key="k").status_code == 201
