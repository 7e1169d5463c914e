"""Times are written in UTC, in the precision that each reader was promised."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simsim.rfc3339 import Precision, format_time, parse_time

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("precision", "whole", "with_fraction"),
    [
        ("auto", "2027-01-31T12:00:00Z", "2027-01-31T12:00:00.000250Z"),
        ("seconds", "2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("microseconds", "2027-01-31T12:00:00.000000Z", "2027-01-31T12:00:00.000250Z"),
    ],
)
def test_time_is_written_in_utc_and_read_back(precision: Precision, whole: str, with_fraction: str) -> None:
    later = NOON + timedelta(microseconds=250)
    assert (
        format_time(NOON, precision) == format_time(NOON.astimezone(timezone(timedelta(hours=5))), precision) == whole
    )
    assert format_time(later, precision) == with_fraction
    assert parse_time(whole) == NOON
    assert format_time(None, precision) is None
