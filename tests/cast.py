"""The people of the tests: Alice administers Acme, Bob is its member, Charlie administers Globex, Olga operates."""

from dataclasses import dataclass
from datetime import datetime

from simsim.accounts.actions import add_user, create_account
from simsim.accounts.models import Account, Role, User
from simsim.accounts.permissions import OPERATOR, Actor, actor_of

PASSWORD = "open sesame, said Alice"


@dataclass(frozen=True)
class Cast:
    acme: Account
    globex: Account
    alice: User
    bob: User
    charlie: User
    olga: Actor = OPERATOR

    @property
    def as_alice(self) -> Actor:
        return actor_of(self.alice)

    @property
    def as_bob(self) -> Actor:
        return actor_of(self.bob)

    @property
    def as_charlie(self) -> Actor:
        return actor_of(self.charlie)

    @classmethod
    def assemble(cls, now: datetime) -> "Cast":
        """Create the two accounts and the three people, who all sign in with PASSWORD."""
        acme, globex = (create_account(actor=OPERATOR, name=name, now=now) for name in ("Acme", "Globex"))

        def join(account: Account, email: str, role: Role) -> User:
            return add_user(actor=OPERATOR, account=account, email=email, role=role, password=PASSWORD, now=now).user

        return cls(
            acme=acme,
            globex=globex,
            alice=join(acme, "alice@acme.example", Role.ADMINISTRATOR),
            bob=join(acme, "bob@acme.example", Role.MEMBER),
            charlie=join(globex, "charlie@globex.example", Role.ADMINISTRATOR),
        )
