"""Fills an installation, and restricts some of its tokens by the same actions as every door.

`create ACCOUNT NUMBER` prints the tokens. `restrict REVOKED ROTATED NARROWED` takes the tokens' ids, with commas
between them. `time-revocations TOKENS` revokes them one after the other and prints the seconds each took. `fill ACCOUNT
ROWS` logs requests of the account's tokens.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from simsim.config.command_line import start_django

os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
start_django()

from django.utils import timezone  # noqa: E402

from simsim.accounts.models import Account  # noqa: E402
from simsim.accounts.permissions import Actor, actor_of, administrators  # noqa: E402
from simsim.tokens import actions  # noqa: E402
from simsim.tokens.models import Token  # noqa: E402
from simsim.tokens.policies import DEFAULT  # noqa: E402

PAUSE_SECONDS = 0.1


def administrator_of(account: Account) -> Actor:
    return actor_of(administrators(account)[0])


def create(account_id: str, number: str) -> list[dict[str, str]]:
    account, now = Account.objects.get(pk=account_id), timezone.now()
    made = [
        Token(
            account=account, name=f"Job {nth}", created_at=now, expires_at=now + timedelta(days=90), next_notice_at=None
        )
        for nth in range(int(number))
    ]  # fmt: skip
    passwords = []
    for token in made:
        token.set_keys()
        passwords.append(actions.set_new_password(token, DEFAULT))
    Token.objects.bulk_create(made, batch_size=1000)
    return [
        {"id": str(token.pk), "username": account_id, "password": password}
        for token, password in zip(made, passwords, strict=True)
    ]


def restrict(revoked: str, rotated: str, narrowed: str) -> list[dict[str, str]]:
    for ids, action in ((revoked, "revoke"), (rotated, "rotate"), (narrowed, "narrow")):
        for token in Token.objects.filter(pk__in=ids.split(",")):
            actor, now = administrator_of(token.account), timezone.now()
            if action == "revoke":
                actions.revoke_token(actor=actor, token=token, reason="leaked", now=now)
            elif action == "rotate":
                actions.rotate_token(actor=actor, token=token, overlap=actions.MAX_OVERLAP, now=now)
            else:
                actions.edit_token(actor=actor, token=token, allowed_networks=["192.0.2.0/24"], now=now)
    return []


def fill(account_id: str, rows: str) -> list[dict[str, str]]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bench.installation import fill_log

    used = list(Token.objects.filter(account__id=account_id)[:1000])
    fill_log(uuid.UUID(account_id), used, int(rows), timezone.now(), lambda _: None)
    return []


def time_revocations(tokens: str) -> list[float]:
    seconds = []
    for token in Token.objects.filter(pk__in=tokens.split(",")).select_related("account"):
        actor, began = administrator_of(token.account), time.monotonic()
        actions.revoke_token(actor=actor, token=token, reason="leaked", now=timezone.now())
        seconds.append(time.monotonic() - began)
        time.sleep(PAUSE_SECONDS)
    return seconds


verb, *arguments = sys.argv[1:]
verbs: dict[str, Callable[..., object]] = {
    "create": create,
    "restrict": restrict,
    "fill": fill,
    "time-revocations": time_revocations,
}
print(json.dumps(verbs[verb](*arguments)))
