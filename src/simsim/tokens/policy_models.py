"""The policies for tokens and notices, of each account and of the installation."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account


class Retrieval(models.TextChoices):
    """Who may retrieve the password of a token again, from the loosest choice to the strictest."""

    ADMINISTRATORS = "administrators", _("Every administrator")
    CREATOR = "creator", _("Only the token’s creator")
    OFF = "off", _("Nobody: passwords are shown once and not kept")


class LeakChoice(models.TextChoices):
    """The response to a report of a leaked password, from the loosest choice to the strictest."""

    PAUSE = "pause", _("Pause the token")
    REVOKE = "revoke", _("Revoke the token")


class PolicyRow(models.Model):
    """The choices of one policy. A number that is None sets no limit; the prefixes are those of the widest networks.

    The last two say which tokens need the approval of a second administrator: those that live for more than
    `approval_above_days`, and those that any address may use.
    """

    max_lifetime_days = models.PositiveSmallIntegerField(null=True)
    needs_allowlist = models.BooleanField(default=False)
    min_ipv4_prefix = models.PositiveSmallIntegerField(null=True)
    min_ipv6_prefix = models.PositiveSmallIntegerField(null=True)
    retrieval = models.CharField(max_length=20, choices=Retrieval.choices, default=Retrieval.ADMINISTRATORS)
    leak_response = models.CharField(max_length=20, choices=LeakChoice.choices, default=LeakChoice.REVOKE)

    max_idle_days = models.PositiveSmallIntegerField(null=True)
    approval_above_days = models.PositiveSmallIntegerField(null=True)
    approval_if_open = models.BooleanField(default=False, db_default=False)

    class Meta:
        abstract = True


class AccountPolicy(PolicyRow):
    """The policy that an account has chosen (B10)."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="token_policy")

    def __str__(self) -> str:
        return f"policy of {self.account_id}"


class InstallationPolicy(PolicyRow):
    """The minimum for every account's policy, set by the operator. There is at most one row."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True)

    def __str__(self) -> str:
        return "policy of the installation"


class IdleWarning(models.Model):
    """A warning that an idle token will be paused; deleted once the token is used, paused or has ended."""

    token = models.OneToOneField("tokens.Token", models.CASCADE, primary_key=True, related_name="+")
    warned_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk}, warned about {self.warned_at}"


class NoticePolicy(models.Model):
    """An account's choices about its notices (B10); an account without a row has the defaults.

    `audiences` maps each notice to its recipients; `early_days` are the days of additional expiry notices.
    """

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="notice_policy")
    audiences = models.JSONField(default=dict)
    early_days = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"notices of {self.account_id}"
