"""Adds counts of each token for periods of ten days, summed from its counts per day.

Only complete periods are counted: see `retention`.
"""

from django.db import migrations

from simsim.request_log import durations

NUMBERS = ("accepted", "refused", *durations.COLUMNS)
SUMS = ", ".join(f"SUM({name})" for name in NUMBERS)
# This works on both SQLite and PostgreSQL. The oldest period of ten days may have lost some of its days.
MAKE = f"""
    INSERT INTO request_log_usagecount (account_id, hours, kind, value, began_hour, {", ".join(NUMBERS)})
    SELECT account_id, 240, kind, value, began_hour - began_hour % 240, {SUMS}
    FROM request_log_usagecount
    WHERE hours = 24 AND kind = 'token' AND began_hour - began_hour % 240 >= (
        SELECT MIN(began_hour) FROM request_log_usagecount WHERE hours = 24 AND kind = 'all'
    )
    GROUP BY account_id, kind, value, began_hour - began_hour % 240
"""  # noqa: S608 - our own names
FORGET = "DELETE FROM request_log_usagecount WHERE hours = 240"


class Migration(migrations.Migration):
    dependencies = [
        ("request_log", "0006_shipment"),
    ]

    operations = [
        migrations.RunSQL(MAKE, FORGET),
    ]
