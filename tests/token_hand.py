"""Changes tokens on request, by the same actions as every door.

`create ACCOUNT`, `revoke|pause|resume|narrow|widen|lower|raise TOKEN`.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable
from functools import partial

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
django.setup()

from django.utils import timezone  # noqa: E402

from simsim.accounts.models import Account  # noqa: E402
from simsim.accounts.permissions import actor_of, administrators  # noqa: E402
from simsim.tokens.actions import create_token, edit_token, revoke_token  # noqa: E402
from simsim.tokens.models import Token  # noqa: E402
from simsim.tokens.pause import pause_token, resume_token  # noqa: E402

for line in sys.stdin:
    verb, what = line.split()
    if verb == "create":
        account = Account.objects.get(pk=what)
        alice = actor_of(administrators(account)[0])
        token, credentials = create_token(
            actor=alice, account=account, name=uuid.uuid4().hex, expires="1d", now=timezone.now()
        )
        answer = {"id": str(token.pk), "username": credentials.username, "password": credentials.password}
    else:
        token = Token.objects.select_related("account").get(pk=what)
        changes: dict[str, Callable[..., object]] = {
            "revoke": revoke_token,
            "pause": pause_token,
            "resume": resume_token,
            "narrow": partial(edit_token, limits=["POST /**", "GET /elsewhere"]),
            "widen": partial(edit_token, limits=["POST /**", "GET /status/*"]),
            "lower": partial(edit_token, rates=["1/day"]),
            "raise": partial(edit_token, rates=["1000000000/day"]),
        }
        changes[verb](actor=actor_of(administrators(token.account)[0]), token=token, now=timezone.now())
        answer = {}
    print(json.dumps(answer), flush=True)
