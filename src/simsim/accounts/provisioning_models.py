"""People and groups as an account's identity provider describes them by SCIM (RFC 7643)."""

import uuid
from typing import ClassVar

from django.db import models

from simsim.accounts.models import Account, User


class ProvisionedPerson(models.Model):
    """A person whom the provider provisions into the account. An inactive one has no membership there.

    `external_id` is the provider's own id, `display_name` the person's name there; each may be "".
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    external_id = models.CharField(max_length=200, default="")
    display_name = models.CharField(max_length=200, default="")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "user"], name="one_provisioned_person_of_a_user")
        ]
        indexes: ClassVar = [models.Index(fields=["account", "created_at", "id"], name="provisioned_people_of_account")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"


class ProvisionedGroup(models.Model):
    """A group at the provider, with those of its members whom the provider provisions into the account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=200, default="")
    members: "models.ManyToManyField[ProvisionedPerson, models.Model]" = models.ManyToManyField(
        ProvisionedPerson, related_name="groups"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "created_at", "id"], name="provisioned_groups_of_account")]

    def __str__(self) -> str:
        return f"{self.name} of {self.account}"
