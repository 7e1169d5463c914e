"""The sample accounts, people and tokens: created at the first start, repaired at later ones."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from simsim.accounts.actions import add_user, create_account
from simsim.accounts.models import Account, Role, User
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import OPERATOR, actor_of, administrators
from simsim.credential.digest import digest
from simsim.demo import history
from simsim.demo.installation import Installation, read_json, write_json
from simsim.operations import migrate
from simsim.tokens.actions import create_token, revoke_token
from simsim.tokens.models import RevocationReason, Status, Token
from simsim.tokens.token_requests import ask_for_token


@dataclass(frozen=True)
class SampleToken:
    """A token of the sample account, created `age_days` ago."""

    name: str
    expires: str
    description: str = ""
    software: str | None = None
    allow: tuple[str, ...] = ()
    age_days: int = 0


READY = SampleToken("Try it with curl", "90d", "The token for the curl line that the demo prints", "python")
SAMPLES = {
    # This token was created long ago, so it expires in two days, and its creator gets an expiry notice at once.
    "dashboards": SampleToken(
        "Finance dashboards", "90d", "Workspace “Finance”, refreshed each morning", "power-bi", age_days=88
    ),
    "loader": SampleToken(
        "Nightly load", "90d", "Warehouse, job entities_daily", "snowflake", ("203.0.113.40",), age_days=44
    ),
    "allowlisted": SampleToken(
        "Head office workbook", "30d", "Month-end workbook", "excel", ("198.51.100.0/24", "2001:db8:17::/48"), 12
    ),
    "expired": SampleToken("Old export", "30d", "Replaced by the nightly load", "tableau", age_days=45),
    "revoked": SampleToken("Former partner", "90d", "Their contract has ended", "zapier", age_days=20),
}
ASKED_FOR = ("Budget model", "For planning next year, in Excel on my laptop", "excel")
ASKED_AGO = timedelta(hours=3)


def prepare(installation: Installation) -> None:
    """Migrate the demo's databases, and create or repair the sample data and its file."""
    migrate.migrate()
    now = timezone.now()
    sample = read_json(installation.sample_file)
    account = Account.objects.filter(pk=sample["account_id"]).first() if sample else None
    with transaction.atomic():
        changed = create_sample(now) if account is None else repair_sample(account, sample, now)
        if account is None or "operator" not in sample:
            changed["operator"] = operator(now)
        # Write the file before the commit: otherwise a crash could leave a password that only the database has.
        write_json(installation.sample_file, {**sample, **changed})


def create_sample(now: datetime) -> dict[str, Any]:
    """Create everything and return the contents of the sample file."""
    acme = create_account(actor=OPERATOR, name="Acme", now=now)
    alice, alice_signs_in = person(acme, "alice@example.com", Role.ADMINISTRATOR, now)
    bob, bob_signs_in = person(acme, "bob@example.com", Role.MEMBER, now)
    globex = create_account(actor=OPERATOR, name="Globex", now=now)
    charlie, charlie_signs_in = person(globex, "charlie@example.com", Role.ADMINISTRATOR, now)
    others = {key: token_of(acme, alice, sample, now) for key, sample in SAMPLES.items()}
    former = Token.objects.get(pk=others["revoked"]["id"])
    revoke_token(actor=actor_of(alice), token=former, reason=RevocationReason.NOT_NEEDED, now=now - timedelta(days=3))
    name, purpose, software = ASKED_FOR
    ask_for_token(actor=actor_of(bob), account=acme, name=name, purpose=purpose, software=software, now=now - ASKED_AGO)
    history.store_past(acme.pk, {key: (others[key]["id"], SAMPLES[key].name) for key in SAMPLES}, now)
    others["foreign"] = token_of(globex, charlie, SampleToken("Globex feed", "90d"), now)
    return {
        "account_id": str(acme.pk),
        "administrator": alice_signs_in,
        "member": bob_signs_in,
        "stranger": charlie_signs_in,
        "token": token_of(acme, alice, READY, now),
        "others": others,
    }


def repair_sample(account: Account, sample: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a new token for the curl line if the one in the sample file no longer works, otherwise nothing."""
    token = Token.objects.filter(pk=sample["token"]["id"]).first()
    opens = (
        token is not None
        and token.status(now) == Status.ACTIVE
        and not token.allowed_networks
        and bytes(token.digest) == digest(sample["token"]["password"])
    )
    administrator = administrators(account).first()
    if opens or administrator is None:
        return {}
    taken = Token.objects.active(now).filter(account=account, name__istartswith=READY.name).count()
    name = f"{READY.name} ({now:%Y-%m-%d %H:%M:%S})" if taken else READY.name
    again = SampleToken(name, READY.expires, READY.description, READY.software)
    return {"token": token_of(account, administrator, again, now)}


def person(account: Account, email: str, role: Role, now: datetime) -> tuple[User, dict[str, str]]:
    password = secrets.token_urlsafe(12)
    member = add_user(actor=OPERATOR, account=account, email=email, role=role, password=password, now=now)
    return member.user, {"email": email, "password": password}


def operator(now: datetime) -> dict[str, str]:
    """Make Olga an operator; return how she signs in."""
    email, password = "olga@example.com", secrets.token_urlsafe(12)
    add_operator(actor=OPERATOR, email=email, password=password, now=now)
    return {"email": email, "password": password}


def token_of(account: Account, creator: User, sample: SampleToken, now: datetime) -> dict[str, str]:
    """Create a token and return its id and credentials."""
    token, credentials = create_token(
        actor=actor_of(creator),
        account=account,
        name=sample.name,
        expires=sample.expires,
        description=sample.description,
        software=sample.software,
        allowed_networks=sample.allow,
        now=now - timedelta(days=sample.age_days),
    )
    return {"id": str(token.pk), "username": credentials.username, "password": credentials.password}
