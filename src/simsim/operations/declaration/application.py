"""Brings the database to what a declaration says, by the same actions as every other change, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from simsim.accounts import actions, invitations
from simsim.accounts.models import Account, Membership, Role
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import OPERATOR
from simsim.accounts.second_factors import require_second_factor
from simsim.accounts.single_sign_on import require_single_sign_on
from simsim.audit import journal
from simsim.operations.arguments import find_actor
from simsim.operations.declaration.changes import Action, Change
from simsim.operations.declaration.declared import (
    Declaration,
    DeclaredAccount,
    DeclaredNotices,
    DeclaredPerson,
    DeclaredSoftware,
)
from simsim.operations.declaration.declared_policies import NONE, SECOND_FACTOR, SINGLE_SIGN_ON, DeclaredPolicies
from simsim.operations.declaration.yaml_nodes import place
from simsim.problem import AccountClosed, AlreadyExists, FieldError, Invalid, Problem, gettext_noop
from simsim.tokens import policies as token_policies
from simsim.tokens.models import TargetSoftware
from simsim.tokens.notice_policy import DEFAULT, Policy, parse_audiences, policies_of, row_values, set_notice_policy
from simsim.tokens.policies import TokenPolicy, from_row, parse_choices, set_account_policy
from simsim.tokens.policy_models import AccountPolicy
from simsim.tokens.software import add_software


@dataclass(frozen=True)
class Application:
    """One application of a file named `name` at the time `now`."""

    name: str
    now: datetime

    def apply(self, declaration: Declaration, *, is_dry_run: bool) -> list[Change]:
        """Make all changes or, if one of them is refused, none; return them. With `is_dry_run`, undo them at the end.

        Raises the problem of the first part that is refused, with its line.
        """
        with journal.unwritten() if is_dry_run else nullcontext():
            return self.make(declaration, is_dry_run=is_dry_run)

    @transaction.atomic
    def make(self, declaration: Declaration, *, is_dry_run: bool) -> list[Change]:
        changes = [*self.apply_software(declaration.software), *self.apply_accounts(declaration.accounts)]
        if is_dry_run:
            transaction.set_rollback(True)
        return changes

    @contextmanager
    def at(self, line: int) -> Iterator[None]:
        """Name the file and the line in a problem."""
        try:
            yield
        except Invalid as problem:
            raise Invalid(
                *(FieldError(place(self.name, line), fault.message, fault.params) for fault in problem.errors)
            ) from None
        except Problem as problem:
            raise type(problem)(f"{place(self.name, line)}: {problem}") from None

    def apply_software(self, declared: list[DeclaredSoftware]) -> Iterator[Change]:
        catalogue = {entry.slug: entry.name for entry in TargetSoftware.objects.all()} if declared else {}
        for software in declared:
            if catalogue.get(software.slug) == software.name:
                continue
            with self.at(software.line):
                if software.slug in catalogue:
                    raise AlreadyExists(
                        gettext_noop("The catalogue has “%(slug)s” as “%(name)s”, which can't be renamed."),
                        slug=software.slug, name=catalogue[software.slug],
                    )  # fmt: skip
                add_software(actor=OPERATOR, slug=software.slug, name=software.name, now=self.now)
            yield Change(Action.ADD, "software", software.slug, after=software.name)

    def apply_accounts(self, declared: list[DeclaredAccount]) -> Iterator[Change]:
        # One query for each kind of row, so that a file with hundreds of accounts that are right already takes no time.
        accounts = list(Account.objects.all()) if declared else []
        by_external_id = {account.external_id: account for account in accounts if account.external_id}
        claimed = {each.external_id for each in declared if each.external_id}
        by_name = {name_key(account.name): account for account in accounts if account.external_id not in claimed}
        found = [
            by_external_id.get(each.external_id) if each.external_id else by_name.get(name_key(each.name))
            for each in declared
        ]
        ids = [account.pk for account in found if account]
        people: dict[object, dict[str, Membership]] = {account_id: {} for account_id in ids}
        for member in Membership.objects.filter(account_id__in=ids).select_related("user"):
            people[member.account_id][member.user.email] = member
        notices = policies_of(ids)
        rules = {row.account_id: from_row(row) for row in AccountPolicy.objects.filter(account_id__in=ids)}
        for wanted, present in zip(declared, found, strict=True):
            with self.at(wanted.line):
                account, changed = self.apply_account(wanted, present)
            yield from changed
            yield from self.apply_people(wanted, account, people.get(account.pk, {}))
            if wanted.notices:
                yield from self.apply_notices(wanted.notices, account, notices.get(account.pk, DEFAULT))
            if wanted.policies:
                yield from self.apply_rules(wanted.policies, account, rules.get(account.pk, token_policies.DEFAULT))
                yield from self.apply_sign_in(wanted.policies, account)

    def apply_account(self, wanted: DeclaredAccount, present: Account | None) -> tuple[Account, list[Change]]:
        if present is None:
            if wanted.external_id:
                account, _ = actions.ensure_account(
                    actor=OPERATOR, external_id=wanted.external_id, name=wanted.name, now=self.now
                )
            else:
                account = actions.create_account(actor=OPERATOR, name=wanted.name, now=self.now)
            return account, [Change(Action.ADD, "account", account.name)]
        if present.closed_at is not None:
            raise AccountClosed(name=present.name)
        if present.name == wanted.name:
            return present, []
        renamed = actions.rename_account(actor=OPERATOR, account=present, name=wanted.name, now=self.now)
        return renamed, [Change(Action.CHANGE, "account", renamed.name, before=present.name, after=renamed.name)]

    def apply_people(
        self, wanted: DeclaredAccount, account: Account, present: dict[str, Membership]
    ) -> Iterator[Change]:
        """Add people, then promote, demote and remove, so that an account always has an administrator."""
        staying = [person for person in wanted.people if not person.is_absent]
        for person in staying:
            if person.email not in present:
                yield self.add(person, account)
        changing = [
            person for person in staying if person.email in present and present[person.email].role != person.role
        ]
        for person in sorted(changing, key=lambda person: person.role != Role.ADMINISTRATOR):
            yield self.change_role(person, account, present[person.email])
        leaving = {person.email: person.line for person in wanted.people if person.is_absent}
        if wanted.prunes_people:
            leaving |= dict.fromkeys(present.keys() - {person.email for person in wanted.people}, wanted.line)
        for email, line in leaving.items():
            if email in present:
                yield self.remove(present[email], account, line)

    def add(self, person: DeclaredPerson, account: Account) -> Change:
        add = invitations.invite if person.is_invited else actions.add_user
        with self.at(person.line):
            add(actor=OPERATOR, account=account, email=person.email, role=person.role, now=self.now)
        after = f"{person.role}, invited by email" if person.is_invited else person.role
        return Change(Action.ADD, "person", person.email, account.name, after=after)

    def change_role(self, person: DeclaredPerson, account: Account, member: Membership) -> Change:
        with self.at(person.line):
            actions.change_role(actor=OPERATOR, account=account, user=member.user, role=person.role, now=self.now)
        return Change(Action.CHANGE, "person", person.email, account.name, before=member.role, after=person.role)

    def remove(self, member: Membership, account: Account, line: int) -> Change:
        with self.at(line):
            actions.remove_user(actor=OPERATOR, account=account, user=member.user, now=self.now)
        return Change(Action.REMOVE, "person", member.user.email, account.name, before=member.role)

    def apply_notices(self, wanted: DeclaredNotices, account: Account, before: Policy) -> Iterator[Change]:
        days = before.early_days if wanted.early_days is None else wanted.early_days
        after = Policy({**before.audiences, **parse_audiences(wanted.audiences)}, days)
        if row_values(after) == row_values(before):
            return
        with self.at(wanted.line):
            set_notice_policy(
                actor=find_actor(wanted.acting_as),
                account=account,
                audiences=wanted.audiences,
                early_days=days,
                now=self.now,
            )
        for name, old, new in differences(before, after):
            yield Change(Action.CHANGE, "notices", name, account.name, before=old, after=new)

    def apply_rules(self, wanted: DeclaredPolicies, account: Account, before: TokenPolicy) -> Iterator[Change]:
        """Set the rules for tokens. They come after the people, because an approval needs a second administrator."""
        with self.at(wanted.line):
            after = parse_choices(wanted.tokens, before=before)
            if after == before:
                return
            set_account_policy(
                actor=find_actor(wanted.acting_as), account=account, choices=wanted.tokens, with_operator=True,
                now=self.now,
            )  # fmt: skip
        old, new = before.document(), after.document()
        for name in (name for name in new if old[name] != new[name]):
            yield policy_change(account, name, old[name], new[name])

    def apply_sign_in(self, wanted: DeclaredPolicies, account: Account) -> Iterator[Change]:
        given, factor = wanted.sign_in.get(SECOND_FACTOR), account.needs_second_factor
        if given is not None and (given == "true") != factor:
            with self.at(wanted.line):
                require_second_factor(actor=OPERATOR, account=account, required=not factor, now=self.now)
            yield policy_change(account, SECOND_FACTOR, factor, not factor)
        required = wanted.sign_in.get(SINGLE_SIGN_ON)
        if required is not None and required != account.single_sign_on:
            with self.at(wanted.line):
                require_single_sign_on(
                    actor=OPERATOR, account=account, required=required, signed_in_at_provider=False, now=self.now
                )
            yield policy_change(account, SINGLE_SIGN_ON, account.single_sign_on, required)


def policy_change(account: Account, name: str, before: object, after: object) -> Change:
    """Return the change of one choice, with both values as the file writes them."""
    return Change(Action.CHANGE, "policy", name, account.name, before=written(before), after=written(after))


def written(value: object) -> str:
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def differences(before: Policy, after: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield each notice whose audience differs, and the early days, with their old and new value."""
    old, new = flat(before), flat(after)
    yield from ((name, old[name], new[name]) for name in new if old[name] != new[name])


def flat(policy: Policy) -> dict[str, str]:
    row = row_values(policy)
    days = ", ".join(map(str, sorted(policy.early_days, reverse=True))) or "none"
    return {**row["audiences"], "early_days": days}  # type: ignore[dict-item]
