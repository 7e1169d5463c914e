"""Existing credentials as lines of CSV: reads the lines of an import, and names a broken line by its number."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from simsim.operations.arguments import find_account, find_actor
from simsim.operations.token_lines import draft_of
from simsim.problem import FieldError, Invalid, Problem, gettext_noop
from simsim.tokens.credential_import import MAX_FAULTS, Brought
from simsim.tokens.foreign_credentials import parse_credentials
from simsim.tokens.token_import import errors_in_line

MAX_LINES = 200_000
MAX_LINE_BYTES = 64 * 1024
# A column may have the option's name instead of the name in a token's JSON.
COLUMNS = {
    "name": "name", "expires": "expires_at", "expires_at": "expires_at", "username": "username", "password": "password",
    "sha256": "sha256", "description": "description", "software": "software", "allow": "allowed_networks",
    "allowed_networks": "allowed_networks", "report_only": "report_only", "account": "account_id",
    "account_id": "account_id", "as": "as",
}  # fmt: skip
DELIMITERS = ",;\t"
TRUTHS = {"": False, "false": False, "true": True}


def is_csv(content: bytes) -> bool:
    """Whether a file is CSV with a line of columns: a line of JSON begins with a brace."""
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    heads = text.partition(b"\n")[0].lower()
    return not text.startswith(b"{") and any(column in heads for column in (b"password", b"sha256"))


def credentials_in(content: bytes, *, account: str | None, acting_as: str | None) -> list[Brought]:
    """Return the tokens to import that the lines describe; blank lines are skipped.

    A line may name its own `account` and `as`. Raises Invalid with the first MAX_FAULTS faults, or NotFound, naming the
    line, for an unknown account or user.
    """
    account_named, actor_named = cache(lambda name, actor: find_account(name, actor=actor)), cache(find_actor)
    brought: list[Brought] = []
    faults: list[FieldError] = []
    for number, row in rows_of(content):
        try:
            given = {name: text for name, text in row.items() if text}
            values: dict[str, object] = {"account_id": account, "as": acting_as} | given | parsed(row)
            draft = draft_of(number, values, account_named, actor_named)
            account_id = str(draft.account.pk)
            username, secret, sha256 = (row.get(name, "") for name in ("username", "password", "sha256"))
            found = parse_credentials(username, secret, sha256.strip(), account_id=account_id)
            brought.append(Brought(draft, found))
        except Invalid as problem:
            faults += errors_in_line(number, problem)
            if len(faults) >= MAX_FAULTS:
                break
        except Problem as problem:
            if not faults:
                raise type(problem)(f"Line {number}: {problem}") from None
    if faults:
        raise Invalid(*faults[:MAX_FAULTS])
    return brought


def parsed(row: Mapping[str, str]) -> dict[str, object]:
    """Return the fields that are no texts; networks are separated by spaces."""
    wanted = row.get("report_only", "").strip().lower()
    if wanted not in TRUTHS:
        raise Invalid(FieldError("report_only", gettext_noop("This must be true or false.")))
    return {"allowed_networks": row.get("allowed_networks", "").split(), "report_only": TRUTHS[wanted]}


def rows_of(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line and its texts by field; raise Invalid for what is no CSV with known columns."""
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    reader = csv.reader(decoded(lines), delimiter=delimiter_of(lines), strict=True)
    columns: Sequence[str] = ()
    count, begins = 0, 1
    try:
        for cells in reader:
            number, begins = begins, reader.line_num + 1
            if not any(cells):
                continue
            if not columns:
                columns = fields_of(cells, number)
                continue
            if len(cells) != len(columns):
                message = gettext_noop("This line has %(found)s columns, not %(wanted)s.")
                counts = {"found": str(len(cells)), "wanted": str(len(columns))}
                raise Invalid(FieldError(f"line {number}", message, counts))
            count += 1
            if count > MAX_LINES:
                message = gettext_noop("At most %(most)s tokens at once.")
                raise Invalid(FieldError(f"line {number}", message, {"most": f"{MAX_LINES:,}"}))
            yield number, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        message = gettext_noop("This is not CSV: %(why)s.")
        raise Invalid(FieldError(f"line {begins}", message, {"why": str(error)})) from None


def decoded(lines: Sequence[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE_BYTES:
            raise Invalid(FieldError(f"line {number}", gettext_noop("This line is longer than 64 KiB.")))
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise Invalid(FieldError(f"line {number}", gettext_noop("This is not text in UTF-8."))) from None


def delimiter_of(lines: Sequence[bytes]) -> str:
    """Return what separates the columns: spreadsheets write semicolons in many countries."""
    heads = next((line for line in lines if line.strip()), b"")
    return max(DELIMITERS, key=lambda each: heads.count(each.encode()))


def fields_of(cells: Sequence[str], number: int) -> list[str]:
    """Return the fields that the columns hold; raise Invalid for an unknown column, or for one that stands twice."""
    fields = []
    for cell in cells:
        field = COLUMNS.get(cell.strip().lower())
        if field is None:
            message = gettext_noop("There is no such column. Known columns: %(known)s.")
            raise Invalid(FieldError(f"line {number}, {cell}", message, {"known": ", ".join(sorted(COLUMNS))}))
        if field in fields:
            raise Invalid(FieldError(f"line {number}, {cell}", gettext_noop("This is given twice.")))
        fields.append(field)
    return fields
