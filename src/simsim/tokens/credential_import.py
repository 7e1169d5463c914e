"""Importing existing credentials: all lines are checked, then written in steps that delay nobody."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from simsim.accounts.models import Account
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import Permission, permit
from simsim.audit import recorder
from simsim.audit.models import AuditEvent
from simsim.bulk_insert import Converted, converted, insert
from simsim.credential import password
from simsim.gate.foreign_forms import LEASE_SECONDS
from simsim.problem import AlreadyExists, FieldError, Invalid, Problem, gettext_noop
from simsim.tokens import notices, rules, webhook_events
from simsim.tokens.creation_freeze import lock_for_creation
from simsim.tokens.field_errors import NAME_TAKEN, Errors
from simsim.tokens.foreign_credentials import ForeignCredentials
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.tokens.models import AT_ONCE, Token
from simsim.tokens.policies import TokenPolicy, policies_of
from simsim.tokens.policy_rules import prove_new_token, reasons_for_new_token
from simsim.tokens.token_credentials import seal_password
from simsim.tokens.token_fields import parse_fields, unsaved_token
from simsim.tokens.token_import import Draft, creation_event, errors_in_line

# More lines with errors would help nobody, and be one very long message.
MAX_FAULTS = 20
LOOKED_UP = 500
# A revoke may have to wait for one step: it takes about this long, whatever the machine.
STEP_SECONDS = 0.06
# On SQLite, whoever waits to write asks at least every 25 ms: without a rest, they could wait until the end. What needs
# no transaction is done meanwhile.
REST_SECONDS = 0.027
MIN_STEP, MAX_STEP = 50, 1000
IN_USE = gettext_noop("These credentials belong to a token already.")


@dataclass(frozen=True, slots=True)
class Brought:
    """A token to create with credentials that exist, from one line of a file."""

    draft: Draft
    credentials: ForeignCredentials = field(repr=False)

    @property
    def account_id(self) -> UUID:
        return self.draft.account.pk

    @property
    def digest(self) -> bytes:
        return self.credentials.digest_for(str(self.account_id))


@dataclass(frozen=True, slots=True)
class Checked:
    """A line without errors: the digest of its credentials, and the values of the token's fields."""

    brought: Brought
    digest: bytes
    values: Mapping[str, Any]

    @property
    def account_id(self) -> UUID:
        return self.brought.account_id


@dataclass(frozen=True, slots=True)
class Step:
    """Lines that are written together: their tokens, the rows for the database, and the events."""

    lines: Sequence[Checked]
    tokens: Sequence[Token]
    rows: Sequence[Converted]
    events: Sequence[AuditEvent]


class CredentialImport:
    """One file on its way in: call `check`, then `write`; each yields how many lines it has just dealt with.

    `file_id` identifies the file's content, so that going on after an interruption e-mails nobody again. `is_quiet` has
    the same meaning as in `create_token`. Afterwards, `imported` and `skipped` count the lines: those are skipped whose
    credentials were imported before.
    """

    def __init__(self, brought: Iterable[Brought], *, file_id: str, is_quiet: bool = False, now: datetime) -> None:
        self._brought = [(each, each.digest) for each in brought]
        self._checked_lines: list[Checked] = []
        self._untold: Counter[UUID] = Counter()
        self._file_id, self._is_quiet, self._now = file_id, is_quiet, now
        self._parse_software = cache(rules.parse_software)
        self._parse_expiry = cache(partial(rules.parse_expiry, now=now))
        self._policy_of = cache(effective_policy)
        self.imported = self.skipped = 0

    def check(self) -> Iterator[int]:
        """Check every line. Raises Invalid, naming the lines, before anything is written."""
        faults: list[FieldError] = []
        lines: dict[object, int] = {}
        checked: list[Checked] = []
        for begin in range(0, len(self._brought), LOOKED_UP):
            some = self._brought[begin : begin + LOOKED_UP]
            known = known_digests([digest for _, digest in some])
            fresh = [self._checked(each, digest, lines, faults) for each, digest in some if digest not in known]
            faults += taken_names(fresh, self._now) + used_credentials(fresh)
            checked += fresh
            if len(faults) >= MAX_FAULTS:
                break
            yield len(some)
        if faults:
            raise Invalid(*sorted(faults, key=line_of)[:MAX_FAULTS])
        self.skipped, self._checked_lines = len(self._brought) - len(checked), checked
        self._untold = Counter() if self._is_quiet else Counter(each.account_id for each in checked)

    def write(self) -> Iterator[int]:
        """Import the lines in steps, each of them whole or not at all.

        Raises Invalid or AlreadyExists, naming the line, for what has changed since the check; the steps before stay.
        """
        first_ended, ended, size, done = None, 0.0, MIN_STEP, 0
        while some := self._checked_lines[done : done + size]:
            done += len(some)
            step = self._prepared(some)
            if connection.vendor == "sqlite":
                sleep_until(ended + REST_SECONDS)
            began = time.monotonic()
            with transaction.atomic():
                written = self._write_step(step)
            ended = time.monotonic()
            first_ended = first_ended or ended
            self.imported += written
            self.skipped += len(some) - written
            yield len(some)
            size = max(MIN_STEP, min(MAX_STEP, int(len(some) * STEP_SECONDS / (ended - began)), 2 * size))
        if first_ended is not None:
            # Until then, a gate may refuse foreign forms without a look: see `gate.foreign_forms`.
            sleep_until(first_ended + LEASE_SECONDS)

    def _checked(self, each: Brought, digest: bytes, lines: dict[object, int], faults: list[FieldError]) -> Checked:
        """Return the line's values, and add its errors to `faults`; `lines` has what the lines before it have."""
        errors, line = Errors(), each.draft.line
        values = parse_fields(
            each.draft.fields, errors, parse_software=self._parse_software, parse_expiry=self._parse_expiry
        )
        policy = self._policy_of(each.draft.account)
        prove_new_token(errors, policy, values, now=self._now)
        if not errors.found:
            errors.found += reasons_for_new_token(policy, values, now=self._now)
        keys: dict[str, object] = {"password": digest}
        if values["name"]:
            keys["name"] = each.account_id, name_key(values["name"])
        for field_name, key in keys.items():
            if (other := lines.setdefault(key, line)) != line:
                message = gettext_noop("Line %(line)s has the same.")
                errors.found.append(FieldError(field_name, message, {"line": str(other)}))
        if errors.found:
            faults += errors_in_line(line, Invalid(*errors.found))
        return Checked(each, digest, values)

    def _prepared(self, some: Sequence[Checked]) -> Step:
        """Return what to write for these lines, as if all were new and the policies still those that were known."""
        tokens = [token_of(each, self._policy_of(each.brought.draft.account), now=self._now) for each in some]
        imported = [
            ImportedCredentials(token_id=token.pk, digest=token.digest, username=each.brought.credentials.username)
            for each, token in zip(some, tokens, strict=True)
        ]
        events = [
            creation_event(each.brought.draft, token, is_quiet=self._is_quiet, now=self._now)
            for each, token in zip(some, tokens, strict=True)
        ]
        return Step(some, tokens, [converted(rows) for rows in (tokens, imported) if rows], events)

    def _write_step(self, step: Step) -> int:
        """Write the lines that are new, and return their number."""
        some = step.lines
        drafts = {(each.account_id, each.brought.draft.actor.label): each.brought.draft for each in some}
        for _, draft in sorted(drafts.items()):
            try:
                permit(draft.actor, Permission.MANAGE_TOKENS, draft.account)
                lock_for_creation(draft.account)
            except Problem as problem:
                raise type(problem)(f"Line {draft.line}: {problem}") from None
        known = known_digests([each.digest for each in some])
        fresh = [each for each in some if each.digest not in known]
        if taken := taken_names(fresh, self._now) + used_credentials(fresh):
            raise AlreadyExists(f"{taken[0].field}: {taken[0]}")
        # The accounts are locked now, so the policies stay until the commit.
        accounts = {each.account_id: each.brought.draft.account for each in fresh}.values()
        are_changed = any(effective_policy(account) != self._policy_of(account) for account in accounts)
        if are_changed:
            self._policy_of = cache(effective_policy)
        if are_changed or known:
            step = self._prepared(fresh)
        for rows in step.rows:
            insert(rows)
        webhook_events.owe_created(step.tokens, now=self._now)
        for draft in {each.account_id: each.brought.draft for each in fresh}.values():
            if count := self._untold.pop(draft.account.pk, 0):
                notices.owe_imported(draft.account, draft.actor, count=count, occasion=self._file_id, now=self._now)
        # Last: from here on, a revoke in one of these accounts waits for the commit.
        recorder.record_all(step.events)
        return len(step.tokens)


