"""The log's filters as SQL conditions, each with its index and the usage counts that give its number of rows."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from simsim.credential.decision import Reason
from simsim.request_log.clickhouse import server
from simsim.request_log.models import Endpoint, uuid_parameter
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.ship.counts import CountKind
from simsim.request_log.short_addresses import spellings_of

# Write the condition out: a partial index is used only if the query repeats its condition literally.
REFUSAL = f"NOT (reason = '{Reason.OK}')"
_is_placeholder = re.compile(r"\{[^/{}]*\}").fullmatch


@dataclass(frozen=True)
class Sql:
    """A condition on a row of the log, with its parameters."""

    text: str
    parameters: tuple[Any, ...] = ()

    @property
    def fenced(self) -> "Sql":
        """The same condition, written so that neither database uses an index for it."""
        return Sql(f"({self.text}) IS TRUE", self.parameters)


@dataclass(frozen=True)
class Condition:
    """One filter: a row passes if it has one of `values`.

    `lead` returns the condition for one value, for a search by `index`; it is None if there is no such index. The rows
    of a value are counted under `kind`, or not at all when it is None; with `of_refusals`, only the refused ones are
    counted.
    """

    sql: Sql
    lead: Callable[[str], Sql] | None
    kind: CountKind | None = None
    values: tuple[str, ...] = ("",)
    of_refusals: bool = False
    index: str = "log_by_account"


def everything_of(account_id: uuid.UUID) -> Condition:
    """Return the condition that matches all rows of an account."""
    sql = Sql("account_id = %s", (row_uuid(account_id),))
    return Condition(sql, lambda _: sql, CountKind.ALL)


def row_uuid(value: uuid.UUID) -> Any:
    """Return a UUID in the form that raw SQL on the log's rows needs."""
    return value if server.is_home() else uuid_parameter(value)


def conditions(filters: LogFilters, account_id: uuid.UUID) -> list[Condition]:
    """Return the filters, except times, as conditions on the account's rows; raise Invalid for an invalid status."""
    account = everything_of(account_id).sql
    found: list[Condition] = []
    for token_ids in ([filters.token_id] if filters.token_id else None, filters.among_tokens):
        if token_ids is not None:
            found.append(_tokens(account, sorted(token_ids)))
    if filters.status is not None:
        found.append(_statuses(account, *parse_status(filters.status)))
    if filters.endpoint and filters.endpoint != "*":
        found.append(_endpoints(account, account_id, filters.endpoint))
    if filters.outcome is not None:
        found.append(_outcome(account, filters.outcome))
    if filters.address is not None:
        found.append(_address(account, filters.address))
    return found


def resources(endpoint: str) -> Sql:
    """Return the condition that the logged path equals this one, or begins with it if it ends in `*`."""
    if not endpoint.endswith("*"):
        return Sql("resource = %s", (settings.REQUEST_LOG_PATHS.read(endpoint)[0],))
    beginning = endpoint.removesuffix("*")
    if server.is_home():  # where SUBSTR counts bytes
        return Sql("startsWith(resource, %s)", (beginning,))
    # Do not use LIKE: in SQLite it ignores case, in PostgreSQL it does not.
    return Sql(f"SUBSTR(resource, 1, {len(beginning)}) = %s", (beginning,))


def both(*conditions: Sql) -> Sql:
    """Return the condition that combines these with AND."""
    parameters = [parameter for condition in conditions for parameter in condition.parameters]
    return Sql(" AND ".join(condition.text for condition in conditions), tuple(parameters))


def _tokens(account: Sql, token_ids: Sequence[uuid.UUID]) -> Condition:
    def lead(value: str) -> Sql:
        # Search only the account's own rows, even if the token belongs to another account.
        return both(Sql("token_id = %s", (row_uuid(uuid.UUID(value)),)), account.fenced)

    sql = _either("token_id", [row_uuid(token_id) for token_id in token_ids])
    return Condition(sql, lead, CountKind.TOKEN, tuple(token_id.hex for token_id in token_ids), index="log_by_token")


def _statuses(account: Sql, low: int, high: int) -> Condition:
    def lead(value: str) -> Sql:
        return both(account, Sql("status = %s", (int(value),)))

    sql, statuses = Sql("status BETWEEN %s AND %s", (low, high)), tuple(map(str, range(low, high + 1)))
    return Condition(sql, lead, CountKind.STATUS, statuses, index="log_by_status")


def _endpoints(account: Sql, account_id: uuid.UUID, endpoint: str) -> Condition:
    """Return the condition that finds an endpoint by its name, by a path logged under it, or by the start of either."""
    names = Endpoint.objects.filter(account_id=account_id)
    if endpoint.endswith("*"):
        beginning = endpoint.removesuffix("*")
        known = {name: pk for name, pk in names.values_list("name", "pk") if _may_begin(name, beginning)}
        vague = {name for name in known if not name.startswith(beginning)}
    else:
        _, group = settings.REQUEST_LOG_PATHS.read(endpoint)
        known = dict(names.filter(name=group).values_list("name", "pk"))
        vague = known.keys() - {endpoint}
    like_it, of_endpoints = resources(endpoint), _either("endpoint_id", list(known.values()))
    if vague:
        exact = _either("endpoint_id", [known[name] for name in known if name not in vague])
        parameters = (*exact.parameters, *like_it.parameters)
        of_endpoints = both(of_endpoints, Sql(f"({exact.text} OR {like_it.text})", parameters))

    def lead(value: str) -> Sql:
        found = both(Sql("endpoint_id = %s", (known[value],)), account.fenced)
        return both(found, like_it.fenced) if value in vague else found

    return Condition(of_endpoints, lead, CountKind.ENDPOINT, tuple(known), index="log_by_endpoint")


def _may_begin(name: str, beginning: str) -> bool:
    """Whether an endpoint of this name may hold paths with this beginning."""
    if name.startswith(beginning):
        return True
    *whole, last = beginning.split("/")
    parts = name.split("/")
    return (
        len(parts) > len(whole)
        and all(part == given or _is_placeholder(part) for part, given in zip(parts, whole, strict=False))
        and (parts[len(whole)].startswith(last) or bool(_is_placeholder(parts[len(whole)])))
    )


def _outcome(account: Sql, outcome: Outcome) -> Condition:
    sql = Sql("outcome = %s", (outcome.value,))
    if outcome is Outcome.ACCEPTED:
        return Condition(sql, None)
    if outcome is Outcome.UNKNOWN:
        # A request without a known end has no status.
        lead = both(account, Sql("status IS NULL"), sql.fenced)
        return Condition(sql, lambda _: lead, CountKind.STATUS, index="log_by_status")
    refused = both(account, Sql(REFUSAL), sql.fenced)
    return Condition(sql, lambda _: refused, CountKind.ALL, of_refusals=True, index="log_by_refusal")


def _address(account: Sql, place: str) -> Condition:
    def lead(value: str) -> Sql:
        return both(account, Sql("address = %s", (value,)))

    return Condition(of_place(place), lead, values=spellings_of(place), index="log_by_address")


def of_place(place: str) -> Sql:
    """Return the condition that a request came from the address, or is old and came from its network."""
    return _either("address", spellings_of(place))


def _either(column: str, values: Sequence[Any]) -> Sql:
    return Sql(f"{column} IN ({', '.join(['%s'] * len(values))})", tuple(values)) if values else Sql("1 = 0")
