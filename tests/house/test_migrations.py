"""Migrations run beside the code still running: since the schema that landed last, none takes anything from it."""

import pytest
from django.db import models
from django.db.migrations import AddField, AlterField, CreateModel, RemoveField
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from simsim.operations.upgrade_plan import runs_beside

# The schema from which nodes upgrade, by its newest migrations. At a release, put the newest of each application here.
LANDED = {
    "accounts": "0003_name_key",
    "audit": "0002_shipment",
    "mail": "0002_what_it_is_about",
    "request_log": "0009_worker_nodes",
    "tokens": "0010_password_end",
}


def test_each_migration_since_the_landed_schema_runs_beside_the_code_before() -> None:
    loader = MigrationLoader(None)
    ours = {
        app for app, _ in loader.disk_migrations if type(loader.disk_migrations[app, _]).__module__[:7] == "simsim."
    }
    assert ours >= LANDED.keys()
    plan = [loader.graph.forwards_plan((app, name)) for app, name in LANDED.items()]
    landed = {node for nodes in plan for node in nodes}
    for node, migration in loader.disk_migrations.items():
        if node[0] in ours and node not in landed:
            broken = [each.describe() for each in migration.operations if not runs_beside(each)]
            assert not broken, f"{'.'.join(node)}: {broken}. Give a new column a db_default; remove one a release later"


@pytest.mark.parametrize(
    ("operation", "beside"),
    [
        (AddField("token", "colour", models.TextField(default="")), False),
        (AddField("token", "colour", models.TextField(default="", db_default="")), True),
        (AddField("token", "colour", models.TextField(null=True)), True),
        (AlterField("token", "colour", models.IntegerField()), False),
        (RemoveField("token", "colour"), False),
        (CreateModel("Colour", []), True),
    ],
)
def test_what_the_code_before_can_not_work_with_is_known(operation: Operation, beside: bool) -> None:
    assert runs_beside(operation) is beside
