"""Names of fields in errors: an action names the field that it stores, the caller knows the field that they sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from simsim.problem import Invalid


@contextmanager
def sent_as(**names: str) -> Iterator[None]:
    """Raise an Invalid from inside with the names under which fields were sent: `sent_as(expires_at="expires")`."""
    try:
        yield
    except Invalid as problem:
        errors = (replace(error, field=names.get(error.field, error.field)) for error in problem.errors)
        raise type(problem)(*errors) from problem
