"""`simsim doctor`: examines each part of an installation, and says how to repair the parts that are wrong."""

import smtplib
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from simsim import sqlite_library
from simsim.delivery.connection import ReceiverUnavailable
from simsim.forwarding.status import RECENT, forwarding_status
from simsim.health import existing_installation, schema
from simsim.health.doctor import backups, certificates, log, nodes, processes, restores, sizes, trail
from simsim.health.doctor.findings import Finding, not_started
from simsim.health.doctor.keys import keys
from simsim.health.doctor.sign_in_provider import sign_in_provider
from simsim.health.sentences import span
from simsim.mail import delivery_status
from simsim.mail.transport import BoundedBackend
from simsim.problem import Problem
from simsim.webhooks.backlog import webhook_backlog

MAIL_TIMEOUT_SECONDS = 5
MIGRATE = "run simsim migrate"


def examine() -> list[Finding]:
    """Return the findings, part by part. Never raises: a part that can't be examined is a finding too."""
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("database", databases),
        ("SQLite", sqlite),
        ("keys", keys),
        ("backup", backups.backup),
        ("revocation journal", backups.journal),
        ("restored backup", restores.restored),
        ("clock", nodes.clock),
        ("mail", mail_server),
        ("mails", mails),
        ("gate", processes.gate),
        ("console", processes.console),
        ("gateway", processes.gateway),
        ("certificates", certificates.certificates),
        ("worker", nodes.workers),
        ("disk", log.disk),
        ("size", sizes.sizes),
        ("audit trail", trail.trail),
        ("log", log.log),
        ("access logs", log.access_logs),
        ("forwarding", forwarding),
        ("webhooks", webhooks),
        ("single sign-on", sign_in_provider),
    ]
    findings: list[Finding] = []
    for subject, check in parts:
        try:
            findings.extend(check())
        except DatabaseError:
            is_new = any(MIGRATE in finding.detail for finding in findings)
            findings.append(
                not_started(subject, "can be checked after simsim migrate")
                if is_new
                else Finding(subject, False, "can't be checked without the database")
            )
        except Exception as error:  # an unexpected error in one part must not hide the other findings
            findings.append(Finding(subject, False, one_line(error)))
    return findings


def databases() -> Iterator[Finding]:
    for alias in connections:
        name = f"database “{alias}”"
        try:
            behind = schema.is_behind(alias)
        except DatabaseError as error:
            yield Finding(
                name, False, existing_installation.missing_file_advice(settings.OPERATOR, alias) or unreachable(error)
            )
            continue
        yield Finding(name, False, MIGRATE) if behind else up_to_date(name, alias)


def up_to_date(name: str, alias: str) -> Finding:
    """Describe a database that needs no migration, including whether it is reached through a pooler."""
    says = f"{connections[alias].display_name}, up to date"
    if not is_pooled(alias):
        return Finding(name, True, says)
    try:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Finding(name, False, f"{one_line(error)}: set the connection pooler to pool_mode = transaction")
    return Finding(name, True, f"{says}, through a connection pooler")


def is_pooled(alias: str) -> bool:
    """Whether there is a pooler between us and this database."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return False
    from simsim.gate import lookup_postgresql  # noqa: PLC0415 - an installation on SQLite works without the driver

    connection.ensure_connection()
    return lookup_postgresql.is_pooled(connection.connection)


def unreachable(error: DatabaseError) -> str:
    return f"can't be reached: {one_line(error)}"


def sqlite() -> Iterator[Finding]:
    if not settings.OPERATOR.database_files:
        yield Finding("SQLite", True, "not used: every database is on PostgreSQL")
        return
    library = sqlite_library.in_use()
    unsafe = "has a bug that can corrupt databases: install the package pysqlite3, or SQLite 3.51.3 or newer"
    yield Finding("SQLite", library.is_safe, f"{library}" if library.is_safe else f"{library} {unsafe}")


def mail_server() -> Iterator[Finding]:
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = BoundedBackend(timeout=MAIL_TIMEOUT_SECONDS)  # in the same way as the worker connects
    try:
        connection.open()
        connection.close()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        yield Finding("mail", False, f"{place} does not accept email ({one_line(error)}): check SIMSIM_EMAIL_URL")
    else:
        yield Finding("mail", True, f"{place} answers")


def mails() -> Iterator[Finding]:
    """Report emails that have waited for long or were given up: somebody has missed a notice in either case."""
    now = timezone.now()
    found = delivery_status.trouble(now=now)
    says = []
    if found.oldest is not None:
        why = f" ({found.last_error})" if found.last_error else ": is simsim worker running?"
        says.append(f"{found.waiting} waiting, the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC{why}")
    if found.given_up:
        days = delivery_status.RECENT.days
        says.append(
            f"{found.given_up} given up in {days} days: simsim mail list --state given_up, simsim mail retry ID"
        )
    oldest = delivery_status.oldest_owed_at()
    age = "no email is waiting" if oldest is None else f"the oldest has waited for {span(now - oldest)}"
    yield Finding("mails", not says, "; ".join(says) or f"{age}; none was given up recently")


def forwarding() -> Iterator[Finding]:
    """Report whether the receiver answers, and which events wait for it.

    Sends nothing to the receiver, which gets only real events.
    """
    target = settings.FORWARD_TARGET
    if target is None:
        return
    now = timezone.now()
    found = forwarding_status(now=now)
    says = []
    try:
        with target.connected():
            says.append(f"{target.place} answers")
    except ReceiverUnavailable as error:
        says.append(f"{target.place} can't be reached ({error}): check SIMSIM_FORWARD_URL")
    if found.oldest is not None:
        why = (
            f" ({found.last_error})"
            if found.last_error
            else ""
            if found.is_good(now)
            else ": is simsim worker running?"
        )
        says.append(f"{found.waiting} waiting, the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC{why}")
    if found.lost:
        says.append(f"{found.lost} were given up in {RECENT.days} days: they had waited longer than the log is kept")
    yield Finding("forwarding", found.is_good(now) and "answers" in says[0], "; ".join(says))


def webhooks() -> Iterator[Finding]:
    """Report whether the workers keep up with the accounts' webhooks. Failing receivers are their owners' concern."""
    now = timezone.now()
    found = webhook_backlog(now=now)
    says = f"{found.waiting} waiting; {found.paused} paused because their receivers failed"
    if not found.is_good(now):
        says += f"; the oldest is due since {found.due_since:%Y-%m-%d %H:%M} UTC: is simsim worker running?"
    yield Finding("webhooks", found.is_good(now), says)


def one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
