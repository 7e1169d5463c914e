"""Accounts, users, and the role of each user in each account."""

import unicodedata
import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SingleSignOn(models.TextChoices):
    """Who must sign in at the OpenID Connect provider to open an account."""

    OFF = "off", _("Nobody")
    ADMINISTRATORS = "administrators", _("Administrators")
    EVERYONE = "everyone", _("Everyone")


class Account(models.Model):
    """A customer of the API. Its id is the username of each of its tokens (R15).

    `external_id` is the account's id in another system, or None. A closed account keeps only its log and its audit
    trail: see `tokens.account_closure`. With `programs_may_rotate`, whoever holds a token may rotate it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, unique=True)
    # "" if older code created the account during an update, or if another account has the key.
    name_key = models.TextField(default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("created"))
    external_id = models.CharField(_("external id"), max_length=200, null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)
    programs_may_rotate = models.BooleanField(default=False, db_default=False)
    # Of administrators, who can do nothing in the account without one: see `second_factors`.
    needs_second_factor = models.BooleanField(_("second factor required"), default=False, db_default=False)
    # Who must sign in at the provider to open the account: see `single_sign_on`.
    single_sign_on = models.CharField(
        _("single sign-on required"), max_length=20, choices=SingleSignOn.choices, default="off", db_default="off"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["external_id"],
                condition=Q(external_id__isnull=False),
                name="one_account_of_an_external_id",
            ),
            models.UniqueConstraint(fields=["name_key"], condition=~Q(name_key=""), name="one_account_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normal_email(username or ""))


class User(AbstractBaseUser):
    """A person who signs in with an email address. Only their memberships decide what they may do in an account.

    `operator_since` is set for an operator of the installation: see `operators`. Until `single_sign_on_waived_until`,
    accounts that require single sign-on admit the person with their password.
    """

    email = models.EmailField(_("e-mail address"), unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"))
    operator_since = models.DateTimeField(_("operator since"), null=True)
    single_sign_on_waived_until = models.DateTimeField(_("single sign-on waived until"), null=True)
    accounts: "models.ManyToManyField[Account, Membership]" = models.ManyToManyField(
        Account, through="Membership", related_name="users"
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    MEMBER = "member", _("Member")


class Membership(models.Model):
    """A user's place in an account, and their role there."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "user"], name="one_role_in_an_account")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}: {self.role}"


class PortalRole(models.TextChoices):
    """What a person may do in a session that the operator's own product opened; a reader changes nothing."""

    ADMINISTRATOR = "administrator", _("Administrator")
    MEMBER = "member", _("Member")
    READER = "reader", _("Reader")


class PortalLink(models.Model):
    """A link with which the operator's own product opens the console once, for a person and an account.

    Only the digest of its secret is stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, choices=PortalRole.choices)
    digest = models.BinaryField(max_length=32, unique=True)
    return_url = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    created_by_label = models.CharField(max_length=320)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} in {self.account}: {self.role}"


def normal_email(text: str) -> str:
    """Return an address as we store and look it up: without outer spaces, in NFKC and lower case."""
    # Do not use casefold(): it would make straße.example and strasse.example the same domain.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().lower())
