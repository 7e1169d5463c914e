"""Tokens as lines of JSON: reads the lines of an import, and names a broken line by its number."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.operations.arguments import find_account, find_actor
from simsim.problem import FieldError, Invalid, Problem, gettext_noop
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_import import Draft, errors_in_line

# One transaction writes all lines, and all other writers wait for it.
MAX_LINES = 10_000
# Lines may use the options' names instead of the names in a token's JSON.
OPTION_NAMES = {
    "account": "account_id",
    "expires": "expires_at",
    "allow": "allowed_networks",
    "limit": "limits",
    "rate": "rates",
}
TEXTS = {"account_id", "as", "name", "expires_at", "description", "software"}
LISTS = {"allowed_networks": '["192.0.2.0/24"]', "limits": '["GET /api/v2/**"]', "rates": '["10000/day"]'}
FIELDS = TEXTS | LISTS.keys() | {"report_only"}
# An export holds these fields too. They describe the exported token and are ignored when a token is created.
IGNORED_FIELDS = {
    "id", "status", "created_at", "created_by", "revoked_at", "revoked_by", "revocation_reason", "last_used_at",
    "last_used_address", "paused_at", "paused_by", "paused_until", "pause_reason", "previous_password_works_until",
    "username", "password_can_be_shown",
}  # fmt: skip


def drafts_of(lines: Iterable[bytes], *, account: str | None, acting_as: str | None) -> list[Draft]:
    """Return the drafts of tokens that the lines describe; blank lines are skipped. A line may name its own `account`
    and `as`.

    Raises Invalid with the faults of all lines, or NotFound, naming the line, for an unknown account or user.
    """
    account_named = cache(lambda account_id, actor: find_account(account_id, actor=actor))
    actor_named = cache(find_actor)
    drafts: list[Draft] = []
    faults: list[FieldError] = []
    for number, line in numbered(lines):
        try:
            values = {"account_id": account, "as": acting_as} | fields_of(line)
            drafts.append(draft_of(number, values, account_named, actor_named))
        except Invalid as problem:
            faults += errors_in_line(number, problem)
        except Problem as problem:
            if not faults:
                raise type(problem)(f"Line {number}: {problem}") from None
    if faults:
        raise Invalid(*faults)
    return drafts


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers; raise Invalid for more than MAX_LINES."""
    count = 0
    for number, line in enumerate(lines, start=1):
        content = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not content:
            continue
        count += 1
        if count > MAX_LINES:
            raise Invalid(
                FieldError(
                    f"line {number}", gettext_noop("At most %(most)s tokens at once."), {"most": f"{MAX_LINES:,}"}
                )
            )
        yield number, content


def fields_of(line: bytes) -> dict[str, object]:
    """Return a line's fields under the names in a token's JSON; raise Invalid if the line can't be read."""
    try:
        document = json.loads(line.decode("utf-8"), object_pairs_hook=once_each)
    except Invalid:
        raise
    except ValueError:
        raise Invalid(FieldError("JSON", gettext_noop("This is not a JSON object in UTF-8 on one line."))) from None
    except RecursionError:
        raise Invalid(FieldError("JSON", gettext_noop("This is not a token: it is nested too deeply."))) from None
    if not isinstance(document, dict):
        raise Invalid(
            FieldError("JSON", gettext_noop('This is not a JSON object such as {"name": "A", "expires": "90d"}.'))
        )
    fields: dict[str, object] = {}
    for name, value in document.items():
        field: str = OPTION_NAMES.get(name) or str(name)
        if field in IGNORED_FIELDS or value is None:
            continue
        prove_known(field, name, value)
        if field in fields:
            raise Invalid(FieldError(name, gettext_noop("This is given twice.")))
        fields[field] = value
    return fields


def once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs as an object; raise Invalid for a name that occurs twice, because one value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(FieldError(twice, gettext_noop("This is given twice.")))
    return found


def prove_known(field: str, name: str, value: object) -> None:
    """Raise Invalid for an unknown field, or for a value of the wrong type."""
    if field not in FIELDS:
        known = ", ".join(sorted(FIELDS))
        raise Invalid(
            FieldError(name, gettext_noop("A token has no such field. Known fields: %(known)s."), {"known": known})
        )
    if field in TEXTS and not isinstance(value, str):
        raise Invalid(FieldError(name, gettext_noop("This must be a string.")))
    if field == "report_only" and not isinstance(value, bool):
        raise Invalid(FieldError(name, gettext_noop("This must be true or false.")))
    is_list_of_texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
    if field in LISTS and not is_list_of_texts:
        message = gettext_noop("This must be a list of strings, such as %(example)s.")
        raise Invalid(FieldError(name, message, {"example": LISTS[field]}))


def draft_of(
    number: int,
    values: Mapping[str, object],
    account_named: Callable[[str, Actor], Account],
    actor_named: Callable[[str], Actor],
) -> Draft:
    """Return the draft; raise Invalid for a missing account or user, NotFound for an unknown one."""
    # The rules report a missing expiry or name, together with all other faults.
    for field, option in (("account_id", "--account"), ("as", "--as")):
        if values[field] is None:
            message = gettext_noop("Give it in the line, or %(option)s for all lines.")
            raise Invalid(FieldError(field, message, {"option": option}))
    actor = actor_named(str(values["as"]))
    return Draft(
        line=number,
        actor=actor,
        account=account_named(str(values["account_id"]), actor),
        fields=TokenFields(
            name=str(values.get("name", "")),
            expires=str(values.get("expires_at", "")),
            description=str(values.get("description", "")),
            software=str(values["software"]) if "software" in values else None,
            allowed_networks=listed(values, "allowed_networks"),
            limits=listed(values, "limits"),
            rates=listed(values, "rates"),
            report_only=values.get("report_only") is True,
        ),
    )


def listed(values: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = values.get(name, [])
    return tuple(str(text) for text in found) if isinstance(found, list) else ()
