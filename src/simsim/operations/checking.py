"""`simsim doctor`: looks at each part of an installation, and says what to do about what is wrong."""

import smtplib
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.core.mail import get_connection
from django.db import DatabaseError, connections
from django.utils import timezone

from simsim import sqlite_library
from simsim.forwarding.connecting import Away, connected
from simsim.forwarding.reading import RECENT, state
from simsim.gateway import nginx
from simsim.mail import reading
from simsim.operations import checking_log, migrating
from simsim.operations.findings import Finding
from simsim.operations.probing import socket_status
from simsim.problem import KeyMissing, Problem, Unusable
from simsim.tokens.models import Token

LARGEST_SKEW_SECONDS = 1.0
MAIL_TIMEOUT_SECONDS = 5


def examine() -> list[Finding]:
    """Return what was found, part by part. Never raises: what can't be looked at is a finding too."""
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("database", databases),
        ("SQLite", sqlite),
        ("keys", keys),
        ("clock", clock),
        ("mail", mail_server),
        ("mails", mails),
        ("gate", gate),
        ("gateway", gateway),
        ("disk", checking_log.disk),
        ("log", checking_log.log),
        ("access logs", checking_log.access_logs),
        ("forwarding", forwarding),
    ]
    findings: list[Finding] = []
    for subject, look in parts:
        try:
            findings.extend(look())
        except DatabaseError:
            findings.append(Finding(subject, False, "can't be checked without the database"))
        except Exception as error:  # a part that is broken in a new way must not hide the others
            findings.append(Finding(subject, False, one_line(error)))
    return findings


def databases() -> Iterator[Finding]:
    for alias in connections:
        name = f"database “{alias}”"
        try:
            behind = migrating.is_behind(alias)
        except DatabaseError as error:
            yield Finding(name, False, f"can't be reached: {one_line(error)}")
            continue
        engine = connections[alias].display_name
        yield Finding(name, not behind, "run simsim migrate" if behind else f"{engine}, up to date")


def sqlite() -> Iterator[Finding]:
    library = sqlite_library.in_use()
    unsafe = "has a bug that can corrupt databases: install the package pysqlite3, or SQLite 3.51.3 or newer"
    yield Finding("SQLite", library.is_safe, f"{library}" if library.is_safe else f"{library} {unsafe}")


def keys() -> Iterator[Finding]:
    """Open the oldest and the newest password: a key that is missing is missing for one of them, most likely."""
    tokens = Token.objects.order_by("created_at")
    try:
        for token in filter(None, (tokens.first(), tokens.last())):
            settings.KEYRING.open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    except KeyMissing as problem:
        yield Finding("keys", False, f"{problem} Put the key back, after the newest.")
    else:
        yield Finding("keys", True, f"{len(settings.KEYRING.keys)} in SIMSIM_TOKEN_KEYS or in the data directory")


def clock() -> Iterator[Finding]:
    """Compare our clock with the database's: an expiry must mean the same moment on every node."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        before = timezone.now()
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')" if is_sqlite else "SELECT clock_timestamp()")
        told = cursor.fetchone()[0]
        middle = before + (timezone.now() - before) / 2
    moment = datetime.fromisoformat(told) if isinstance(told, str) else told
    skew = abs((moment - middle).total_seconds())
    is_good = skew <= LARGEST_SKEW_SECONDS
    says = f"{skew:.3f} s from the database's" + ("" if is_good else ": set both by NTP")
    yield Finding("clock", is_good, says)


def mail_server() -> Iterator[Finding]:
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = get_connection("django.core.mail.backends.smtp.EmailBackend", timeout=MAIL_TIMEOUT_SECONDS)
    try:
        connection.open()
        connection.close()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", False, f"{place} does not take mail ({one_line(error)}): check SIMSIM_EMAIL_URL")
    else:
        yield Finding("mail", True, f"{place} answers")


def mails() -> Iterator[Finding]:
    """Say when mails wait for long, or were given up: somebody was not told something."""
    found = reading.trouble(now=timezone.now())
    says = []
    if found.oldest is not None:
        why = f" ({found.last_error})" if found.last_error else ": does simsim worker run?"
        says.append(f"{found.waiting} wait, the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC{why}")
    if found.given_up:
        days = reading.RECENT.days
        says.append(
            f"{found.given_up} given up in {days} days: simsim mail list --state given_up, simsim mail retry ID"
        )
    yield Finding("mails", not says, "; ".join(says) or "none waits for long, none was given up lately")


def gate() -> Iterator[Finding]:
    """Ask the gate whether it can decide; an answer without credentials would not show that its database is there."""
    path = settings.OPERATOR.gate_socket
    status = socket_status(path, "/readyz")
    if status is None:
        yield Finding("gate", False, f"nothing answers on {path}: start simsim serve")
    elif status >= 500:
        yield Finding("gate", False, f"it runs on {path} but can't decide: see its lines on stderr")
    else:
        yield Finding("gate", True, f"answers on {path}")


def gateway() -> Iterator[Finding]:
    """Look for nginx and have it say its version: a binary that can't run here is as good as none."""
    try:
        binary = nginx.find_binary()
    except Unusable as problem:
        yield Finding("gateway", False, str(problem))
        return
    said = subprocess.run([str(binary), "-v"], capture_output=True, text=True, check=False, timeout=10)
    version = said.stderr.strip().removeprefix("nginx version: ")
    yield Finding("gateway", said.returncode == 0, f"{binary}, {version or 'which does not run'}")


def forwarding() -> Iterator[Finding]:
    """Say whether the receiver answers, and what waits for it. Nothing is sent: only a real event shows the rest."""
    target = settings.FORWARD_TARGET
    if target is None:
        return
    now = timezone.now()
    found = state(now=now)
    says = []
    try:
        with connected(target):
            says.append(f"{target.place} answers")
    except Away as error:
        says.append(f"{target.place} can't be reached ({error}): check SIMSIM_FORWARD_URL")
    if found.oldest is not None:
        why = (
            f" ({found.last_error})" if found.last_error else "" if found.is_good(now) else ": does simsim worker run?"
        )
        says.append(f"{found.waiting} wait, the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC{why}")
    if found.lost:
        says.append(
            f"{found.lost} were given up in {RECENT.days} days: they had waited for longer than the log is kept"
        )
    yield Finding("forwarding", found.is_good(now) and "answers" in says[0], "; ".join(says))


def one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
