"""Times that filter a list, as people and programs write them: a day in UTC, or a time with an offset."""

from datetime import UTC, datetime, time, timedelta

from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.rfc3339 import parse_day, parse_time
from simsim.tokens.rules import THERE_IS_NO_DAY, missing_day


def parse_moment(field: str, text: str | None, *, through: bool = False) -> datetime | None:
    """Return the moment that an RFC 3339 time or a date means. A date means its beginning in UTC, or with `through` its
    end.

    Returns None for None. Raises Invalid for anything else, including a time without an offset, because its time zone
    is unknown.
    """
    if text is None:
        return None
    if missing := missing_day(text):
        raise Invalid(FieldError(field, THERE_IS_NO_DAY, {"day": missing}))
    moment = parse_time(text)
    try:
        if day := parse_day(text):
            moment = datetime.combine(day + timedelta(days=1 if through else 0), time(), tzinfo=UTC)
    except OverflowError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            FieldError(field, gettext_noop("Give a day such as 2027-01-31, or a time such as 2027-01-31T12:00Z."))
        )
    return moment
