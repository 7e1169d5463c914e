"""Credentials of other systems, with which tokens were imported."""

from django.db import models


class ImportedCredentials(models.Model):
    """Credentials of another system with which a token was imported; in force while the token has the same digest.

    `username` is "" for the account's id. The row stays after a rotation, so that no file brings the credentials twice.
    """

    token = models.OneToOneField("tokens.Token", models.CASCADE, primary_key=True, related_name="imported")
    digest = models.BinaryField(max_length=32, unique=True)
    username = models.CharField(max_length=128, default="")

    def __str__(self) -> str:
        return f"credentials that {self.token_id} was imported with"
