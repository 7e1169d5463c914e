"""The server that remote verbs talk to: who signs in, with which secret, and how its refusals read here."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from simsim.client import AsyncSimsim, NoAnswer, Refused, Simsim, SimsimError
from simsim.client import Invalid as RemoteInvalid
from simsim.client import NotFound as RemoteNotFound
from simsim.problem import (
    FieldError,
    Invalid,
    NotFound,
    Problem,
    ServiceUnavailable,
    Unusable,
    WrongUsage,
    gettext_noop,
)

Client = TypeVar("Client", Simsim, AsyncSimsim)
MANAGEMENT_TOKEN, CA = "SIMSIM_MANAGEMENT_TOKEN", "SIMSIM_SERVER_CA"
ACTING_AS = "simsim: --as is not used with --server: the management token acts as the administrator who created it\n"
# The first of them that was given names what the server did not find.
NO_TOKEN = gettext_noop("No token has the id “%(id)s”, or it belongs to another account.")
NO_ACCOUNT = gettext_noop("No account has the id “%(id)s”.")
MISSING = {
    "token_id": NO_TOKEN,
    "token": NO_TOKEN,
    "management_token_id": gettext_noop("No management token has the id “%(id)s”, or it belongs to another account."),
    "webhook_id": gettext_noop("No webhook has the id “%(id)s”, or it belongs to another account."),
    "account_id": NO_ACCOUNT,
    "account": NO_ACCOUNT,
}
# Fields that have another name in the API than in the rules.
FIELDS = {"expires": "expires_at"}
# These are looked up inside one of those.
WITHIN = frozenset({"hand_over_id", "request_id"})


@contextmanager
def connected(server: str) -> Iterator[Simsim]:
    """Yield a client of the server; raise what `client_of` raises."""
    with client_of(Simsim, server) as client:
        yield client


def client_of(kind: type[Client], server: str) -> Client:
    """Return a client of the server; raise WrongUsage for a doubtful address, Unusable without a usable secret."""
    username, password = credentials()
    try:
        return kind(server, username=username, password=password, ca_file=os.environ.get(CA) or None)
    except OSError as error:
        raise Unusable("%(name)s can't be read: %(why)s", name=CA, why=error.strerror or str(error)) from None
    except ValueError as error:
        raise WrongUsage("--server: %(why)s", why=str(error)) from None


def credentials() -> tuple[str, str]:
    """Return username and password of the management token. They are never an argument: others see those."""
    text, name = os.environ.get(MANAGEMENT_TOKEN, ""), MANAGEMENT_TOKEN
    if not text and (file := os.environ.get(f"{MANAGEMENT_TOKEN}_FILE")):
        name = f"{MANAGEMENT_TOKEN}_FILE"
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise Unusable("%(name)s can't be read: %(why)s", name=name, why=why) from None
    if not text.strip():
        raise Unusable(
            "--server needs a management token: set %(name)s, or %(name)s_FILE, to username:password",
            name=MANAGEMENT_TOKEN,
        )
    username, colon, password = text.strip().partition(":")
    if not (username and colon and password):
        raise Unusable("%(name)s must be username:password", name=name)
    return username, password


def warn_of_acting_as(email: str | None) -> None:
    if email:
        sys.stderr.write(ACTING_AS)


def only_account(api: Simsim, account: str | None) -> str:
    """Return the id of the account that was named, or of the only one that the management token can use."""
    if account is not None:
        return account
    found = api.list_accounts(limit=2).items
    if len(found) != 1:
        raise WrongUsage(gettext_noop("Name the account with --account: this management token can use several."))
    return found[0].id


def problem_of(error: SimsimError, options: Mapping[str, Any]) -> Problem:
    """Return the problem that the verb on the server would raise."""
    if isinstance(error, RemoteInvalid) and error.errors:
        faults = ((FIELDS.get(each.field, each.field), {"said": each.detail}) for each in error.errors)
        return Invalid(*(FieldError(field, "%(said)s", said) for field, said in faults))
    if isinstance(error, RemoteNotFound):
        return not_found(options) or NotFound(escaped(error.detail))
    if isinstance(error, NoAnswer):
        return ServiceUnavailable(escaped(str(error)))
    if not isinstance(error, Refused):
        return Problem(escaped(str(error)))
    kind = type("Remote", (Problem,), {"status": error.status, "slug": error.slug, "title": error.title})
    problem: Problem = kind(escaped(error.detail))
    return problem


def not_found(options: Mapping[str, Any]) -> NotFound | None:
    """Return the problem that names what does not exist, None if the server's sentence says more."""
    if WITHIN & options.keys():
        return None
    for option, sentence in MISSING.items():
        if options.get(option):
            return NotFound(sentence, id=options[option])
    return None


def escaped(text: str) -> str:
    """Return a sentence of the server as a message without placeholders."""
    return text.replace("%", "%%")
