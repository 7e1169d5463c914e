"""Requests with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): each is carried out once.

A request first claims its key in a transaction of its own. The claim is completed in the transaction of the change, so
that neither exists without the other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from simsim.management_problem import IdempotencyKeyReused, RequestUnderWay
from simsim.management_tokens.models import AnsweredRequest

KEPT = timedelta(hours=24)
# A request that takes longer has lost its process: no other request holds a claim for more than a few seconds.
MAX_UNDER_WAY = timedelta(minutes=1)
STEP = 900


@dataclass(frozen=True)
class StoredAnswer:
    """The answer to an earlier request with the same key."""

    status: int
    headers: Mapping[str, str]
    body: str = field(repr=False)


def fingerprint(*parts: bytes) -> bytes:
    """Return a digest of what a request asks for."""
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def claim(*, client: str, key: str, asks_for: bytes, now: datetime) -> AnsweredRequest | StoredAnswer:
    """Return a new claim, or the answer that the key already has.

    Raises IdempotencyKeyReused if the key belongs to a request for something else, RequestUnderWay if the first request
    has no answer yet.
    """
    try:
        with transaction.atomic():
            return AnsweredRequest.objects.create(client=client, key=key, fingerprint=asks_for, begun_at=now)
    except IntegrityError:
        pass
    # The worker has not deleted it yet.
    if AnsweredRequest.objects.filter(client=client, key=key, begun_at__lt=now - KEPT).delete()[0]:
        return claim(client=client, key=key, asks_for=asks_for, now=now)
    found = AnsweredRequest.objects.filter(client=client, key=key).first()
    if found is None:  # the first request has just failed and released its key
        raise RequestUnderWay
    if bytes(found.fingerprint) != asks_for:
        raise IdempotencyKeyReused
    if found.status is not None:
        body = settings.KEYRING.open(bytes(found.sealed_body), token_id=found.pk, account_id=found.pk)
        return StoredAnswer(found.status, found.headers, body)
    # The condition is the lock: of several requests that find an abandoned claim, one takes it over.
    abandoned = AnsweredRequest.objects.filter(
        pk=found.pk, status=None, begun_at=found.begun_at, begun_at__lt=now - MAX_UNDER_WAY
    )
    if not abandoned.update(begun_at=now):
        raise RequestUnderWay
    found.begun_at = now
    return found


def complete(claimed: AnsweredRequest, answer: StoredAnswer) -> None:
    """Store the answer, in the transaction of the change. Raises RequestUnderWay if another request took the claim."""
    sealed = settings.KEYRING.seal(answer.body, token_id=claimed.pk, account_id=claimed.pk)
    changed = AnsweredRequest.objects.filter(pk=claimed.pk, status=None, begun_at=claimed.begun_at).update(
        status=answer.status, headers=dict(answer.headers), sealed_body=sealed
    )
    if not changed:
        raise RequestUnderWay


def release(claimed: AnsweredRequest) -> None:
    """Free the key of a request that changed nothing, so that it can be corrected and sent again."""
    AnsweredRequest.objects.filter(pk=claimed.pk, status=None, begun_at=claimed.begun_at).delete()


def forget_old(now: datetime) -> int:
    """Delete some of the answers that were kept for long enough; return how many."""
    old = AnsweredRequest.objects.filter(begun_at__lt=now - KEPT).values_list("pk", flat=True)[:STEP]
    return AnsweredRequest.objects.filter(pk__in=list(old)).delete()[0]
