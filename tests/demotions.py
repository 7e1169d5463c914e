"""Two administrators who demote each other at the same moment, again and again."""

import threading
from collections import Counter
from datetime import datetime

from django.db import connections

from simsim.accounts.actions import add_user, change_role, create_account
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import OPERATOR, actor_of
from simsim.problem import Problem

PATIENCE_SECONDS = 60


def prove_demotions(rounds: int, now: datetime) -> Counter[str]:
    """Let them try that often; fail if none is left. Return how often each attempt ended, by its Problem's name."""
    account = create_account(actor=OPERATOR, name="Initech", now=now)
    people = [
        add_user(actor=OPERATOR, account=account, email=f"{name}@initech.example", role="administrator", now=now).user
        for name in ("ann", "ben")
    ]
    ended, left = Counter[str](), list[int]()

    def settle() -> None:
        """Count the administrators that are left, and begin anew. One of the two does it while both wait."""
        members = Membership.objects.filter(account=account)
        left.append(members.filter(role=Role.ADMINISTRATOR).count())
        members.update(role=Role.ADMINISTRATOR)

    start, finish = threading.Barrier(2, timeout=PATIENCE_SECONDS), threading.Barrier(2, settle, PATIENCE_SECONDS)

    def one(actor: User, other: User) -> None:
        try:
            for _ in range(rounds):
                start.wait()
                ended[demote(account, actor, other, now)] += 1
                finish.wait()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=pair) for pair in (people, people[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [1] * rounds, Counter(left)
    return ended


def demote(account: Account, actor: User, other: User, now: datetime) -> str:
    """Return "done", or the name of the Problem: whoever comes second is an administrator no more."""
    try:
        change_role(actor=actor_of(actor), account=account, user=other, role="member", now=now)
    except Problem as problem:
        return type(problem).__name__
    return "done"