def sleep_until(moment: float) -> None:
    """Wait until that time of the monotonic clock, if it is not over."""
    time.sleep(max(0.0, moment - time.monotonic()))


def effective_policy(account: Account) -> TokenPolicy:
    return policies_of(account).effective


def token_of(each: Checked, policy: TokenPolicy, *, now: datetime) -> Token:
    """Return the token with its credentials, not saved yet."""
    draft, secret = each.brought.draft, each.brought.credentials.password
    token = unsaved_token(each.values, actor=draft.actor, account=draft.account, now=now)
    token.digest, token.next_notice_at = each.digest, AT_ONCE
    token.sealed_password = seal_password(token, secret, policy) if secret else b""
    # The last characters of another form are no checksum: showing them would give away a part of the password.
    token.password_end = password.end_of(secret) if password.is_well_formed(secret) else ""
    return token


def known_digests(digests: Sequence[bytes]) -> set[bytes]:
    """Return those with which a token was imported before."""
    rows = ImportedCredentials.objects.filter(digest__in=digests)
    return {bytes(digest) for digest in rows.values_list("digest", flat=True)}


def taken_names(some: Sequence[Checked], now: datetime) -> list[FieldError]:
    """Return an error for each line whose name another active token of its account has (R5)."""
    named = [each for each in some if each.values["name"]]
    lines = {(each.account_id, name_key(each.values["name"])): each.brought.draft.line for each in named}
    accounts, keys = {account_id for account_id, _ in lines}, {key for _, key in lines}
    # “Active” is judged here: with it in the query, SQLite would read every active token of the account.
    found = Token.objects.filter(account_id__in=accounts, name_key__in={*keys, ""})
    rows = found.values_list("account_id", "name", "revoked_at", "expires_at")
    taken = {(row[0], name_key(row[1])): row[1] for row in rows if row[2] is None and row[3] > now}
    return [
        FieldError(f"line {line}, name", NAME_TAKEN, {"name": taken[key]})
        for key, line in lines.items() if key in taken
    ]  # fmt: skip


def used_credentials(some: Sequence[Checked]) -> list[FieldError]:
    """Return an error for each line whose credentials a token has, or had before its last rotation."""
    digests = [each.digest for each in some]
    rows = Token.objects.filter(Q(digest__in=digests) | Q(previous_digest__in=digests))
    used = {bytes(digest or b"") for pair in rows.values_list("digest", "previous_digest") for digest in pair}
    return [
        FieldError(f"line {each.brought.draft.line}, password", IN_USE) for each in some if each.digest in used
    ]  # fmt: skip


def line_of(fault: FieldError) -> int:
    return int(fault.field.partition(",")[0].removeprefix("line "))
