"""Inserts many rows of one model, in a fraction of the time that bulk_create takes."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Field, Model


def insert_all(rows: Sequence[Model]) -> None:
    """Insert unsaved objects of one model, all of whose columns have values in Python."""
    if not rows:
        return
    fields = rows[0]._meta.concrete_fields
    quote = connection.ops.quote_name
    table = quote(rows[0]._meta.db_table)
    columns = ", ".join(quote(field.column or "") for field in fields)
    prepared = zip(*(column_of(rows, field) for field in fields), strict=True)
    # A single row would pay for COPY with a round trip more.
    if connection.vendor == "postgresql" and len(rows) > 1:
        with (
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
        ):
            for values in prepared:
                copy.write_row(values)
        return
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(statement, next(prepared))
        else:
            cursor.executemany(statement, list(prepared))


def column_of(rows: Sequence[Model], field: "Field[object, object]") -> list[object]:
    """Return a column's values as the database takes them."""
    values: list[object] = []
    before, value = object(), None
    for row in rows:
        # Most columns have one object in all rows: an empty text, the same time. It is converted once.
        if (raw := vars(row)[field.attname]) is not before:
            before, value = raw, field.get_db_prep_save(raw, connection)
        values.append(value)
    return values
