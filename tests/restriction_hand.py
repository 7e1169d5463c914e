"""Creates tokens in an account, and restricts some of them, by the same actions as every door.

`create ACCOUNT NUMBER` prints the tokens. `restrict REVOKED ROTATED NARROWED` takes as many of the tokens' ids, with
commas between them.
"""

import json
import os
import sys

from simsim.config.command_line import start_django

os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
start_django()

from django.utils import timezone  # noqa: E402

from simsim.accounts.models import Account  # noqa: E402
from simsim.accounts.permissions import Actor, actor_of, administrators  # noqa: E402
from simsim.tokens import actions, token_import  # noqa: E402
from simsim.tokens.models import Token  # noqa: E402
from simsim.tokens.token_import import Draft  # noqa: E402


def administrator_of(account: Account) -> Actor:
    return actor_of(administrators(account)[0])


def create(account_id: str, number: str) -> list[dict[str, str]]:
    account = Account.objects.get(pk=account_id)
    alice = administrator_of(account)
    fields = [actions.TokenFields(f"Job {nth}", "90d") for nth in range(int(number))]
    drafts = [Draft(nth, alice, account, each) for nth, each in enumerate(fields, start=1)]
    made = token_import.import_tokens(drafts, is_quiet=True, now=timezone.now())
    return [{"id": str(token.pk), "username": each.username, "password": each.password} for token, each in made]


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


verb, *arguments = sys.argv[1:]
print(json.dumps({"create": create, "restrict": restrict}[verb](*arguments)))
