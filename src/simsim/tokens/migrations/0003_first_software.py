"""Adds the initial list of target software, which the operator can extend."""

from django.db import migrations

FIRST = {
    "airtable": "Airtable",
    "alteryx": "Alteryx",
    "databricks": "Databricks",
    "excel": "Microsoft Excel",
    "google-sheets": "Google Sheets",
    "looker-studio": "Looker Studio",
    "n8n": "n8n",
    "postman": "Postman",
    "power-automate": "Microsoft Power Automate",
    "power-bi": "Microsoft Power BI",
    "python": "Python",
    "qlik": "Qlik Sense",
    "salesforce": "Salesforce",
    "snowflake": "Snowflake",
    "tableau": "Tableau",
    "zapier": "Zapier",
}


def add(apps, _schema_editor):
    software = apps.get_model("tokens", "TargetSoftware")
    software.objects.bulk_create(software(slug=slug, name=name) for slug, name in FIRST.items())


class Migration(migrations.Migration):
    dependencies = [("tokens", "0002_verifiable_token")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
