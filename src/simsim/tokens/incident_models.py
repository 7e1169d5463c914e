"""What is stored of an incident in an account."""

from django.db import models

from simsim.accounts.models import Account, User


class CreationFreeze(models.Model):
    """While this row is there, nobody creates a token in the account (B18)."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="creation_freeze")
    reason = models.CharField(max_length=200)
    frozen_at = models.DateTimeField()
    frozen_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    frozen_by_label = models.CharField(max_length=254)
    # Not read from `frozen_by`, which a removed user leaves empty.
    by_operator = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"freeze of {self.account_id}, by {self.frozen_by_label}"
