"""Removes the index that `tokens_of_a_name` replaces: a step of its own, so that it holds no lock of the building."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tokens", "0022_quick_pages")]
    operations = [migrations.RemoveIndex("token", "tokens_by_name")]
